"""What must hold for any bytes that a stream record may carry. ``check`` raises ``Finding`` where it does not.

1. Nothing escapes: ``read_record`` never raises, and nothing behind it meets what it did not expect.
2. The same bytes give the same result.
3. Nothing is lost: bytes that give no request are refused, with a reason and one of the known kinds.
4. Nothing is counted that is not there: where protobuf can read a request, no more items count than it finds.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from opsloop.catalog import Catalog, Service
from opsloop.telemetry.fault import KINDS, UNEXPECTED
from opsloop.telemetry.ingest import plan
from opsloop.telemetry.payload import Payload, read_record
from opsloop.telemetry.salvage import salvage
from opsloop.telemetry.segment import Segment, StreamRecord, encode_body
from opsloop.telemetry.shard_log import ShardLog

MAX_BYTES = 1 << 20
"""What a record may inflate to here."""
HANG_S = 10
ARRIVAL_S = 1_763_600_000.0
CATALOG = Catalog({}, Service("", 4, "", "", "", ("http.route", "service.version", "a"), 50, 0.05))


class Finding(BaseException):
    """Something that must not be; ``place`` is the same for the same fault in other bytes.

    No ``Exception``: the code under test has boundaries that catch these, and a hang is found in the midst of it.
    """

    def __init__(self, place: str, detail: str) -> None:
        super().__init__(f"{place}: {detail}")
        self.place = place


def check(data: bytes) -> None:
    """Put ``data`` through the reading of records and the plan of a segment."""
    first, again = _read(data), _read(data)
    if first != again:
        raise Finding("read_record", "the same bytes gave two results")
    for one in first.refused:
        _check_refusal(one.reason, one.kind)
    segment = planned(data)
    if _facts(segment) != _facts(planned(data)):
        raise Finding("plan", "the same record gave two segments")
    for lost in segment.unreadable:
        _check_refusal(lost.reason, lost.kind)
    if not first.payloads and not segment.unreadable and data and not _may_be_empty(first.form):
        raise Finding("read_record", f"{len(data)} bytes as {first.form} gave neither a request nor a refusal")
    most = [_most_items(payload) for payload in first.payloads]
    if None not in most and segment.items > sum(one or 0 for one in most):
        raise Finding("plan", f"{segment.items} items counted, protobuf finds {most}")


def check_once(data: bytes) -> None:
    """Put ``data`` through the plan of a segment once, as a function does: what ``check`` holds twice counts not."""
    for lost in planned(data).unreadable:
        _check_refusal(lost.reason, lost.kind)


@contextmanager
def guarded(seconds: int = HANG_S) -> Iterator[None]:
    """Raise ``Finding`` inside the block once it has taken ``seconds`` of processor time: far more than any may."""

    def stop(_number: int, frame: FrameType | None) -> None:
        place = f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_code.co_name}" if frame else "unknown"
        raise Finding(f"hang in {place}", f"not done after {seconds} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _read(data: bytes):  # type: ignore[no-untyped-def]
    try:
        return read_record(data, "", max_bytes=MAX_BYTES)
    except Exception as error:  # the boundary that is tested: none may pass it
        raise Finding(f"read_record {_place(error)}", repr(error)) from error


def planned(data: bytes) -> Segment:
    """Return the segment of a record; raise ``Finding`` if there is none."""
    record = StreamRecord(f"{1:064}", "", data, ARRIVAL_S)
    try:
        segment = plan([record], ShardLog("log", 900), CATALOG, max_bytes=MAX_BYTES)
    except Exception as error:  # the boundary that is tested: none may pass it
        raise Finding(f"plan {_place(error)}", repr(error)) from error
    if segment is None:
        raise Finding("plan", "a fresh record gave no segment")
    return segment


def _place(error: BaseException) -> str:
    """Return type and innermost line of an error: what tells one fault from another."""
    at = error.__traceback__
    while at and at.tb_next:
        at = at.tb_next
    where = f"{at.tb_frame.f_code.co_filename.rpartition('/')[2]}:{at.tb_lineno}" if at else ""
    return f"{type(error).__name__} at {where}"


def _facts(segment: Segment) -> tuple[object, ...]:
    body = encode_body(segment.cells, segment.shares, segment.exemplars)
    lost = [(one.data, one.reason, one.kind) for one in segment.unreadable]
    return body, lost, segment.items, segment.clamped, segment.dropped, segment.duplicates


def _check_refusal(reason: str, kind: str) -> None:
    if kind == UNEXPECTED:
        raise Finding(f"unexpected: {reason[:60]}", reason)
    if kind not in KINDS or not reason:
        raise Finding("refusal", f"kind {kind!r}, reason {reason!r}")


def _may_be_empty(form: str) -> bool:
    """Whether a record of this form may rightly hold nothing: an aggregate without records, an empty list."""
    return form not in ("unknown", "otlp")


def _most_items(payload: Payload) -> int | None:
    """Return how many items protobuf finds in a request, or in what is saved of one that has a fault.

    None where it cannot tell: it refuses a whole request for one name that is not UTF-8, which we read.
    """
    count = _count(payload.protobuf, payload.signal)
    if count is None and planned(payload.protobuf).unreadable:
        return _count(salvage(payload.protobuf, payload.signal)[0], payload.signal)
    return count


def _count(body: bytes, name: str) -> int | None:
    try:
        if name == "traces":
            spans = ExportTraceServiceRequest.FromString(body).resource_spans
            return sum(len(scope.spans) for group in spans for scope in group.scope_spans)
        if name == "logs":
            logs = ExportLogsServiceRequest.FromString(body).resource_logs
            return sum(len(scope.log_records) for group in logs for scope in group.scope_logs)
        found = ExportMetricsServiceRequest.FromString(body).resource_metrics
        metrics = [metric for group in found for scope in group.scope_metrics for metric in scope.metrics]
        return sum(len(getattr(one, which).data_points) for one in metrics if (which := one.WhichOneof("data")))
    except DecodeError:
        return None
