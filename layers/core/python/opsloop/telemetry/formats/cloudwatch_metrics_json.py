"""CloudWatch Metric Streams in JSON -> the OTLP metrics that the same stream gives in its OpenTelemetry 1.0 format.

Each object is one point: a Summary of count, sum, and quantiles 0 (min), 1 (max) and those that the stream adds
(``p99`` ...; other statistics, such as trimmed means, have no place in a Summary). ``timestamp`` is the start of the
period, in milliseconds; streams have periods of one minute. Sources: Amazon CloudWatch user guide, "Metric stream
output in JSON format" and "Translations with OpenTelemetry 1.0.0 format in CloudWatch" (names, attributes, units).
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from opsloop.telemetry.fault import INVALID_ITEM, UnreadableError
from opsloop.telemetry.formats.items import transcode_each
from opsloop.telemetry.formats.otlp_writer import Groups, attributes, double, embed, fixed64, text
from opsloop.telemetry.reading import Transcoded

PERIOD_NS = 60_000_000_000
_NS_PER_MS = 1_000_000
_MAX_COUNT = 2**63
_SUMMARY = 11
_PERCENTILE = re.compile(r"p(\d{1,3}(?:\.\d{1,10})?)")
_UNITS = {
    "Seconds": "s",
    "Second": "s",
    "Microseconds": "us",
    "Milliseconds": "ms",
    "Bytes": "By",
    "Kilobytes": "kBy",
    "Megabytes": "MBy",
    "Gigabytes": "GBy",
    "Terabytes": "TBy",
    "Bits": "bit",
    "Kilobits": "kbit",
    "Megabits": "MBit",
    "Gigabits": "GBit",
    "Terabits": "Tbit",
    "Percent": "%",
    "Count": "{Count}",
    "None": "1",
}


def transcode(points: Sequence[Any]) -> Transcoded:
    """Return the metrics request of some points, parsed from JSON; those that are none are refused alone."""
    groups = Groups()
    return Transcoded("metrics", *transcode_each(points, lambda one: _add(one, groups), groups, "point"))


def _add(point: Any, groups: Groups) -> None:
    if not isinstance(point, dict):
        raise UnreadableError("expected an object", INVALID_ITEM)
    namespace, name = (_string(point, key) for key in ("namespace", "metric_name"))
    unit = point.get("unit") or "None"
    metric = text(1, f"amazonaws.com/{namespace}/{name}") + text(3, unit_of(str(unit)))
    summary = embed(1, _data_point(point, namespace, name))
    groups.add(_resource(point), b"", metric + embed(_SUMMARY, summary))


def _resource(point: Mapping[str, Any]) -> bytes:
    account, region = (str(point.get(key) or "") for key in ("account_id", "region"))
    stream = str(point.get("metric_stream_name") or "")
    partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    arn = f"arn:{partition}:cloudwatch:{region}:{account}:metric-stream/{stream}" if stream else ""
    pairs = (
        ("cloud.provider", "aws"),
        ("cloud.account.id", account),
        ("cloud.region", region),
        ("aws.exporter.arn", arn),
    )
    return attributes(1, [(key, value) for key, value in pairs if value])


def _data_point(point: Mapping[str, Any], namespace: str, name: str) -> bytes:
    start = _number(point.get("timestamp"), "timestamp", highest=(1 << 63) // _NS_PER_MS)
    values = point.get("value")
    if not isinstance(values, dict):
        raise UnreadableError("value: expected an object", INVALID_ITEM)
    count = _number(values.get("count"), "value.count", highest=_MAX_COUNT)
    total = _number(values.get("sum"), "value.sum", lowest=-math.inf)
    dimensions = point.get("dimensions") or {}
    if not isinstance(dimensions, dict):
        raise UnreadableError("dimensions: expected an object", INVALID_ITEM)
    quantiles = b"".join(
        embed(6, (double(1, quantile) if quantile else b"") + double(2, value))
        for quantile, value in sorted(_quantiles(values).items())
    )
    start_ns = int(start) * _NS_PER_MS
    pairs = (("Namespace", namespace), ("MetricName", name), ("Dimensions", dimensions))
    times = fixed64(2, start_ns) + fixed64(3, start_ns + PERIOD_NS)
    return times + fixed64(4, int(count)) + double(5, total) + quantiles + attributes(7, pairs)


def _quantiles(values: Mapping[str, Any]) -> dict[float, float]:
    found = {}
    for name, value in values.items():
        share = {"min": 0.0, "max": 1.0}.get(name)
        percentile = _PERCENTILE.fullmatch(name)
        if percentile:
            share = float(percentile[1]) / 100
        if share is not None and share <= 1.0:
            found[share] = _number(value, f"value.{name}", lowest=-math.inf)
    return found


def unit_of(unit: str) -> str:
    """Return a CloudWatch unit as OpenTelemetry writes it; one that the table does not know is kept."""
    return "/".join(_UNITS.get(part, part) for part in unit.split("/"))


def _string(point: Mapping[str, Any], name: str) -> str:
    value = point.get(name)
    if not isinstance(value, str) or not value:
        raise UnreadableError(f"{name}: expected a string", INVALID_ITEM)
    return value


def _number(value: object, name: str, *, lowest: float = 0.0, highest: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnreadableError(f"{name}: expected a number", INVALID_ITEM)
    if not lowest <= value <= highest or math.isinf(value):
        raise UnreadableError(f"{name}: {value} is out of range", INVALID_ITEM)
    return float(value) if abs(value) < 2**1023 else math.nan
