"""What stands around records in a file: an event from Kinesis or API Gateway, a delivery of Firehose's, or nothing.

Also which compression a record has. Whoever takes records off a stream has no need of this; it is for files.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError
from opsloop.telemetry.fault import MALFORMED
from opsloop.telemetry.inflate import RAW_DEFLATE, framing_of, inflate, name_of_framing
from opsloop.telemetry.payload import Reading, Refusal, read_record

KINESIS, FIREHOSE, HTTP = "kinesis_event", "firehose_delivery", "http_event"
NONE, MIXED = "none", "mixed"


@dataclass(frozen=True)
class Container:
    """Records with their partition keys, empty where there are none; ``form`` is empty for a record as it is."""

    form: str
    compression: str
    records: tuple[tuple[bytes, str], ...]
    refused: tuple[Refusal, ...] = ()


def unwrap(data: bytes, *, max_bytes: int) -> Container:
    """Return the records that a file holds: itself, unless it is JSON that says otherwise. Bad data do not raise."""
    framing = framing_of(data)
    try:
        plain = data if framing is None else inflate(data, framing, max_bytes=max_bytes, accept_unterminated=True)
        document = json.loads(plain) if plain.lstrip()[:1] == b"{" else None
    except (InvalidInputError, ValueError, RecursionError):  # whoever reads the record says what is wrong with it
        document = None
    form, entries = _entries(document)
    if not form:
        return Container("", NONE, ((data, ""),))
    records: list[tuple[bytes, str]] = []
    refused: list[Refusal] = []
    for place, (text, key) in enumerate(entries):
        try:
            records.append((base64.b64decode(text, validate=True), key))
        except (binascii.Error, ValueError):
            refused.append(Refusal(text.encode("utf-8", "replace"), f"record {place}: not base64", MALFORMED))
    return Container(form, NONE if framing is None else name_of_framing(framing), tuple(records), tuple(refused))


def compression_of(data: bytes, reading: Reading, *, max_bytes: int) -> str:
    """Return the name of the compression of a record, which was read as ``reading``."""
    framing = framing_of(data)
    if framing is not None:
        return name_of_framing(framing)
    if reading.form.startswith("prometheus_remote_write"):
        return "snappy"  # the specification knows no other: https://prometheus.io/docs/specs/prw/remote_write_spec/
    try:  # bare deflate names itself nowhere: it is one if what it inflates to holds the same requests
        plain = inflate(data, RAW_DEFLATE, max_bytes=max_bytes, accept_unterminated=True)
    except InvalidInputError:
        return NONE
    is_same = bool(reading.payloads) and read_record(plain, "", max_bytes=max_bytes).payloads == reading.payloads
    return "deflate" if is_same else NONE


def one_of(names: Sequence[str]) -> str:
    """Return the name if all are the same, else that they are mixed; none of nothing."""
    distinct = sorted(set(names))
    return (distinct[0] if len(distinct) == 1 else MIXED) if distinct else NONE


def _entries(document: Any) -> tuple[str, list[tuple[str, str]]]:
    """Return the container's name, and per record its base64 text and partition key; nothing for what is none."""
    if not isinstance(document, dict):
        return "", []
    body = document.get("body")
    if isinstance(body, str) and "isBase64Encoded" in document:
        is_base64 = document["isBase64Encoded"]
        return HTTP, [(body if is_base64 else base64.b64encode(body.encode("utf-8", "replace")).decode(), "")]
    for form, member, part in ((KINESIS, "Records", "kinesis"), (FIREHOSE, "records", "")):
        found = document.get(member)
        if not isinstance(found, list) or (form == FIREHOSE and "requestId" not in document):
            continue
        bodies = [one.get(part) if part and isinstance(one, dict) else one for one in found]
        entries = [one for one in bodies if isinstance(one, dict) and isinstance(one.get("data"), str)]
        if len(entries) == len(found):
            return form, [(one["data"], str(one.get("partitionKey", ""))) for one in entries]
    return "", []
