"""The quarantine bucket, read: what lies there, with its reason, and its bytes.

The bucket is the one truth about what was set aside: there is no index that could lose something. A day of one source
is one prefix; reason and facts are metadata, asked for many objects at once.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import unquote

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from opsloop.errors import DependencyUnavailableError, InvalidInputError, NotFoundError, OpsloopError
from opsloop.telemetry.quarantined import DIGITS, UNKNOWN_KIND, Listed, Quarantined

AT_ONCE = 16
BYTES = "application/octet-stream"  # says nothing
_PATIENCE = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"total_max_attempts": 3, "mode": "standard"},
    max_pool_connections=AT_ONCE,
)
_GONE = {"404", "NoSuchKey", "NotFound"}


class QuarantineShelf:
    """What is kept in quarantine. Implements ``opsloop.telemetry.quarantined.Shelf``."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self._client = boto3.client("s3", config=_PATIENCE)
        self._pool = ThreadPoolExecutor(AT_ONCE)

    def sources(self) -> list[str]:
        """Return every function that has set something aside."""
        pages = self._pages(delimiter="/")
        return [prefix["Prefix"].rstrip("/") for page in pages for prefix in page.get("CommonPrefixes", [])]

    def listing(self, groups: Sequence[str]) -> list[Listed]:
        """Return the objects of these groups (``<source>/<YYYY-MM-DD>``)."""
        found = self._pool.map(lambda group: self._pages(f"{group}/"), groups)
        return [
            Listed(item["Key"], item["Size"], item["LastModified"].astimezone(UTC))
            for pages in found
            for page in pages
            for item in page.get("Contents", [])
        ]

    def describe(self, listed: Sequence[Listed]) -> list[Quarantined]:
        """Return what is noted of these objects, in their order; those that are gone are left out."""
        found = self._pool.map(lambda one: self._head(one.key), listed)
        return [_quarantined(one, head) for one, head in zip(listed, found, strict=True) if head is not None]

    def find(self, key: str) -> Quarantined:
        """Return what is noted of one object, whose ``key`` may be cut as long as it means one alone.

        Raises ``NotFoundError`` if there is none, ``InvalidInputError`` if there are several.
        """
        if len(key.rpartition("/")[2]) < DIGITS:
            key = self._whole(key)
        head = self._head(key)
        if head is None:
            raise NotFoundError(f"key: nothing in quarantine is called {key!r}")
        return _quarantined(Listed(key, head["ContentLength"], head["LastModified"].astimezone(UTC)), head)

    def body(self, key: str) -> bytes:
        """Return the bytes of one object; raise ``NotFoundError`` if there is none."""
        try:
            data: bytes = self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise _failure(key, error) from error
        return data

    def _whole(self, start: str) -> str:
        keys = [item["Key"] for page in self._pages(start) for item in page.get("Contents", [])]
        if len(keys) > 1:
            raise InvalidInputError(f"key: {len(keys)} keys begin with {start!r}; give more of it")
        return keys[0] if keys else start

    def _head(self, key: str) -> dict[str, Any] | None:
        try:
            head: dict[str, Any] = {**self._client.head_object(Bucket=self.bucket, Key=key)}
        except (BotoCoreError, ClientError) as error:
            failure = _failure(key, error)
            if isinstance(failure, NotFoundError):
                return None
            raise failure from error
        return head

    def _pages(self, prefix: str = "", delimiter: str = "") -> list[dict[str, Any]]:
        pages = self._client.get_paginator("list_objects_v2")
        try:
            return [{**page} for page in pages.paginate(Bucket=self.bucket, Prefix=prefix, Delimiter=delimiter)]
        except (BotoCoreError, ClientError) as error:
            raise DependencyUnavailableError("quarantine bucket does not answer") from error


def _failure(key: str, error: Exception) -> OpsloopError:
    if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in _GONE:
        return NotFoundError(f"key: nothing in quarantine is called {key!r}")
    return DependencyUnavailableError("quarantine bucket does not answer")


def _quarantined(listed: Listed, head: Mapping[str, Any]) -> Quarantined:
    facts = {name: unquote(value) for name, value in head["Metadata"].items()}
    if head.get("ContentType", BYTES) != BYTES:
        facts.setdefault("content-type", head["ContentType"])
    arrived, reason = facts.pop("arrived-at", ""), facts.pop("reason", "")
    return Quarantined(listed, _arrival(arrived, listed), reason, facts.pop("kind", UNKNOWN_KIND), facts)


def _arrival(text: str, listed: Listed) -> datetime:
    """Return the time noted; of an object without one when it was set aside, on its day of arrival at the latest."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        end = datetime.combine(datetime.fromisoformat(listed.day), time(), UTC) + timedelta(days=1, microseconds=-1)
        return min(listed.set_aside_at, end)
