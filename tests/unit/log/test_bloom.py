"""A Bloom filter never forgets an id, and is seldom mistaken."""

import random

from opsloop.log.bloom import MAX_BYTES, bloom_of, may_hold


def ids(seed: int, count: int) -> list[str]:
    chance = random.Random(seed)
    return [f"{chance.getrandbits(128):032x}" for _ in range(count)]


def test_every_id_that_is_in_is_found() -> None:
    for count in (1, 2, 50, 5_000):
        known = ids(count, count)
        bloom = bloom_of(known)
        assert all(may_hold(bloom, one) for one in known)


def test_about_one_in_a_hundred_others_is_taken_for_one() -> None:
    bloom = bloom_of(ids(1, 2_000))
    mistaken = sum(may_hold(bloom, one) for one in ids(2, 20_000)) / 20_000
    assert 0.002 < mistaken < 0.02  # 0.8 % by the formula


def test_the_same_set_gives_the_same_bytes_and_none_gives_none() -> None:
    known = ids(3, 100)
    assert bloom_of(known) == bloom_of([*known[::-1], known[0]])
    assert bloom_of([]) == b""
    assert not may_hold(b"", known[0])


def test_a_filter_has_a_greatest_size() -> None:
    known = ids(4, 40_000)
    bloom = bloom_of(known)
    assert len(bloom) == MAX_BYTES
    assert all(may_hold(bloom, one) for one in known[:1_000])
