"""JSON of any form that we read: one object, an array, or several objects with or without newlines between them.

Told apart by the members of each object: OTLP/JSON (``resourceSpans`` ...), CloudWatch Metric Streams
(``metric_stream_name``), CloudWatch Logs subscriptions (``messageType``), Zipkin v2 (``traceId`` and ``id``).
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError, TooLargeError
from opsloop.telemetry.fault import MALFORMED, UNSUPPORTED_FORMAT, UnreadableError
from opsloop.telemetry.otlp_json import JsonError, check_parts, encode, json_fault, signal_of
from opsloop.telemetry.otlp_schema import REQUESTS
from opsloop.telemetry.reading import Payload, Reading, Refusal, Transcoded, fingerprint

OTLP, CLOUDWATCH_METRICS, CLOUDWATCH_LOGS, ZIPKIN = (
    "otlp_json",
    "cloudwatch_metrics_json",
    "cloudwatch_logs",
    "zipkin_json",
)
MAX_DOCUMENTS = 100_000  # of a record; a metric stream's record has hundreds
_BYTES_PER_PART = 25  # fewer per object or array have bombs; real telemetry has 32 and more
_FEW_PARTS = 1_000
MAX_BROKEN = 1_000  # pieces that are refused one by one
_SPACE = re.compile(r"[\s,\x00\x1e]*")  # between documents; 1E is the separator of JSON text sequences (RFC 7464)
_OTLP_MEMBERS = frozenset(name for message in REQUESTS.values() for name in message.by_json_name)


@dataclass(frozen=True, slots=True)
class _Piece:
    """One document, and the text that it was."""

    document: Any
    text: str


def read_json(plain: bytes, *, max_bytes: int) -> Reading:
    """Return what a JSON record holds; a faulty document or item of it is refused alone.

    Raises ``InvalidInputError`` if it is no JSON at all or of no form that is known, ``TooLargeError`` above
    ``max_bytes``, or if it has more parts than that much telemetry has.
    """
    if len(plain) > max_bytes:
        raise TooLargeError(f"JSON of {len(plain)} bytes, more than {max_bytes}: send smaller batches, or protobuf")
    check_parts(plain, max(max_bytes // _BYTES_PER_PART, _FEW_PARTS))
    try:
        text = plain.decode("utf-8-sig")
        document = json.loads(text)
    except json.JSONDecodeError as error:
        pieces, refused = _pieces(error.doc)
        if not pieces or (len(pieces) == 1 and not refused):
            raise json_fault(error) from None
        return _read_pieces(pieces, refused)
    except (ValueError, RecursionError) as error:
        raise json_fault(error) from None
    form = _form_of(document)
    payloads, faults = _READERS[form]([_Piece(document, "")], plain)
    return Reading(form, payloads, faults)


def _pieces(text: str) -> tuple[list[_Piece], list[Refusal]]:
    """Return the documents of a text one after the other; what cannot be read up to the end of its line is refused."""
    decoder = json.JSONDecoder()
    pieces: list[_Piece] = []
    refused: list[Refusal] = []
    at = 0
    while at < len(text) and (at := _end_of_space(text, at)) < len(text):
        try:
            document, end = decoder.raw_decode(text, at)
            pieces.append(_Piece(document, text[at:end]))
        except (ValueError, RecursionError) as error:
            newline = text.find("\n", at)
            end = newline if newline >= 0 and len(refused) < MAX_BROKEN else len(text)
            refused.append(Refusal(_bytes(text[at:end]), json_fault(error).message, MALFORMED))
        if len(pieces) > MAX_DOCUMENTS:
            raise TooLargeError(f"record holds more than {MAX_DOCUMENTS} JSON documents")
        at = end
    return pieces, refused


def _end_of_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _read_pieces(pieces: Sequence[_Piece], refused: list[Refusal]) -> Reading:
    """Return what several documents hold: neighbours of one form are read together."""
    payloads: list[Payload] = []
    form = ""
    for kind, group in _groups(pieces, refused):
        found, faults = _READERS[kind](group, _bytes("\n".join(piece.text for piece in group)))
        payloads += found
        refused += faults
        form = form or kind
    if not form:
        raise UnreadableError(refused[0].reason, refused[0].kind)
    return Reading(form, tuple(payloads), tuple(refused))


def _groups(pieces: Sequence[_Piece], refused: list[Refusal]) -> Iterator[tuple[str, list[_Piece]]]:
    group: list[_Piece] = []
    kind = ""
    for piece in pieces:
        try:
            form = _form_of(piece.document)
        except InvalidInputError as error:
            refused.append(Refusal(_bytes(piece.text), error.message, UNSUPPORTED_FORMAT))
            continue
        if group and form != kind:
            yield kind, group
            group = []
        kind = form
        group.append(piece)
    if group:
        yield kind, group


def _form_of(document: Any) -> str:
    """Return the form of one document, told by its members."""
    if isinstance(document, list):
        if document and all(isinstance(one, dict) and "traceId" in one and "id" in one for one in document):
            return ZIPKIN
        raise UnreadableError("a JSON array that does not hold Zipkin spans", UNSUPPORTED_FORMAT)
    if not isinstance(document, dict):
        raise UnreadableError("JSON that is neither an object nor an array", UNSUPPORTED_FORMAT)
    if not _OTLP_MEMBERS.isdisjoint(document):
        return OTLP
    if "metric_stream_name" in document or {"namespace", "metric_name", "value"} <= document.keys():
        return CLOUDWATCH_METRICS
    if "messageType" in document and {"logGroup", "logEvents"} & document.keys():
        return CLOUDWATCH_LOGS
    if "traceId" in document and "id" in document:
        return ZIPKIN
    names = ", ".join(sorted(document)[:5]) or "no members"
    raise UnreadableError(
        "expected resourceSpans, resourceMetrics or resourceLogs, or the members of a CloudWatch or Zipkin record; "
        f"got {names[:100]}",
        UNSUPPORTED_FORMAT,
    )


_Found = tuple[tuple[Payload, ...], tuple[Refusal, ...]]


def _otlp(pieces: Sequence[_Piece], plain: bytes) -> _Found:
    payloads: list[Payload] = []
    refused: list[Refusal] = []
    for piece in pieces:
        data = plain if len(pieces) == 1 else _bytes(piece.text)
        signals = [signal for signal in REQUESTS if not REQUESTS[signal].by_json_name.keys().isdisjoint(piece.document)]
        if len(signals) > 1:
            reason = f"one object holds both {signals[0]} and {signals[1]}"
            refused.append(Refusal(data, reason, MALFORMED))
            continue
        signal = signal_of(piece.document)
        try:
            found = Transcoded(signal, encode(piece.document, signal))
        except JsonError:
            from opsloop.telemetry.otlp_json_parts import encode_good_part  # only for what is broken

            found = encode_good_part(piece.document, signal)
        if not found.refused or found.protobuf:
            payloads.append(Payload(signal, found.protobuf, fingerprint(data)))
        refused += found.refused
    return tuple(payloads), tuple(refused)


def _transcoded(found: Transcoded, plain: bytes) -> _Found:
    payloads = (Payload(found.signal, found.protobuf, fingerprint(plain)),) if found.protobuf else ()
    return payloads, found.refused


# The foreign forms are imported when the first record of them comes: a cold start that meets none pays for none.
def _cloudwatch_metrics(pieces: Sequence[_Piece], plain: bytes) -> _Found:
    from opsloop.telemetry.formats.cloudwatch_metrics_json import transcode

    return _transcoded(transcode([piece.document for piece in pieces]), plain)


def _cloudwatch_logs(pieces: Sequence[_Piece], plain: bytes) -> _Found:
    from opsloop.telemetry.formats.cloudwatch_logs import transcode

    return _transcoded(transcode([piece.document for piece in pieces]), plain)


def _zipkin(pieces: Sequence[_Piece], plain: bytes) -> _Found:
    from opsloop.telemetry.formats.zipkin_json import transcode

    spans = [
        span for piece in pieces for span in (piece.document if isinstance(piece.document, list) else [piece.document])
    ]
    return _transcoded(transcode(spans), plain)


_READERS: dict[str, Callable[[Sequence[_Piece], bytes], _Found]] = {
    OTLP: _otlp,
    CLOUDWATCH_METRICS: _cloudwatch_metrics,
    CLOUDWATCH_LOGS: _cloudwatch_logs,
    ZIPKIN: _zipkin,
}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
