"""HTTP: OTLP, Firehose, Prometheus -> records on the stream, what is invalid in quarantine; who sends."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from opsloop.access.model import Scope
from opsloop.adapters.access_table import AccessTable
from opsloop.adapters.pressure_table import PressureTable
from opsloop.adapters.quarantine import Quarantine
from opsloop.adapters.sender_table import SenderTable
from opsloop.adapters.stream import Stream
from opsloop.dataclass import dataclass, replace
from opsloop.errors import (
    InvalidInputError,
    OpsloopError,
    PermanentError,
    ThrottledError,
    TooLargeError,
    UnsupportedMediaError,
)
from opsloop.runtime.authentication import Authenticator, bearer_or_password, firehose_key
from opsloop.runtime.http import Api
from opsloop.runtime.paging import page_of
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, json_response, problem
from opsloop.runtime.settings import read_settings
from opsloop.telemetry import firehose, remote_write
from opsloop.telemetry.fault import INVALID_ITEM, kind_of
from opsloop.telemetry.otlp_http import JSON, PROTOBUF, UnsupportedEncodingError, decode_body, failure, success
from opsloop.telemetry.otlp_schema import SIGNALS, Signal
from opsloop.telemetry.pressure import LoadGate
from opsloop.telemetry.reading import Refusal
from opsloop.telemetry.record import Record, Shipment, ship
from opsloop.telemetry.sender import Seen, Sender, SenderCounts

SOURCE = "telemetry_receive"
FIREHOSE, SENDERS = "/v1/firehose", "/v1/senders"
PROMETHEUS = ("/v1/prometheus/write", "/api/v1/write")
MIXED = "mixed"
SENDER_SIGNALS = (*SIGNALS, MIXED)


@dataclass(frozen=True)
class Settings:
    stream_name: str
    access_table: str
    telemetry_table: str
    quarantine_bucket: str
    max_body_bytes: int = 4_500_000  # as sent; base64 makes 6 MB of it, which is Lambda's limit
    max_inflated_bytes: int = 67_108_864
    max_record_bytes: int = 1_000_000
    shed_after_s: int = 900  # senders are turned away while a record older than this has not been read


def render_error(error: OpsloopError, request: Request) -> Response:
    """Answer an error as the protocol of the path wants it."""
    if isinstance(error, ThrottledError):
        metrics.add_metric(name="RequestsThrottled", unit=MetricUnit.Count, value=1)
    if request.path == SENDERS:
        return problem(error, request)
    if request.path in PROMETHEUS:
        refused = problem(remote_write.retryable(error), request)
        return replace(refused, headers={**refused.headers, **remote_write.written_headers(None)})
    if request.path == FIREHOSE:
        status, body = firehose.failure(firehose.request_id_of(request.headers), _milliseconds(request.now), error)
        return Response(status, body, {"content-type": JSON})
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
sender_table = SenderTable(settings.telemetry_table)
pressure = PressureTable(settings.telemetry_table, settings.stream_name)
logger, metrics = Logger(), Metrics()


def warning(message: str) -> Callable[[str], None]:
    """Return what logs a failure that no sender is to hear of."""
    return lambda reason: logger.warning(message, reason=reason)


gate = LoadGate(pressure.get, shed_after_s=settings.shed_after_s, warn=warning("pressure unknown, request let in"))
senders = SenderCounts(sender_table.add, warn=warning("senders not told"))
authenticator = Authenticator(AccessTable(settings.access_table).find)
api = Api(authenticator, logger, metrics, render_error=render_error, max_body_bytes=settings.max_body_bytes)
lambda_handler = api.lambda_handler


def receive(request: Request, signal: Signal) -> Response:
    """Put the request's items on the stream; answer only when Kinesis has accepted all of them."""
    content_type = request.headers.get("content-type", "")
    request.facts.update(signal=signal, bytes=len(request.body), items=0, records=0, rejected=0)
    admit(request)
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
    set_aside_items(request, signal, shipment)
    put(request, shipment.records, shipment.items, shipment.rejected)
    answer = success(content_type, signal, shipment.rejected, shipment.reasons)
    note_sender(request, signal, "protobuf" if answer.content_type == PROTOBUF else "json")
    return Response(200, answer.body, {"content-type": answer.content_type})


@api.route("POST", FIREHOSE, scope=Scope.INGEST, credentials=firehose_key)
def receive_delivery(request: Request) -> Response:
    """Put what a Firehose delivery holds on the stream; what cannot be used is set aside before it is answered."""
    request.facts.update(signal=MIXED, bytes=len(request.body), items=0, records=0, rejected=0)
    request.facts["source_arn"] = request.headers.get("x-amz-firehose-source-arn", "")
    request.facts["delivery_id"] = firehose.request_id_of(request.headers)
    admit(request)
    delivery = firehose.read_delivery(
        request.body, request.headers, max_bytes=settings.max_inflated_bytes, is_text=request.is_text
    )
    request.facts["attributes"] = dict(delivery.attributes)
    intake = firehose.unpack(
        delivery, max_bytes=settings.max_inflated_bytes, max_record_bytes=settings.max_record_bytes
    )
    request.facts["forms"] = sorted(intake.forms)
    facts = {"delivery-id": delivery.request_id, "source-arn": str(request.facts["source_arn"])}
    set_aside(request, intake.refused, facts | {"attributes": json.dumps(delivery.attributes)})
    put(request, intake.records, intake.items, len(intake.refused))
    note_sender(request, MIXED, "firehose")
    return Response(200, firehose.success(delivery.request_id, _milliseconds(request.now)), {"content-type": JSON})


def receive_write(request: Request) -> Response:
    """Put the samples of a remote-write request on the stream; what Prometheus would drop is set aside."""
    request.facts.update(signal="metrics", bytes=len(request.body), items=0, records=0, rejected=0)
    admit(request)
    try:
        written = remote_write.read_write(request.body, request.headers, max_bytes=settings.max_inflated_bytes)
        shipment = ship(written.protobuf, "metrics", settings.max_record_bytes)
    except (InvalidInputError, TooLargeError) as error:
        set_aside_body(request, "metrics", error)
        raise
    set_aside(request, written.refused, {"signal": "metrics"})
    set_aside_items(request, "metrics", shipment)
    rejected = len(written.refused) + shipment.rejected
    put(request, shipment.records, shipment.items, rejected)
    note_sender(request, "metrics", f"remote-write-{remote_write.version_of(request.headers.get('content-type', ''))}")
    answer = Response(204)
    if rejected:  # a part of it is refused for good, and the sender is to say so in its own log
        reasons = [one.reason for one in written.refused] + list(shipment.reasons)
        answer = problem(InvalidInputError("; ".join(reasons)), request)
    return replace(answer, headers={**answer.headers, **remote_write.written_headers(written)})


@api.route("GET", SENDERS, scope=Scope.READ, query=("signal", "limit", "cursor"))
def list_senders(request: Request) -> Response:
    """Return a page of those who send."""
    signal = request.choice("signal", SENDER_SIGNALS) if "signal" in request.query else ""
    found = [seen for seen in sender_table.list(request.now.timestamp()) if signal in ("", seen.sender.signal)]
    page = page_of(found, request, position=lambda seen: "\0".join(asdict(seen.sender).values()))
    return json_response({"senders": [describe(seen) for seen in page.items], "next": page.next})


def describe(seen: Seen) -> dict[str, object]:
    """Return a sender as the API tells it."""
    return {
        **asdict(seen.sender),
        "product": seen.sender.product,
        "version": seen.sender.version,
        "requests": seen.requests,
        "first_seen": datetime.fromtimestamp(int(seen.first_s), UTC),
        "last_seen": datetime.fromtimestamp(int(seen.last_s), UTC),
    }


def admit(request: Request) -> None:
    """Let a request in, unless ingest is too far behind: then its sender keeps it, and sends it again."""
    try:
        gate.check(request.now)
    except ThrottledError:
        metrics.add_metric(name="RequestsShed", unit=MetricUnit.Count, value=1)
        raise


def put(request: Request, records: list[Record], items: int, rejected: int) -> None:
    """Put records on the stream, and count them once they are there."""
    request.facts.update(records=len(records), rejected=rejected)
    stream.put(records)
    request.facts["items"] = items
    metrics.add_metric(name="ItemsReceived", unit=MetricUnit.Count, value=items)
    metrics.add_metric(name="ItemsRejected", unit=MetricUnit.Count, value=rejected)
    metrics.add_metric(name="BytesReceived", unit=MetricUnit.Bytes, value=len(request.body))
    metrics.add_metric(name="RecordsWritten", unit=MetricUnit.Count, value=len(records))


def note_sender(request: Request, signal: str, form: str) -> None:
    """Count the request for its sender."""
    agent, key_id = request.headers.get("user-agent", ""), request.key.key_id if request.key else ""
    encoding = request.headers.get("content-encoding", "").strip().lower() or "identity"
    senders.count(Sender(agent, signal, form, encoding, key_id), request.now.timestamp())


def set_aside_body(request: Request, signal: Signal, error: PermanentError) -> None:
    """Keep a body that cannot be read, as it came: its sender will not send it again."""
    facts = {
        "signal": signal,
        "content-type": request.headers.get("content-type", ""),
        "content-encoding": request.headers.get("content-encoding", ""),
    }
    set_aside(request, [Refusal(request.body, error.message, kind_of(error))], facts)
    metrics.add_metric(name="BodiesQuarantined", unit=MetricUnit.Count, value=1)


def set_aside_items(request: Request, signal: Signal, shipment: Shipment) -> None:
    """Keep the items that are refused, as OTLP requests of their own."""
    reason = "; ".join(shipment.reasons)
    for part in shipment.refused:
        refusal = Refusal(part.protobuf, reason, INVALID_ITEM)
        set_aside(request, [refusal], {"signal": signal, "items": str(part.items)}, content_type=PROTOBUF)


def set_aside(
    request: Request,
    refused: Iterable[Refusal],
    facts: dict[str, str],
    *,
    content_type: str = "application/octet-stream",
) -> None:
    """Keep what cannot be used, with the reason."""
    for one in refused:
        about = {"kind": one.kind, "correlation-id": request.correlation_id, **facts}
        about["part"] = "whole" if one.data == request.body else "part"
        request.facts["quarantine_key"] = quarantine.put(
            SOURCE, one.data, reason=one.reason, now=request.now, content_type=content_type, facts=about
        )


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000)


for place in PROMETHEUS:
    api.route("POST", place, scope=Scope.INGEST, credentials=bearer_or_password)(receive_write)
for each in SIGNALS:
    api.route("POST", f"/v1/{each}", scope=Scope.INGEST)(partial(receive, signal=each))
