"""The backup bucket: dumps in parts, manifests and evidence whole, and dumps read back as a stream.

What the bucket encrypts by default it encrypts with our key: no request names another. boto3 streams; it is loaded
when the first object is read or written.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import md5
from typing import Any, BinaryIO
from urllib.parse import urlencode

from opsloop.adapters.aws_multipart import Upload, abort
from opsloop.backup.arrival import ORIGIN, OURS, Stored
from opsloop.catalog import Database
from opsloop.dataclass import dataclass
from opsloop.errors import DependencyUnavailableError, NotFoundError

CHUNK, READS = 1 << 20, 5
MISSING = {"NoSuchKey", "NoSuchVersion", "404", "405", "MethodNotAllowed"}  # the last two: a delete marker


@dataclass(frozen=True)
class Lock:
    """Until when nobody, an administrator included, may delete an object, and whether it is kept for a court."""

    until: datetime | None = None
    legal_hold: bool = False


class BackupBucket:
    """Objects of the bucket ``name``. Raises ``NotFoundError`` and ``DependencyUnavailableError``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def begin(
        self, key: str, *, lock: Lock, metadata: Mapping[str, str], tags: Mapping[str, str], expected_bytes: int = 0
    ) -> Upload:
        """Begin an upload in parts; the object is there when it is completed, and not before."""
        answer = self._ask(
            "create_multipart_upload",
            Key=key,
            ChecksumAlgorithm="SHA256",
            ContentType="application/octet-stream",
            Metadata=dict(metadata),
            Tagging=urlencode(tags),
            **_locked(lock),
        )
        return Upload(self._client, self.name, key, answer["UploadId"], expected_bytes)

    def abort(self, key: str, upload_id: str) -> None:
        """Drop an upload that somebody else began; nothing happens if there is none any more."""
        abort(self._client, {"Bucket": self.name, "Key": key, "UploadId": upload_id})

    def tag(self, key: str, version: str, tags: Mapping[str, str]) -> None:
        """Give an object these tags in the place of those that it has."""
        listed = [{"Key": name, "Value": value} for name, value in tags.items()]
        self._ask("put_object_tagging", Key=key, Tagging={"TagSet": listed}, **_version(version))

    def put(self, key: str, body: bytes, *, lock: Lock) -> None:
        """Store a JSON document."""
        digest = b64encode(md5(body, usedforsecurity=False).digest()).decode()  # S3 asks for it where there is a lock
        self._ask("put_object", Key=key, Body=body, ContentType="application/json", ContentMD5=digest, **_locked(lock))

    def look(self, key: str, version: str = "") -> Stored | None:
        """Return what the bucket says of an object, its last version unless told otherwise; None if there is none."""
        try:
            found = self._ask("head_object", Key=key, **_version(version))
        except NotFoundError:
            return None
        return Stored(
            key=key,
            version=found.get("VersionId") or "",
            bytes=found["ContentLength"],
            modified_at=found["LastModified"],
            metadata={name.lower(): value for name, value in found.get("Metadata", {}).items()},
            locked_until=found.get("ObjectLockRetainUntilDate"),
            legal_hold=found.get("ObjectLockLegalHoldStatus") == "ON",
        )

    def read(self, key: str) -> bytes:
        """Return the last version of a document, such as a manifest."""
        body: bytes = self._ask("get_object", Key=key)["Body"].read()
        return body

    def download(
        self, key: str, version: str, file: BinaryIO, told: Callable[[int], None] = lambda _done: None
    ) -> None:
        """Write an object to ``file``; ``told`` hears how many bytes have come.

        A stream that breaks off is taken up again where it was, up to ``READS`` times.
        """
        from botocore.exceptions import BotoCoreError

        done, size = 0, -1
        for attempt in range(READS):
            begins = {"Range": f"bytes={done}-"} if done else {}
            try:
                answer = self._ask("get_object", Key=key, **_version(version), **begins)
                size = done + answer["ContentLength"] if size < 0 else size
                for chunk in answer["Body"].iter_chunks(CHUNK):
                    file.write(chunk)
                    done += len(chunk)
                    told(done)
                if done == size:
                    return
            except BotoCoreError as error:
                if attempt == READS - 1:
                    raise DependencyUnavailableError(f"backup bucket: {key}: {type(error).__name__}") from error
        raise DependencyUnavailableError(f"backup bucket: {key} breaks off after {done} of {size} bytes")

    def delete(self, key: str) -> None:
        """Delete the object under ``key``; its versions stay for as long as the bucket keeps them."""
        self._ask("delete_object", Key=key)

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=5, read_timeout=30)
        return boto3.client("s3", config=config)  # type: ignore[no-untyped-call,unused-ignore]

    def _ask(self, operation: str, **arguments: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, operation)(Bucket=self.name, **arguments)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in MISSING:
                raise NotFoundError(f"backup bucket: {arguments['Key']}: {code}") from error
            raise DependencyUnavailableError(f"backup bucket: {arguments['Key']}: {code}") from error
        except BotoCoreError as error:
            raise DependencyUnavailableError(f"backup bucket: {type(error).__name__}") from error


class TakenDumps:
    """Implements ``opsloop.backup.taking.Shelf``: dumps locked, held and tagged as the catalog says of their database.

    ``clock`` tells the time from which the days of a lock are counted.
    """

    def __init__(self, bucket: BackupBucket, clock: Callable[[], datetime]) -> None:
        self._bucket, self._clock = bucket, clock
        self.look, self.read, self.delete, self.abort = bucket.look, bucket.read, bucket.delete, bucket.abort

    def begin(self, key: str, database: Database, expected_bytes: int, origin: str) -> Upload:
        """Begin the upload of a dump; ``origin`` names what it was taken for."""
        return self._bucket.begin(
            key,
            lock=self._lock(database),
            metadata={ORIGIN: origin},
            tags=_tags(database),
            expected_bytes=expected_bytes,
        )

    def put_manifest(self, key: str, body: bytes, database: Database) -> None:
        """Store a manifest, locked as its dump."""
        self._bucket.put(key, body, lock=self._lock(database))

    def label(self, key: str, version: str, database: Database, sha256: str) -> None:
        """Tag a dump with its hash as well, which was not known when its upload began."""
        self._bucket.tag(key, version, {**_tags(database), "sha256": sha256})

    def _lock(self, database: Database) -> Lock:
        days = database.object_lock_days
        return Lock(self._clock() + timedelta(days=days) if days else None, database.legal_hold)


def _tags(database: Database) -> dict[str, str]:
    return {
        "database": database.name,
        "tier": str(database.tier),
        "retention": database.retention,
        "origin": OURS,
    }


def _version(version: str) -> dict[str, str]:
    return {"VersionId": version} if version else {}


def _locked(lock: Lock) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if lock.until is not None:
        arguments |= {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": lock.until}
    if lock.legal_hold:
        arguments["ObjectLockLegalHoldStatus"] = "ON"
    return arguments
