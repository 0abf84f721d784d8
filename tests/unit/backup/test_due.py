"""When a dump is due."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from opsloop.backup.due import Slot, due_slots, slot_of
from opsloop.dataclass import replace
from tests.backup_memory import ORDERS

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_slots_of_six_hours_begin_at_midnight_six_noon_and_six():
    begins = [slot_of(NOON + timedelta(minutes=minutes), 6.0) for minutes in (-1, 0, 1, 359, 360)]
    assert [one.hour for one in begins] == [6, 12, 12, 12, 18]


@given(
    seconds=st.integers(0, 4_000_000_000),
    every_h=st.sampled_from([0.25, 0.5, 1.0, 5.0, 6.0, 24.0, 168.0]),
)
def test_a_slot_is_the_last_whole_number_of_periods_since_the_epoch(seconds, every_h):
    now = EPOCH + timedelta(seconds=seconds)
    begins = slot_of(now, every_h)
    assert begins <= now < begins + timedelta(hours=every_h)
    assert (begins - EPOCH).total_seconds() % (every_h * 3600) == 0


def test_of_missed_slots_the_newest_is_asked_for_and_no_other():
    asked = {("orders", NOON - timedelta(hours=24))}
    assert due_slots([ORDERS], NOON, lambda *one: one in asked) == [Slot("orders", NOON)]
    asked.add(("orders", NOON))
    assert due_slots([ORDERS], NOON, lambda *one: one in asked) == []


def test_a_database_without_a_secret_is_dumped_by_others():
    assert due_slots([replace(ORDERS, secret="")], NOON, lambda *_one: False) == []
