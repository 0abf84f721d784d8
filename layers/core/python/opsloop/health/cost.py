"""What the platform's use costs at list prices: this month up to now, and projected to its end.

An estimate for people who decide, not an invoice: see ``NOT_INCLUDED``. What was not measured costs ``None``, never 0.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from opsloop.dataclass import dataclass
from opsloop.health.prices import HOURS_PER_MONTH, PUT_UNIT_BYTES, Prices

SHARED = "shared"
"""The capability of what serves all of them."""

NOT_INCLUDED = (
    "free tiers, discounts, savings plans, taxes and support",
    "initialisation of cold starts, which Lambda bills and does not count in Duration",
    "requests to S3 and KMS, which are not measured; log objects in Glacier; storage of CloudWatch logs",
    "data transfer, EventBridge, SQS, SNS, SES, Secrets Manager and X-Ray",
    "the OpenSearch domain, where the stage has one",
    "records above 25 KB: put units are counted as records, or as bytes where that is more",
)
UNMEASURED = "CloudWatch has no {} metrics here"
TOO_EARLY = "less than an hour is known: too early to project"


@dataclass(frozen=True)
class Month:
    """How far the month has come. Hours: ``measured`` those in which use is known, ``present`` since the platform is
    there, ``left`` until its end."""

    measured_h: float
    present_h: float
    left_h: float


@dataclass(frozen=True)
class Line:
    """One line: so many ``unit`` of ``resource`` cost ``usd``. ``None`` is UNKNOWN, and ``reason`` says why."""

    capability: str
    resource: str
    unit: str
    quantity: float | None
    usd: float | None
    projected_usd: float | None
    reason: str = ""


@dataclass(frozen=True)
class Use:
    """What is priced. ``sums``: month-to-date sums by series; ``setups``: function -> (memory in MB, architecture).

    ``table_bytes`` and ``bucket_bytes`` by word; The counts are ``None`` where they could not be made.
    """

    sums: Mapping[str, float]
    setups: Mapping[str, tuple[int, str]]
    table_bytes: Mapping[str, int | None]
    bucket_bytes: Mapping[str, float | None]
    shards: int | None
    alarms: int | None
    custom_metrics: int | None
    metric_requests: int


def month_of(now: datetime, since: datetime, measured_h: float) -> Month:
    """Return how far the month of ``now`` has come on a platform that has been there ``since``."""
    start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = start.replace(year=start.year + (start.month == 12), month=start.month % 12 + 1)
    present = max(0.0, (now - max(start, since)).total_seconds() / 3600)
    return Month(measured_h, present, (end - now).total_seconds() / 3600)


def cost_lines(use: Use, month: Month, prices: Prices) -> list[Line]:
    """Return every line of the estimate: functions first, then what they share."""
    return [*_function_lines(use, month, prices), *_shared_lines(use, month, prices), *_fixed_lines(use, month, prices)]


def _function_lines(use: Use, month: Month, prices: Prices) -> Iterable[Line]:
    for name, (memory_mb, architecture) in use.setups.items():
        word = name.partition("_")[0]
        duration_ms = use.sums.get(f"{name} duration_ms")
        gb_s = None if duration_ms is None else duration_ms / 1000 * memory_mb / 1024
        price = f"Lambda {architecture} GB-second"
        reason = UNMEASURED.format("AWS/Lambda")
        yield _used(word, name, "Lambda request", use.sums.get(f"{name} invocations"), month, prices, reason)
        yield _used(word, name, price, gb_s, month, prices, reason)
        log_bytes = use.sums.get(f"{name} log_bytes")
        gb = None if log_bytes is None else log_bytes / 1e9
        yield _used(word, name, "CloudWatch Logs GB", gb, month, prices, UNMEASURED.format("AWS/Logs"))


def _shared_lines(use: Use, month: Month, prices: Prices) -> Iterable[Line]:
    requests = use.sums.get("api requests")
    yield _used(SHARED, "api", "HTTP API request", requests, month, prices, UNMEASURED.format("AWS/ApiGateway"))
    records, size = use.sums.get("stream incoming_records"), use.sums.get("stream incoming_bytes")
    units = None if records is None or size is None else max(records, float(math.ceil(size / PUT_UNIT_BYTES)))
    reason = UNMEASURED.format("AWS/Kinesis")
    yield _used("telemetry", "stream", "Kinesis put unit of 25 KB", units, month, prices, reason)
    for word, stored in use.table_bytes.items():
        for way in ("read", "write"):
            used = use.sums.get(f"{word}_table {way}_units")
            reason = UNMEASURED.format("AWS/DynamoDB")
            yield _used(word, f"{word}_table", f"DynamoDB {way} unit", used, month, prices, reason)
        gb = None if stored is None else stored / 1e9
        for kind in ("DynamoDB GB-month", "DynamoDB backup GB-month"):
            yield _kept(word, f"{word}_table", kind, gb, month, prices, "the table could not be described")
    for word, stored_bytes in use.bucket_bytes.items():
        gb = None if stored_bytes is None else stored_bytes / 1e9
        capability = "log" if word == "log" else "telemetry"
        yield _kept(capability, f"{word}_bucket", "S3 GB-month", gb, month, prices, UNMEASURED.format("AWS/S3"))
    yield _used("health", "measuring", "CloudWatch metric request", float(use.metric_requests), month, prices, "")


def _fixed_lines(use: Use, month: Month, prices: Prices) -> Iterable[Line]:
    shard_hours = None if use.shards is None else use.shards * month.present_h
    projected = None if use.shards is None else use.shards * (month.present_h + month.left_h)
    price = prices.usd["Kinesis shard-hour"]
    usd = None if shard_hours is None else shard_hours * price
    at_end = None if projected is None else projected * price
    reason = "the stream could not be described" if shard_hours is None else ""
    yield Line("telemetry", "stream", "Kinesis shard-hour", shard_hours, usd, at_end, reason)
    alarms = None if use.alarms is None else float(use.alarms)
    reason = "the alarms could not be listed"
    yield _kept(SHARED, "alarms", "CloudWatch alarm-month", alarms, month, prices, reason)
    metrics = None if use.custom_metrics is None else float(use.custom_metrics)
    reason = UNMEASURED.format("Opsloop")
    yield _kept(SHARED, "metrics", "CloudWatch metric-month", metrics, month, prices, reason)
    yield _kept(SHARED, "key", "KMS key-month", 1.0, month, prices, "")


def _used(
    capability: str, resource: str, unit: str, quantity: float | None, month: Month, prices: Prices, reason: str
) -> Line:
    """Return the line of what is paid by use; the month's rest is taken to be like what is known of it."""
    if quantity is None:
        return Line(capability, resource, unit, None, None, None, reason)
    usd = quantity * prices.usd[unit]
    if month.measured_h < 1.0:
        return Line(capability, resource, unit, quantity, usd, None, TOO_EARLY)
    return Line(capability, resource, unit, quantity, usd, usd * (1 + month.left_h / month.measured_h))


def _kept(
    capability: str, resource: str, unit: str, quantity: float | None, month: Month, prices: Prices, reason: str
) -> Line:
    """Return the line of what is paid by the month that it is there, at its present size."""
    if quantity is None:
        return Line(capability, resource, unit, None, None, None, reason)
    price = quantity * prices.usd[unit] / HOURS_PER_MONTH
    usd, at_end = price * month.present_h, price * (month.present_h + month.left_h)
    return Line(capability, resource, unit, quantity, usd, at_end)


def summed(lines: Sequence[Line]) -> tuple[float | None, float | None, int]:
    """Return what ``lines`` cost to date, projected, and how many of them are UNKNOWN.

    A sum leaves out what is not known, and is ``None`` where nothing is; the projection is ``None`` unless every line
    with a cost has one.
    """
    known = [line for line in lines if line.usd is not None]
    unknown = sum(line.usd is None for line in lines)
    if not known:
        return None, None, unknown
    usd = sum(line.usd for line in known if line.usd is not None)
    ends = [line.projected_usd for line in known if line.projected_usd is not None]
    return usd, sum(ends) if len(ends) == len(known) else None, unknown
