"""When a dump made elsewhere was taken, once its archive was read: never later than it can have been."""

from datetime import UTC, datetime, timedelta

import pytest

from opsloop.backup.model import Cause, Dump, Verdict, Verification
from opsloop.backup.verdict import verified
from opsloop.dataclass import replace

AT = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
PUT_AT = AT + timedelta(minutes=5)


def taken(key: str, wall: datetime | None, *, by_object: datetime = PUT_AT, has_manifest: bool = False) -> datetime:
    """Return when a dump is said to be taken whose header has ``wall``."""
    dump = Dump(key, "orders", f"dumps/orders/{key}", "v1", 9, by_object, PUT_AT, has_manifest=has_manifest)
    proof = Verification("v", key, "orders", Cause.ARRIVAL, Verdict.RESTORABLE, None, "", PUT_AT, PUT_AT, wall)
    first = verified(dump, proof)
    assert verified(first, replace(proof, ended_at=PUT_AT + HOUR)).taken_at == first.taken_at  # again is the same
    return first.taken_at


@pytest.mark.parametrize(
    ("offset_h", "expected"),
    [
        (0, AT),  # most servers run in UTC: to the second
        (9, PUT_AT),  # Tokyo's wall clock is not in the future: when it arrived is the latest that it can be
        (-5, AT - 5 * HOUR),  # New York's cannot be told from an older dump's
    ],
)
def test_a_wall_clock_of_an_unknown_zone_never_makes_a_dump_newer_than_its_object(offset_h, expected):
    assert taken("latest.dump", AT + offset_h * HOUR) == expected


@pytest.mark.parametrize("offset_h", [-12, -5, 0, 9, 14])
def test_a_time_in_its_name_is_better_than_a_wall_clock_of_any_zone(offset_h):
    name = f"orders-{AT:%Y%m%dT%H%M%SZ}.dump"
    assert taken(name, AT + offset_h * HOUR, by_object=AT) == AT


def test_an_old_file_under_a_new_name_is_as_old_as_it_is():
    assert taken(f"orders-{AT:%Y%m%dT%H%M%SZ}.dump", AT - 72 * HOUR, by_object=AT) == AT - 72 * HOUR
    assert taken("latest.dump", AT - 72 * HOUR) == AT - 72 * HOUR


def test_what_has_a_manifest_or_says_nothing_keeps_its_time():
    assert taken("latest.dump", AT - 72 * HOUR, has_manifest=True) == PUT_AT
    assert taken("latest.sql.gz", None) == PUT_AT
