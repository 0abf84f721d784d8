"""One stream record -> the OTLP requests that it holds, whoever wrote it, told by its content.

Records come from our own receiver (partition key ``<signal>:<fingerprint>``), or from anybody else's exporter, which
names nothing. What a record's first bytes may say, in the order of the tests; a test that fails later hands the bytes
to the others (``_OTHERS``), and what none of them can read is refused with the reason of the first:

============================  ==================================================================================
begins with                   is read as
============================  ==================================================================================
F3 89 9A C2                   KPL aggregate: each of its records is read like a record of its own
1F 8B; 28 B5 2F FD;           gzip; zstd; zlib: what is inside is read by this table again
a zlib header (RFC 1950)
0A 10 .. 12 08                Jaeger span: trace id of 16 bytes and span id of 8, where OTLP has only field 1
0A                            OTLP protobuf (field 1, a resource). 0A is a newline, too: JSON after one comes later
white space or BOM, { or [    JSON, told by its members: OTLP, CloudWatch metrics or logs, Zipkin v2
varint, then 0A               length-delimited OTLP requests, whose lengths add up to the record
22 00                         Prometheus remote-write 2.0 (field 4, the empty first symbol)
anything else                 raw deflate, whose content is read by this table again
============================  ==================================================================================

Nothing may be stripped before the form is known. An OTLP request begins with field 1, and has no other; the fields of
its first item tell the signal (``detect``).
"""

import re
from collections.abc import Callable

from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError, PermanentError, TooLargeError
from opsloop.telemetry.detect import detect_signal as detect_signal
from opsloop.telemetry.fault import (
    MALFORMED,
    TOO_LARGE,
    TRUNCATED,
    UNSUPPORTED_FORMAT,
    UnreadableError,
    kind_of,
)
from opsloop.telemetry.inflate import RAW_DEFLATE, framing_of, inflate, name_of_framing
from opsloop.telemetry.otlp_schema import SIGNALS, Signal
from opsloop.telemetry.reading import JSON_SHARE, Transcoded
from opsloop.telemetry.reading import Payload as Payload
from opsloop.telemetry.reading import Reading as Reading
from opsloop.telemetry.reading import Refusal as Refusal
from opsloop.telemetry.reading import fingerprint as fingerprint
from opsloop.telemetry.reading import partition_key as partition_key

UNKNOWN = "unknown"
MAX_GUESSED_BYTES = 1 << 20  # of what its first bytes do not name: a guess costs up to a second per megabyte
MAX_WRAPPINGS = 3  # compressions and aggregates around one another
MAX_BOMBS = 4  # parts of one record that inflate beyond the limit, or to much of nothing, before no more are inflated
_LARGE_BYTES = 1 << 20
_KPL_MAGIC = b"\xf3\x89\x9a\xc2"
_JSON = re.compile(rb"(?:\xef\xbb\xbf)?[\s\x1e]*[{\[]")
_JSON_AFTER_NEWLINE = re.compile(rb"\n\s*[{\[]")
_LENGTH = rb"[\x80-\xff]{0,4}[\x00-\x7f]"
_REMOTE_WRITE_1 = re.compile(rb"\n" + _LENGTH + rb"\n" + _LENGTH + rb"\n")  # a series, its first label, its name
_REMOTE_WRITE_2 = b"\x22\x00"


@dataclass(slots=True)
class _Room:
    """What may be spent on one record: bytes after inflation, of JSON, wrappings, and parts that are too large."""

    bytes_left: int
    json_bytes: int
    wrappings_left: int = MAX_WRAPPINGS
    bombs_left: int = MAX_BOMBS
    is_inside_aggregate: bool = False

    def inflate(self, data: bytes, framing: int, *, accept_unterminated: bool = True) -> bytes:
        """Return ``data`` inflated within what is left for the record."""
        if self.bombs_left <= 0:
            raise TooLargeError("other parts of the record were larger than it may be after inflation")
        try:
            plain = inflate(data, framing, max_bytes=self.bytes_left, accept_unterminated=accept_unterminated)
        except TooLargeError:
            self.bombs_left -= 1
            raise
        self.bytes_left -= len(plain)
        return plain


_Reader = Callable[[bytes, str, _Room], Reading]


def read_record(data: bytes, hint: str, *, max_bytes: int) -> Reading:
    """Return everything that a stream record holds; what cannot be read of it is refused, never raised.

    ``hint`` is the record's partition key: it is believed where its fingerprint is the payload's. ``max_bytes`` bounds
    all that the record inflates to. The protobuf bytes are not walked beyond the first items: what is wrong further on
    is for ``salvage``. Items that OTLP's data model forbids (``item.fault_of``) are not looked for, unlike over HTTP:
    that takes longer than counting them.
    """
    if data.startswith(b"\n"):  # almost every record
        try:
            return _read_otlp(data, hint)
        except InvalidInputError:
            pass  # the table says what else it may be
    try:
        return _read(data, hint, _Room(max_bytes, max_bytes // JSON_SHARE))
    except PermanentError as error:
        return Reading(UNKNOWN, (), (Refusal(data, str(error), kind_of(error)),))


def read_payload(data: bytes, hint: str, *, max_bytes: int) -> Payload:
    """Return the one request that a record holds.

    Raises ``InvalidInputError`` (``TooLargeError`` above ``max_bytes`` after inflation) with the reason if a part of
    it cannot be read, or if it holds none or several.
    """
    reading = read_record(data, hint, max_bytes=max_bytes)
    if reading.refused:
        worst = reading.refused[0]
        raise TooLargeError(worst.reason) if worst.kind == TOO_LARGE else UnreadableError(worst.reason, worst.kind)
    if len(reading.payloads) != 1:
        raise InvalidInputError(f"a record of {len(reading.payloads)} requests, where one is expected")
    return reading.payloads[0]


def _read(data: bytes, hint: str, room: _Room) -> Reading:
    """Return what ``data`` holds by the table; raise ``PermanentError`` with the first reader's reason."""
    first = _first_reader(data)
    try:
        return first(data, hint, room)
    except TooLargeError:
        raise
    except PermanentError as error:
        reason = error
    if first in _SURE or (getattr(reason, "kind", "") == UNSUPPORTED_FORMAT and first is not _raw_deflate):
        raise reason
    for reader in _OTHERS:
        if reader is not first and (len(data) <= MAX_GUESSED_BYTES or reader is _json_after_newline):
            try:
                return reader(data, hint, room)
            except TooLargeError:
                raise
            except PermanentError:
                continue  # the first reader's reason is told: its test fitted the first bytes
    raise reason


def _first_reader(data: bytes) -> _Reader:
    if data.startswith(_KPL_MAGIC):
        return _kpl
    if (framing := framing_of(data)) is not None:
        return _zlib if name_of_framing(framing) == "zlib" else _compressed
    if data.startswith(b"\n"):
        return _jaeger if _looks_like_jaeger(data) else _otlp
    if _JSON.match(data):
        return _json
    if data.startswith(_REMOTE_WRITE_2):
        return _remote_write_2
    return _delimited if _looks_delimited(data) else _raw_deflate


def _believed(hint: str, mark: int) -> Signal | None:
    signal, _, _ = hint.partition(":")
    if signal in SIGNALS and hint == partition_key(signal, mark):
        return signal
    return None


def _read_otlp(data: bytes, hint: str) -> Reading:
    if _looks_like_jaeger(data):
        raise InvalidInputError("not only field 1")
    mark = fingerprint(data)
    return Reading("otlp_protobuf", (Payload(_believed(hint, mark) or detect_signal(data), data, mark),))


def _otlp(data: bytes, hint: str, _: _Room) -> Reading:
    if not data:
        raise InvalidInputError("an empty record: no item tells whether these are traces, metrics or logs")
    if not data.startswith(b"\n"):
        raise InvalidInputError("an OTLP request begins with field 1")
    return _read_otlp(data, hint)


def _json(data: bytes, _: str, room: _Room) -> Reading:
    from opsloop.telemetry.json_record import read_json  # with the transcoder: collectors write protobuf

    return read_json(data, max_bytes=room.json_bytes)


def _json_after_newline(data: bytes, hint: str, room: _Room) -> Reading:
    if not _JSON_AFTER_NEWLINE.match(data) or data.rstrip()[-1:] not in (b"}", b"]"):
        raise InvalidInputError("not JSON")
    return _json(data, hint, room)


def _compressed(data: bytes, hint: str, room: _Room) -> Reading:
    framing = framing_of(data)
    if framing is None:
        raise InvalidInputError("no compression that its first bytes name")
    _wrap(room)
    plain = room.inflate(data, framing)
    if not plain:
        raise UnreadableError(f"{name_of_framing(framing)} body holds nothing", TRUNCATED)
    return _unwrapped(plain, hint, room)


def _zlib(data: bytes, hint: str, room: _Room) -> Reading:
    return _compressed(data, hint, room)  # a name of its own: two bytes may lie, where magic numbers do not


def _raw_deflate(data: bytes, hint: str, room: _Room) -> Reading:
    """Read a raw deflate stream, which nothing names: what it inflates to has to be readable, or it was none."""
    if not data:
        return _otlp(data, hint, room)
    beginning = f"no form that is known begins with {data[:4].hex(' ')}, at byte 0"
    _wrap(room)
    try:
        plain = room.inflate(data, RAW_DEFLATE)
        if not plain:
            raise InvalidInputError("deflate body holds nothing")
        inner = _unwrapped(plain, hint, room)
    except TooLargeError:
        raise
    except PermanentError as error:
        raise UnreadableError(f"{beginning}; as raw deflate: {error}", UNSUPPORTED_FORMAT) from None
    if not inner.payloads:
        raise UnreadableError(f"{beginning}; as raw deflate: nothing in it can be read", UNSUPPORTED_FORMAT)
    return inner


def _wrap(room: _Room) -> None:
    if not room.wrappings_left:
        raise UnreadableError(f"more than {MAX_WRAPPINGS} compressions around one another", UNSUPPORTED_FORMAT)


def _unwrapped(plain: bytes, hint: str, room: _Room) -> Reading:
    room.wrappings_left -= 1
    try:
        return _read(plain, hint, room)
    except PermanentError:
        room.bytes_left += len(plain)  # it is not kept: other parts of the record may have the room
        room.bombs_left -= len(plain) > _LARGE_BYTES
        raise
    finally:
        room.wrappings_left += 1


def _kpl(data: bytes, _: str, room: _Room) -> Reading:
    """Read each record of an aggregate on its own; one that cannot be read harms no other."""
    from opsloop.telemetry.formats import kpl  # old producers only

    if not data.startswith(_KPL_MAGIC):
        raise InvalidInputError("no KPL aggregate")
    if room.is_inside_aggregate:
        raise UnreadableError("a KPL aggregate inside another", UNSUPPORTED_FORMAT)
    payloads: list[Payload] = []
    refused: list[Refusal] = []
    room.is_inside_aggregate = True
    try:
        for number, one in enumerate(kpl.records(data)):
            try:
                inner = _read(one.data, one.partition_key, room)
            except PermanentError as error:
                refused.append(Refusal(one.data, f"record {number} of a KPL aggregate: {error}", kind_of(error)))
                continue
            payloads += inner.payloads
            refused += inner.refused
    finally:
        room.is_inside_aggregate = False
    return Reading("kpl", tuple(payloads), tuple(refused))


def _looks_delimited(data: bytes) -> bool:
    """Whether a varint of at most five bytes is followed by the first byte of a request."""
    for at in range(min(5, len(data))):
        if data[at] < 0x80:
            return data[at + 1 : at + 2] == b"\n"
    return False


def _delimited(data: bytes, hint: str, _: _Room) -> Reading:
    """Read length-delimited requests; it takes one that can be read to believe that they are."""
    from opsloop.telemetry.formats.delimited import frames  # CloudWatch only

    if not _looks_delimited(data):
        raise InvalidInputError("no length, with a request after it")
    places, fault = frames(data)
    payloads: list[Payload] = []
    refused: list[Refusal] = []
    for number, (at, end) in enumerate(places):
        request = data[at:end]
        try:
            payloads += _read_otlp(request, hint).payloads
        except UnreadableError:
            raise
        except InvalidInputError as error:
            refused.append(Refusal(request, f"request {number} of a record, at byte {at}: {error}", kind_of(error)))
    if fault is not None:
        rest = places[-1][1] if places else 0
        refused.append(Refusal(data[rest:], str(fault), TRUNCATED))
    if not payloads:
        raise UnreadableError(refused[0].reason if refused else "a record of empty requests", MALFORMED)
    return Reading("otlp_delimited", tuple(payloads), tuple(refused))


def _looks_like_jaeger(data: bytes) -> bool:
    return data[:2] == b"\n\x10" and data[18:20] == b"\x12\x08"


def _jaeger(data: bytes, _: str, __: _Room) -> Reading:
    if not _looks_like_jaeger(data):
        raise InvalidInputError("no Jaeger span")
    from opsloop.telemetry.formats.jaeger_protobuf import transcode

    return _transcoded("jaeger_protobuf", transcode(data), data)


def _remote_write_1(data: bytes, _: str, __: _Room) -> Reading:
    if not _REMOTE_WRITE_1.match(data):
        raise InvalidInputError("no remote-write 1.0 request")
    from opsloop.telemetry.formats.prometheus import transcode_1

    return _transcoded("prometheus_remote_write_1", transcode_1(data), data)


def _remote_write_2(data: bytes, _: str, __: _Room) -> Reading:
    from opsloop.telemetry.formats.prometheus import transcode_2

    return _transcoded("prometheus_remote_write_2", transcode_2(data), data)


def _snappy(data: bytes, _: str, room: _Room) -> Reading:
    """Read a body of Prometheus remote-write as it goes over the wire: one block of snappy."""
    from opsloop.telemetry.formats.snappy import decompress

    plain = decompress(data, max_bytes=room.bytes_left)
    return (_remote_write_2 if plain.startswith(_REMOTE_WRITE_2) else _remote_write_1)(plain, "", room)


def _transcoded(form: str, found: Transcoded, data: bytes) -> Reading:
    if not found.protobuf:
        raise InvalidInputError("nothing in it")
    return Reading(form, (Payload(found.signal, found.protobuf, fingerprint(data)),), found.refused)


# Forms that their first bytes name beyond doubt: when they cannot be read, nothing else could be.
_SURE: frozenset[_Reader] = frozenset({_kpl, _compressed})
# What is tried, in this order, when the first bytes promised a form that it was not.
_OTHERS: tuple[_Reader, ...] = (
    _json_after_newline,
    _otlp,
    _delimited,
    _jaeger,
    _remote_write_1,
    _raw_deflate,
    _snappy,
)
