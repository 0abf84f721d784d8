"""The log bucket: documents by service and hour, and bodies that are too large for the log table."""

from hashlib import sha256

from opsloop.adapters.aws_client import AwsError, ObjectClient
from opsloop.errors import DependencyUnavailableError, NotFoundError

READ_TIMEOUT_S = 30.0
_MISSING = "NoSuchKey"
_COLD = "InvalidObjectState"


class LogBucket:
    """Objects of logs by key. Implements ``opsloop.log.model.BodyStore``."""

    def __init__(self, bucket: str) -> None:
        self._objects = ObjectClient(bucket, read_timeout_s=READ_TIMEOUT_S)

    def put(self, key: str, body: bytes) -> None:
        """Store ``body`` under ``key``."""
        try:
            self._objects.put(key, body)
        except AwsError as error:
            raise DependencyUnavailableError(f"log bucket: cannot put {key}: {error}") from error

    def put_body(self, folder: str, body: bytes) -> str:
        """Store ``body`` under ``folder`` and return its key, which follows from its content."""
        key = f"{folder}{sha256(body).hexdigest()}"
        self.put(key, body)
        return key

    def get(self, key: str) -> bytes:
        """Return the object under ``key``.

        Raises ``NotFoundError`` where there is none or it has gone cold, ``DependencyUnavailableError``.
        """
        try:
            return self._objects.get(key).body
        except AwsError as error:
            if error.code in (_MISSING, _COLD):
                raise NotFoundError(f"log bucket: {key}: {error.code}") from error
            raise DependencyUnavailableError(f"log bucket: cannot get {key}: {error}") from error

    def delete(self, key: str) -> None:
        """Delete the object under ``key``; nothing happens if there is none."""
        try:
            self._objects.delete(key)
        except AwsError as error:
            raise DependencyUnavailableError(f"log bucket: cannot delete {key}: {error}") from error
