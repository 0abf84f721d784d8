"""People are told once: from the bus through the queue, under the function's own role, to a mail and a Slack post."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.sink.show import post_text
from local.sink.store import Mail, Post, Store
from tests.e2e.deployment import RUN, Deployment, wait_until
from tests.unit.alert.samples import PAYMENTS, WEB

BEGAN = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)


def anomaly(name: str, **changes: Any) -> dict[str, Any]:
    first, last = BEGAN, BEGAN + timedelta(minutes=9)
    times = {"first_minute": f"{first:%Y-%m-%dT%H:%M:%SZ}", "last_minute": f"{last:%Y-%m-%dT%H:%M:%SZ}"}
    return {**PAYMENTS, **times, "anomaly_id": f"{BEGAN:%Y%m%dT%H%M}-{name}{RUN}", **changes}


def publish(deployment: Deployment, kind: str, subject: dict[str, Any]) -> None:
    detail = {
        "specversion": "1.0",
        "id": f"{subject['anomaly_id']}/{kind}",
        "source": "opsloop.anomaly",
        "type": kind,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "subject": subject["service"],
        "correlationid": subject["anomaly_id"],
        "datacontenttype": "application/json",
        "data": {"anomaly": subject, "effects": [{**WEB, "first_minute": subject["first_minute"]}]},
    }
    entry = {
        "EventBusName": deployment.stack["bus_name"],
        "Source": "opsloop.anomaly",
        "DetailType": kind,
        "Detail": json.dumps(detail),
    }
    answer = deployment.client("events").put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0


def mails(deployment: Deployment, anomaly_id: str) -> list[Mail]:
    found = Store(deployment.state_dir / "sink").all()
    return [one for one in found if isinstance(one, Mail) and anomaly_id in one.text]


def posts(deployment: Deployment, anomaly_id: str) -> list[Post]:
    found = Store(deployment.state_dir / "sink").all()
    return [one for one in found if isinstance(one, Post) and anomaly_id in json.dumps(one.document)]


def states(deployment: Deployment, topic: str) -> dict[tuple[str, str], str]:
    found = deployment.get("/v1/alerts/deliveries", anomaly=topic)["deliveries"]
    return {(one["channel"], one["told"]): one["state"] for one in found}


def settled(deployment: Deployment, topic: str, count: int) -> dict[tuple[str, str], str]:
    def probe() -> dict[tuple[str, str], str] | None:
        found = states(deployment, topic)
        is_done = len(found) >= count and not {"sending", "waiting"} & set(found.values())
        return found if is_done else None

    return wait_until(f"{count} deliveries of {topic}", probe)


def drained(deployment: Deployment) -> None:
    """Wait until nothing is left in the queue: what was delivered twice has been looked at twice."""
    sqs = deployment.client("sqs")
    (url,) = (one for one in sqs.list_queues()["QueueUrls"] if "ToTell" in one)
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def is_empty() -> bool:
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return all(int(found[name]) == 0 for name in names)

    wait_until("an empty queue", is_empty)


def test_an_anomaly_is_one_mail_and_one_post_and_its_end_one_more_in_the_same_thread(deployment: Deployment):
    subject = anomaly("a")
    for _ in range(3):
        publish(deployment, "anomaly.detected", subject)
    told = settled(deployment, subject["anomaly_id"], 2)
    assert told == {("shop-mail", "detected"): "sent", ("shop-slack", "detected"): "sent"}
    publish(deployment, "anomaly.ended", {**subject, "state": "ended"})
    publish(deployment, "anomaly.ended", {**subject, "state": "ended"})
    assert set(settled(deployment, subject["anomaly_id"], 4).values()) == {"sent"}
    drained(deployment)
    first, last = wait_until("both mails", lambda: (m := mails(deployment, subject["anomaly_id"]))[1:] and m)
    assert first.subject == "[opsloop] CRITICAL payments p95 2.4 s, usually 0.3 s"
    assert first.to == ["shop@example.com"]
    assert "web p95" in first.text
    assert last.subject == f"Re: {first.subject}"
    assert last.in_reply_to == first.message_id  # the one that SES gave it
    began, ended = posts(deployment, subject["anomaly_id"])
    assert "Critical since" in post_text(began)
    assert "Ended at" in post_text(ended)


@pytest.fixture
def refusing_slack(deployment: Deployment) -> Iterator[Path]:
    """Have every webhook answer that it is gone; yield the file that says so, gone in the end."""
    answer = deployment.state_dir / "sink" / "answer"
    answer.parent.mkdir(exist_ok=True)
    answer.write_text("404 no_service")
    yield answer
    answer.unlink(missing_ok=True)


def test_a_channel_that_is_gone_is_seen_told_on_the_other_and_sent_again_once(
    deployment: Deployment, refusing_slack: Path
):
    subject = anomaly("b")
    publish(deployment, "anomaly.detected", subject)
    told = settled(deployment, subject["anomaly_id"], 2)
    assert told == {("shop-mail", "detected"): "sent", ("shop-slack", "detected"): "undeliverable"}
    found = deployment.get("/v1/alerts/deliveries", anomaly=subject["anomaly_id"], state="undeliverable")
    (refusal,) = found["deliveries"]
    assert refusal["reason"] == "Slack answered 404 no_service"
    notice = f"channel-shop-slack-{datetime.fromisoformat(refusal['changed_at']):%Y%m%d%H}"
    assert settled(deployment, notice, 1) == {("shop-mail", "failed"): "sent"}

    refusing_slack.unlink()
    for _ in range(2):
        path = f"/v1/alerts/deliveries/{refusal['id']}/resend"
        answer = deployment.request("POST", path, key=deployment.stack["admin_key"])
        assert answer.status in (202, 409), answer.body.decode()  # 409: it was sent meanwhile
    wait_until("the post", lambda: posts(deployment, subject["anomaly_id"]))
    drained(deployment)
    assert len(posts(deployment, subject["anomaly_id"])) == 1
    assert states(deployment, subject["anomaly_id"])[("shop-slack", "detected")] == "sent"


def test_every_channel_can_be_tried(deployment: Deployment):
    body = json.dumps({"channel": ""}).encode()
    answer = deployment.request(
        "POST", "/v1/alerts/test", key=deployment.stack["admin_key"], body=body, content_type="application/json"
    )
    assert answer.status == 202
    topic = answer.json()["topic"]
    assert settled(deployment, topic, 2) == {("shop-mail", "test"): "sent", ("shop-slack", "test"): "sent"}
