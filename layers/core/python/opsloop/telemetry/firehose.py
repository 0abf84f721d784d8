"""Amazon Data Firehose's HTTP delivery, protocol 1.0: requests in, answers out, as its contract has them.

Source: docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html. Only a status of 200 is a success.
Everything else is sent again and lastly goes to Firehose's own backup bucket, but for 413: that drops the data, backup
and all, so it is never answered here.
"""

import json
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError, OpsloopError, TooLargeError
from opsloop.telemetry.fault import MALFORMED, TOO_LARGE
from opsloop.telemetry.intake import Intake, take_in
from opsloop.telemetry.otlp_http import inflate_text
from opsloop.telemetry.reading import Refusal

PROTOCOL = "1.0"
MAX_MESSAGE = 8_192  # characters of an error message
ORIGIN_BYTES = 16
JSON = "application/json"
NO_REQUEST = "unknown"  # stands for the id of a request that has none


@dataclass(frozen=True)
class Delivery:
    """One delivery: the same ``request_id`` however often it is tried. A record is text that should be base64."""

    request_id: str
    records: tuple[str, ...]
    attributes: Mapping[str, str]


def request_id_of(headers: Mapping[str, str]) -> str:
    """Return the id to echo in an answer."""
    return headers.get("x-amz-firehose-request-id", "") or NO_REQUEST


def read_delivery(body: bytes, headers: Mapping[str, str], *, max_bytes: int, is_text: bool = False) -> Delivery:
    """Return what a request delivers. ``max_bytes`` bounds it after inflation; see ``otlp_http`` for ``is_text``.

    Raises ``InvalidInputError`` (``TooLargeError``, ``UnsupportedMediaError``) for what is not a Firehose delivery.
    """
    version = headers.get("x-amz-firehose-protocol-version", "")
    if version != PROTOCOL:
        raise InvalidInputError(f"X-Amz-Firehose-Protocol-Version: {version or 'none'!r} is not {PROTOCOL}")
    plain = inflate_text(body, headers.get("content-encoding", ""), max_bytes=max_bytes, is_text=is_text)
    try:
        document = json.loads(plain)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"body: not JSON: {error}") from None
    if not isinstance(document, dict):
        raise InvalidInputError("body: expected a JSON object")
    request_id, records = document.get("requestId"), document.get("records")
    if not isinstance(request_id, str) or not request_id:
        raise InvalidInputError("requestId: expected the id of the request")
    if request_id != headers.get("x-amz-firehose-request-id"):
        raise InvalidInputError(f"requestId: {request_id!r} is not that of X-Amz-Firehose-Request-Id")
    if not isinstance(records, list) or not all(_is_record(record) for record in records):
        raise InvalidInputError('records: expected a list of {"data": "<base64>"}')
    texts = tuple(record["data"] for record in records)
    return Delivery(request_id, texts, _attributes(headers.get("x-amz-firehose-common-attributes", "")))


def unpack(delivery: Delivery, *, max_bytes: int, max_record_bytes: int) -> Intake:
    """Return the stream records of a delivery, and what of it cannot be used; ``max_bytes`` bounds all that it holds.

    The records are marked with the request's id, so that a delivery tried again gives the same records, and two
    deliveries of the same content do not.
    """
    intake, left = Intake(), max_bytes
    for number, text in enumerate(delivery.records):
        try:
            data = a2b_base64(text.encode("ascii"), strict_mode=True)
        except (Base64Error, ValueError):
            refused = Refusal(text.encode("utf-8", "replace"), f"records[{number}]: not base64", MALFORMED)
            intake.refused.append(refused)
            continue
        if left <= 0:
            reason = f"records[{number}]: the delivery holds more than {max_bytes} bytes after inflation"
            intake.refused.append(Refusal(data, reason, TOO_LARGE))
            continue
        origins = _origins(delivery.request_id, number)
        left -= take_in(data, intake, origins, max_bytes=left, part_bytes=max_record_bytes)
    return intake


def success(request_id: str, now_ms: int) -> bytes:
    """Return the body that tells Firehose that a delivery is in our hands."""
    return _answer({"requestId": request_id, "timestamp": now_ms})


def failure(request_id: str, now_ms: int, error: OpsloopError) -> tuple[int, bytes]:
    """Return the status and the body that tell Firehose to try again, and why."""
    status = InvalidInputError.status if isinstance(error, TooLargeError) else error.status
    message = error.message[:MAX_MESSAGE]
    return status, _answer({"requestId": request_id, "timestamp": now_ms, "errorMessage": message})


def _origins(request_id: str, number: int) -> Iterator[bytes]:
    """Yield the origin of each request in the record ``number``."""
    place = 0
    while True:
        yield blake2b(json.dumps([request_id, number, place]).encode(), digest_size=ORIGIN_BYTES).digest()
        place += 1


def _is_record(record: Any) -> bool:
    return isinstance(record, dict) and isinstance(record.get("data"), str)


def _attributes(text: str) -> dict[str, str]:
    """Return the common attributes; none where the header is not what it should be, which is no reason to refuse."""
    try:
        document = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    found = document.get("commonAttributes") if isinstance(document, dict) else None
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _answer(document: dict[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
