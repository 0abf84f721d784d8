"""Who calls whom, by a second method: protobuf's own objects, dictionaries, loops; every span, nothing sampled away."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5
ERROR = 2


@dataclass
class PlainEdge:
    """Calls of one service to another, each with its duration in ms."""

    calls: int = 0
    errors: int = 0
    durations_ms: list[float] = field(default_factory=list)
    operations: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))


def plain_edges(bodies: list[bytes]) -> dict[tuple[str, str, str], PlainEdge]:
    """Return the calls by caller, callee and "call" or "message", of spans whose parent is of another service."""
    spans: dict[tuple[bytes, bytes], tuple[str, Any]] = {}
    for body in bodies:
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            (service,) = [one.value.string_value for one in group.resource.attributes if one.key == "service.name"]
            for scope in group.scope_spans:
                for span in scope.spans:
                    spans[span.trace_id, span.span_id] = service, span
    found: dict[tuple[str, str, str], PlainEdge] = defaultdict(PlainEdge)
    for (trace, _), (callee, child) in spans.items():
        caller, parent = spans.get((trace, child.parent_span_id), ("", None))
        if parent is None or caller == callee:
            continue
        is_message = child.kind == CONSUMER or parent.kind == PRODUCER
        edge = found[caller, callee, "message" if is_message else "call"]
        gave_up = parent.kind == CLIENT and parent.status.code == ERROR and _ms(parent) < _ms(child)
        edge.calls += 1
        edge.errors += child.status.code == ERROR or gave_up
        edge.durations_ms.append(_ms(parent if parent.kind == CLIENT and not is_message else child))
        edge.operations[parent.name, child.name] += 1
    return found


def _ms(span: Any) -> float:
    return (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
