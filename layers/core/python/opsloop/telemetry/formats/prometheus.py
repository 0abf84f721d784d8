"""Prometheus remote-write 1.0 and 2.0, inflated -> an OTLP metrics request.

Layouts: prometheus/prometheus, prompb/types.proto and prompb/io/prometheus/write/v2/types.proto (2.0-rc.4 moved the
start time from the series, field 6, into samples and histograms; both are read). Rules: OpenTelemetry specification,
"Prometheus and OpenMetrics Compatibility", with what ``prometheus_series`` says of types, and:

* ``job`` is service.name (``namespace/name``: service.namespace too), ``instance`` is service.instance.id,
  ``otel_scope_name`` and ``otel_scope_version`` the scope; the other labels are attributes of the points.
* An unknown start is 0: the first value of a stream is then only a point of reference.
* A series with a fault is refused alone, inside a request that can be replayed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError, PermanentError, TooLargeError
from opsloop.telemetry.fault import INVALID_ITEM, UnreadableError
from opsloop.telemetry.formats.prometheus_histogram import native
from opsloop.telemetry.formats.prometheus_model import Exemplar, Meta, Sample, Series
from opsloop.telemetry.formats.prometheus_series import family_names, gather
from opsloop.telemetry.formats.proto import Value, table
from opsloop.telemetry.otlp_schema import LEN
from opsloop.telemetry.reading import Refusal, Transcoded
from opsloop.telemetry.salvage import summary
from opsloop.telemetry.wire import WireError, scan

MAX_SERIES = 100_000  # of a request; Prometheus sends 2,000 at most unless told otherwise
MAX_SYMBOLS = 500_000
MAX_FIELDS = 600_000  # of a request, whatever they are
MAX_LABELS = 200
_MAX_MS = (1 << 63) // 1_000_000  # in nanoseconds it has to fit 64 bits
_SERIES_1, _METADATA_1, _SYMBOLS, _SERIES_2 = 1, 3, 4, 5
_HISTOGRAM = """
    1 count_int uint
    2 count_float double
    3 sum fixed64
    4 schema sint
    5 zero_threshold double
    6 zero_count_int uint
    7 zero_count_float double
    8 negative_spans Span*
    9 negative_deltas sint*
    10 negative_counts double*
    11 positive_spans Span*
    12 positive_deltas sint*
    13 positive_counts double*
    14 reset_hint int
    15 timestamp int
    16 custom_values double*
    17 start_timestamp int"""
_TABLE = table(
    {
        "Series1": "1 labels Label*\n 2 samples Sample*\n 3 exemplars Exemplar1*\n 4 histograms Histogram*",
        "Label": "1 name string\n 2 value string",
        "Sample": "1 value fixed64\n 2 timestamp int\n 3 start_timestamp int",
        "Exemplar1": "1 labels Label*\n 2 value double\n 3 timestamp int",
        "Metadata1": "1 type int\n 2 name string\n 4 help string\n 5 unit string",
        "Histogram": _HISTOGRAM,
        "Span": "1 offset sint\n 2 length uint",
        "Series2": """
            1 labels_refs uint*
            2 samples Sample*
            3 histograms Histogram*
            4 exemplars Exemplar2*
            5 metadata Metadata2
            6 created_timestamp int""",
        "Exemplar2": "1 labels_refs uint*\n 2 value double\n 3 timestamp int",
        "Metadata2": "1 type int\n 3 help_ref uint\n 4 unit_ref uint",
    }
)
_TYPES = ("unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset")


@dataclass(frozen=True, slots=True)
class Written(Transcoded):
    """A write request in OTLP, and how many samples, native histograms and exemplars of it were taken in."""

    samples: int = 0
    histograms: int = 0
    exemplars: int = 0


def transcode_1(body: bytes) -> Written:
    """Return the metrics of a ``prometheus.WriteRequest``; a request with metadata alone gives none.

    Raises ``InvalidInputError`` if it is none, or if no series of it can be read; ``TooLargeError`` above a limit.
    """
    metadata = {}
    for _, value, stop in _fields(body, _METADATA_1, MAX_SERIES):
        one = _message(body, value, stop, "Metadata1")
        metadata[one.get("name", "")] = Meta(_type(one), one.get("unit", ""), one.get("help", ""))

    def read(value: int, stop: int) -> Series:
        return _series_1(_TABLE.read(body, value, stop, "Series1"), metadata)

    found = _transcode(body, _SERIES_1, read, bytes)
    if body and not metadata and not found.protobuf:
        raise InvalidInputError("no remote-write 1.0 request: it has neither series nor metadata, at byte 0")
    return found


def transcode_2(body: bytes) -> Written:
    """Return the metrics of an ``io.prometheus.write.v2.Request``.

    Raises ``InvalidInputError`` if it is none, or if no series of it can be read; ``TooLargeError`` above a limit.
    """
    symbols: list[str] = []
    for _, value, stop in _fields(body, _SYMBOLS, MAX_SYMBOLS):
        try:
            symbols.append(body[value:stop].decode())
        except UnicodeDecodeError:
            raise InvalidInputError(f"no remote-write 2.0: a symbol is not UTF-8, at byte {value}") from None
    if not symbols or symbols[0]:
        raise InvalidInputError("no remote-write 2.0: its first symbol is not the empty string, at byte 0")

    def read(value: int, stop: int) -> Series:
        return _series_2(_TABLE.read(body, value, stop, "Series2"), symbols)

    def written() -> bytes:
        return b"".join(body[start:stop] for start, _, stop in _fields(body, _SYMBOLS, MAX_SYMBOLS))

    return _transcode(body, _SERIES_2, read, written)


def _transcode(body: bytes, wanted: int, read: Callable[[int, int], Series], envelope: Callable[[], bytes]) -> Written:
    """Return the metrics of all series; those with a fault are refused, in a request that begins with ``envelope``."""
    series: list[Series] = []
    bad: list[bytes] = []
    reasons: list[str] = []
    for start, value, stop in _fields(body, wanted, MAX_SERIES):
        try:
            series.append(read(value, stop))
        except PermanentError as error:
            bad.append(body[start:stop])
            reasons.append(f"series {len(series) + len(bad) - 1}: {error}")
    if bad and not series:
        raise UnreadableError(f"no series can be read: {summary(reasons)}", INVALID_ITEM)
    refused = (Refusal(envelope() + b"".join(bad), summary(reasons), INVALID_ITEM),) if bad else ()
    return Written(
        "metrics",
        gather(series),
        refused,
        samples=sum(len(one.samples) for one in series),
        histograms=sum(len(one.histograms) for one in series),
        exemplars=sum(len(one.exemplars) for one in series),
    )


def _fields(body: bytes, wanted: int, most: int) -> Iterator[tuple[int, int, int]]:
    """Yield start, start of value, and end of each message ``wanted`` of a request."""
    found = seen = 0
    try:
        for number, wire, start, value, stop in scan(body, 0, len(body)):
            is_wanted = number == wanted and wire == LEN
            seen, found = seen + 1, found + is_wanted
            if found > most or seen > MAX_FIELDS:
                raise TooLargeError(f"write request has more than {most} fields {wanted}: send smaller batches")
            if is_wanted:
                yield start, value, stop
    except WireError as error:
        raise InvalidInputError(f"no remote-write request: {error}") from None


def _message(body: bytes, value: int, stop: int, name: str) -> Value:
    try:
        return _TABLE.read(body, value, stop, name)
    except WireError as error:
        raise InvalidInputError(f"no remote-write request: {error}") from None


def _series_1(found: Value, metadata: Mapping[str, Meta]) -> Series:
    labels = _labels((one.get("name", ""), one.get("value", "")) for one in found.get("labels", ()))
    exemplars = [
        Exemplar(_labels((p.get("name", ""), p.get("value", "")) for p in one.get("labels", ())), *_measured(one))
        for one in found.get("exemplars", ())
    ]
    name = labels.get("__name__", "")
    family = next((metadata[key] for key in family_names(name) if key in metadata), None)
    return _series(found, labels, exemplars, family or Meta("", "", ""), 0)


def _series_2(found: Value, symbols: Sequence[str]) -> Series:
    labels = _labels(_referred(found.get("labels_refs", ()), symbols))
    exemplars = [
        Exemplar(_labels(_referred(one.get("labels_refs", ()), symbols)), *_measured(one))
        for one in found.get("exemplars", ())
    ]
    one = found.get("metadata", {})
    texts = [_symbol(one.get(key, 0), symbols) for key in ("unit_ref", "help_ref")]
    return _series(found, labels, exemplars, Meta(_type(one), *texts), found.get("created_timestamp", 0))


def _series(found: Value, labels: dict[str, str], exemplars: list[Exemplar], meta: Meta, start_ms: int) -> Series:
    name = labels.pop("__name__", "")
    if not name:
        raise UnreadableError("no label __name__", INVALID_ITEM)
    samples = [
        Sample(one.get("value", 0), _ms(one.get("timestamp", 0)), _ms(one.get("start_timestamp", 0) or start_ms))
        for one in found.get("samples", ())
    ]
    histograms = found.get("histograms", [])
    for one in histograms:
        one["timestamp"], one["start"] = _ms(one.get("timestamp", 0)), _ms(one.get("start_timestamp", 0) or start_ms)
    for exemplar in exemplars:
        _ms(exemplar.time_ms)
    if not samples and not histograms:
        raise UnreadableError("neither samples nor histograms", INVALID_ITEM)
    return Series(name, labels, samples, native(histograms), exemplars, meta)


def _labels(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise UnreadableError(f"label {name} is given twice", INVALID_ITEM)
        found[name] = value
        if len(found) > MAX_LABELS:
            raise UnreadableError(f"more than {MAX_LABELS} labels", INVALID_ITEM)
    return found


def _referred(references: Sequence[int], symbols: Sequence[str]) -> Iterator[tuple[str, str]]:
    if len(references) % 2:
        raise UnreadableError("a label without a value", INVALID_ITEM)
    for at in range(0, len(references), 2):
        yield _symbol(references[at], symbols), _symbol(references[at + 1], symbols)


def _symbol(reference: int, symbols: Sequence[str]) -> str:
    if reference >= len(symbols):
        raise UnreadableError(f"reference {reference} beyond {len(symbols)} symbols", INVALID_ITEM)
    return symbols[reference]


def _measured(one: Value) -> tuple[float, int]:
    return one.get("value", 0.0), one.get("timestamp", 0)


def _ms(time: int) -> int:
    if not 0 <= time < _MAX_MS:
        raise UnreadableError(f"timestamp {time} is no time since 1970 in milliseconds", INVALID_ITEM)
    return time


def _type(one: Value) -> str:
    number = one.get("type", 0)
    return _TYPES[number] if 0 <= number < len(_TYPES) else "unknown"
