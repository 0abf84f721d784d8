"""Exporters that keep a batch until the front door has acknowledged it.

The SDK's OTLP/HTTP exporter (1.45.2) tries again on 429, 502, 503, 504 and on connection errors, waiting 1, 2, 4 ... s
or as Retry-After says, but only within its timeout (10 s): then it drops the batch. A restart of the local cloud takes
longer. These wrappers hand the same batch to it again until it is taken. Encoding the same batch twice gives the same
bytes, and opsloop drops byte-identical re-sends, so at-least-once delivery is counted exactly once.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

import requests
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from local.demo.truth import Delivery, Truth

BODY_AT_FAULT = frozenset({400, 413, 415, 422})  # sending the same bytes again cannot help
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 5.0

logger = logging.getLogger(__name__)


class AnswerReadingSession(requests.Session):
    """The exporter's HTTP session, which remembers what the exporter does not tell: status and partial success.

    Used by one exporter, which calls it from one thread at a time.
    """

    def __init__(self, response_type: type[Message]) -> None:
        super().__init__()
        self.trust_env = False  # loopback must not go through a proxy, nor a .netrc replace the key
        self._response_type = response_type
        self.status: int | None = None
        self.rejected = 0

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send, and keep the answer's status and count of rejected items."""
        self.status, self.rejected = None, 0
        response = super().request(*args, **kwargs)
        self.status = response.status_code
        if response.ok and response.content:
            self.rejected = rejected_items(self._response_type, response.content)
        return response


class Outbox:
    """Tries one batch at a time until it is acknowledged, refused for good, or the demo closes.

    Parameters
    ----------
    delivery : Delivery
        Counts to keep up to date.
    session : AnswerReadingSession
        The session of the exporter that sends.
    closing : threading.Event
        Set when the demo ends: a batch is then tried once more and not waited for.
    """

    def __init__(self, delivery: Delivery, session: AnswerReadingSession, closing: threading.Event) -> None:
        self._delivery = delivery
        self._session = session
        self._closing = closing

    def deliver(self, items: int, send: Callable[[], bool]) -> bool:
        """Call ``send`` until it says that the batch of ``items`` was taken; return whether it ever was."""
        wait_s = FIRST_WAIT_S
        while not send():
            self._delivery.failed_attempts += 1
            if self._session.status in BODY_AT_FAULT:
                self._delivery.refused += items
                logger.error("%d items refused for good with status %s", items, self._session.status)
                return False
            if self._closing.is_set():
                return False
            self._closing.wait(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        self._delivery.acknowledged += items - self._session.rejected
        self._delivery.refused += self._session.rejected
        return True


class KeepingSpanExporter(SpanExporter):
    """Hands batches of spans to ``exporter`` until they are acknowledged."""

    response_type = ExportTraceServiceResponse

    def __init__(self, exporter: SpanExporter, outbox: Outbox) -> None:
        self._exporter = exporter
        self._outbox = outbox

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send ``spans``, again and again where need be."""
        taken = self._outbox.deliver(len(spans), lambda: self._exporter.export(spans) is SpanExportResult.SUCCESS)
        return SpanExportResult.SUCCESS if taken else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Close the exporter."""
        self._exporter.shutdown()


class KeepingLogExporter(LogRecordExporter):
    """Hands batches of log records to ``exporter`` until they are acknowledged."""

    response_type = ExportLogsServiceResponse

    def __init__(self, exporter: LogRecordExporter, outbox: Outbox) -> None:
        self._exporter = exporter
        self._outbox = outbox

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Send ``batch``, again and again where need be."""
        taken = self._outbox.deliver(len(batch), lambda: self._exporter.export(batch) is LogRecordExportResult.SUCCESS)
        return LogRecordExportResult.SUCCESS if taken else LogRecordExportResult.FAILURE

    def shutdown(self) -> None:
        """Close the exporter."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002
        """Nothing is buffered here."""
        return True


class KeepingMetricExporter(MetricExporter):
    """Hands collections of metric points to ``exporter`` until they are acknowledged, and counts the points.

    Parameters
    ----------
    exporter : MetricExporter
        The one that sends.
    outbox : Outbox
        Where a batch waits.
    service : str
        Whose points these are.
    truth : Truth
        Gets the count of each point, in the minute of the point's end.
    delivery : Delivery
        Gets the number of points made.
    **preferences
        Temporality and aggregation, for the reader.
    """

    response_type = ExportMetricsServiceResponse

    def __init__(
        self,
        exporter: MetricExporter,
        outbox: Outbox,
        *,
        service: str,
        truth: Truth,
        delivery: Delivery,
        **preferences: Any,
    ) -> None:
        super().__init__(**preferences)
        self._exporter = exporter
        self._outbox = outbox
        self._service = service
        self._truth = truth
        self._delivery = delivery

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Count and send ``metrics_data``, again and again where need be."""
        points = self._count(metrics_data)
        taken = self._outbox.deliver(
            points,
            lambda: self._exporter.export(metrics_data, timeout_millis, **kwargs) is MetricExportResult.SUCCESS,
        )
        return MetricExportResult.SUCCESS if taken else MetricExportResult.FAILURE

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Close the exporter."""
        self._exporter.shutdown(timeout_millis, **kwargs)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002
        """Nothing is buffered here."""
        return True

    def _count(self, metrics_data: MetricsData) -> int:
        points = 0
        for resource_metrics in metrics_data.resource_metrics:
            for scope_metrics in resource_metrics.scope_metrics:
                for metric in scope_metrics.metrics:
                    for point in metric.data.data_points:
                        points += 1
                        self._truth.count_points(
                            self._service, metric.name, time_ns=point.time_unix_nano, count=getattr(point, "count", 1)
                        )
        self._delivery.made += points
        return points


def rejected_items(response_type: type[Message], body: bytes) -> int:
    """Return how many items a 200 answer says were rejected (``partial_success``); 0 where it cannot be read."""
    answer: Any = response_type()
    try:
        answer.ParseFromString(body)
    except DecodeError:
        return 0
    return sum(value for name, value in _fields(answer.partial_success) if name.startswith("rejected_"))


def _fields(message: Message) -> list[tuple[str, Any]]:
    return [(descriptor.name, value) for descriptor, value in message.ListFields()]
