"""From the queue to mail and Slack: told once, in one thread; faults recorded, announced, tried again."""

import email
import email.policy
import importlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ses import ses_backends

from local.sink.show import post_text
from local.sink.store import Post, Store
from local.sink.webhook import WebhookServer
from opsloop.adapters.alert_table import AlertTable
from opsloop.adapters.work_queue import WorkQueue
from opsloop.alert.delivery import GIVE_UP_AFTER_S, LEASE_S, again
from opsloop.alert.model import Delivery, DeliveryKey, DeliveryState
from opsloop.catalog import Catalog
from opsloop.errors import ConflictError
from tests.integration.conftest import CATALOG, REGION
from tests.unit.alert.samples import ANOMALY_ID

SENDER, RECEIVER = "opsloop@example.com", "shop@example.com"
CHANNELS = [
    {"name": "shop-mail", "kind": "mail", "to": [RECEIVER], "min_severity": "warning"},
    {"name": "shop-slack", "kind": "slack", "secret": "slack-shop", "min_severity": "warning"},
]
SECRET = "opsloop-test/alert/slack-shop"
QUEUE = "opsloop-test-to-tell"
DAY = "2026-11-21"


class Bus:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def publish(self, events: Any) -> None:
        self.told += [event.detail() for event in events]


@dataclass
class World:
    """The handler with everything around it."""

    aws: Any
    handler: Any
    store: Store
    slack_url: str
    bus: Bus
    context: Any
    now: float = 1_795_249_560.0
    hidden: list[tuple[str, int]] = field(default_factory=list)

    def notify(self, event: dict[str, Any]) -> list[str]:
        """Run the handler; return the messages that are not done."""
        answer = self.handler.lambda_handler(event, self.context)
        return [one["itemIdentifier"] for one in answer["batchItemFailures"]]

    def mails(self) -> list[Any]:
        raw = ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages
        return [email.message_from_string(one.raw_data, policy=email.policy.default) for one in raw]

    def posts(self) -> list[Post]:
        return [one for one in self.store.all() if isinstance(one, Post)]

    def record(self, channel: str, state: str = "detected") -> Delivery:
        found = AlertTable(self.aws.names["ALERT_TABLE"]).get(DeliveryKey(DAY, ANOMALY_ID, state, channel))
        assert found is not None
        return found

    def point_slack_at(self, path: str) -> None:
        url = f"{self.slack_url}/{path}"
        self.aws.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString=url)


@pytest.fixture(scope="module")
def slack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("sink")
    with WebhookServer(("127.0.0.1", 0), Store(folder)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", folder
        server.shutdown()
        thread.join()


@pytest.fixture
def world(
    aws: Any, slack: tuple[str, Path], load_handler: Callable[..., Any], context: Any, monkeypatch: pytest.MonkeyPatch
) -> World:
    url, folder = slack
    for path in folder.glob("*"):
        path.unlink()
    aws.client("ses").verify_email_identity(EmailAddress=SENDER)
    aws.client("secretsmanager").create_secret(Name=SECRET, SecretString=f"{url}/slack/shop-slack")
    aws.client("sqs").create_queue(QueueName=QUEUE)
    catalog_layer = importlib.import_module("opsloop.adapters.catalog_layer")  # of this test's layer
    catalog_layer.load_catalog.cache_clear()
    monkeypatch.setattr(catalog_layer, "_read", lambda _name: json.dumps({**CATALOG, "channels": CHANNELS}).encode())
    settings = {
        "SECRET_PREFIX": "opsloop-test/alert/",
        "MAIL_SENDER": SENDER,
        "CONSOLE_URL": "https://ops.example.com/",
        "API_URL": "https://api.example.com",
        "RUNBOOK_URL": "https://docs.example.com/runbooks",
    }
    handler = load_handler("alert_notify", **settings)
    bus = Bus()
    world = World(aws, handler, Store(folder), url, bus, context)
    context.remaining_ms = 60_000
    monkeypatch.setattr(handler, "bus", bus)
    monkeypatch.setattr(handler, "now", lambda: world.now)
    monkeypatch.setattr(
        handler.queue, "postpone", lambda _arn, receipt, wait_s: world.hidden.append((receipt, round(wait_s)))
    )
    yield world
    catalog_layer.load_catalog.cache_clear()


def test_an_anomaly_is_one_mail_and_one_post_however_often_it_comes(world: World, event: Any):
    for _ in range(3):
        assert world.notify(event("alert_notify/anomaly_detected")) == []
    (mail,), (post,) = world.mails(), world.posts()
    assert mail["Subject"] == "[opsloop] CRITICAL payments p95 2.4 s, usually 0.3 s"
    assert (mail["From"], mail["To"]) == (f"opsloop <{SENDER}>", RECEIVER)
    assert "https://ops.example.com/anomalies/" in mail.get_body(("plain",)).get_content()
    assert "payments p95 2.4 s, usually 0.3 s" in post_text(post)
    assert world.record("shop-mail").state is world.record("shop-slack").state is DeliveryState.SENT
    assert world.bus.told == []


def test_the_end_comes_in_the_same_thread_with_the_id_that_ses_gave(world: World, event: Any):
    world.notify(event("alert_notify/anomaly_detected"))
    world.notify(event("alert_notify/anomaly_ended"))
    first, last = world.mails()
    receipt = world.record("shop-mail").receipt
    assert receipt.endswith("@email.amazonses.com>")  # what SES writes into the mail in us-east-1
    assert last["In-Reply-To"] == receipt
    assert first["Message-ID"] in last["References"]
    assert last["Subject"] == f"Re: {first['Subject']}"
    assert [post.document["blocks"][0]["text"]["text"][2:10] for post in world.posts()] == ["Critical", "Ended at"]


def test_an_effect_is_not_told(world: World, event: Any):
    assert world.notify(event("alert_notify/effect_detected")) == []
    assert world.mails() == world.posts() == []


def test_a_webhook_that_is_gone_is_recorded_and_announced_and_the_mail_still_goes(world: World, event: Any):
    world.point_slack_at("answer/404/no_service")
    assert world.notify(event("alert_notify/anomaly_detected")) == []
    record = world.record("shop-slack")
    assert (record.state, record.reason) == (DeliveryState.UNDELIVERABLE, "Slack answered 404 no_service")
    assert len(world.mails()) == 1
    (told,) = world.bus.told
    sample = event("alert.delivery_failed/slack_gone")["detail"]
    assert told["type"] == sample["type"]
    assert told["data"] == sample["data"]


def test_the_other_channel_hears_of_it_once_an_hour(world: World, event: Any):
    for _ in range(2):
        world.notify(event("alert_notify/delivery_failed"))
    (mail,) = world.mails()
    assert mail["Subject"] == "[opsloop] could not tell shop-slack: Slack answered 404 no_service"
    assert world.posts() == []


def test_without_a_sender_mail_is_undeliverable_and_slack_hears_of_it(world: World, event: Any, monkeypatch: Any):
    monkeypatch.setattr(world.handler.channels["shop-mail"], "_sender", "")
    world.notify(event("alert_notify/anomaly_detected"))
    assert "no sender of mail is set" in world.record("shop-mail").reason
    assert [fault["data"]["channel"] for fault in world.bus.told] == ["shop-mail"]


def test_an_address_that_ses_refuses_is_final(world: World, event: Any):
    world.aws.client("ses").delete_identity(Identity=SENDER)
    world.notify(event("alert_notify/anomaly_detected"))
    record = world.record("shop-mail")
    assert record.state is DeliveryState.UNDELIVERABLE
    assert record.reason.startswith("SES: MessageRejected")


def test_a_missing_secret_is_final_and_says_which(world: World, event: Any):
    world.aws.client("secretsmanager").delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    world.notify(event("alert_notify/anomaly_detected"))
    assert f"secret {SECRET}" in world.record("shop-slack").reason


def test_a_webhook_that_was_renewed_is_found_at_once(world: World, event: Any):
    world.point_slack_at("answer/404/no_service")
    world.handler.secrets.read("slack-shop")  # kept for five minutes
    world.point_slack_at("slack/shop-slack")
    world.notify(event("alert_notify/anomaly_detected"))
    assert len(world.posts()) == 1


def test_a_receiver_that_is_down_is_tried_again_when_it_is_due(world: World, event: Any):
    world.point_slack_at("answer/503/down")
    sample = event("alert_notify/anomaly_detected")
    (record,) = sample["Records"]
    assert world.notify(sample) == [record["messageId"]]
    assert world.hidden == [(record["receiptHandle"], 10)]
    assert world.record("shop-slack").state is DeliveryState.WAITING
    world.now += 10
    world.point_slack_at("slack/shop-slack")
    world.handler.secrets._kept.clear()
    assert world.notify(sample) == []
    assert (len(world.mails()), len(world.posts())) == (1, 1)


def test_slack_that_asks_for_a_pause_gets_one(world: World, event: Any):
    world.point_slack_at("answer/429/rate_limited")
    world.notify(event("alert_notify/anomaly_detected"))
    assert world.hidden[0][1] == 30


def test_after_an_hour_it_is_given_up_and_announced(world: World, event: Any):
    world.point_slack_at("answer/500/rollup_error")
    sample = event("alert_notify/anomaly_detected")
    began = world.now
    while world.notify(sample):
        world.now += world.hidden[-1][1]
    assert world.now - began <= GIVE_UP_AFTER_S
    assert world.record("shop-slack").reason.endswith("Slack answered 500 rollup_error")
    assert len(world.bus.told) == 1
    assert len(world.mails()) == 1


def test_a_slack_that_cannot_be_reached_has_nothing_for_certain(world: World, event: Any):
    world.aws.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString="http://127.0.0.1:9/slack/x")
    world.notify(event("alert_notify/anomaly_detected"))
    record = world.record("shop-slack")
    assert (record.state, record.maybe_sent) == (DeliveryState.WAITING, 0)
    assert "127.0.0.1" not in record.reason


@pytest.mark.parametrize("url", ["http://hooks.example.com/x", "ftp://x", "https://", "", "https://h\r\nHost: x/"])
def test_what_is_no_webhook_is_refused_without_being_said(world: World, event: Any, url: str):
    world.aws.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString=url or " ")
    world.notify(event("alert_notify/anomaly_detected"))
    reason = world.record("shop-slack").reason
    assert reason == "the secret holds no webhook URL (https://...)"


def test_no_log_line_names_a_webhook(world: World, event: Any, caplog: pytest.LogCaptureFixture):
    for path in ("answer/404/no_service", "answer/500/x", "slack/shop-slack"):
        world.point_slack_at(path)
        world.handler.secrets._kept.clear()
        world.notify(event("alert_notify/anomaly_detected"))
        world.now += 4_000
    said = str([vars(record) for record in caplog.records if record.name == "alert"])
    assert "event told" in said
    assert "no_service" in said  # the reason is there
    assert world.slack_url not in said
    assert "slack/shop-slack" not in said


def test_what_cannot_be_understood_comes_back_and_the_rest_is_told(world: World, event: Any):
    sample = event("alert_notify/one_good_one_garbled")
    assert world.notify(sample) == [sample["Records"][0]["messageId"]]
    assert (len(world.mails()), len(world.posts())) == (1, 1)


def test_a_table_that_does_not_answer_means_that_nobody_is_told_yet(world: World, event: Any, load_handler: Any):
    handler = load_handler("alert_notify", ALERT_TABLE="not-there")
    handler.queue.postpone = lambda *_: None
    sample = event("alert_notify/anomaly_detected")
    assert handler.lambda_handler(sample, world.context)["batchItemFailures"] != []
    assert world.mails() == []


def test_a_function_near_its_end_leaves_the_rest_to_another(world: World, event: Any):
    world.context.remaining_ms = 20_000
    assert len(world.notify(event("alert_notify/anomaly_detected"))) == 1
    assert world.mails() == []


def test_a_test_message_goes_to_every_channel(world: World, event: Any):
    assert world.notify(event("alert_notify/test_requested")) == []
    assert [mail["Subject"] for mail in world.mails()] == ["[opsloop] test of shop-mail"]
    assert len(world.posts()) == 1


def test_what_a_person_wants_sent_again_is_sent_once(world: World, event: Any):
    world.point_slack_at("answer/404/no_service")
    world.notify(event("alert_notify/anomaly_detected"))
    world.point_slack_at("slack/shop-slack")
    world.notify(event("alert_notify/resend_requested"))
    assert world.posts() == []  # nobody had set it back to waiting
    table = AlertTable(world.aws.names["ALERT_TABLE"])
    table.save(again(world.record("shop-slack"), world.now))
    for _ in range(2):
        world.notify(event("alert_notify/resend_requested"))
    assert len(world.posts()) == 1


def test_a_lapsed_lease_is_taken_over_and_the_copy_says_so(world: World, event: Any, monkeypatch: Any):
    class DiedError(BaseException):
        pass

    def die(_message: Any) -> None:
        raise DiedError

    with monkeypatch.context() as patch:
        patch.setattr(world.handler.channels["shop-mail"], "send", die)
        with pytest.raises(DiedError):
            world.notify(event("alert_notify/anomaly_detected"))
    sample = event("alert_notify/anomaly_detected")
    assert len(world.notify(sample)) == 1
    assert world.hidden[-1][1] == LEASE_S
    world.now += LEASE_S
    assert world.notify(sample) == []
    (mail,) = world.mails()
    assert "sent a second time" in mail.get_body(("plain",)).get_content()


def test_an_answer_that_got_lost_is_known_again_as_our_own_write(world: World, event: Any):
    world.notify(event("alert_notify/anomaly_detected"))
    table, record = AlertTable(world.aws.names["ALERT_TABLE"]), world.record("shop-mail")
    client = table._table.client
    put = client.call

    def twice(operation: str, request: Any) -> Any:
        put(operation, request)
        if operation == "PutItem":
            put(operation, request)  # the client asks again: the first answer was lost
        return {} if operation == "PutItem" else put(operation, request)

    client.call = twice  # type: ignore[method-assign]
    table.save(replace(record, version=record.version + 1))
    with pytest.raises(ConflictError):
        AlertTable(world.aws.names["ALERT_TABLE"]).save(replace(record, version=record.version + 1))


def test_a_catalog_without_channels_is_counted(world: World, event: Any, capsys: Any, monkeypatch: Any):
    monkeypatch.setattr(world.handler, "catalog", Catalog.from_json(json.dumps(CATALOG)))
    monkeypatch.setattr(world.handler, "channels", {})
    world.notify(event("alert_notify/anomaly_detected"))
    lines = [json.loads(one) for one in capsys.readouterr().out.splitlines() if one.startswith("{")]
    assert [line["ChannelsMissing"] for line in lines if "ChannelsMissing" in line] == [[1.0]]


def test_records_end_some_time_after_their_last_change(world: World, event: Any):
    world.notify(event("alert_notify/anomaly_detected"))
    for item in world.aws.items("ALERT_TABLE"):
        ends = datetime.fromtimestamp(int(item["expires_at"]["N"]), UTC)
        assert 89 <= (ends - datetime(2026, 11, 21, tzinfo=UTC)).days <= 91


def test_a_message_is_hidden_until_it_is_due(aws: Any):
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    (message,) = sqs.receive_message(QueueUrl=url, VisibilityTimeout=300)["Messages"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    queue = WorkQueue()
    queue.postpone(arn, message["ReceiptHandle"], 600)
    queue.postpone(arn, message["ReceiptHandle"], 100_000)  # more than SQS allows
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
