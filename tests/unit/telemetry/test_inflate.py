"""Decompression with bounds."""

import gzip
import sys
import tracemalloc
import zlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from opsloop.errors import InvalidInputError, TooLargeError
from opsloop.telemetry.fault import CHECKSUM, COMPRESSION, TRUNCATED, UnreadableError
from opsloop.telemetry.inflate import GZIP, MAX_MEMBERS, RAW_DEFLATE, ZLIB, ZSTD, framing_of, inflate

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

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


@pytest.mark.parametrize("frames", [1, 3])
def test_zstd_frames_are_inflated_one_after_the_other(frames):
    data = b"telemetry " * 20_000
    assert inflate(zstd.compress(data) * frames, ZSTD, max_bytes=frames * len(data)) == data * frames


def test_zstd_is_bounded_in_size_window_and_frames():
    bomb = zstd.compress(bytes(64 * MIB))
    tracemalloc.start()
    with pytest.raises(TooLargeError):
        inflate(bomb, ZSTD, max_bytes=MIB)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * MIB
    assert inflate(zstd.compress(b"x" * 99), ZSTD, max_bytes=99) == b"x" * 99
    with pytest.raises(TooLargeError):
        inflate(zstd.compress(b"x" * 99), ZSTD, max_bytes=98)
    with pytest.raises(InvalidInputError, match="broken"):
        inflate(_wide_window(), ZSTD, max_bytes=MIB)
    with pytest.raises(InvalidInputError, match="members"):
        inflate(zstd.compress(b"") * (MAX_MEMBERS + 1), ZSTD, max_bytes=1)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (zstd.compress(b"x" * 1000)[:-1], TRUNCATED),
        (zstd.compress(b"x" * 1000) + b"abc", COMPRESSION),
        (zstd.compress(bytes(range(256)))[:9] + b"\xff" * 99, COMPRESSION),
        (gzip.compress(b"x" * 1000, mtime=0)[:-1], TRUNCATED),
        (gzip.compress(b"x" * 1000, mtime=0) + b"abc", COMPRESSION),
        (gzip.compress(b"x" * 1000, mtime=0)[:-8] + bytes(8), CHECKSUM),
        (zlib.compress(b"x" * 1000)[:-4] + bytes(4), CHECKSUM),
    ],
    ids=["zstd cut", "zstd trailing", "zstd broken", "gzip cut", "gzip trailing", "gzip checksum", "zlib checksum"],
)
def test_the_kind_of_fault_is_told(data, kind):
    with pytest.raises(UnreadableError) as caught:
        inflate(data, framing_of(data), max_bytes=MIB)
    assert caught.value.kind == kind


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=3), st.integers(0, 40), st.binary(max_size=3))
def test_a_gzip_body_means_the_same_with_libdeflate_as_with_zlib(members, cut, trailing):
    data = b"".join(gzip.compress(member, mtime=0) for member in members)
    data = (data[:-cut] if cut else data) + trailing
    assume(data)
    try:
        expected = gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        expected = None
    try:
        found = inflate(data, GZIP, max_bytes=MIB)
    except InvalidInputError:
        found = None
    if trailing.strip(b"\0") or expected is None or not trailing:  # the standard library skips zeros after the end
        assert found == expected


def test_equal_members_are_all_read():
    member = gzip.compress(b"the same", mtime=0)  # libdeflate alone would stop after the first, without an error
    assert inflate(member * 2, GZIP, max_bytes=MIB) == b"the same" * 2


def test_a_size_that_lies_allocates_no_more_than_the_limit():
    data = gzip.compress(b"x" * 1000, mtime=0)
    lying = data[:-4] + (MIB).to_bytes(4, "little")
    with pytest.raises(InvalidInputError):
        inflate(lying, GZIP, max_bytes=MIB)
    assert inflate(data, GZIP, max_bytes=1000) == b"x" * 1000


def _wide_window():
    """Return a zstd frame that asks for a window of 16 MiB."""
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 24})
    return packer.compress(b"x" * 99) + packer.flush()
