"""Bytes of any form that we read -> stream records, each with its origin, and what has to be set aside."""

from collections.abc import Iterator

from opsloop.dataclass import dataclass, field
from opsloop.errors import PermanentError
from opsloop.telemetry.fault import INVALID_ITEM, TOO_LARGE, UNEXPECTED, kind_of
from opsloop.telemetry.payload import read_record
from opsloop.telemetry.reading import Payload, Reading, Refusal
from opsloop.telemetry.record import Record, ship
from opsloop.telemetry.salvage import salvage
from opsloop.telemetry.wire import validate


@dataclass
class Intake:
    """What was taken in: records for the stream, how many items they hold, and what is refused of it."""

    records: list[Record] = field(default_factory=list)
    items: int = 0
    refused: list[Refusal] = field(default_factory=list)
    forms: set[str] = field(default_factory=set)


def take_in(data: bytes, intake: Intake, origins: Iterator[bytes], *, max_bytes: int, part_bytes: int) -> int:
    """Add what ``data`` holds to ``intake``; return how many bytes of requests that was.

    ``origins`` names each request (see ``record.mark_origin``). ``max_bytes`` bounds ``data`` after inflation,
    ``part_bytes`` a record.
    """
    try:
        reading = read_record(data, "", max_bytes=max_bytes)
    except Exception as error:  # noqa: BLE001 - the boundary to strangers' bytes, which are kept whole
        reading = Reading("unknown", (), (Refusal(data, f"unexpected {type(error).__name__}: {error}", UNEXPECTED),))
    intake.forms.add(reading.form)
    intake.refused += reading.refused
    total = 0
    for payload, origin in zip(reading.payloads, origins, strict=False):  # there is no end of origins
        total += len(payload.protobuf)
        try:
            _ship(payload, intake, origin, part_bytes)
        except PermanentError as error:  # such as more items than one request may have
            intake.refused.append(Refusal(payload.protobuf, str(error), kind_of(error)))
    return total


def sound(payload: Payload) -> tuple[bytes, tuple[Refusal, ...]]:
    """Return the part of a request that is valid, and what had to be refused of it."""
    try:
        validate(payload.protobuf, payload.signal)
    except PermanentError:
        return salvage(payload.protobuf, payload.signal)
    return payload.protobuf, ()


def _ship(payload: Payload, intake: Intake, origin: bytes, part_bytes: int) -> None:
    good, refused = sound(payload)
    shipment = ship(good, payload.signal, part_bytes, origin=origin)
    intake.refused += refused
    intake.records += shipment.records
    intake.items += shipment.items
    reason = "; ".join(shipment.reasons)
    for part in shipment.refused:
        intake.refused.append(Refusal(part.protobuf, reason, TOO_LARGE if part.is_oversize else INVALID_ITEM))
