"""A front door that takes OTLP, counts what it took as opsloop should, and can be told to fail."""

import gzip
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

SERVER_SPAN, ERROR = 2, 2


class FrontDoor:
    """Byte-identical bodies count once. ``failures`` are the statuses of the next answers, before the body is taken."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, bytes]] = []  # every body as it came, inflated, also the repeated ones
        self.encodings: dict[bytes, str] = {}  # of each inflated body
        self.keys: set[str] = set()
        self.failures: list[int] = []
        self.lost_answers = 0  # so many next bodies are taken, but the answer is a 500
        self.rejected_spans = 0
        self.arrival = threading.Condition()

    def take(self, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        with self.arrival:
            self.arrival.notify_all()
            self.keys.add(headers.get("Authorization", ""))
            encoding = headers.get("Content-Encoding", "identity")
            if self.failures:
                return self.failures.pop(0), b""
            self.bodies.append((path, gzip.decompress(body) if encoding == "gzip" else body))
            self.encodings[self.bodies[-1][1]] = encoding
            if self.lost_answers:
                self.lost_answers -= 1
                return 500, b""
            if self.rejected_spans and path == "/v1/traces":
                answer = ExportTraceServiceResponse()
                answer.partial_success.rejected_spans = self.rejected_spans
                self.rejected_spans = 0
                return 200, answer.SerializeToString()
            return 200, b""

    def requests(self, path: str) -> list[Any]:
        types = {
            "/v1/traces": ExportTraceServiceRequest,
            "/v1/metrics": ExportMetricsServiceRequest,
            "/v1/logs": ExportLogsServiceRequest,
        }
        bodies = dict.fromkeys(body for taken, body in self.bodies if taken == path)
        return [types[path].FromString(body) for body in bodies]

    def spans(self) -> list[tuple[str, Any]]:
        return [
            (service_name(resource_spans.resource), span)
            for request in self.requests("/v1/traces")
            for resource_spans in request.resource_spans
            for scope_spans in resource_spans.scope_spans
            for span in scope_spans.spans
        ]

    def request_counts(self) -> dict[tuple[int, str, str], list[int]]:
        """Requests and errors by minute, service and operation, counted from the spans."""
        counts: dict[tuple[int, str, str], list[int]] = {}
        for service, span in self.spans():
            if span.kind == SERVER_SPAN:
                key = (span.start_time_unix_nano // 60_000_000_000, service, span.name)
                count = counts.setdefault(key, [0, 0])
                count[0] += 1
                count[1] += span.status.code == ERROR
        return counts

    def log_counts(self) -> Counter[tuple[int, str, str]]:
        return Counter(
            (
                record.time_unix_nano // 60_000_000_000,
                service_name(resource_logs.resource),
                record.severity_text.lower(),
            )
            for request in self.requests("/v1/logs")
            for resource_logs in request.resource_logs
            for scope_logs in resource_logs.scope_logs
            for record in scope_logs.log_records
        )

    def metric_counts(self) -> Counter[tuple[int, str, str]]:
        counts: Counter[tuple[int, str, str]] = Counter()
        for request in self.requests("/v1/metrics"):
            for resource_metrics in request.resource_metrics:
                service = service_name(resource_metrics.resource)
                for metric in (metric for scope in resource_metrics.scope_metrics for metric in scope.metrics):
                    for point in getattr(metric, metric.WhichOneof("data")).data_points:
                        key = (point.time_unix_nano // 60_000_000_000, service, metric.name)
                        counts[key] += getattr(point, "count", 1)
        return counts


def service_name(resource: Any) -> str:
    return next(str(pair.value.string_value) for pair in resource.attributes if pair.key == "service.name")


@contextmanager
def serving(door: FrontDoor) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = door.take(self.path, self.headers, body)
            self.send_response(status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
