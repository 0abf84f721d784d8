"""Queue of bus events -> people told by mail and Slack, once; a record of each message in the alert table."""

import json
import time
from functools import partial
from hashlib import sha256
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from opsloop.adapters.alert_table import AlertTable
from opsloop.adapters.backup_standing import StandingTable
from opsloop.adapters.bus import Bus
from opsloop.adapters.catalog_layer import load_catalog
from opsloop.adapters.mail import MailChannel
from opsloop.adapters.secret_store import Secrets
from opsloop.adapters.slack import SlackChannel
from opsloop.adapters.work_queue import WorkQueue
from opsloop.alert.model import Begun, Channel, DeliveryFailed, DeliveryKey, DeliveryState, Recovered, Telling
from opsloop.alert.places import Places
from opsloop.alert.receive import read_event
from opsloop.alert.story import compose
from opsloop.alert.tell import Outcome, Teller
from opsloop.alert.trouble import begin, end
from opsloop.clock import parse_time, time_of
from opsloop.dataclass import dataclass, replace
from opsloop.errors import InvalidInputError, TransientError
from opsloop.events import Event
from opsloop.runtime.settings import read_settings

STOP_BEFORE_END_MS = 30_000  # what is left then is delivered to another worker
SOON_S = 5.0
TABLE_DOWN_S = 60.0


@dataclass(frozen=True)
class Settings:
    alert_table: str
    bus_name: str
    secret_prefix: str  # what the names of the webhooks' secrets begin with
    mail_sender: str  # the address that mails come from; empty: there is no mail
    console_url: str  # where people look at anomalies; empty: links lead to the API
    api_url: str  # where the API is, for links
    runbook_url: str  # the folder of our runbooks, as a URL; empty: no such links
    backup_table: str  # where the audit says what of a database could be had back
    alert_retention_days: int = 90


settings = read_settings(Settings)
catalog = load_catalog()
table = AlertTable(settings.alert_table, retention_days=settings.alert_retention_days)
queue, bus = WorkQueue(), Bus(settings.bus_name)
secrets = Secrets(settings.secret_prefix)
standings = StandingTable(settings.backup_table)
channels: dict[str, Channel] = {
    one.name: MailChannel(settings.mail_sender, one.to)
    if one.kind == "mail"
    else SlackChannel(lambda is_fresh, name=one.secret: secrets.read(name, is_fresh=is_fresh))  # type: ignore[misc]
    for one in catalog.channels
}
places = Places(
    settings.console_url.rstrip("/"),
    settings.api_url.rstrip("/"),
    settings.runbook_url.rstrip("/"),
    lambda service: catalog.service(service).runbook,
)
logger, metrics = Logger(), Metrics()


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Tell what the messages say; those that are not done come back when they are due."""
    failed = []
    metrics.add_metric(name="EventsTaken", unit=MetricUnit.Count, value=len(event["Records"]))
    for record in event["Records"]:
        if context.get_remaining_time_in_millis() < STOP_BEFORE_END_MS or not is_done(record):
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def is_done(record: dict[str, Any]) -> bool:
    """Return whether nothing is left to do about a message; if there is, have it come back in time.

    One that cannot be understood comes back soon, until the queue gives it up and keeps it apart.
    """
    wait_s = float(SOON_S)
    try:
        outcome = tell(record)
        if outcome.due_at is None:
            return True
        wait_s = outcome.due_at - now()
    except InvalidInputError as error:
        logger.error("event not understood", message_id=record["messageId"], reason=error.message)
    except TransientError as error:
        logger.warning("event not told yet", message_id=record["messageId"], reason=error.message)
        wait_s = TABLE_DOWN_S
    try:
        queue.postpone(record["eventSourceARN"], record["receiptHandle"], wait_s)
    except TransientError as error:  # it comes back all the same, after the queue's own time
        logger.warning("message not postponed", message_id=record["messageId"], reason=error.message)
    return False


def tell(record: dict[str, Any]) -> Outcome:
    """Tell what one message says."""
    detail = read_detail(record["body"])
    logger.set_correlation_id(detail.get("correlationid") or record["messageId"])
    announce = partial(publish_failure, correlation_id=str(detail.get("correlationid") or record["messageId"]))
    teller = Teller(
        declared=catalog.channels,
        channels=channels,
        deliveries=table,
        compose=partial(compose, places=places),
        announce=announce,
        clock=now,
    )
    outcome = do(teller, read_event(detail, catalog.databases))
    report(detail, outcome)
    return outcome


def do(teller: Teller, wish: Telling | DeliveryKey | Begun | Recovered) -> Outcome:
    """Do what an event asks for: tell, tell again, or tell what goes on as one."""
    if isinstance(wish, DeliveryKey):
        return teller.resend(wish)
    if isinstance(wish, Begun):
        before = end(table, wish.ends, teller.tell) if wish.ends else Outcome()
        return before.and_then(begin(table, with_circumstances(wish), teller.tell))
    if isinstance(wish, Recovered):
        return end(table, wish, teller.tell)
    return teller.tell(wish)


def with_circumstances(begun: Begun) -> Begun:
    """Return ``begun`` with what could be had back all the same, and what PostgreSQL said, as far as that is known."""
    data = dict(begun.telling.data)
    database, verification = data.get("database"), data.get("verification")
    if not database:
        return begun
    data["recoverable"] = {}
    try:
        data["recoverable"] = standings.recoverable(str(database))
        if isinstance(verification, dict) and not verification.get("messages"):
            messages = standings.messages(str(verification.get("verification_id")))
            data["verification"] = {**verification, "messages": messages}
    except TransientError as error:  # what went wrong is told all the same
        logger.warning("circumstances not known", database=database, reason=error.message)
    return replace(begun, telling=replace(begun.telling, data=data))


def read_detail(body: str) -> dict[str, Any]:
    """Return the event that EventBridge put into the queue; raise ``InvalidInputError``."""
    try:
        detail = json.loads(body)["detail"]
    except (ValueError, TypeError, KeyError):
        raise InvalidInputError("message: expected an event of EventBridge, with a detail") from None
    if not isinstance(detail, dict):
        raise InvalidInputError("detail: expected an object")
    return detail


def publish_failure(fault: DeliveryFailed, *, correlation_id: str) -> None:
    """Tell the bus of a channel that was not told: it comes back to us, for the other channels."""
    moment = now()
    identity = sha256(f"{fault.delivery_id} {fault.reason}".encode()).hexdigest()[:32]
    bus.publish([Event(identity, fault.channel, time_of(int(moment // 60)), fault, correlation_id)])


def report(detail: dict[str, Any], outcome: Outcome) -> None:
    """Count what became of the messages, and log it by channel; without any channel, say so."""
    found = list(outcome.deliveries.values())
    for state, metric in (
        (DeliveryState.SENT, "NotificationsSent"),
        (DeliveryState.WAITING, "NotificationsDelayed"),
        (DeliveryState.UNDELIVERABLE, "NotificationsUndeliverable"),
        (DeliveryState.UNCLEAR, "NotificationsUnclear"),
    ):
        metrics.add_metric(name=metric, unit=MetricUnit.Count, value=sum(one.state is state for one in found))
    metrics.add_metric(name="ChannelsMissing", unit=MetricUnit.Count, value=int(not catalog.channels))
    lag_s = now() - parse_time(str(detail["time"]), name="time").timestamp()
    metrics.add_metric(name="NotificationLag", unit=MetricUnit.Seconds, value=max(0.0, lag_s))
    told = {one.key.id: {"state": one.state, "reason": one.reason} for one in found}
    logger.info("event told", type=detail.get("type"), deliveries=told, due_at=outcome.due_at)


def now() -> float:
    """Return the time: leases and waits are of this moment, whenever the event was."""
    return time.time()
