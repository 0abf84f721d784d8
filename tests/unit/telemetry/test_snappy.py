"""Snappy blocks, written from the format's description, and copied byte by byte as it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop.errors import InvalidInputError, TooLargeError
from opsloop.telemetry.formats.snappy import decompress


def preamble(size):
    out = b""
    while size >= 0x80:
        out += bytes((size & 0x7F | 0x80,))
        size >>= 7
    return out + bytes((size,))


def literal(data):
    length = len(data) - 1
    if length < 60:
        return bytes((length << 2,)) + data
    width = (length.bit_length() + 7) // 8
    return bytes((59 + width << 2,)) + length.to_bytes(width, "little") + data


def copy(offset, length, width):
    if width == 1:
        return bytes((1 | length - 4 << 2 | offset >> 8 << 5, offset & 0xFF))
    return bytes(({2: 2, 4: 3}[width] | length - 1 << 2,)) + offset.to_bytes(width, "little")


@st.composite
def blocks(draw):
    """Draw a block, and what it holds by the definition: a copy takes one byte after the other."""
    block, held = b"", bytearray()
    for _ in range(draw(st.integers(0, 12))):
        width = draw(st.sampled_from([0, 1, 2, 4])) if held else 0
        if not width:
            data = draw(
                st.binary(min_size=1, max_size=70) | st.integers(61, 70_000).map(lambda n: bytes([n % 256]) * n)
            )
            block, held = block + literal(data), held + data
            continue
        offset = draw(st.integers(1, min(len(held), {1: 2047, 2: 65_535, 4: 1 << 20}[width])))
        length = draw(st.integers(4, 11) if width == 1 else st.integers(1, 64))
        block += copy(offset, length, width)
        for _ in range(length):
            held.append(held[-offset])
    return preamble(len(held)) + block, bytes(held)


@given(blocks())
def test_a_block_holds_what_its_literals_and_copies_say(drawn):
    block, held = drawn
    assert decompress(block, max_bytes=len(held)) == held


def test_the_example_of_a_run_of_one_byte():
    assert decompress(b"\x0a" + literal(b"x") + copy(1, 9, 1), max_bytes=99) == b"x" * 10


@given(st.binary(max_size=300))
def test_random_bytes_are_refused_or_hold_what_their_preamble_says(data):
    try:
        held = decompress(data, max_bytes=10_000)
    except (InvalidInputError, TooLargeError):
        return
    size, shift = 0, 0
    for byte in data:
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    assert len(held) == size


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (b"", "end inside a varint"),
        (b"\x05" + literal(b"abc"), "3 of the 5 bytes"),
        (b"\x02" + literal(b"abc"), "more than the 2 bytes it says, at byte 1"),
        (b"\x05\x10abc", "literal of 5 bytes is cut off, at byte 1"),
        (b"\x08" + literal(b"a") + copy(2, 7, 2), "copy from 2 bytes before the 1 there are, at byte 3"),
        (b"\x08" + literal(b"a") + copy(0, 7, 2), "copy from 0 bytes"),
        (b"\x08" + literal(b"a") + copy(1, 7, 4)[:-1], "copy is cut off, at byte 3"),
    ],
    ids=["empty", "too short", "too long", "literal cut off", "before the start", "offset 0", "copy cut off"],
)
def test_a_broken_block_is_refused_with_the_byte(block, reason):
    with pytest.raises(InvalidInputError, match=reason):
        decompress(block, max_bytes=1000)


def test_a_block_that_says_too_much_is_refused_before_it_is_inflated():
    with pytest.raises(TooLargeError):
        decompress(preamble(1001) + literal(b"x" * 5), max_bytes=1000)
    with pytest.raises(TooLargeError):
        decompress(preamble(2**40), max_bytes=1000)
