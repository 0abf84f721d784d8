"""What CloudWatch is asked about the platform, and what its answers say of each hour.

CloudWatch has no point where nothing happened, and none where it does not measure. The two are told apart by the
namespace: ``health_probe`` runs every minute, so an hour without a single point of ``AWS/Lambda`` was not measured, and
in any other hour a function without a point did not run. Likewise for each other namespace.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from opsloop.dataclass import dataclass

HOUR_S, RUN_STEP_S = 3_600, 300
HOURS_PER_DAY = 24
SUM = "Sum"

Points = Sequence[tuple[float, float]]
"""(start in epoch seconds, value), in any order."""

Hours = dict[str, list[float | None]]
"""Series -> its 24 hours of one UTC day; ``None`` is UNKNOWN."""


@dataclass(frozen=True)
class MetricQuestion:
    """One statistic of one CloudWatch metric, every ``step_s`` seconds; ``series`` is its name here.

    ``is_daily``: its answer changes once a day, so that it is asked once a day.
    """

    series: str
    namespace: str
    metric: str
    stat: str
    dimensions: tuple[tuple[str, str], ...]
    step_s: int = HOUR_S
    is_daily: bool = False


@dataclass(frozen=True)
class Resources:
    """The names in AWS of what is measured: function -> its name, table word -> name, bucket word -> name."""

    functions: Mapping[str, str]
    tables: Mapping[str, str]
    buckets: Mapping[str, str]
    stream: str
    api_id: str


def questions(of: Resources) -> list[MetricQuestion]:
    """Return everything that is asked; each costs ``CloudWatch metric request`` each time (docs/domains/health.md)."""
    asked: list[MetricQuestion] = []
    for name, full_name in of.functions.items():
        asked += _of_function(name, (("FunctionName", full_name),))
        group = (("LogGroupName", f"/aws/lambda/{full_name}"),)
        asked.append(MetricQuestion(f"{name} log_bytes", "AWS/Logs", "IncomingBytes", SUM, group, is_daily=True))
    for word, name in of.tables.items():
        table = (("TableName", name),)
        for way in ("Read", "Write"):
            metric = f"Consumed{way}CapacityUnits"
            asked.append(MetricQuestion(f"{word}_table {way.lower()}_units", "AWS/DynamoDB", metric, SUM, table))
    for word, name in of.buckets.items():
        bucket = (("BucketName", name), ("StorageType", "StandardStorage"))
        series = f"{word}_bucket bytes"
        asked.append(MetricQuestion(series, "AWS/S3", "BucketSizeBytes", "Average", bucket, 86_400, is_daily=True))
    stream = (("StreamName", of.stream),)
    for measure, metric, stat in (
        ("incoming_bytes", "IncomingBytes", SUM),
        ("incoming_records", "IncomingRecords", SUM),
        ("refused_records", "WriteProvisionedThroughputExceeded", SUM),
        ("iterator_age_ms", "GetRecords.IteratorAgeMilliseconds", "Maximum"),
    ):
        asked.append(MetricQuestion(f"stream {measure}", "AWS/Kinesis", metric, stat, stream))
    api = (("ApiId", of.api_id),)
    for measure, metric in (("requests", "Count"), ("client_errors", "4xx"), ("server_errors", "5xx")):
        asked.append(MetricQuestion(f"api {measure}", "AWS/ApiGateway", metric, SUM, api))
    return asked


def age_questions(queues: Iterable[str]) -> list[MetricQuestion]:
    """Return how old the oldest message is of each of ``queues``; asked of those alone in which something waits."""
    metric = "ApproximateAgeOfOldestMessage"
    return [
        MetricQuestion(name, "AWS/SQS", metric, "Maximum", (("QueueName", name),), RUN_STEP_S)
        for name in sorted(queues)
    ]


def _of_function(name: str, dimensions: tuple[tuple[str, str], ...]) -> Iterable[MetricQuestion]:
    for measure, metric, stat, step_s in (
        ("invocations", "Invocations", SUM, RUN_STEP_S),  # finer: it tells when the function ran last
        ("errors", "Errors", SUM, HOUR_S),
        ("throttles", "Throttles", SUM, HOUR_S),
        ("duration_ms", "Duration", SUM, HOUR_S),
        ("p50_ms", "Duration", "p50", HOUR_S),
        ("p95_ms", "Duration", "p95", HOUR_S),
    ):
        yield MetricQuestion(f"{name} {measure}", "AWS/Lambda", metric, stat, dimensions, step_s)


def hours_of_days(
    asked: Sequence[MetricQuestion], answers: Mapping[str, Points], days: Iterable[datetime], now: datetime
) -> dict[str, Hours]:
    """Return, by UTC day (``2026-11-21``), what ``answers`` say of each of its hours up to ``now``.

    A sum is 0 in an hour in which its namespace was measured and it has no point; anything else without a point, and
    an hour that was not measured, is ``None``.
    """
    measured: dict[str, set[int]] = {}
    by_hour: dict[str, dict[int, list[float]]] = {}
    for one in asked:
        hours = by_hour.setdefault(one.series, {})
        for start, value in answers.get(one.series, ()):
            hours.setdefault(int(start) // HOUR_S, []).append(value)
        measured.setdefault(one.namespace, set()).update(hours)
    last = int(now.timestamp()) // HOUR_S
    found: dict[str, Hours] = {}
    for day in days:
        first = int(day.timestamp()) // HOUR_S
        hours_of_day = range(first, first + HOURS_PER_DAY)
        found[day.date().isoformat()] = {
            one.series: [
                _value(one, hour, by_hour[one.series], measured[one.namespace]) if hour <= last else None
                for hour in hours_of_day
            ]
            for one in asked
        }
    return found


def _value(one: MetricQuestion, hour: int, values: Mapping[int, list[float]], measured: set[int]) -> float | None:
    if hour in values:
        return sum(values[hour]) if one.stat == SUM else max(values[hour])
    return 0.0 if one.stat == SUM and hour in measured else None


def merged(old: Hours, new: Hours, sums: Iterable[str]) -> Hours:
    """Return ``old`` brought up to date by ``new``, series by series.

    A sum of an hour only grows: what CloudWatch no longer has (the local one forgets when it starts) is not taken
    back. What ``new`` does not know stays.
    """
    grows = set(sums)
    result = dict(old)
    for series, hours in new.items():
        before = old.get(series, [None] * HOURS_PER_DAY)
        pick = _larger if series in grows else _later
        result[series] = [pick(was, is_now) for was, is_now in zip(before, hours, strict=True)]
    return result


def _larger(was: float | None, is_now: float | None) -> float | None:
    known = [value for value in (was, is_now) if value is not None]
    return max(known) if known else None


def _later(was: float | None, is_now: float | None) -> float | None:
    return was if is_now is None else is_now


def totals(days: Iterable[Hours]) -> dict[str, float]:
    """Return the sum of each series over the hours that are known; a series without any is left out."""
    found: dict[str, float] = {}
    for day in days:
        for series, hours in day.items():
            known = [value for value in hours if value is not None]
            if known:
                found[series] = found.get(series, 0.0) + sum(known)
    return found


def last_24_hours(days: Mapping[str, Hours], now: datetime) -> tuple[datetime, Hours]:
    """Return when the 24 hours begin of which the one of ``now`` is the last, and every series in them."""
    end = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    starts = [end - timedelta(hours=ago) for ago in range(HOURS_PER_DAY, 0, -1)]
    names = sorted({series for start in starts for series in days.get(start.date().isoformat(), ())})
    empty: list[float | None] = [None] * HOURS_PER_DAY
    return starts[0], {
        name: [days.get(start.date().isoformat(), {}).get(name, empty)[start.hour] for start in starts]
        for name in names
    }


def last_runs(functions: Iterable[str], answers: Mapping[str, Points]) -> dict[str, float]:
    """Return the start (epoch seconds) of the last five minutes in which each function ran, of those that did."""
    found = {}
    for name in functions:
        ran = [start for start, value in answers.get(f"{name} invocations", ()) if value > 0]
        if ran:
            found[name] = max(ran)
    return found


def known_hours(days: Mapping[str, Hours], series: Iterable[str], now: datetime) -> float:
    """Return for how many hours any of ``series`` is known; the hour of ``now`` counts as far as it has come."""
    names = tuple(series)
    count = 0.0
    for day, hours in days.items():
        for hour in range(HOURS_PER_DAY):
            if any(hours[name][hour] is not None for name in names if name in hours):
                is_now = day == now.date().isoformat() and hour == now.hour
                count += (now.minute * 60 + now.second) / HOUR_S if is_now else 1.0
    return count
