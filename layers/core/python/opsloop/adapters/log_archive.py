"""The objects of log documents where some may have gone cold: read as far as they can be, looked at, and asked back."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from opsloop.adapters.aws_client import AwsError, ObjectClient
from opsloop.errors import DependencyUnavailableError
from opsloop.log.restore import Fate
from opsloop.log.trace import COLD, MISSING, READ_AT_ONCE, Reading

READ_TIMEOUT_S = 20.0
GLACIERS = ("GLACIER", "DEEP_ARCHIVE")
_COLD = "InvalidObjectState"
_NOT_ARCHIVED = "ObjectAlreadyInActiveTierError"
_UNDER_WAY = "RestoreAlreadyInProgress"
_NOT_FOUND = 404


class LogArchive:
    """Objects of the log bucket. Implements ``Archive`` of ``opsloop.log.trace``, ``Glacier`` of ``.restore``."""

    def __init__(self, bucket: str) -> None:
        self._objects = ObjectClient(bucket, read_timeout_s=READ_TIMEOUT_S)

    def read(self, keys: Sequence[str]) -> list[Reading]:
        """Return what comes of reading each of ``keys``, in their order, at once."""
        with ThreadPoolExecutor(READ_AT_ONCE) as pool:
            return list(pool.map(self._read, keys))

    def ask(self, key: str, *, tier: str, days: int) -> Fate:
        """Ask S3 to fetch an object for ``days``; return ``HERE`` of one that never left."""
        try:
            self._objects.restore(key, tier=tier.capitalize(), days=days)
        except AwsError as error:
            if error.code == _UNDER_WAY:
                return Fate.FETCHED
            if error.code in (_COLD, _NOT_ARCHIVED):  # both are said of a class that is not restored
                return Fate.HERE
            if error.status == _NOT_FOUND:
                return Fate.MISSING
            raise DependencyUnavailableError(f"log bucket: cannot restore {key}: {error}") from error
        return Fate.FETCHED

    def fate(self, key: str) -> Fate:
        """Return where an object is: ``HERE`` if it can be read, ``FETCHED`` while S3 is at it."""
        headers = self._head(key)
        if headers is None:
            return Fate.MISSING
        if headers.get("x-amz-storage-class", "") not in GLACIERS:
            return Fate.HERE
        restored = headers.get("x-amz-restore", "")
        if 'ongoing-request="true"' in restored:
            return Fate.FETCHED
        return Fate.HERE if 'ongoing-request="false"' in restored else Fate.COLD

    def cold(self, prefix: str) -> dict[str, tuple[int, str]]:
        """Return size (bytes) and storage class of the objects under ``prefix`` that have gone cold, by key."""
        from xml.etree import ElementTree  # 6 ms that only a restore needs

        found: dict[str, tuple[int, str]] = {}
        token: dict[str, str] = {}
        while True:
            try:
                page = ElementTree.fromstring(self._objects.listing(prefix=prefix, **token))  # noqa: S314 - S3's own
            except AwsError as error:
                raise DependencyUnavailableError(f"log bucket: cannot list {prefix}: {error}") from error
            for item in page.findall("{*}Contents"):
                kind = item.findtext("{*}StorageClass") or ""
                if kind in GLACIERS:
                    found[item.findtext("{*}Key") or ""] = int(item.findtext("{*}Size") or 0), kind
            following = page.findtext("{*}NextContinuationToken")
            if not following:
                return found
            token = {"continuation-token": following}

    def _read(self, key: str) -> Reading:
        try:
            return Reading(self._objects.get(key).body)
        except AwsError as error:
            if error.code == _COLD:
                return Reading(why_not=COLD)
            if error.status == _NOT_FOUND:
                return Reading(why_not=MISSING)
            raise DependencyUnavailableError(f"log bucket: cannot get {key}: {error}") from error

    def _head(self, key: str) -> Mapping[str, str] | None:
        try:
            return self._objects.head(key).headers
        except AwsError as error:
            if error.status == _NOT_FOUND:
                return None
            raise DependencyUnavailableError(f"log bucket: cannot look at {key}: {error}") from error
