"""The import bucket: what others put there to be counted. It is only read."""

from opsloop.adapters.aws_client import AwsError, ObjectClient
from opsloop.errors import DependencyUnavailableError, NotFoundError

READ_TIMEOUT_S = 30.0
_MISSING = {"NoSuchKey", "NoSuchVersion"}


class ImportBucket:
    """Objects by key and version."""

    def __init__(self, bucket: str) -> None:
        self.name = bucket
        self._client = ObjectClient(bucket, read_timeout_s=READ_TIMEOUT_S)

    def read(self, key: str, version: str) -> tuple[bytes, str]:
        """Return an object, the last version where ``version`` is empty, and which version that is.

        Raises ``NotFoundError``, ``DependencyUnavailableError``.
        """
        try:
            answer = self._client.get(key, version=version)
        except AwsError as error:
            if error.code in _MISSING:
                raise NotFoundError(f"import bucket: no object {key} {version}".rstrip()) from error
            raise DependencyUnavailableError(f"import bucket: {key} cannot be read: {error}") from error
        found = answer.headers.get("x-amz-version-id") or answer.headers.get("etag", "").strip('"')
        return answer.body, version or found
