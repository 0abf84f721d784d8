"""HTTP GET /v1/alerts/deliveries (scope read), POST .../{id}/resend, /v1/alerts/test (operate) -> told, told again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from opsloop.access.model import Scope
from opsloop.adapters.access_table import AccessTable
from opsloop.adapters.alert_table import AlertTable
from opsloop.adapters.bus import Bus
from opsloop.adapters.catalog_layer import load_catalog
from opsloop.alert.delivery import again
from opsloop.alert.model import Delivery, DeliveryState, ResendRequested, TestRequested
from opsloop.alert.receive import parse_delivery_id
from opsloop.clock import format_time
from opsloop.dataclass import dataclass
from opsloop.errors import ConflictError, InvalidInputError, NotFoundError
from opsloop.events import Event, Fact
from opsloop.runtime.authentication import Authenticator
from opsloop.runtime.http import Api
from opsloop.runtime.paging import page_of
from opsloop.runtime.request import Request
from opsloop.runtime.response import Response, json_response
from opsloop.runtime.settings import read_settings

ALL = "all"
DEFAULT_DAYS, MOST_DAYS = 7, 90
LAST_MS = 10**14  # a time after all times: what is listed newest first has to have ascending positions
QUERY = ("state", "anomaly", "channel", "from", "to", "limit", "cursor")


@dataclass(frozen=True)
class Settings:
    access_table: str
    alert_table: str
    bus_name: str


settings = read_settings(Settings)
table, bus = AlertTable(settings.alert_table), Bus(settings.bus_name)
catalog = load_catalog()
logger, metrics = Logger(), Metrics()
api = Api(Authenticator(AccessTable(settings.access_table).find), logger, metrics)
lambda_handler = api.lambda_handler


@api.route("GET", "/v1/alerts/deliveries", scope=Scope.READ, query=QUERY)
def list_deliveries(request: Request) -> Response:
    """Answer what became of every message about the days asked for, the newest first."""
    state = request.choice("state", (ALL, *DeliveryState), default=ALL)
    channel = request.text("channel", default="")
    found = [
        one for one in _of_days(request) if state in (ALL, one.state) and (not channel or channel == one.key.channel)
    ]
    found.sort(key=_position)
    page = page_of(found, request, position=_position)
    return json_response({"deliveries": [describe(one) for one in page.items], "next": page.next})


@api.route("POST", "/v1/alerts/deliveries/{id}/resend", scope=Scope.OPERATE, query=())
def resend(request: Request) -> Response:
    """Have a message sent that could not be; 409 for one that was sent or is being sent."""
    key = parse_delivery_id(request.path_parameters["id"])
    delivery = table.get(key)
    if delivery is None:
        raise NotFoundError(f"id: there is no delivery {key.id}")
    if delivery.state is not DeliveryState.WAITING:
        if not delivery.state.may_be_resent:
            raise ConflictError(f"delivery {key.id} is {delivery.state}: only what was not sent is sent again")
        delivery = again(delivery, request.now.timestamp())
        table.save(delivery)
    _tell(ResendRequested(key.id), subject=key.topic, request=request)
    metrics.add_metric(name="ResendsRequested", unit=MetricUnit.Count, value=1)
    return json_response(describe(delivery), status=202)


@api.route("POST", "/v1/alerts/test", scope=Scope.OPERATE, query=())
def send_test(request: Request) -> Response:
    """Have a test message sent on one channel, or on all; what becomes of it is listed under the answered topic."""
    wish = request.json()
    if unknown := wish.keys() - {"channel"}:
        raise InvalidInputError(f"{min(unknown)}: not a field of a test; there is: channel")
    names = [one.name for one in catalog.channels]
    channel = wish.get("channel", "")
    if channel and channel not in names:
        raise InvalidInputError(
            f"channel: {channel!r} is not one of {', '.join(names) or 'none, for none is declared'}"
        )
    if not names:
        raise InvalidInputError("channels: none is declared in the catalog, so nobody can be told")
    test_id = f"{request.now:%Y%m%dT%H%M%S}-{_letters(request.request_id)}"
    _tell(TestRequested(test_id, channel), subject=test_id, request=request)
    told = [channel] if channel else names
    return json_response({"topic": f"test-{test_id}", "channels": told}, status=202)


def describe(delivery: Delivery) -> dict[str, Any]:
    """Return what the API tells of a delivery."""
    waits = delivery.state is DeliveryState.WAITING
    return {
        "id": delivery.key.id,
        "topic": delivery.key.topic,
        "told": delivery.key.state,
        "channel": delivery.key.channel,
        "state": delivery.state,
        "service": delivery.telling.service,
        "severity": delivery.telling.severity,
        "subject": delivery.subject,
        "reason": delivery.reason,
        "attempts": delivery.attempts,
        "may_have_arrived": delivery.maybe_sent > 0 and delivery.state is not DeliveryState.SENT,
        "receipt": delivery.receipt,
        "created_at": _time(delivery.created_at),
        "changed_at": _time(delivery.changed_at),
        "due_at": _time(delivery.due_at) if waits else None,
    }


def _of_days(request: Request) -> Iterator[Delivery]:
    topic = request.text("anomaly", default="")
    end = request.time("to", default=request.now)
    first = request.time("from", default=end - timedelta(days=DEFAULT_DAYS))
    if first > end:
        raise InvalidInputError(f"from: {format_time(first)} is after to, {format_time(end)}")
    if end - first > timedelta(days=MOST_DAYS):
        raise InvalidInputError(f"from: {end - first} is more than the {MOST_DAYS} days that one request may ask")
    day = first.date()
    while day <= end.date():
        yield from table.of_day(day.isoformat(), topic)
        day += timedelta(days=1)


def _position(delivery: Delivery) -> str:
    return f"{LAST_MS - round(delivery.created_at * 1_000):015d} {delivery.key.id}"


def _tell(fact: Fact, *, subject: str, request: Request) -> None:
    bus.publish([Event(request.request_id, subject, request.now, fact, request.correlation_id)])


def _letters(text: str) -> str:
    return "".join(one for one in text if one.isalnum() and one.isascii())[:12]


def _time(moment: float) -> str:
    return format_time(datetime.fromtimestamp(round(moment, 3), UTC))
