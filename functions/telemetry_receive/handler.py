"""HTTP POST /v1/traces, /v1/metrics, /v1/logs (OTLP) -> records on the stream, what is invalid in quarantine."""

from dataclasses import dataclass
from functools import partial

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from opsloop.access.model import Scope
from opsloop.adapters.access_table import AccessTable
from opsloop.adapters.quarantine import Quarantine
from opsloop.adapters.stream import Stream
from opsloop.errors import InvalidInputError, OpsloopError, UnsupportedMediaError
from opsloop.runtime.authentication import Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response
from opsloop.runtime.settings import read_settings
from opsloop.telemetry.otlp_http import JSON, PROTOBUF, UnsupportedEncodingError, decode_body, failure, success
from opsloop.telemetry.otlp_schema import SIGNALS, Signal
from opsloop.telemetry.record import Shipment, ship

SOURCE = "telemetry_receive"


@dataclass(frozen=True)
class Settings:
    stream_name: str
    access_table: str
    quarantine_bucket: str
    max_body_bytes: int = 4_500_000  # as sent; base64 makes 6 MB of it, which is Lambda's limit
    max_inflated_bytes: int = 67_108_864
    max_record_bytes: int = 1_000_000


def render_error(error: OpsloopError, request: Request) -> Response:
    """Answer an error as a google.rpc.Status in the content type of the request."""
    answer = failure(request.headers.get("content-type", ""), error)
    headers = {"content-type": answer.content_type}
    if isinstance(error, UnsupportedEncodingError):
        headers["accept-encoding"] = ", ".join(error.accepted)
    elif isinstance(error, UnsupportedMediaError):
        headers["accept"] = f"{PROTOBUF}, {JSON}"
    return Response(error.status, answer.body, headers)


settings = read_settings(Settings)
stream = Stream(settings.stream_name)
quarantine = Quarantine(settings.quarantine_bucket)
logger, metrics = Logger(), Metrics()
authenticator = Authenticator(AccessTable(settings.access_table).find)
api = Api(authenticator, logger, metrics, render_error=render_error, max_body_bytes=settings.max_body_bytes)
lambda_handler = api.lambda_handler


def receive(request: Request, signal: Signal) -> Response:
    """Put the request's items on the stream; answer only when Kinesis has accepted all of them."""
    content_type = request.headers.get("content-type", "")
    request.facts.update(signal=signal, bytes=len(request.body), items=0, records=0, rejected=0)
    try:
        body = decode_body(
            request.body,
            content_type=content_type,
            content_encoding=request.headers.get("content-encoding", ""),
            signal=signal,
            max_bytes=settings.max_inflated_bytes,
            is_text=request.is_text,
        )
    except InvalidInputError as error:
        set_aside_body(request, signal, error)
        raise
    shipment = ship(body, signal, settings.max_record_bytes)
    request.facts.update(records=len(shipment.records), rejected=shipment.rejected)
    set_aside_items(request, signal, shipment)
    stream.put(shipment.records)
    request.facts["items"] = shipment.items
    metrics.add_metric(name="ItemsReceived", unit=MetricUnit.Count, value=shipment.items)
    metrics.add_metric(name="ItemsRejected", unit=MetricUnit.Count, value=shipment.rejected)
    metrics.add_metric(name="BytesReceived", unit=MetricUnit.Bytes, value=len(request.body))
    metrics.add_metric(name="RecordsWritten", unit=MetricUnit.Count, value=len(shipment.records))
    answer = success(content_type, signal, shipment.rejected, shipment.reasons)
    return Response(200, answer.body, {"content-type": answer.content_type})


def set_aside_body(request: Request, signal: Signal, error: InvalidInputError) -> None:
    """Keep a body that cannot be read, as it came: its sender will not send it again."""
    facts = {
        "signal": signal,
        "content-type": request.headers.get("content-type", ""),
        "content-encoding": request.headers.get("content-encoding", ""),
        "correlation-id": request.correlation_id,
    }
    request.facts["quarantine_key"] = quarantine.put(
        SOURCE, request.body, reason=error.message, now=request.now, facts=facts
    )
    metrics.add_metric(name="BodiesQuarantined", unit=MetricUnit.Count, value=1)


def set_aside_items(request: Request, signal: Signal, shipment: Shipment) -> None:
    """Keep the items that are refused, as OTLP requests of their own."""
    reason = "; ".join(shipment.reasons)
    for part in shipment.refused:
        facts = {"signal": signal, "items": str(part.items), "correlation-id": request.correlation_id}
        request.facts["quarantine_key"] = quarantine.put(
            SOURCE, part.protobuf, reason=reason, now=request.now, content_type=PROTOBUF, facts=facts
        )


for each in SIGNALS:
    api.route("POST", f"/v1/{each}", scope=Scope.INGEST)(partial(receive, signal=each))
