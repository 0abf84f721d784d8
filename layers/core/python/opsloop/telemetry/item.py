"""Which single items OTLP's data model calls invalid, so that they are refused and the rest of the body is not.

Sources: opentelemetry-proto trace.proto ("trace_id ... of length other than 16 bytes is considered invalid ... this
field is required", the same for span_id; start_time_unix_nano "semantically required"), metrics.proto ("TimeUnixNano
is required"). A log record with a bad trace id is kept: logs.proto asks to read it as one without a trace.
"""

from opsloop.telemetry.otlp_schema import I64, LEN, Signal
from opsloop.telemetry.wire import scan

_TRACE_ID, _SPAN_ID, _SPAN_START, _POINT_TIME = 1, 2, 7, 3


def fault_of(data: bytes, at: int, end: int, signal: Signal) -> str:
    """Return why the item between two positions of ``data`` is invalid; empty for a good one."""
    if signal == "traces":
        return _fault_of_span(data, at, end)
    if signal == "metrics" and not _is_set(data, at, end, _POINT_TIME):
        return "data point without time_unix_nano"
    return ""


def _fault_of_span(data: bytes, at: int, end: int) -> str:
    trace_id = span_id = start = b""
    for number, wire, _, value, stop in scan(data, at, end):
        if number == _TRACE_ID and wire == LEN:
            trace_id = data[value:stop]
        elif number == _SPAN_ID and wire == LEN:
            span_id = data[value:stop]
        elif number == _SPAN_START and wire == I64:
            start = data[value:stop]
    if len(trace_id) != 16 or not any(trace_id):
        return "span whose trace_id is not 16 bytes other than zero"
    if len(span_id) != 8 or not any(span_id):
        return "span whose span_id is not 8 bytes other than zero"
    return "" if any(start) else "span without start_time_unix_nano"


def _is_set(data: bytes, at: int, end: int, wanted: int) -> bool:
    found = b""
    for number, wire, _, value, stop in scan(data, at, end):
        if number == wanted and wire == I64:
            found = data[value:stop]  # the last one counts
    return any(found)
