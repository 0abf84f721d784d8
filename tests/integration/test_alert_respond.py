"""Who was told, over HTTP: listed newest first, sent again once, channels tried; answered as described."""

import importlib
import json
from dataclasses import replace
from typing import Any

import pytest

from opsloop.adapters.alert_table import AlertTable
from opsloop.alert import delivery as steps
from opsloop.alert.model import Delivery, DeliveryKey, DeliveryState
from opsloop.errors import PermanentError
from tests.conftest import NOW
from tests.integration.conftest import CATALOG
from tests.integration.described import as_described
from tests.unit.alert.samples import ANOMALY_ID, telling

CHANNELS = [{"name": "shop-mail", "kind": "mail", "to": ["shop@example.com"]}]
PATH, RESEND, TEST = "/v1/alerts/deliveries", "/v1/alerts/deliveries/{id}/resend", "/v1/alerts/test"
JSON = {"content-type": "application/json"}


class Bus:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def publish(self, events: Any) -> None:
        self.told += [event.detail() for event in events]


@pytest.fixture
def respond(aws: Any, tokens: Any, load_handler: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    catalog_layer = importlib.import_module("opsloop.adapters.catalog_layer")  # of this test's layer
    catalog_layer.load_catalog.cache_clear()
    monkeypatch.setattr(catalog_layer, "_read", lambda _name: json.dumps({**CATALOG, "channels": CHANNELS}).encode())
    handler = load_handler("alert_respond")
    monkeypatch.setattr(handler, "bus", Bus())
    yield handler
    catalog_layer.load_catalog.cache_clear()


@pytest.fixture
def table(aws: Any) -> AlertTable:
    return AlertTable(aws.names["ALERT_TABLE"])


def keep(table: AlertTable, channel: str, *, age_s: float = 0, anomaly: str = ANOMALY_ID, **changes: Any) -> Delivery:
    told = telling(anomaly_id=anomaly)
    now = NOW.timestamp() - age_s
    claimed = steps.claim(None, DeliveryKey(told.day, told.topic, told.state, channel), told, now)
    assert claimed is not None
    table.save(claimed)
    if changes.pop("is_refused", False):
        done = steps.failed(claimed, now, PermanentError("Slack answered 404 no_service"), subject="s")
    else:
        done = steps.sent(claimed, now, receipt="<r@example.com>", subject="s")
    done = replace(done, **changes)
    table.save(done)
    return done


def listed(respond: Any, http_event: Any, context: Any, tokens: Any, query: str = "") -> Any:
    asked = http_event("GET", PATH, query=query, token=tokens["read"])
    return as_described("GET", PATH, respond.lambda_handler(asked, context))


def test_what_was_not_told_is_found_by_state_and_anomaly(respond, table, event, context):
    refused = keep(table, "shop-slack", is_refused=True)
    keep(table, "shop-mail")
    keep(table, "shop-slack", anomaly="another", is_refused=True)
    answer = as_described("GET", PATH, respond.lambda_handler(event("alert_respond/deliveries"), context))
    (found,) = answer["deliveries"]
    assert (found["id"], found["state"], found["reason"]) == (
        refused.key.id,
        "undeliverable",
        "Slack answered 404 no_service",
    )
    assert (found["service"], found["severity"], found["told"]) == ("payments", "critical", "detected")


def test_deliveries_are_listed_newest_first_page_by_page(respond, table, http_event, context, tokens):
    for number in range(5):
        keep(table, "shop-mail", anomaly=f"a{number}", age_s=number)
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        page = listed(respond, http_event, context, tokens, f"limit=2{cursor}")
        seen += [one["topic"] for one in page["deliveries"]]
        cursor = f"&cursor={page['next']}"
    assert (seen, page["next"]) == (["a0", "a1", "a2", "a3", "a4"], None)


def test_days_and_channels_limit_what_is_listed(respond, table, http_event, context, tokens):
    keep(table, "shop-mail")
    keep(table, "shop-slack")
    assert len(listed(respond, http_event, context, tokens)["deliveries"]) == 2
    assert len(listed(respond, http_event, context, tokens, "channel=shop-mail")["deliveries"]) == 1
    assert listed(respond, http_event, context, tokens, "to=2026-11-20T23:59:59Z")["deliveries"] == []


@pytest.mark.parametrize(
    "query", ["state=lost", "from=2026-11-22T00:00:00Z", "from=2026-01-01T00:00:00Z", "sate=sent", "limit=0"]
)
def test_a_question_that_makes_no_sense_is_400(respond, http_event, context, tokens, query):
    answer = respond.lambda_handler(http_event("GET", PATH, query=query, token=tokens["read"]), context)
    assert answer["statusCode"] == 400
    as_described("GET", PATH, answer)


def test_what_could_not_be_sent_is_set_back_and_asked_for(respond, table, event, context):
    refused = keep(table, "shop-slack", is_refused=True)
    for _ in range(2):
        answer = respond.lambda_handler(event("alert_respond/resend"), context)
        assert answer["statusCode"] == 202
        assert as_described("POST", RESEND, answer)["state"] == "waiting"
    found = table.get(refused.key)
    assert found is not None
    assert (found.state, found.attempts, found.version) == (DeliveryState.WAITING, 0, refused.version + 1)
    sample = event("alert.resend_requested/by_hand")["detail"]
    assert [told["data"] for told in respond.bus.told] == [sample["data"]] * 2
    assert respond.bus.told[0]["type"] == sample["type"]


def test_what_was_sent_is_not_sent_again(respond, table, event, context):
    keep(table, "shop-slack")
    answer = respond.lambda_handler(event("alert_respond/resend"), context)
    assert answer["statusCode"] == 409
    as_described("POST", RESEND, answer)
    assert respond.bus.told == []


@pytest.mark.parametrize(("delivery", "status"), [("2026-11-21.x.detected.shop-mail", 404), ("nonsense", 400)])
def test_what_is_not_there_cannot_be_sent(respond, http_event, context, tokens, delivery, status):
    asked = http_event("POST", f"{PATH}/{delivery}/resend", token=tokens["admin"])
    answer = respond.lambda_handler(asked, context)
    assert answer["statusCode"] == status
    as_described("POST", RESEND, answer)


def test_a_test_is_asked_for_and_says_where_to_look(respond, event, context):
    answer = respond.lambda_handler(event("alert_respond/test"), context)
    body = as_described("POST", TEST, answer)
    sample = event("alert.test_requested/all_channels")["detail"]
    assert body == {"topic": f"test-{sample['data']['test_id']}", "channels": ["shop-mail"]}
    (told,) = respond.bus.told
    assert (told["type"], told["data"]) == (sample["type"], sample["data"])


@pytest.mark.parametrize("wish", [{"channel": "fax"}, {"chanel": "shop-mail"}, {"channel": 7}])
def test_a_test_of_what_is_no_channel_is_400(respond, http_event, context, tokens, wish):
    asked = http_event("POST", TEST, headers=JSON, body=json.dumps(wish), token=tokens["admin"])
    answer = respond.lambda_handler(asked, context)
    assert answer["statusCode"] == 400
    as_described("POST", TEST, answer)


@pytest.mark.parametrize(("path", "name"), [(TEST, "read"), (f"{PATH}/x/resend", "read"), (TEST, "ingest")])
def test_only_an_admin_has_things_sent(respond, http_event, context, tokens, path, name):
    answer = respond.lambda_handler(http_event("POST", path, headers=JSON, body="{}", token=tokens[name]), context)
    assert answer["statusCode"] == 403
    assert respond.bus.told == []


def test_a_missing_table_is_answered_503(aws, tokens, load_handler, http_event, context):
    handler = load_handler("alert_respond", ALERT_TABLE="not-there")
    answer = handler.lambda_handler(http_event("GET", PATH, token=tokens["read"]), context)
    assert answer["statusCode"] == 503
