"""Prometheus remote-write over HTTP, 1.0 and 2.0: bodies in, answers out, as the specifications have them.

Prometheus sends again after 5xx alone: whatever is to come back is answered 503, not 429. After 400 it drops what was
refused, which is therefore set aside here.
Sources: prometheus.io/docs/specs/prw/remote_write_spec and remote_write_spec_2_0.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from opsloop.errors import DependencyUnavailableError, OpsloopError, ThrottledError, UnsupportedMediaError

if TYPE_CHECKING:
    from opsloop.telemetry.formats.prometheus import Written

MEDIA = "application/x-protobuf"
MESSAGES = {"prometheus.WriteRequest": 1, "io.prometheus.write.v2.Request": 2}
ENCODING = "snappy"
_WRITTEN = "x-prometheus-remote-write-{}-written"


class UnsupportedWriteError(UnsupportedMediaError):
    """A media type, message or encoding that remote-write does not have."""


def version_of(content_type: str) -> int:
    """Return the version, 1 or 2, that a content type names; without any it is 1, as old senders have it.

    Raises ``UnsupportedWriteError``, after which Prometheus may be told to send the other.
    """
    media, *parameters = (part.strip() for part in content_type.split(";"))
    if media.lower() not in ("", MEDIA):
        raise UnsupportedWriteError(f"content type {media!r}: send {MEDIA}")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "proto":
            message = value.strip(' "')
            if message not in MESSAGES:
                raise UnsupportedWriteError(f"message {message!r}: send {' or '.join(MESSAGES)}")
            return MESSAGES[message]
    return 1


def read_write(body: bytes, headers: Mapping[str, str], *, max_bytes: int) -> "Written":
    """Return the metrics of a write request, inflated to ``max_bytes`` at most.

    Raises ``UnsupportedWriteError``, ``TooLargeError`` or ``InvalidInputError``.
    """
    from opsloop.telemetry.formats.prometheus import transcode_1, transcode_2  # only where Prometheus sends
    from opsloop.telemetry.formats.snappy import decompress

    version = version_of(headers.get("content-type", ""))
    encoding = headers.get("content-encoding", "").strip().lower() or ENCODING
    if encoding != ENCODING:
        raise UnsupportedWriteError(f"content encoding {encoding!r}: send {ENCODING}")
    plain = decompress(body, max_bytes=max_bytes)
    return transcode_1(plain) if version == 1 else transcode_2(plain)


def written_headers(written: "Written | None") -> dict[str, str]:
    """Return the headers that say how much was taken in: of 2.0 they are a duty, whatever the status."""
    counts = (written.samples, written.histograms, written.exemplars) if written else (0, 0, 0)
    names = ("samples", "histograms", "exemplars")
    return {_WRITTEN.format(name): str(count) for name, count in zip(names, counts, strict=True)}


def retryable(error: OpsloopError) -> OpsloopError:
    """Return ``error`` as one that Prometheus sends again after, if it is to be sent again."""
    if isinstance(error, ThrottledError):
        return DependencyUnavailableError(error.message, retry_after_s=error.retry_after_s)
    return error
