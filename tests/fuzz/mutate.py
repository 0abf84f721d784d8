"""Changes to valid records that keep most of their structure: what broken and hostile senders send."""

import gzip
import random
import zlib
from collections.abc import Callable, Sequence

from opsloop.errors import InvalidInputError
from opsloop.telemetry.wire import read_varint, scan

MAX_SIZE = 200_000
FAR_NUMBERS = (
    b"-1", b"0", b"1.5", b"1e999", b"1e-400", b"9" * 20, b"9" * 5_000, b"NaN", b"null", b"18446744073709551616"
)  # fmt: skip
FAR_BITS = (bytes(8), b"\xff" * 8, b"\0\0\0\0\0\0\xf0\x7f", b"\0\0\0\0\0\0\xf8\x7f", b"\x01" + bytes(7))
FAR_TEXTS = (b"", b"x" * 5_000, "å∂".encode(), b"\xff\xfe", b"\0" * 16)
Change = Callable[[bytes, random.Random, Sequence[bytes]], bytes]


def mutate(data: bytes, dice: random.Random, others: Sequence[bytes]) -> bytes:
    """Return ``data`` changed one to five times; parts may come from ``others``."""
    for _ in range(dice.choice((1, 1, 1, 2, 3, 5))):
        data = dice.choice(CHANGES)(data, dice, others)[:MAX_SIZE]
    return data


def flip_bits(data: bytes, dice: random.Random, _: Sequence[bytes]) -> bytes:
    """Flip one to eight bits."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 8) if data else 0):
        changed[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def set_bytes(data: bytes, dice: random.Random, _: Sequence[bytes]) -> bytes:
    """Put a telling value over a few bytes: zeros, ones, the sign bit, a long varint, quotes."""
    at = dice.randrange(len(data) + 1)
    value = dice.choice((b"\0", b"\xff", b"\x80", b"\xff" * 9 + b"\x01", b"\xff" * 8, b"\0" * 8, b'"', b"[", b"\n"))
    return data[:at] + value + data[at + len(value) :]


def truncate(data: bytes, dice: random.Random, _: Sequence[bytes]) -> bytes:
    """Cut off the end, or the start."""
    at = dice.randrange(len(data) + 1)
    return data[:at] if dice.random() < 0.8 else data[at:]


def splice(data: bytes, dice: random.Random, others: Sequence[bytes]) -> bytes:
    """Continue ``data`` from somewhere with part of another record."""
    other = dice.choice(others)
    return data[: dice.randrange(len(data) + 1)] + other[dice.randrange(len(other) + 1) :]


def surround(data: bytes, dice: random.Random, others: Sequence[bytes]) -> bytes:
    """Put rubbish, a newline or another record before or after."""
    extra = dice.choice((dice.randbytes(dice.randint(1, 20)), b"\n", b" ", b"\0", b"\xef\xbb\xbf", dice.choice(others)))
    return extra + data if dice.random() < 0.5 else data + extra


def repeat(data: bytes, dice: random.Random, _: Sequence[bytes]) -> bytes:
    """Repeat a piece, up to thousands of times."""
    start = dice.randrange(len(data) + 1)
    piece = data[start : start + dice.choice((1, 2, 3, 8, 60))]
    return data[:start] + piece * dice.choice((2, 2, 10, 1_000, 20_000)) + data[start:]


def edit_field(data: bytes, dice: random.Random, others: Sequence[bytes]) -> bytes:
    """Change one protobuf field somewhere in the tree; the lengths around it are made to fit, or not."""
    path = [(0, len(data))]
    fields = _fields(data, 0, len(data))
    chosen = None
    while fields:
        chosen = dice.choice(fields)
        inner = _fields(data, chosen[3], chosen[4]) if chosen[1] == 2 and chosen[4] > chosen[3] else []
        if not inner or dice.random() < 0.2:
            break
        path.append((chosen[2], chosen[4]))
        fields = inner
    if chosen is None:
        return flip_bits(data, dice, others)
    number, wire, start, value, end = chosen
    changed = _changed_field(data, number, wire, start, value, end, dice, fields)
    keeps_lengths = dice.random() < 0.15  # then those around are wrong
    for outer_start, outer_end in reversed(path[1:]):
        changed = data[outer_start:start] + changed + data[end:outer_end]
        if not keeps_lengths:
            changed = _with_length(changed)
        start, end = outer_start, outer_end
    return data[:start] + changed + data[end:]


def nest(data: bytes, dice: random.Random, _: Sequence[bytes]) -> bytes:
    """Put the record inside itself: messages, arrays or objects, down to thousands of levels."""
    depth = dice.choice((5, 99, 101, 2_000))
    if data[:1] in (b"{", b"["):
        left, right = dice.choice(((b"[", b"]"), (b'{"kvlistValue":{"values":[{"value":', b"}]}}"), (b'{"a":', b"}")))
        at = data.find(b":", dice.randrange(len(data))) + 1
        return data[:at] + left * depth + data[at : at + 50] + right * depth + data[at:]
    tag = dice.choice((b"\x0a", b"\x12", b"\x2a", b"\x32"))
    inner = data[:500]
    for _ in range(min(depth, 300)):
        inner = tag + _varint(len(inner)) + inner
    return data + inner


def change_number(data: bytes, dice: random.Random, others: Sequence[bytes]) -> bytes:
    """Put a far or impossible number in the place of one in a text."""
    digits = [at for at in range(len(data)) if data[at : at + 1].isdigit()]
    if not digits:
        return set_bytes(data, dice, others)
    start = dice.choice(digits)
    end = start
    while data[end : end + 1].isdigit():
        end += 1
    numbers = (
        b"-1",
        b"0",
        b"1e999",
        b"9" * 20,
        b"9" * 5_000,
        b"NaN",
        b"1e-400",
        b"18446744073709551616",
        b"null",
        b"1.5",
    )
    return data[:start] + dice.choice(numbers) + data[end:]


def change_layer(data: bytes, dice: random.Random, others: Sequence[bytes]) -> bytes:
    """Take the compression off, change what is inside, and put one on again, sound or not."""
    plain = _inflated(data)
    if dice.random() < 0.7:
        plain = dice.choice(INNER)(plain, dice, others)[:MAX_SIZE]
    how = dice.randrange(7)
    if how == 0:
        return plain
    if how == 1:
        return gzip.compress(plain, 1, mtime=0) * dice.choice((1, 1, 2, 1_500))
    if how == 2:
        return gzip.compress(gzip.compress(plain, 1, mtime=0), 1, mtime=0)
    if how == 3:
        return zlib.compress(plain, 1)
    packer = zlib.compressobj(1, wbits=dice.choice((-15, 15, 31)))
    packed = packer.compress(plain)
    if how == 4:
        return packed + packer.flush()
    if how == 5:
        return packed + packer.flush(zlib.Z_SYNC_FLUSH)  # never terminated, as old collectors wrote it
    return packed + packer.compress(b"\0" * dice.choice((1_000, 3_000_000))) + packer.flush()


def _fields(data: bytes, at: int, end: int) -> list[tuple[int, int, int, int, int]]:
    try:
        return list(scan(data, at, end))
    except InvalidInputError:
        return []


def _changed_field(
    data: bytes,
    number: int,
    wire: int,
    start: int,
    value: int,
    end: int,
    dice: random.Random,
    siblings: list[tuple[int, int, int, int, int]],
) -> bytes:
    field, content = data[start:end], data[value:end]
    how = dice.randrange(10)
    if how == 0:
        return b""
    if how == 1:
        return field * dice.choice((2, 3, 50, 3_000 if len(field) < 60 else 2))
    if how == 2:  # another field of the same message, out of order
        other = dice.choice(siblings)
        return data[other[2] : other[4]] + field
    if how == 3:
        return _varint((dice.choice((0, 1, 7, 15, 16, 999, (1 << 29) - 1)) << 3) | wire) + data[value:end]
    if how == 4:
        return _varint((number << 3) | dice.choice((0, 1, 2, 3, 4, 5, 6, 7))) + content
    if wire == 2:
        if how == 5:  # a length that lies
            lies = (0, len(content) + 1, max(len(content) - 1, 0), 1 << 31, (1 << 63) - 1, (1 << 64) - 1)
            return _varint((number << 3) | 2) + _varint(dice.choice(lies)) + content
        longer = dice.choice((*FAR_TEXTS, dice.randbytes(9), content[:-1]))
        return _varint((number << 3) | 2) + _varint(len(longer)) + longer
    if wire == 0:
        far = (0, 1, 1 << 31, (1 << 53) + 1, 1 << 63, (1 << 64) - 1)
        return _varint((number << 3) | 0) + _varint(dice.choice(far))
    width = {1: 8, 5: 4}[wire]
    return _varint((number << 3) | wire) + dice.choice((*FAR_BITS, dice.randbytes(8)))[:width]


def _with_length(field: bytes) -> bytes:
    """Return a length-delimited field with the length that its content has."""
    _, after_tag = read_varint(field, 0, len(field))
    _, after_length = read_varint(field, after_tag, len(field))
    content = field[after_length:]
    return field[:after_tag] + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _inflated(data: bytes) -> bytes:
    for window in (31, 15, -15):
        try:
            return zlib.decompressobj(window).decompress(data, MAX_SIZE)
        except zlib.error:
            continue
    return data


INNER: tuple[Change, ...] = (flip_bits, set_bytes, truncate, splice, surround, repeat, edit_field, nest, change_number)
CHANGES: tuple[Change, ...] = (*INNER, edit_field, edit_field, edit_field, change_layer, change_layer)
