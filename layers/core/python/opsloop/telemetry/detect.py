"""Which signal a protobuf export request is of. Nothing in it says so: its first items' fields do.

The three requests share their outer shape: field 1 resource, in it field 2 scope, in it field 2 item. CloudWatch
Metric Streams in the OpenTelemetry 0.7 format share it too; they are known by the labels of their data points, pairs
of strings in field 1, which OTLP 1.0 reserves and never writes (metrics.proto, tags v0.7.0 and v1.0.0).
"""

from collections.abc import Iterator

from opsloop.errors import InvalidInputError
from opsloop.telemetry.fault import UNSUPPORTED_FORMAT, UnreadableError
from opsloop.telemetry.glance import glance
from opsloop.telemetry.otlp_schema import I32, I64, LEN, VARINT, Signal
from opsloop.telemetry.wire import WireError, is_message, scan

OLD_FORMAT = (
    "metrics in the OpenTelemetry 0.7 format, which is not read: choose OpenTelemetry 1.0 as the output format of the "
    "CloudWatch metric stream"
)
_TELLING: dict[tuple[int, int], Signal] = {
    (6, VARINT): "traces",  # kind
    (7, I64): "traces",  # start
    (8, I64): "traces",  # end
    (10, VARINT): "traces",  # dropped attributes
    (16, I32): "traces",  # flags
    (1, I64): "logs",  # time
    (2, VARINT): "logs",  # severity number
    (7, VARINT): "logs",  # dropped attributes
    (8, I32): "logs",  # flags
    (11, I64): "logs",  # observed time
}
_METRIC_DATA = (5, 7, 9, 10, 11)  # gauge, sum, histograms, summary
_EXPONENTIAL = 10  # whose points have attributes as field 1; OTLP 0.7 had none
_TRACE_ID_BYTES = 16
MAX_MESSAGES = 20_000  # that are looked at for an item that tells
_MESSAGES: tuple[tuple[Signal, str], ...] = (("metrics", "Metric"), ("logs", "LogRecord"), ("traces", "Span"))


def detect_signal(request: bytes) -> Signal:
    """Return the signal of a protobuf export request, told by the fields of its first items.

    Raises ``InvalidInputError`` if it is none, or of a version that is not read.
    """
    if signal := glance(request):
        return signal
    try:
        # lazily: the first item tells almost always, and the first thousands without one will not be followed by one
        for _, place in zip(range(MAX_MESSAGES), _items(request, 0, len(request)), strict=False):
            if place and (signal := _signal_of_item(request, *place)):
                return signal
    except WireError as error:
        raise InvalidInputError(f"neither OTLP protobuf nor JSON: {error}") from None
    raise InvalidInputError("no item tells whether these are traces, metrics or logs")


def _items(data: bytes, at: int, end: int, levels: tuple[int, ...] = (1, 2, 2)) -> Iterator[tuple[int, int] | None]:
    """Yield where the items of a request lie, None for each other field on the way.

    ``levels`` are the fields of resource, scope and item.
    """
    wanted, *inner = levels
    for number, wire, _, value, stop in scan(data, at, end):
        if number != wanted or wire != LEN:
            yield None
        elif not inner:
            yield value, stop
        else:
            yield None
            yield from _items(data, value, stop, tuple(inner))


def _signal_of_item(data: bytes, at: int, end: int) -> Signal | None:
    """Return what the item is, by the first field that only one signal has; metrics have fields of spans and logs."""
    seen: dict[tuple[int, int], tuple[int, int]] = {}
    for number, wire, _, value, stop in scan(data, at, end):
        if signal := _TELLING.get((number, wire)):
            return signal
        seen[number, wire] = value, stop
    if any(
        kind != _EXPONENTIAL and (kind, LEN) in seen and _has_labels(data, *seen[kind, LEN]) for kind in _METRIC_DATA
    ):
        raise UnreadableError(OLD_FORMAT, UNSUPPORTED_FORMAT)
    if not any((kind, LEN) in seen for kind in _METRIC_DATA):
        return None
    begin, stop = seen.get((1, LEN), (0, 0))
    if begin and not (stop - begin == _TRACE_ID_BYTES and (2, LEN) in seen):
        return "metrics"  # it has a name, where a log record has a time and a span an id
    return next((signal for signal, name in _MESSAGES if is_message(data, at, end, name)), "metrics")


def _has_labels(data: bytes, at: int, end: int) -> bool:
    """Whether the first data point has a time and, as its first field, a label: two strings, as before OTLP 1.0."""
    try:
        points = (field[3:] for field in scan(data, at, end) if field[:2] == (1, LEN))
        fields = {(number, wire): (value, stop) for number, wire, _, value, stop in scan(data, *next(points))}
        if (1, LEN) not in fields or (3, I64) not in fields:
            return False
        return {field[:2] for field in scan(data, *fields[1, LEN])} <= {(1, LEN), (2, LEN)}
    except (StopIteration, WireError):
        return False  # no data points: the body of a log record, or the name of a span
