"""The quarantine bucket: input that cannot be used, whole, with the reason.

The key is ``<source>/<date>/<SHA-256>``: the same bytes on the same day are one object. The reason and the facts lie in
the object's metadata, so that the body can be sent again as it is (docs/adr/0010-named-by-content.md).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256

from opsloop.adapters.aws_client import AwsError, ObjectClient
from opsloop.adapters.aws_sigv4 import percent_encoded
from opsloop.errors import DependencyUnavailableError

_READ_TIMEOUT_S = 10.0
_READABLE = b" !#$&'()*+,/:;=?@[]"  # left as they are in metadata
_MAX_REASON, _MAX_FACT = 1_000, 150  # S3 keeps 2 KB of metadata per object


class Quarantine:
    """Where unusable input is kept."""

    def __init__(self, bucket: str) -> None:
        self._objects = ObjectClient(bucket, read_timeout_s=_READ_TIMEOUT_S)

    def put(
        self,
        source: str,
        body: bytes,
        *,
        reason: str,
        now: datetime,
        content_type: str = "application/octet-stream",
        facts: Mapping[str, str] | None = None,
    ) -> str:
        """Store ``body``, which ``source`` (such as ``telemetry_receive``) could not use; return its key.

        ``now`` is when it arrived; ``reason`` and ``facts`` are kept percent-encoded: metadata are ASCII.
        Raises ``DependencyUnavailableError``.
        """
        key = f"{source}/{now:%Y-%m-%d}/{sha256(body).hexdigest()}"
        metadata = {name: percent_encoded(value, also=_READABLE)[:_MAX_FACT] for name, value in (facts or {}).items()}
        metadata["arrived-at"] = now.astimezone(UTC).isoformat()
        metadata["reason"] = percent_encoded(reason, also=_READABLE)[:_MAX_REASON]
        try:
            self._objects.put(key, body, content_type=content_type, metadata=metadata)
        except AwsError as error:
            raise DependencyUnavailableError("quarantine bucket does not answer") from error
        return key
