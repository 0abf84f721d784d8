"""One instrumented HTTP service: routes, server and client spans, request metrics, one log record per request."""

import http.client
import json
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from local.demo import fault
from local.demo.behaviour import LATENCY_SIGMA, LONGEST_STEP_S, NO_PAGE
from local.demo.fault import Fault
from local.demo.telemetry import ServiceTelemetry
from local.demo.truth import Truth

LOOPBACK = "127.0.0.1"
NUMBER_HEADER = "x-request-number"
CALL_TIMEOUT_S = 5.0
DURATION_BOUNDS_S = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

propagator = TraceContextTextMapPropagator()


@dataclass(frozen=True)
class Answer:
    """Status and JSON body of an answer."""

    status: int
    body: dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One request as a route sees it. ``draw`` is random, but the same for the same seed and request number."""

    number: int
    parameters: Mapping[str, str]
    body: dict[str, Any]
    draw: random.Random


Handler = Callable[[Request], Answer]


@dataclass(frozen=True)
class Route:
    """A method and a path template such as ``/products/{id}``, and what answers it."""

    method: str
    template: str
    handler: Handler

    @property
    def operation(self) -> str:
        """The span name, by OpenTelemetry's HTTP conventions."""
        return f"{self.method} {self.template}"

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """Return the path's parameters, or None when this route is not meant."""
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.template)
        found = re.fullmatch(pattern, path) if method == self.method else None
        return found.groupdict() if found else None


class Service:
    """A service of the shop on its own loopback port.

    Parameters
    ----------
    telemetry : ServiceTelemetry
        Its tracer, meter and logger.
    truth : Truth
        Where each answered request is counted, apart from the telemetry.
    seed : int
        Decides, together with the request's number, latency and failures.
    """

    def __init__(self, telemetry: ServiceTelemetry, truth: Truth, *, seed: int) -> None:
        self.name = telemetry.service
        self.telemetry = telemetry
        self._truth = truth
        self._seed = seed
        self.fault: Fault | None = None
        self._routes: list[Route] = []
        self._server = ThreadingHTTPServer((LOOPBACK, 0), _request_handler(self))
        self._server.daemon_threads = True
        self._durations = telemetry.meter.create_histogram(
            "http.server.request.duration",
            unit="s",
            description="Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=DURATION_BOUNDS_S,
        )
        self._active = telemetry.meter.create_up_down_counter("http.server.active_requests", unit="{request}")

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://{LOOPBACK}:{self.port}"

    def route(self, method: str, template: str, handler: Handler) -> None:
        """Let ``handler`` answer ``method`` on ``template``."""
        self._routes.append(Route(method, template, handler))

    def start(self) -> None:
        """Answer from now on."""
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name=self.name, daemon=True).start()

    def stop(self) -> None:
        """Take no more requests."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one request inside its server span, and count it; header names come in lower case."""
        start_ns = time.time_ns()
        route, parameters = self._find(method, path)
        operation = route.operation if route else method
        attributes: dict[str, Any] = {
            "http.request.method": method,
            "url.path": path,
            "url.scheme": "http",
            "server.port": self.port,
        }
        if route:
            attributes["http.route"] = route.template
        with self.telemetry.tracer.start_as_current_span(
            operation,
            context=propagator.extract(headers),
            kind=SpanKind.SERVER,
            attributes=attributes,
            start_time=start_ns,
        ) as span:
            self._active.add(1, {"http.request.method": method})
            answer = self._run(route, operation, parameters, headers, body)
            span.set_attribute("http.response.status_code", answer.status)
            if answer.status >= 500:
                span.set_status(StatusCode.ERROR, str(answer.body.get("error", "")))
            self._active.add(-1, {"http.request.method": method})
            self._truth.count_request(self.name, operation, start_ns=start_ns, is_error=answer.status >= 500)
            self._measure(method, route, answer, start_ns)
        return answer

    def call(self, other: "Service", method: str, template: str, path: str, request: Request, body: Any) -> Answer:
        """Call ``other`` over HTTP inside a client span, passing the trace on."""
        with self.telemetry.tracer.start_as_current_span(
            f"{method} {template}",
            kind=SpanKind.CLIENT,
            attributes={
                "http.request.method": method,
                "url.full": f"{other.url}{path}",
                "server.address": LOOPBACK,
                "server.port": other.port,
            },
        ) as span:
            headers = {"Content-Type": "application/json", NUMBER_HEADER: str(request.number)}
            propagator.inject(headers)
            answer = send(other.port, method, path, headers, body)
            span.set_attribute("http.response.status_code", answer.status)
            if answer.status >= 400:
                span.set_status(StatusCode.ERROR)
        return answer

    @contextmanager
    def step(self, name: str, request: Request, *, median_ms: float) -> Iterator[Span]:
        """An internal span around work whose duration is lognormal around ``median_ms``, or longer if the work is."""
        with self.telemetry.tracer.start_as_current_span(name) as span:
            fault = self._fault()
            slower = fault.latency_factor if fault else 1.0
            end = time.monotonic() + latency_s(request.draw, median_ms=median_ms * slower)
            try:
                yield span
            finally:
                time.sleep(max(0.0, end - time.monotonic()))

    def _fault(self) -> Fault | None:
        return self.fault if self.fault and self.fault.is_active(time.time()) else None

    def _find(self, method: str, path: str) -> tuple[Route | None, dict[str, str]]:
        for route in self._routes:
            parameters = route.match(method, path)
            if parameters is not None:
                return route, parameters
        return None, {}

    def _run(
        self, route: Route | None, operation: str, parameters: dict[str, str], headers: Mapping[str, str], body: bytes
    ) -> Answer:
        if route is None:
            return Answer(404, {"error": NO_PAGE})
        try:
            number = int(headers.get(NUMBER_HEADER, "0"))
            draw = random.Random(f"{self._seed}/{operation}/{number}")
            request = Request(number, parameters, json.loads(body or b"{}"), draw)
            fails = self._fault()
            if fails and random.Random(f"{self._seed}/fault/{operation}/{number}").random() < fails.error_ratio:
                with self.step("wait for connection", request, median_ms=fault.WAIT_MS):
                    return Answer(503, {"error": fault.MESSAGE})
            return route.handler(request)
        except Exception as error:  # noqa: BLE001 - the boundary of a request: whatever fails in a route is this request's 500
            return Answer(500, {"error": f"{type(error).__name__}: {error}"})

    def _measure(self, method: str, route: Route | None, answer: Answer, start_ns: int) -> None:
        end_ns = time.time_ns()
        attributes: dict[str, Any] = {"http.request.method": method, "http.response.status_code": answer.status}
        if route:
            attributes["http.route"] = route.template
        self._durations.record((end_ns - start_ns) / 1e9, attributes)
        severity = "error" if answer.status >= 500 else "warn" if answer.status >= 400 else "info"
        text = str(answer.body.get("error", "request answered"))
        self.telemetry.log(severity, text, time_ns=end_ns, attributes=attributes)


def send(port: int, method: str, path: str, headers: Mapping[str, str], body: Any) -> Answer:
    """Send one request over loopback; an answer that never came is a 504."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=CALL_TIMEOUT_S)
    try:
        connection.request(method, path, body=json.dumps(body) if body is not None else None, headers=dict(headers))
        response = connection.getresponse()
        return Answer(response.status, json.loads(response.read() or b"{}"))
    except (OSError, http.client.HTTPException) as error:
        return Answer(504, {"error": f"no answer from port {port}: {error}"})
    finally:
        connection.close()


def latency_s(draw: random.Random, *, median_ms: float) -> float:
    """Return a lognormal duration in seconds around ``median_ms``, at most ``LONGEST_STEP_S``."""
    return min(median_ms * draw.lognormvariate(0.0, LATENCY_SIGMA) / 1000.0, LONGEST_STEP_S)


def _request_handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class ServiceRequestHandler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            answer = service.answer(
                self.command,
                self.path.partition("?")[0],
                {name.lower(): value for name, value in self.headers.items()},
                body,
            )
            data = json.dumps(answer.body).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the service writes its own log."""

    return ServiceRequestHandler
