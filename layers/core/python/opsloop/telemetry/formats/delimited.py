"""Length-delimited messages: an unsigned varint of 32 bits before each, as CloudWatch Metric Streams write OTLP.

Source: Amazon CloudWatch user guide, "Metric stream output in OpenTelemetry 1.0.0 format".
"""

from opsloop.errors import TooLargeError
from opsloop.telemetry.fault import MALFORMED, TRUNCATED, UnreadableError
from opsloop.telemetry.wire import WireError, read_varint

MAX_MESSAGES = 10_000  # of a record; CloudWatch packs tens
_MAX_LENGTH = 2**32 - 1
_FIRST_OF_REQUEST = 0x0A


def frames(data: bytes) -> tuple[list[tuple[int, int]], UnreadableError | None]:
    """Return where the requests in ``data`` lie, and the fault of a last one that is cut off.

    Every request starts with field 1, so the byte after each length must say so. Empty requests are left out.
    Raises ``UnreadableError`` if this is not a sequence of requests, ``TooLargeError`` above ``MAX_MESSAGES``.
    """
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(data):
        start = at
        try:
            size, at = read_varint(data, at, len(data))
        except WireError as error:
            return found, _cut_off(f"{error}", found)
        if size > _MAX_LENGTH or (size and at < len(data) and data[at] != _FIRST_OF_REQUEST):
            raise UnreadableError(f"not a request after a length, at byte {start}", MALFORMED)
        if at + size > len(data):
            reason = f"a request of {size} bytes is cut off after {len(data) - at}, at byte {start}"
            return found, _cut_off(reason, found)
        if size:
            found.append((at, at + size))
        if len(found) > MAX_MESSAGES:
            raise TooLargeError(f"record holds more than {MAX_MESSAGES} requests, at byte {start}")
        at += size
    return found, None


def _cut_off(reason: str, found: list[tuple[int, int]]) -> UnreadableError:
    error = UnreadableError(reason, TRUNCATED)
    if not found:
        raise error
    return error
