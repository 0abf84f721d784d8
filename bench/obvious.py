"""The obvious ingest: json, base64, protobuf objects, one Python loop. A yardstick, and a second opinion on results."""

import base64
import json
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUS_ERROR, SERVER = 2, 2
Key = tuple[str, str, str, int]


@dataclass
class Cell:
    """What a minute of a series adds up to; buckets are those of a base-2 histogram of scale 6."""

    count: int = 0
    errors: int = 0
    total: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    buckets: Counter[int] = field(default_factory=Counter)


def ingest(event_text: str) -> dict[Key, Cell]:
    """Return the cells of a Kinesis event of spans, by (service, operation, kind, minute)."""
    cells: dict[Key, Cell] = defaultdict(Cell)
    for record in json.loads(event_text)["Records"]:
        request = ExportTraceServiceRequest.FromString(base64.b64decode(record["kinesis"]["data"]))
        for resource_spans in request.resource_spans:
            resource = {one.key: one.value.string_value for one in resource_spans.resource.attributes}
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    _add(cells, resource["service.name"], span)
    return cells


def _add(cells: dict[Key, Cell], service: str, span: object) -> None:
    attributes = {one.key: one.value for one in span.attributes}  # type: ignore[attr-defined]
    start, end = span.start_time_unix_nano, span.end_time_unix_nano  # type: ignore[attr-defined]
    kind: int = span.kind  # type: ignore[attr-defined]
    status = attributes.get("http.response.status_code")
    is_error = span.status.code == STATUS_ERROR or (  # type: ignore[attr-defined]
        kind == SERVER and status is not None and status.int_value >= 500
    )
    duration = float(end - start)
    cell = cells[(service, span.name, KINDS[kind], start // 60_000_000_000)]  # type: ignore[attr-defined]
    cell.count += 1
    cell.errors += is_error
    cell.total += duration
    cell.minimum, cell.maximum = min(cell.minimum, duration), max(cell.maximum, duration)
    cell.buckets[math.ceil(math.log2(duration) * 64) - 1] += 1
