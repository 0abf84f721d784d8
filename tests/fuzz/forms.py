"""The layers that senders put around requests, written by hand from the published formats, for seeds and mutations.

KPL: https://github.com/awslabs/kinesis-aggregation/blob/master/potato/aggregation-format.md
Snappy: https://github.com/google/snappy/blob/main/format_description.txt
Remote write: https://prometheus.io/docs/specs/prw/remote_write_spec/ and remote_write_spec_2_0/
"""

import hashlib
import struct
from collections.abc import Sequence


def varint(value: int) -> bytes:
    """Return a number as protobuf writes it."""
    out = bytearray()
    while value > 127:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, content: bytes) -> bytes:
    """Return a length-delimited field."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def number(field_number: int, value: int) -> bytes:
    """Return a varint field."""
    return varint(field_number << 3) + varint(value)


def double(field_number: int, value: float) -> bytes:
    """Return a field of 64 bits."""
    return varint(field_number << 3 | 1) + struct.pack("<d", value)


def kpl(records: Sequence[bytes]) -> bytes:
    """Return a KPL aggregate of ``records``, its checksum right."""
    keys = field(1, b"key")
    message = keys + b"".join(field(3, number(1, 0) + field(3, record)) for record in records)
    return b"\xf3\x89\x9a\xc2" + message + hashlib.md5(message, usedforsecurity=False).digest()


def delimited(requests: Sequence[bytes]) -> bytes:
    """Return ``requests``, each after its length."""
    return b"".join(varint(len(request)) + request for request in requests)


def snappy(data: bytes) -> bytes:
    """Return a Snappy block that holds ``data`` as literals."""
    pieces = [data[at : at + 60] for at in range(0, len(data), 60)]
    return varint(len(data)) + b"".join(bytes([(len(piece) - 1) << 2]) + piece for piece in pieces)


def remote_write_1(samples: Sequence[tuple[float, int]]) -> bytes:
    """Return the message of a remote-write 1.0 request with one series."""
    labels = [(b"__name__", b"http_requests_total"), (b"job", b"shop"), (b"instance", b"a:9090")]
    series = b"".join(field(1, field(1, name) + field(2, value)) for name, value in labels)
    points = b"".join(field(2, double(1, value) + number(2, at_ms)) for value, at_ms in samples)
    return field(1, series + points)


def remote_write_2(samples: Sequence[tuple[float, int]]) -> bytes:
    """Return the message of a remote-write 2.0 request with one series."""
    symbols = [b"", b"__name__", b"http_requests_total", b"job", b"shop"]
    series = field(1, bytes([1, 2, 3, 4]))
    points = b"".join(field(2, double(1, value) + number(2, at_ms)) for value, at_ms in samples)
    return b"".join(field(4, symbol) for symbol in symbols) + field(5, series + points + field(5, number(1, 1)))
