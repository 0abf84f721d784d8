"""The messages of OTLP 1.x, once, as a table: it drives the wire check, the JSON transcoder, and the splitter.

A line reads ``number name type``; ``*`` marks a repeated field, ``|name`` a member of that oneof, ``?`` an optional
scalar (written even when zero). Types are those of protobuf, plus ``hex`` (bytes that OTLP's JSON writes as hex: trace
and span ids), a message's name, or ``=Enum``. Source: opentelemetry-proto, tag v1.9.0; a test compares.
"""

from collections.abc import Mapping
from typing import Any, Literal, cast

from opsloop.dataclass import dataclass

Signal = Literal["traces", "metrics", "logs"]
SIGNALS: tuple[Signal, ...] = ("traces", "metrics", "logs")

VARINT, I64, LEN, START_GROUP, I32 = 0, 1, 2, 3, 5
WIRE_NAMES = {VARINT: "varint", I64: "64-bit", LEN: "length-delimited", I32: "32-bit", START_GROUP: "group"}
_WIRE_OF = {"fixed64": I64, "sfixed64": I64, "double": I64, "fixed32": I32, "string": LEN, "bytes": LEN, "hex": LEN}

_MESSAGES = {
    "TracesRequest": "1 resource_spans ResourceSpans*",
    "ResourceSpans": "1 resource Resource\n 2 scope_spans ScopeSpans*\n 3 schema_url string",
    "ScopeSpans": "1 scope InstrumentationScope\n 2 spans Span*\n 3 schema_url string",
    "Span": """
        1 trace_id hex
        2 span_id hex
        3 trace_state string
        4 parent_span_id hex
        5 name string
        6 kind =SPAN_KIND
        7 start_time_unix_nano fixed64
        8 end_time_unix_nano fixed64
        9 attributes KeyValue*
        10 dropped_attributes_count uint32
        11 events SpanEvent*
        12 dropped_events_count uint32
        13 links SpanLink*
        14 dropped_links_count uint32
        15 status Status
        16 flags fixed32""",
    "SpanEvent": """
        1 time_unix_nano fixed64
        2 name string
        3 attributes KeyValue*
        4 dropped_attributes_count uint32""",
    "SpanLink": """
        1 trace_id hex
        2 span_id hex
        3 trace_state string
        4 attributes KeyValue*
        5 dropped_attributes_count uint32
        6 flags fixed32""",
    "Status": "2 message string\n 3 code =STATUS_CODE",
    "MetricsRequest": "1 resource_metrics ResourceMetrics*",
    "ResourceMetrics": "1 resource Resource\n 2 scope_metrics ScopeMetrics*\n 3 schema_url string",
    "ScopeMetrics": "1 scope InstrumentationScope\n 2 metrics Metric*\n 3 schema_url string",
    "Metric": """
        1 name string
        2 description string
        3 unit string
        5 gauge Gauge |data
        7 sum Sum |data
        9 histogram Histogram |data
        10 exponential_histogram ExponentialHistogram |data
        11 summary Summary |data
        12 metadata KeyValue*""",
    "Gauge": "1 data_points NumberDataPoint*",
    "Sum": """
        1 data_points NumberDataPoint*
        2 aggregation_temporality =AGGREGATION_TEMPORALITY
        3 is_monotonic bool""",
    "Histogram": "1 data_points HistogramDataPoint*\n 2 aggregation_temporality =AGGREGATION_TEMPORALITY",
    "ExponentialHistogram": """
        1 data_points ExponentialHistogramDataPoint*
        2 aggregation_temporality =AGGREGATION_TEMPORALITY""",
    "Summary": "1 data_points SummaryDataPoint*",
    "NumberDataPoint": """
        2 start_time_unix_nano fixed64
        3 time_unix_nano fixed64
        4 as_double double |value
        5 exemplars Exemplar*
        6 as_int sfixed64 |value
        7 attributes KeyValue*
        8 flags uint32""",
    "HistogramDataPoint": """
        2 start_time_unix_nano fixed64
        3 time_unix_nano fixed64
        4 count fixed64
        5 sum double?
        6 bucket_counts fixed64*
        7 explicit_bounds double*
        8 exemplars Exemplar*
        9 attributes KeyValue*
        10 flags uint32
        11 min double?
        12 max double?""",
    "ExponentialHistogramDataPoint": """
        1 attributes KeyValue*
        2 start_time_unix_nano fixed64
        3 time_unix_nano fixed64
        4 count fixed64
        5 sum double?
        6 scale sint32
        7 zero_count fixed64
        8 positive Buckets
        9 negative Buckets
        10 flags uint32
        11 exemplars Exemplar*
        12 min double?
        13 max double?
        14 zero_threshold double""",
    "Buckets": "1 offset sint32\n 2 bucket_counts uint64*",
    "SummaryDataPoint": """
        2 start_time_unix_nano fixed64
        3 time_unix_nano fixed64
        4 count fixed64
        5 sum double
        6 quantile_values ValueAtQuantile*
        7 attributes KeyValue*
        8 flags uint32""",
    "ValueAtQuantile": "1 quantile double\n 2 value double",
    "Exemplar": """
        2 time_unix_nano fixed64
        3 as_double double |value
        4 span_id hex
        5 trace_id hex
        6 as_int sfixed64 |value
        7 filtered_attributes KeyValue*""",
    "LogsRequest": "1 resource_logs ResourceLogs*",
    "ResourceLogs": "1 resource Resource\n 2 scope_logs ScopeLogs*\n 3 schema_url string",
    "ScopeLogs": "1 scope InstrumentationScope\n 2 log_records LogRecord*\n 3 schema_url string",
    "LogRecord": """
        1 time_unix_nano fixed64
        2 severity_number =SEVERITY_NUMBER
        3 severity_text string
        5 body AnyValue
        6 attributes KeyValue*
        7 dropped_attributes_count uint32
        8 flags fixed32
        9 trace_id hex
        10 span_id hex
        11 observed_time_unix_nano fixed64
        12 event_name string""",
    "Resource": "1 attributes KeyValue*\n 2 dropped_attributes_count uint32\n 3 entity_refs EntityRef*",
    "EntityRef": "1 schema_url string\n 2 type string\n 3 id_keys string*\n 4 description_keys string*",
    "InstrumentationScope": """
        1 name string
        2 version string
        3 attributes KeyValue*
        4 dropped_attributes_count uint32""",
    "KeyValue": "1 key string\n 2 value AnyValue\n 3 key_strindex int32",
    "AnyValue": """
        1 string_value string |value
        2 bool_value bool |value
        3 int_value int64 |value
        4 double_value double |value
        5 array_value ArrayValue |value
        6 kvlist_value KeyValueList |value
        7 bytes_value bytes |value
        8 string_value_strindex int32 |value""",
    "ArrayValue": "1 values AnyValue*",
    "KeyValueList": "1 values KeyValue*",
}

_SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_ENUMS: dict[str, tuple[str, ...]] = {
    "SPAN_KIND": ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"),
    "STATUS_CODE": ("UNSET", "OK", "ERROR"),
    "AGGREGATION_TEMPORALITY": ("UNSPECIFIED", "DELTA", "CUMULATIVE"),
    "SEVERITY_NUMBER": ("UNSPECIFIED", *(name + step for name in _SEVERITIES for step in ("", "2", "3", "4"))),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message. ``message`` is the type's name for messages; ``numbers`` maps an enum's names."""

    number: int
    name: str
    json_name: str
    kind: str
    wire: int
    repeated: bool
    presence: bool
    oneof: str
    message: str
    numbers: Mapping[str, int] | None

    @property
    def is_packable(self) -> bool:
        """Whether many values of it may share one length-delimited field."""
        return self.repeated and self.wire != LEN


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its fields by number, by the tag they arrive with, and by either of their JSON names."""

    name: str
    fields: Mapping[int, Field]
    by_tag: Mapping[int, Field]
    by_json_name: Mapping[str, Field]


def _field(line: str) -> Field:
    number, name, kind, *rest = line.split()
    repeated, presence = kind.endswith("*"), kind.endswith("?")
    kind = kind.rstrip("*?")
    head, *tail = name.split("_")
    numbers = None
    if kind.startswith("="):
        numbers = {f"{kind[1:]}_{label}": value for value, label in enumerate(_ENUMS[kind[1:]])}
        kind = "enum"
    message = kind if kind in _MESSAGES else ""
    return Field(
        number=int(number),
        name=name,
        json_name=head + "".join(part.capitalize() for part in tail),
        kind="message" if message else kind,
        wire=LEN if message else _WIRE_OF.get(kind, VARINT),
        repeated=repeated,
        presence=presence or bool(rest),
        oneof=rest[0][1:] if rest else "",
        message=message,
        numbers=numbers,
    )


def _message(name: str, lines: str) -> Message:
    fields = [_field(line) for line in lines.strip().splitlines()]
    by_tag = {field.number << 3 | field.wire: field for field in fields}
    by_tag |= {field.number << 3 | LEN: field for field in fields if field.is_packable}
    return Message(
        name=name,
        fields={field.number: field for field in fields},
        by_tag=by_tag,
        by_json_name={label: field for field in fields for label in (field.name, field.json_name)},
    )


class _Messages(dict[str, Message]):
    """The messages by name, each read from the table when it is first asked for: a good batch needs none of them."""

    def __missing__(self, name: str) -> Message:
        self[name] = message = _message(name, _MESSAGES[name])
        return message

    def values(self) -> Any:
        """Return every message of the table."""
        return [self[name] for name in _MESSAGES]


class _Requests(dict[Signal, Message]):
    """The request of each signal, likewise."""

    def __missing__(self, signal: Signal) -> Message:
        self[signal] = message = MESSAGES[f"{cast(str, signal).capitalize()}Request"]
        return message

    def values(self) -> Any:
        """Return the requests of all signals."""
        return [self[signal] for signal in SIGNALS]


MESSAGES: Mapping[str, Message] = _Messages()
REQUESTS: Mapping[Signal, Message] = _Requests()
