"""Raw requests come back as they went, or not at all."""

import random

import pytest

from opsloop.errors import InvalidInputError
from opsloop.log.keep import GROUP_BYTES, HOURS_PER_STEP, groups, parts
from opsloop.log.raw import RawRequest, pack, unpack
from tests.unit.log.keep_world import START_MINUTE, record_of

SOME = [RawRequest(1_795_249_800.75, b"abc" * 100), RawRequest(0.0, b""), RawRequest(5.5, bytes(range(256)))]


def test_requests_come_back_and_the_same_give_the_same_bytes() -> None:
    assert unpack(pack(SOME)) == SOME
    assert unpack(pack([])) == []
    assert pack(SOME) == pack(iter(SOME))


def test_whatever_is_cut_off_or_changed_is_refused() -> None:
    body, chance = pack(SOME), random.Random(1)
    for size in range(len(body)):
        with pytest.raises(InvalidInputError):
            unpack(body[:size])
    with pytest.raises(InvalidInputError):
        unpack(body + b"x")
    for _ in range(300):
        place = chance.randrange(len(body))
        changed = body[:place] + bytes([body[place] ^ 1 << chance.randrange(8)]) + body[place + 1 :]
        try:
            unpack(changed)  # there is no checksum: what can be read may differ
        except InvalidInputError:
            continue


def test_what_inflates_beyond_the_limit_is_refused() -> None:
    body = pack([RawRequest(0.0, bytes(100_000))])
    with pytest.raises(InvalidInputError, match="more than 1000 bytes"):
        unpack(body, max_bytes=1000)


def test_large_items_are_cut_in_the_same_groups() -> None:
    half = GROUP_BYTES // 2
    requests = [RawRequest(float(n), bytes(size)) for n, size in enumerate([half, half, 1, 3 * GROUP_BYTES, 5])]
    assert [[int(one.arrival_s) for one in group] for group in groups(requests)] == [[0, 1], [2], [3], [4]]


def test_parts_hold_few_hours_and_every_record_once() -> None:
    chance = random.Random(2)
    records = [record_of(chance.choice("ab"), START_MINUTE + chance.randrange(6_000), str(n)) for n in range(500)]
    cut = parts(records)
    assert all(len(part) <= HOURS_PER_STEP for of_service in cut.values() for part in of_service)
    found = [one for of_service in cut.values() for part in of_service for hour in part.values() for one in hour]
    assert sorted(one.body for one in found) == sorted(one.body for one in records)
    assert parts(iter(records)) == cut
