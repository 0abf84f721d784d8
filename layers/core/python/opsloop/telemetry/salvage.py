"""A request with a fault in it -> its good part, and what has to be refused."""

from opsloop.errors import PermanentError
from opsloop.telemetry.fault import MALFORMED, kind_of
from opsloop.telemetry.otlp_schema import Signal
from opsloop.telemetry.payload import Refusal
from opsloop.telemetry.wire import validate


def salvage(request: bytes, signal: Signal) -> tuple[bytes, tuple[Refusal, ...]]:
    """Return the good part of a protobuf request that did not parse, and what is refused of it, with reasons.

    The good part is a valid request, empty if nothing can be saved; a refused part keeps its bytes as they came.
    """
    try:
        validate(request, signal)
    except PermanentError as error:
        return b"", (Refusal(request, str(error), kind_of(error)),)
    reason = f"not a {signal} request: a message breaks off, or holds groups or too many fields"
    return b"", (Refusal(request, reason, MALFORMED),)
