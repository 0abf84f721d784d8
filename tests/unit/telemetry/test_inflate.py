"""Decompression with bounds."""

import gzip
import tracemalloc
import zlib

import pytest

from opsloop.errors import InvalidInputError, TooLargeError
from opsloop.telemetry.inflate import GZIP, MAX_MEMBERS, RAW_DEFLATE, ZLIB, inflate

MIB = 1_048_576


def test_a_bomb_is_refused_at_the_limit_without_being_inflated():
    bomb = gzip.compress(bytes(512 * MIB), 9)
    assert len(bomb) < MIB
    tracemalloc.start()
    with pytest.raises(TooLargeError, match="after inflation"):
        inflate(bomb, GZIP, max_bytes=8 * MIB)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * MIB


def test_a_body_of_exactly_the_limit_is_read():
    data = bytes(range(256)) * 1_000
    assert inflate(gzip.compress(data), GZIP, max_bytes=len(data)) == data
    with pytest.raises(TooLargeError):
        inflate(gzip.compress(data), GZIP, max_bytes=len(data) - 1)


def test_the_members_of_a_gzip_body_count_together_and_are_limited():
    member = gzip.compress(b"x" * 10)
    assert inflate(member * 3, GZIP, max_bytes=30) == b"x" * 30
    with pytest.raises(TooLargeError):
        inflate(member * 3, GZIP, max_bytes=29)
    empty = gzip.compress(b"")
    assert inflate(empty * MAX_MEMBERS, GZIP, max_bytes=30) == b""
    with pytest.raises(InvalidInputError, match="members"):
        inflate(empty * (MAX_MEMBERS + 1), GZIP, max_bytes=30)


@pytest.mark.parametrize("framing", [GZIP, ZLIB, RAW_DEFLATE])
def test_a_body_cut_off_or_followed_by_garbage_is_refused_in_every_framing(framing):
    packer = zlib.compressobj(6, zlib.DEFLATED, framing)
    data = packer.compress(b"telemetry " * 20_000) + packer.flush()
    assert inflate(data, framing, max_bytes=MIB) == b"telemetry " * 20_000
    with pytest.raises(InvalidInputError, match="cut off"):
        inflate(data[:-1], framing, max_bytes=MIB)
    with pytest.raises(InvalidInputError, match="3 bytes follow"):
        inflate(data + b"abc", framing, max_bytes=MIB)
    with pytest.raises(InvalidInputError):
        inflate(b"not compressed at all", framing, max_bytes=MIB)


def test_a_flipped_bit_is_found_by_the_checksum():
    data = bytearray(gzip.compress(b"telemetry " * 100))
    data[-6] ^= 1
    with pytest.raises(InvalidInputError, match="broken"):
        inflate(bytes(data), GZIP, max_bytes=MIB)
