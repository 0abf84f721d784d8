"""Real OpenTelemetry SDK output as request bodies, and a sender that repeats until it is acknowledged."""

import gzip
import random
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode

from tests.e2e.deployment import Deployment

NS = 1_000_000_000


@dataclass(frozen=True)
class Truth:
    """What was sent: requests and errors by operation."""

    requests: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


def make_spans(service: str, *, count: int, start_s: int, spread_s: int, seed: int, truth: Truth) -> list[ReadableSpan]:
    """Return ``count`` finished server spans of the real SDK that begin within ``spread_s`` s of ``start_s``."""
    chance = random.Random(seed)
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("e2e")
    for _ in range(count):
        operation = chance.choice(["GET /", "GET /items/{id}", "POST /items"])
        start = (start_s + chance.randrange(spread_s)) * NS + chance.randrange(NS)
        span = tracer.start_span(operation, kind=SpanKind.SERVER, start_time=start)
        truth.requests[operation] += 1
        if chance.random() < 0.1:
            span.set_status(Status(StatusCode.ERROR))
            truth.errors[operation] += 1
        span.end(end_time=start + int(chance.lognormvariate(3.0, 1.0) * 1_000_000))
    spans = list(exporter.get_finished_spans())
    provider.shutdown()
    return spans


def bodies_of(spans: Sequence[ReadableSpan], *, per_body: int) -> list[bytes]:
    """Return the OTLP request bodies that carry ``spans``, ``per_body`` in each."""
    return [encode_spans(spans[i : i + per_body]).SerializeToString() for i in range(0, len(spans), per_body)]


def bodies_like(spans: Sequence[ReadableSpan], *, number: int, seed: int) -> list[bytes]:
    """Return that many request bodies, compressed, each of spans like these but with ids of their own."""
    chance, request = random.Random(seed), encode_spans(spans)
    bodies = []
    for _ in range(number):
        for group in request.resource_spans:
            for scope in group.scope_spans:
                for span in scope.spans:
                    span.trace_id, span.span_id = chance.randbytes(16), chance.randbytes(8)
        bodies.append(gzip.compress(request.SerializeToString(), 1))
    return bodies


class PatientSender(threading.Thread):
    """Posts each body, again and again, until it is acknowledged: what an at-least-once sender does."""

    def __init__(
        self, deployment: Deployment, bodies: Sequence[bytes], *, encoding: str = "identity", pause_s: float = 0.02
    ) -> None:
        super().__init__(daemon=True)
        self.deployment, self.bodies, self.encoding, self.pause_s = deployment, bodies, encoding, pause_s
        self.acknowledged = self.repeats = 0
        self.refusals: Counter[int] = Counter()

    def run(self) -> None:
        pause = threading.Event()
        for body in self.bodies:
            while not self._is_acknowledged(body):
                self.repeats += 1
                pause.wait(0.3)
            self.acknowledged += 1
            pause.wait(self.pause_s)

    def _is_acknowledged(self, body: bytes) -> bool:
        try:
            status = self.deployment.post("traces", body, content_encoding=self.encoding).status
        except OSError:  # refused or cut off: it may have arrived or not
            return False
        if status != 200:
            self.refusals[status] += 1
        return status == 200
