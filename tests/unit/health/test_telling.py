"""Who would be told is part of health: no channel, or one that does not work, is said."""

from dataclasses import replace

from opsloop.alert.delivery import claim, failed, sent
from opsloop.alert.model import DeliveryKey
from opsloop.errors import PermanentError
from opsloop.health.model import Status
from opsloop.health.telling import UNTOLD_FOR_S, telling_check
from tests.conftest import NOW
from tests.unit.alert.samples import telling

KEY = DeliveryKey("2026-11-21", "a", "detected", "shop-slack")
CLAIMED = claim(None, KEY, telling(), NOW.timestamp())
assert CLAIMED is not None
REFUSED = failed(CLAIMED, NOW.timestamp(), PermanentError("Slack answered 404"), subject="s")


def test_a_catalog_without_channels_is_a_warning():
    check = telling_check(0, [], NOW)
    assert (check.status, check.observed_value) == (Status.WARN, 0)
    assert "nobody is told" in check.output


def test_channels_that_were_told_are_well():
    assert telling_check(2, [sent(CLAIMED, NOW.timestamp(), receipt="", subject="s")], NOW).status is Status.PASS
    assert telling_check(2, [], NOW).status is Status.PASS


def test_a_channel_that_was_not_told_is_named_for_an_hour():
    check = telling_check(2, [REFUSED], NOW)
    assert (check.status, check.output) == (Status.WARN, "messages that may not have arrived: 1, on shop-slack")
    old = replace(REFUSED, changed_at=NOW.timestamp() - UNTOLD_FOR_S - 1)
    assert telling_check(2, [old], NOW).status is Status.PASS
