"""Messages of other projects by a second method: protobuf's own classes, made from their .proto files' fields."""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Field = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    name: getattr(Field, f"TYPE_{name.upper()}")
    for name in (
        "string",
        "bytes",
        "bool",
        "double",
        "int32",
        "int64",
        "sint32",
        "sint64",
        "uint32",
        "uint64",
        "fixed32",
        "fixed64",
        "sfixed64",
    )
}


def classes(package: str, messages: dict[str, str]) -> dict[str, Any]:
    """Return protobuf's classes of ``messages``: lines of ``number name type``, ``*`` for repeated fields."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, lines in messages.items():
        message = file.message_type.add(name=name)
        for line in lines.strip().splitlines():
            number, field_name, kind = line.split()
            bare = kind.rstrip("*")
            field = message.field.add(name=field_name, number=int(number))
            field.label = Field.LABEL_REPEATED if kind.endswith("*") else Field.LABEL_OPTIONAL
            if bare in _TYPES:
                field.type = _TYPES[bare]
            else:
                field.type, field.type_name = Field.TYPE_MESSAGE, f".{package}.{bare}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in messages}


JAEGER = classes(
    "jaeger",
    {
        "KeyValue": """
            1 key string
            2 v_type int32
            3 v_str string
            4 v_bool bool
            5 v_int64 int64
            6 v_float64 double
            7 v_binary bytes""",
        "Time": "1 seconds int64\n 2 nanos int32",
        "Log": "1 timestamp Time\n 2 fields KeyValue*",
        "SpanRef": "1 trace_id bytes\n 2 span_id bytes\n 3 ref_type int32",
        "Process": "1 service_name string\n 2 tags KeyValue*",
        "Span": """
            1 trace_id bytes
            2 span_id bytes
            3 operation_name string
            4 references SpanRef*
            5 flags uint32
            6 start_time Time
            7 duration Time
            8 tags KeyValue*
            9 logs Log*
            10 process Process
            11 process_id string
            12 warnings string*""",
    },
)

_HISTOGRAM = """
    1 count_int uint64
    2 count_float double
    3 sum double
    4 schema sint32
    5 zero_threshold double
    6 zero_count_int uint64
    7 zero_count_float double
    8 negative_spans BucketSpan*
    9 negative_deltas sint64*
    10 negative_counts double*
    11 positive_spans BucketSpan*
    12 positive_deltas sint64*
    13 positive_counts double*
    14 reset_hint int32
    15 timestamp int64
    16 custom_values double*
    17 start_timestamp int64"""
_SAMPLE = "1 value double\n 2 timestamp int64\n 3 start_timestamp int64"
_BUCKET_SPAN = "1 offset sint32\n 2 length uint32"

WRITE_1 = classes(
    "prometheus",
    {
        "Label": "1 name string\n 2 value string",
        "Sample": "1 value double\n 2 timestamp int64",
        "Exemplar": "1 labels Label*\n 2 value double\n 3 timestamp int64",
        "BucketSpan": _BUCKET_SPAN,
        "Histogram": _HISTOGRAM,
        "TimeSeries": "1 labels Label*\n 2 samples Sample*\n 3 exemplars Exemplar*\n 4 histograms Histogram*",
        "MetricMetadata": "1 type int32\n 2 metric_family_name string\n 4 help string\n 5 unit string",
        "WriteRequest": "1 timeseries TimeSeries*\n 3 metadata MetricMetadata*",
    },
)

WRITE_2 = classes(
    "writev2",
    {
        "Sample": _SAMPLE,
        "Exemplar": "1 labels_refs uint32*\n 2 value double\n 3 timestamp int64",
        "Metadata": "1 type int32\n 3 help_ref uint32\n 4 unit_ref uint32",
        "BucketSpan": _BUCKET_SPAN,
        "Histogram": _HISTOGRAM,
        "TimeSeries": """
            1 labels_refs uint32*
            2 samples Sample*
            3 histograms Histogram*
            4 exemplars Exemplar*
            5 metadata Metadata
            6 created_timestamp int64""",
        "Request": "4 symbols string*\n 5 timeseries TimeSeries*",
    },
)

KPL = classes(
    "kpl",
    {
        "Record": "1 partition_key_index uint64\n 2 explicit_hash_key_index uint64\n 3 data bytes",
        "AggregatedRecord": "1 partition_keys string*\n 2 explicit_hash_keys string*\n 3 records Record*",
    },
)

OLD_OTLP = classes(
    "otlp07",
    {
        "Label": "1 key string\n 2 value string",
        "Quantile": "1 quantile double\n 2 value double",
        "Point": """
            1 labels Label*
            2 start_time_unix_nano fixed64
            3 time_unix_nano fixed64
            4 count fixed64
            5 sum double
            6 quantile_values Quantile*""",
        "Summary": "1 data_points Point*",
        "Metric": "1 name string\n 2 description string\n 3 unit string\n 11 double_summary Summary",
        "Library": "1 name string\n 2 version string",
        "LibraryMetrics": "1 instrumentation_library Library\n 2 metrics Metric*",
        "ResourceMetrics": "2 instrumentation_library_metrics LibraryMetrics*",
        "Request": "1 resource_metrics ResourceMetrics*",
    },
)
