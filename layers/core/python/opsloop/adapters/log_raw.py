"""The log requests of a batch in the log bucket: put by whoever commits the batch, read by ``log_keep``."""

from collections.abc import Iterable

from opsloop.adapters.aws_client import AwsError, ObjectClient
from opsloop.errors import DependencyUnavailableError, NotFoundError
from opsloop.log.names import raw_key
from opsloop.log.raw import RawRequest, pack, unpack

READ_TIMEOUT_S = 30.0


class RawLogs:
    """One object per item of a telemetry log that holds log records, named by its start and end."""

    def __init__(self, bucket: str) -> None:
        self._objects = ObjectClient(bucket, read_timeout_s=READ_TIMEOUT_S)

    def put(self, log: str, start: str, end: str, requests: Iterable[tuple[float, bytes]]) -> str:
        """Store the requests of the item of ``log`` from ``start`` to ``end``, before it is committed; return the key.

        A retry within the same bounds overwrites its own; one within others leaves an object that no item names, which
        expires.
        """
        key = raw_key(log, start, end)
        try:
            self._objects.put(key, pack(RawRequest(*one) for one in requests))
        except AwsError as error:
            raise DependencyUnavailableError(f"log bucket: cannot put {key}: {error}") from error
        return key

    def get(self, key: str) -> list[RawRequest]:
        """Return the requests under ``key``.

        Raises ``NotFoundError`` where there is no object, ``InvalidInputError`` where it is not what ``put`` wrote.
        """
        return unpack(self.body(key))

    def body(self, key: str) -> bytes:
        """Return the object under ``key`` as it is; raise ``NotFoundError`` where there is none."""
        try:
            return self._objects.get(key).body
        except AwsError as error:
            if error.status == 404:
                raise NotFoundError(f"log bucket: {key}: {error.code}") from error
            raise DependencyUnavailableError(f"log bucket: cannot get {key}: {error}") from error
