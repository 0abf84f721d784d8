"""The segment bucket: bodies too large for a table item, named by their SHA-256, so that writing twice is harmless.

Why: docs/adr/0010-named-by-content.md.
"""

from hashlib import sha256

from opsloop.adapters.aws_client import AwsError, ObjectClient
from opsloop.errors import DependencyUnavailableError


class SegmentStore:
    """Bodies by content. Implements ``opsloop.telemetry.model.BodyStore``."""

    def __init__(self, bucket: str) -> None:
        self._objects = ObjectClient(bucket)

    def put(self, body: bytes) -> str:
        """Store ``body`` and return its key."""
        key = sha256(body).hexdigest()
        try:
            self._objects.put(key, body)
        except AwsError as error:
            raise DependencyUnavailableError(f"segment bucket: cannot put {key}: {error}") from error
        return key

    def get(self, key: str) -> bytes:
        """Return the body of that key."""
        try:
            return self._objects.get(key).body
        except AwsError as error:
            raise DependencyUnavailableError(f"segment bucket: cannot get {key}: {error}") from error
