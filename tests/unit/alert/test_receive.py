"""What the events of the bus ask for, and who is told."""

from typing import Any

import pytest

from opsloop.alert.model import DeliveryKey, Telling
from opsloop.alert.receive import MOST_EFFECTS, parse_delivery_id, read_event
from opsloop.alert.route import route
from opsloop.catalog import Channel
from opsloop.errors import InvalidInputError
from tests.unit.alert.samples import ANOMALY_ID, PAYMENTS, WEB, detail, telling

EVERYBODY = Channel("all", "mail")
CRITICAL = Channel("critical", "mail", min_severity="critical")
OF_WEB = Channel("of-web", "mail", services=("web",))
OF_PAYMENTS = Channel("of-payments", "slack", services=("payments", "orders"))
CHANNELS = (EVERYBODY, CRITICAL, OF_WEB, OF_PAYMENTS)


def told(wish: Telling) -> list[str]:
    return [channel.name for channel in route(CHANNELS, wish)]


def test_an_anomaly_belongs_to_the_day_of_its_first_minute_whatever_is_told_of_it():
    late = telling("anomaly.ended", last_minute="2026-11-22T03:00:00Z")
    assert (late.day, late.topic, late.state) == ("2026-11-21", ANOMALY_ID, "ended")
    assert telling().day == "2026-11-21"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"anomaly_id": "a/b"}, "not 1 to 100 of"),
        ({"anomaly_id": ""}, "anomaly_id"),
        ({"service": None}, "service"),
        ({"severity": "fatal"}, "severity: 'fatal' is not one of info, warning, critical"),
        ({"first_minute": "yesterday"}, "first_minute"),
        ({"last_minute": 7}, "last_minute"),
    ],
)
def test_an_anomaly_that_cannot_be_told_is_refused_by_the_name_of_its_field(change, said):
    with pytest.raises(InvalidInputError, match=said):
        read_event(detail(**change))


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        {"type": "kpi.rolled_up", "time": "2026-11-21T08:00:00Z", "data": {}},
        {"type": "anomaly.detected", "time": "2026-11-21T08:00:00Z", "data": []},
        {"type": "anomaly.detected", "time": "2026-11-21T08:00:00Z", "data": {"anomaly": PAYMENTS, "effects": "x"}},
        {"type": "anomaly.detected", "data": {"anomaly": PAYMENTS, "effects": []}},
        {"type": "alert.resend_requested", "time": "2026-11-21T08:00:00Z", "data": {"delivery_id": "../x"}},
    ],
)
def test_what_is_none_of_ours_is_refused(event: Any):
    with pytest.raises(InvalidInputError):
        read_event(event)


def test_a_thousand_effects_are_not_all_kept():
    many = read_event(detail(effects=[WEB] * 1_000))
    assert isinstance(many, Telling)
    assert len(many.data["effects"]) == MOST_EFFECTS


def test_a_delivery_is_known_again_by_its_id():
    key = DeliveryKey("2026-11-21", ANOMALY_ID, "detected", "shop-mail")
    assert parse_delivery_id(key.id) == key


@pytest.mark.parametrize("text", ["", "x", "2026-11-21.a.detected", "2026-11-21.a#b.detected.c", "2026-11-21.a.b.c\n"])
def test_what_is_no_id_of_a_delivery_is_refused(text):
    with pytest.raises(InvalidInputError, match="id: expected a delivery's id"):
        parse_delivery_id(text)


def test_an_origin_is_told_to_who_hears_of_its_service():
    assert told(telling()) == ["all", "critical", "of-payments"]


def test_what_is_less_severe_than_a_channel_wants_is_not_told_there():
    assert told(telling(severity="warning")) == ["all", "of-payments"]


def test_an_effect_is_told_only_where_its_origin_is_not():
    assert told(telling(anomaly=WEB)) == ["of-web"]
    assert told(telling(anomaly=WEB, part="alone", origin_service="")) == ["all", "of-web"]


def test_a_fault_of_a_channel_is_told_on_every_other():
    fault = {"delivery_id": "d", "channel": "all", "reason": "r"}
    event = {"type": "alert.delivery_failed", "time": "2026-11-21T08:59:59Z", "data": fault}
    wish = read_event(event)
    assert isinstance(wish, Telling)
    assert (wish.topic, told(wish)) == ("channel-all-2026112108", ["critical", "of-web", "of-payments"])
    later = read_event({**event, "time": "2026-11-21T09:00:00Z"})
    assert isinstance(later, Telling)
    assert later.topic != wish.topic


def test_a_test_is_told_on_the_channel_that_it_names_or_on_all():
    event = {"type": "alert.test_requested", "time": "2026-11-21T08:00:00Z", "data": {"test_id": "t", "channel": ""}}
    wish = read_event(event)
    assert isinstance(wish, Telling)
    assert told(wish) == ["all", "critical", "of-web", "of-payments"]
    one = read_event({**event, "data": {"test_id": "t", "channel": "of-web"}})
    assert isinstance(one, Telling)
    assert told(one) == ["of-web"]
