"""Traces of a shop for tests: web calls orders, orders calls payments, the database and the bank, and tells mail."""

import random
from collections.abc import Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
ERROR = 2
ARRIVAL_S = 1_795_212_600.0
MINUTE = int(ARRIVAL_S) // 60
Placed = tuple[str, Span]
"""A span and its service."""


def span(
    service, name, kind, trace, span_id, parent=b"", *, minute=0, ms=10.0, is_error=False, attributes=(), **changes
):  # fmt: skip
    """Return a span ``minute`` minutes after ``MINUTE``."""
    start = (MINUTE + minute) * 60 * 10**9 + 10**9
    made = Span(
        trace_id=trace,
        span_id=span_id,
        parent_span_id=parent,
        name=name,
        kind=kind,
        start_time_unix_nano=start,
        end_time_unix_nano=start + int(ms * 1e6),
        **changes,
    )
    if is_error:
        made.status.code = ERROR
    for key, value in attributes:
        pair = made.attributes.add(key=key)
        if isinstance(value, int):
            pair.value.int_value = value
        else:
            pair.value.string_value = value
    return service, made


def checkout(chance: random.Random, minute: int = 0) -> list[Placed]:
    """Return the spans of one visit: they fail and last by chance."""
    trace = chance.randbytes(16)
    ids = iter(chance.randbytes(8) for _ in range(20))

    def add(service, name, kind, parent=b"", **changes):
        span_id = next(ids)
        ms = changes.pop("ms", round(chance.lognormvariate(3, 1), 3))
        is_error = changes.pop("is_error", chance.random() < 0.1)
        found.append(
            span(service, name, kind, trace, span_id, parent, minute=minute, ms=ms, is_error=is_error, **changes)
        )
        return span_id

    found: list[Placed] = []
    page = add("web", "POST /checkout", SERVER)
    price = add("web", "price cart", INTERNAL, page)
    call = add("web", "POST /orders", CLIENT, page, attributes=[("server.address", "10.0.0.7"), ("server.port", 8002)])
    order = add("orders", "POST /orders", SERVER, call)
    query = [("db.system", "postgresql"), ("db.name", "shop"), ("net.peer.name", "db.internal")]
    add("orders", "SELECT stock", CLIENT, order, attributes=query)
    pay = add("orders", "POST /payments", CLIENT, order, attributes=[("peer.service", "payments")])
    add("payments", "POST /payments", SERVER, pay)
    told = add("orders", "orders send", PRODUCER, order, attributes=[("messaging.system", "kafka")])
    add("mail", "orders process", CONSUMER, told)
    add("stock", "GET /stock", SERVER, price)  # nobody instrumented the client
    return found


def requests(spans: Sequence[Placed], size: int = 7) -> list[bytes]:
    """Return trace requests of up to ``size`` spans of one service each."""
    by_service: dict[str, list[Span]] = {}
    for service, one in spans:
        by_service.setdefault(service, []).append(one)
    bodies = []
    for service, ones in by_service.items():
        for first in range(0, len(ones), size):
            message = ExportTraceServiceRequest()
            group = message.resource_spans.add()
            group.resource.attributes.add(key="service.name").value.string_value = service
            group.scope_spans.add().spans.extend(ones[first : first + size])
            bodies.append(message.SerializeToString())
    return bodies
