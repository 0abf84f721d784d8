"""The real OpenTelemetry SDK sends over a socket to the handler; what arrives is what was made."""

import base64
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from opsloop.telemetry.payload import read_payload
from tests.conftest import FakeContext, make_http_event


class FrontDoor(ThreadingHTTPServer):
    """Hands HTTP requests to a handler as API Gateway does."""

    daemon_threads = True
    lock = threading.Lock()
    statuses: Counter

    def __init__(self, handler):
        self.handler, self.statuses = handler, Counter()
        super().__init__(("127.0.0.1", 0), _Exchange)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Exchange(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        event = make_http_event("POST", self.path, headers=dict(self.headers), body=body)
        with self.server.lock:  # one environment serves one request at a time
            answer = self.server.handler.lambda_handler(event, FakeContext())
        self.server.statuses[answer["statusCode"]] += 1
        data = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
        self.send_response(answer["statusCode"])
        for name, value in answer["headers"].items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def door(aws, tokens, load_handler):
    door = FrontDoor(load_handler("telemetry_receive"))
    thread = threading.Thread(target=door.serve_forever, args=(0.01,))
    thread.start()
    yield door
    door.shutdown()
    thread.join()
    door.server_close()


def arrived(aws, signal, kind):
    requests = []
    for record in aws.records():
        payload = read_payload(record["Data"], record["PartitionKey"], max_bytes=10**7)
        assert payload.signal == signal
        requests.append(kind.FromString(payload.protobuf))
    return requests


@pytest.fixture(autouse=True)
def _real_sockets(monkeypatch):
    """Let requests to the front door through moto, which answers those to AWS."""
    from moto.core.config import default_user_config

    monkeypatch.setitem(default_user_config["core"], "passthrough", {"services": [], "urls": [r"http://127\.0\.0\.1"]})


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
def test_every_span_of_the_sdk_arrives_once_with_its_names(aws, tokens, door, compression):
    exporter = OTLPSpanExporter(
        endpoint=f"{door.url}/v1/traces",
        headers={"authorization": f"Bearer {tokens['ingest']}"},
        compression=compression,
    )
    provider = TracerProvider(resource=Resource({"service.name": "web"}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_export_batch_size=64, schedule_delay_millis=60_000))
    tracer = provider.get_tracer("shop")
    made = Counter()
    for number in range(300):
        name = f"GET /item/{number % 7}"
        with tracer.start_as_current_span(name):
            made[name] += 1
    provider.shutdown()
    requests = arrived(aws, "traces", ExportTraceServiceRequest)
    spans = [
        span
        for request in requests
        for res in request.resource_spans
        for scope in res.scope_spans
        for span in scope.spans
    ]
    assert Counter(span.name for span in spans) == made
    assert len({span.span_id for span in spans}) == 300
    assert set(door.statuses) == {200}


def test_metrics_of_the_sdk_arrive(aws, tokens, door):
    exporter = OTLPMetricExporter(
        endpoint=f"{door.url}/v1/metrics", headers={"authorization": f"Bearer {tokens['ingest']}"}
    )
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=60_000)
    provider = MeterProvider(
        metric_readers=[reader], resource=Resource({"service.name": "web"}), shutdown_on_exit=False
    )
    counter = provider.get_meter("shop").create_counter("orders")
    for _ in range(5):
        counter.add(1, {"http.route": "/orders"})
    provider.shutdown()
    [request] = arrived(aws, "metrics", ExportMetricsServiceRequest)
    [metric] = request.resource_metrics[0].scope_metrics[0].metrics
    assert (metric.name, metric.sum.data_points[0].as_int) == ("orders", 5)


def test_the_sdk_gives_up_at_once_on_a_wrong_key(aws, door):
    exporter = OTLPSpanExporter(endpoint=f"{door.url}/v1/traces", headers={"authorization": "Bearer nonsense"})
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    with provider.get_tracer("shop").start_as_current_span("x"):
        pass
    provider.shutdown()
    assert door.statuses == {401: 1}
    assert aws.records() == []
