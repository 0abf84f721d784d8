"""CloudWatch: values of metrics, and alarms. It speaks JSON 1.0 on AWS, in the local cloud and in moto alike."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opsloop.adapters.aws_client import AwsError, JsonClient, JsonService
from opsloop.errors import DependencyUnavailableError
from opsloop.health.snapshot import Alarm
from opsloop.health.usage import MetricQuestion

CLOUDWATCH = JsonService("monitoring", "GraniteServiceVersion20100801", "1.0")
MAX_QUERIES = 500  # of one GetMetricData
MAX_PAGES = 50
_DESCRIBED = re.compile(r"(?P<what>.*?)(?: What to do: (?:\S*/)?(?P<runbook>[a-z0-9-]+)\.md)?", re.DOTALL)


class CloudWatch:
    """What CloudWatch knows. Every error leaves as ``DependencyUnavailableError``, with AWS's code."""

    def __init__(self) -> None:
        self._client = JsonClient(CLOUDWATCH, read_timeout_s=20.0)

    def read(
        self, asked: Sequence[MetricQuestion], start_s: float, end_s: float
    ) -> dict[str, list[tuple[float, float]]]:
        """Return (start, value) of every point from ``start_s`` to ``end_s`` of each series that has any."""
        found: dict[str, list[tuple[float, float]]] = {}
        for first in range(0, len(asked), MAX_QUERIES):
            part = asked[first : first + MAX_QUERIES]
            request = {
                "StartTime": start_s,
                "EndTime": end_s,
                "ScanBy": "TimestampAscending",
                "MetricDataQueries": [_query(place, one) for place, one in enumerate(part)],
            }
            for page in self._pages("GetMetricData", request):
                for result in page["MetricDataResults"]:
                    points = zip(result.get("Timestamps") or (), result.get("Values") or (), strict=True)
                    values = [(float(time), float(value)) for time, value in points]
                    if values:
                        found.setdefault(part[int(result["Id"][1:])].series, []).extend(values)
        return found

    def alarms(self, prefix: str) -> list[Alarm]:
        """Return every alarm whose name begins with ``prefix``, by name."""
        request = {"AlarmNamePrefix": prefix, "AlarmTypes": ["MetricAlarm"], "MaxRecords": 100}
        pages = self._pages("DescribeAlarms", request)
        return sorted((_alarm(one) for page in pages for one in page.get("MetricAlarms") or ()), key=lambda a: a.name)

    def count(self, namespace: str) -> int:
        """Return how many metrics the ``namespace`` had in the last hours."""
        request = {"Namespace": namespace, "RecentlyActive": "PT3H"}
        return sum(len(page.get("Metrics") or ()) for page in self._pages("ListMetrics", request))

    def _pages(self, operation: str, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        token = ""
        for _ in range(MAX_PAGES):
            try:
                page = self._client.call(operation, {**request, "NextToken": token} if token else request)
            except AwsError as error:
                raise DependencyUnavailableError(f"CloudWatch: {operation}: {error.code}") from error
            yield page
            token = page.get("NextToken") or ""
            if not token:
                return
        raise DependencyUnavailableError(f"CloudWatch: {operation}: more than {MAX_PAGES} pages")


def _query(place: int, one: MetricQuestion) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in one.dimensions]
    metric = {"Namespace": one.namespace, "MetricName": one.metric, "Dimensions": dimensions}
    return {"Id": f"q{place}", "MetricStat": {"Metric": metric, "Period": one.step_s, "Stat": one.stat}}


def _alarm(one: Mapping[str, Any]) -> Alarm:
    described = _DESCRIBED.fullmatch(one.get("AlarmDescription") or "")
    what, runbook = (described["what"], described["runbook"] or "") if described else ("", "")
    dimensions = {pair["Name"]: pair["Value"] for pair in one.get("Dimensions") or ()}
    since = one.get("StateTransitionedTimestamp") or one.get("StateUpdatedTimestamp")
    first_word = what.partition(" ")[0]
    return Alarm(
        name=one["AlarmName"],
        what=what,
        runbook=runbook,
        state=one.get("StateValue") or "",
        reason=one.get("StateReason") or "",
        since=float(since) if isinstance(since, int | float) else None,
        function=first_word if "_" in first_word else "",
        queue=dimensions.get("QueueName", ""),
        is_dead_letters=runbook == "dead-letters",
    )
