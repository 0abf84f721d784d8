"""The sink takes what SES's relay and our Slack channel send, refuses what Slack refuses, and shows it as text."""

import json
import smtplib
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.sink.show import as_text
from local.sink.smtp import SmtpServer
from local.sink.store import Mail, Post, Store
from local.sink.webhook import MAX_BLOCKS, WebhookServer, fault_of
from local.steps.channels import put_webhook
from opsloop.alert.mime import mail
from opsloop.alert.slack_blocks import payload
from tests.unit.alert.samples import message


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Any]:
    store = Store(tmp_path / "sink")
    with SmtpServer(("127.0.0.1", 0), store) as smtp, WebhookServer(("127.0.0.1", 0), store) as webhook:
        threads = [threading.Thread(target=server.serve_forever, args=(0.01,)) for server in (smtp, webhook)]
        for thread in threads:
            thread.start()
        url = f"http://127.0.0.1:{webhook.server_address[1]}"
        yield SimpleNamespace(store=store, smtp_port=smtp.server_address[1], url=url)
        for server in (smtp, webhook):
            server.shutdown()
        for thread in threads:
            thread.join()


def post(url: str, document: Any) -> tuple[int, str]:
    request = urllib.request.Request(url, json.dumps(document).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_mail_is_kept_as_it_came_and_by_what_it_says(sink):
    document = mail(message(), sender="opsloop@example.com", to=["shop@example.com"])
    with smtplib.SMTP("127.0.0.1", sink.smtp_port, timeout=10) as client:
        client.sendmail("opsloop@example.com", ["shop@example.com", "lead@example.com"], document)
    (kept,) = sink.store.all()
    assert isinstance(kept, Mail)
    assert (kept.sender, kept.to) == ("opsloop@example.com", ["shop@example.com", "lead@example.com"])
    assert kept.subject == message().subject
    assert "payments p95 2.4 s" in kept.text
    assert "<html" in kept.html
    assert kept.delivery == message().delivery_id


def test_dots_at_the_start_of_a_line_survive(sink):
    text = b"Subject: x\r\n\r\n.a\r\n..b\r\nend\r\n"
    with smtplib.SMTP("127.0.0.1", sink.smtp_port, timeout=10) as client:
        client.sendmail("a@example.com", ["b@example.com"], text)
    (kept,) = sink.store.all()
    assert isinstance(kept, Mail)
    assert kept.text.split() == [".a", "..b", "end"]


def test_a_post_is_kept_and_shown_as_text(sink):
    assert post(f"{sink.url}/slack/shop-slack", payload(message())) == (200, "ok")
    (kept,) = sink.store.all()
    assert isinstance(kept, Post)
    shown = as_text(kept)
    assert "Slack post to shop-slack" in shown
    assert "  - POST /charge: 86 % of the change" in shown
    assert "  $ opsloop anomaly show" in shown
    assert "Open the anomaly (https://ops.example.com/anomalies/" in shown


@pytest.mark.parametrize(
    ("document", "word"),
    [
        ({}, "no_text"),
        ([], "invalid_payload"),
        ({"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_001}}]}, "invalid_blocks"),
        ({"blocks": [{"type": "marquee"}]}, "invalid_blocks"),
        ({"blocks": [{"type": "divider"}] * (MAX_BLOCKS + 1)}, "invalid_blocks"),
    ],
)
def test_what_slack_refuses_is_refused(sink, document, word):
    assert post(f"{sink.url}/slack/shop-slack", document) == (400, word)
    assert list(sink.store.all()) == []


def test_a_webhook_that_is_gone_can_be_played(sink, tmp_path):
    assert post(f"{sink.url}/answer/404/no_service", {"text": "x"}) == (404, "no_service")
    assert post(f"{sink.url}/elsewhere", {"text": "x"}) == (404, "no_service")
    sink.store.keep_post("a", {"text": "x"})
    (tmp_path / "sink" / "answer").write_text("410 channel_is_archived\n")
    assert post(f"{sink.url}/slack/a", {"text": "x"}) == (410, "channel_is_archived")
    assert fault_of(b"\xff") == "invalid_payload"


def test_numbers_go_on_where_an_earlier_sink_ended(sink, tmp_path):
    post(f"{sink.url}/slack/a", {"text": "x"})
    Store(tmp_path / "sink").keep_post("b", {"text": "y"})
    assert [(one.number, one.channel) for one in sink.store.all()] == [(1, "a"), (2, "b")]


class Secrets:
    """Secrets Manager, as far as the step needs it."""

    def __init__(self, **kept: str) -> None:
        self.kept = kept

    def get_secret_value(self, **asked: str) -> dict[str, str]:
        if asked["SecretId"] not in self.kept:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetSecretValue")
        return {"SecretString": self.kept[asked["SecretId"]]}

    def create_secret(self, **given: str) -> None:
        self.kept[given["Name"]] = given["SecretString"]

    def put_secret_value(self, **given: str) -> None:
        self.kept[given["SecretId"]] = given["SecretString"]


def test_a_webhook_of_the_sink_follows_its_port_and_a_real_one_stays():
    secrets = Secrets(old="http://127.0.0.1:1/slack/x", real="https://hooks.slack.com/services/T/B/x")
    for name in ("new", "old", "real"):
        put_webhook(secrets, name, "http://127.0.0.1:2/slack/x")
    assert secrets.kept == {
        "new": "http://127.0.0.1:2/slack/x",
        "old": "http://127.0.0.1:2/slack/x",
        "real": "https://hooks.slack.com/services/T/B/x",
    }
