"""opsloop alert: what it asks for, what it shows, and how it ends."""

import json
import re
from typing import Any

import pytest

from opsloop_cli.commands import alert
from tests.unit.cli.conftest import KEYS, Run
from tests.unit.cli.fake_api import FakeApi

ID = "2026-11-21.20261121T0831-4f3a9c1e2b7d4f60.detected.shop-slack"
LIST, TEST = "GET /v1/alerts/deliveries", "POST /v1/alerts/test"
RESEND = f"POST /v1/alerts/deliveries/{ID}/resend"


def delivery(**changes: Any) -> dict[str, Any]:
    return {
        "id": ID, "topic": "20261121T0831-4f3a9c1e2b7d4f60", "told": "detected", "channel": "shop-slack",
        "state": "undeliverable", "service": "payments", "severity": "critical", "attempts": 1,
        "subject": "[opsloop] CRITICAL payments p95 2.4 s, usually 0.3 s", "reason": "Slack answered 404 no_service",
        "may_have_arrived": False, "receipt": "", "created_at": "2026-11-21T08:36:00.250000Z",
        "changed_at": "2026-11-21T08:36:01Z", "due_at": None, **changes,
    }  # fmt: skip


def page(*found: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    return {"deliveries": list(found), "next": following}


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the pauses that a command would have made."""
    made: list[float] = []
    monkeypatch.setattr(alert.time, "sleep", made.append)
    return made


def test_the_list_shows_what_became_of_each_message_and_why(local: Run, api: FakeApi):
    api.will(LIST, page(delivery(), following="two"))
    api.will(LIST, page(delivery(state="sent", reason="")))
    result = local("alert", "deliveries", "--state", "undeliverable", "--anomaly", "a", "--since", "2026-11-20")
    rows = [re.split(r" {2,}", line.strip()) for line in result.stdout.splitlines()[2:]]
    assert rows[0] == ["2026-11-21T08:36:01Z", "undeliverable", "shop-slack", "detected",
                       "Slack answered 404 no_service", ID]  # fmt: skip
    assert rows[1][4].startswith("[opsloop] CRITICAL payments")
    assert "2 deliveries" in result.stderr
    assert api.asked[0].query == {"state": "undeliverable", "anomaly": "a", "from": "2026-11-20T00:00:00Z"}
    assert api.asked[0].headers["authorization"] == f"Bearer {KEYS['read_key']}"


def test_a_message_is_asked_for_again_by_its_id(local: Run, api: FakeApi):
    api.will(RESEND, delivery(state="waiting"), status=202)
    result = local("alert", "resend", ID)
    assert (result.exit_code, "1 will be sent" in result.stderr) == (0, True)
    assert api.asked[0].headers["authorization"] == f"Bearer {KEYS['admin_key']}"


def test_what_was_sent_already_is_said_as_the_api_says_it(local: Run, api: FakeApi):
    api.problem(RESEND, 409, "Conflict", f"delivery {ID} is sent")
    result = local("alert", "resend", ID)
    assert (result.exit_code, "is sent" in result.stderr) == (1, True)


def test_a_test_waits_for_every_channel_and_ends_well(local: Run, api: FakeApi, waits: list[float]):
    api.will(TEST, {"topic": "test-1", "channels": ["shop-mail", "shop-slack"]}, status=202)
    api.will(LIST, page())
    api.will(LIST, page(delivery(channel="shop-mail", state="sending")))
    api.will(LIST, page(delivery(channel="shop-mail", state="sent"), delivery(state="sent")))
    result = local("alert", "test", "--json")
    assert result.exit_code == 0
    assert [one["state"] for one in json.loads(result.stdout)["deliveries"]] == ["sent", "sent"]
    assert len(waits) == 2
    assert json.loads(api.asked[0].body) == {"channel": ""}
    assert api.asked[1].query == {"anomaly": "test-1"}


@pytest.mark.parametrize("found", [[delivery()], [delivery(state="unclear")], []])
def test_a_channel_that_did_not_take_it_ends_with_1(local: Run, api: FakeApi, waits: list[float], found: list[Any]):
    api.will(TEST, {"topic": "test-1", "channels": ["shop-slack"]}, status=202)
    api.will(LIST, page(*found))
    result = local("alert", "test", "shop-slack", "--wait", "0")
    assert result.exit_code == 1
    assert ("nothing is known yet of shop-slack" in result.stderr) is not bool(found)
    assert json.loads(api.asked[0].body) == {"channel": "shop-slack"}
