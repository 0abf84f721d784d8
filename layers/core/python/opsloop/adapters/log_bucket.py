"""The log bucket: documents by service and hour, and bodies that are too large for the log table."""

from hashlib import sha256

from opsloop.adapters.aws_client import AwsError, ObjectClient
from opsloop.errors import DependencyUnavailableError, NotFoundError

READ_TIMEOUT_S = 30.0
_SINCE = "since"
_MISSING = "NoSuchKey"
_COLD = "InvalidObjectState"


class LogBucket:
    """Objects of logs by key. Implements ``opsloop.log.model.BodyStore``."""

    def __init__(self, bucket: str) -> None:
        self._objects = ObjectClient(bucket, read_timeout_s=READ_TIMEOUT_S)

    def put(self, key: str, body: bytes, *, since_s: int = 0) -> None:
        """Store ``body`` under ``key``; ``since_s`` (epoch) is since when its records wait to be searchable."""
        try:
            self._objects.put(key, body, metadata={_SINCE: str(since_s)} if since_s else {})
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

    def since_s(self, key: str) -> int:
        """Return since when the records of an object wait, as ``put`` was told; 0 if it was not, or there is none."""
        try:
            text = self._objects.head(key).headers.get(f"x-amz-meta-{_SINCE}", "0")
        except AwsError as error:
            if error.status == 404:
                return 0
            raise DependencyUnavailableError(f"log bucket: cannot look at {key}: {error}") from error
        return int(text) if text.isdigit() else 0

    def delete(self, key: str) -> None:
        """Delete the object under ``key``; nothing happens if there is none."""
        try:
            self._objects.delete(key)
        except AwsError as error:
            raise DependencyUnavailableError(f"log bucket: cannot delete {key}: {error}") from error
