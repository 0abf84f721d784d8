"""The OpenTelemetry SDK of one demo service: traces, metrics and logs over OTLP/HTTP protobuf to the front door."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, ObservableCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import (
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
    View,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from local.demo.delivery import (
    AnswerReadingSession,
    KeepingLogExporter,
    KeepingMetricExporter,
    KeepingSpanExporter,
    Outbox,
)
from local.demo.truth import Delivery, Truth

QUEUE_SIZE = 65_536  # about a quarter of an hour of spans at the default rate, should the cloud be away
TRACE_DELAY_MS = 1_000
LOG_DELAY_MS = 2_000
METRIC_INTERVAL_MS = 10_000
CALL_BOUNDS_S = [
    0.001,
    0.005,
    0.01,
    0.05,
    0.1,
    0.5,
    1,
    5,
    10,
]  # as the conventions advise
DELTA: dict[type, AggregationTemporality] = {
    Counter: AggregationTemporality.DELTA,
    Histogram: AggregationTemporality.DELTA,
    ObservableCounter: AggregationTemporality.DELTA,
}
SEVERITIES = {"info": SeverityNumber.INFO, "warn": SeverityNumber.WARN, "error": SeverityNumber.ERROR}


@dataclass(frozen=True)
class Destination:
    """The front door and the key that may send to it."""

    api_url: str
    ingest_key: str

    def endpoint(self, signal: str) -> str:
        """Return the URL that takes ``signal`` (traces, metrics, logs)."""
        return f"{self.api_url.rstrip('/')}/v1/{signal}"


class _CountingSpanProcessor(BatchSpanProcessor):
    """A batch processor that counts the spans it was given: those its full queue drops stay visible."""

    def __init__(self, exporter: KeepingSpanExporter, delivery: Delivery) -> None:
        super().__init__(exporter, max_queue_size=QUEUE_SIZE, schedule_delay_millis=TRACE_DELAY_MS)
        self._delivery = delivery
        self._lock = threading.Lock()

    def on_end(self, span: ReadableSpan) -> None:
        with self._lock:
            self._delivery.made += 1
        super().on_end(span)


class _CountingLogProcessor(BatchLogRecordProcessor):
    def __init__(self, exporter: KeepingLogExporter, delivery: Delivery) -> None:
        super().__init__(exporter, max_queue_size=QUEUE_SIZE, schedule_delay_millis=LOG_DELAY_MS)
        self._delivery = delivery
        self._lock = threading.Lock()

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        with self._lock:
            self._delivery.made += 1
        super().on_emit(log_record)


class ServiceTelemetry:
    """Tracer, meter and logger of one service, each exporting to ``destination``.

    Parameters
    ----------
    service : str
        ``service.name``.
    destination : Destination
        Where to send, and with which key.
    truth : Truth
        Gets the delivery counts, and each log record and metric point that is made.
    gzip : bool
        Whether bodies travel compressed.
    exponential : bool
        Whether histograms are exponential ones; otherwise they have the SDK's explicit bounds.
    """

    def __init__(
        self, service: str, destination: Destination, truth: Truth, *, gzip: bool = False, exponential: bool = False
    ) -> None:
        self.service = service
        self._destination = destination
        self._truth = truth
        self._compression = Compression.Gzip if gzip else Compression.NoCompression
        self._closing = threading.Event()
        self._resource = Resource.create(
            {
                "service.name": service,
                "service.namespace": "shop",
                "service.version": "1.0.0",
                "service.instance.id": f"{service}-1",
                "deployment.environment.name": "demo",
            }
        )
        self.tracer_provider = self._make_tracer_provider()
        self.meter_provider = self._make_meter_provider(exponential=exponential)
        self._loggers = self._logger_provider()
        self.tracer = self.tracer_provider.get_tracer("shop", "1.0.0")
        self.meter = self.meter_provider.get_meter("shop", "1.0.0")
        self._logger = self._loggers.get_logger("shop", "1.0.0")

    def log(self, severity: str, text: str, *, time_ns: int, attributes: dict[str, Any]) -> None:
        """Emit one log record in the current trace context, and count it."""
        self._truth.count_log(self.service, severity, time_ns=time_ns)
        self._logger.emit(
            LogRecord(
                timestamp=time_ns,
                severity_text=severity.upper(),
                severity_number=SEVERITIES[severity],
                body=text,
                attributes=attributes,
            )
        )

    def flush(self) -> None:
        """Send what is waiting; returns when it is acknowledged or refused."""
        for provider in (self.tracer_provider, self._loggers, self.meter_provider):
            provider.force_flush()

    def closers(self) -> list[Callable[[], None]]:
        """Return the calls that flush and close each signal; each may block while the front door is away."""
        return [self.tracer_provider.shutdown, self.meter_provider.shutdown, self._loggers.shutdown]

    def begin_closing(self) -> None:
        """Let a batch that cannot be delivered go after one more attempt."""
        self._closing.set()

    def _sending(self, signal: str, session: AnswerReadingSession) -> dict[str, Any]:
        return {
            "endpoint": self._destination.endpoint(signal),
            "headers": {"Authorization": f"Bearer {self._destination.ingest_key}"},
            "compression": self._compression,
            "session": session,
        }

    def _outbox(self, signal: str, session: AnswerReadingSession) -> tuple[Delivery, Outbox]:
        delivery = self._truth.delivery(self.service, signal)
        return delivery, Outbox(delivery, session, self._closing)

    def _make_tracer_provider(self) -> TracerProvider:
        session = AnswerReadingSession(KeepingSpanExporter.response_type)
        delivery, outbox = self._outbox("traces", session)
        exporter = KeepingSpanExporter(OTLPSpanExporter(**self._sending("traces", session)), outbox)
        provider = TracerProvider(resource=self._resource, shutdown_on_exit=False)
        provider.add_span_processor(_CountingSpanProcessor(exporter, delivery))
        return provider

    def _logger_provider(self) -> LoggerProvider:
        session = AnswerReadingSession(KeepingLogExporter.response_type)
        delivery, outbox = self._outbox("logs", session)
        exporter = KeepingLogExporter(OTLPLogExporter(**self._sending("logs", session)), outbox)
        provider = LoggerProvider(resource=self._resource, shutdown_on_exit=False)
        provider.add_log_record_processor(_CountingLogProcessor(exporter, delivery))
        return provider

    def _make_meter_provider(self, *, exponential: bool) -> MeterProvider:
        session = AnswerReadingSession(KeepingMetricExporter.response_type)
        delivery, outbox = self._outbox("metrics", session)
        exporter = KeepingMetricExporter(
            OTLPMetricExporter(**self._sending("metrics", session)),
            outbox,
            service=self.service,
            truth=self._truth,
            delivery=delivery,
            preferred_temporality=DELTA,
            preferred_aggregation={Histogram: ExponentialBucketHistogramAggregation()} if exponential else None,
        )
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=METRIC_INTERVAL_MS)
        bounds = ExplicitBucketHistogramAggregation(CALL_BOUNDS_S)
        views = [] if exponential else [View(instrument_name="db.client.operation.duration", aggregation=bounds)]
        return MeterProvider([reader], self._resource, shutdown_on_exit=False, views=views)
