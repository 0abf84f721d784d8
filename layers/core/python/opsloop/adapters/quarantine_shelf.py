"""The quarantine bucket, read: what lies there, with its reason, and its bytes.

The bucket is the one truth about what was set aside: there is no index that could lose something. A day of one source
is one prefix; reason and facts are metadata, asked for many objects at once.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote

from opsloop.adapters.aws_client import AwsError, ObjectClient
from opsloop.errors import DependencyUnavailableError, InvalidInputError, NotFoundError, OpsloopError
from opsloop.telemetry.quarantined import DIGITS, UNKNOWN_KIND, Listed, Quarantined

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

AT_ONCE = 10  # as many connections are kept open
READ_TIMEOUT_S = 10.0
BYTES = "application/octet-stream"  # says nothing
_NOT_FOUND = 404
_METADATA = "x-amz-meta-"
_NAMESPACE = "{*}"  # of S3's XML


class QuarantineShelf:
    """What is kept in quarantine. Implements ``opsloop.telemetry.quarantined.Shelf``."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self._objects = ObjectClient(bucket, read_timeout_s=READ_TIMEOUT_S)
        self._pool = ThreadPoolExecutor(AT_ONCE)

    def sources(self) -> list[str]:
        """Return every function that has set something aside."""
        pages = self._pages(delimiter="/")
        return [_text(prefix, "Prefix").rstrip("/") for page in pages for prefix in _each(page, "CommonPrefixes")]

    def listing(self, groups: Sequence[str]) -> list[Listed]:
        """Return the objects of these groups (``<source>/<YYYY-MM-DD>``)."""
        found = self._pool.map(lambda group: self._pages(prefix=f"{group}/"), groups)
        return [_listed(item) for pages in found for page in pages for item in _each(page, "Contents")]

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
        moment = datetime.strptime(head["last-modified"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
        return _quarantined(Listed(key, int(head["content-length"]), moment), head)

    def body(self, key: str) -> bytes:
        """Return the bytes of one object; raise ``NotFoundError`` if there is none."""
        try:
            return self._objects.get(key).body
        except AwsError as error:
            raise _failure(key, error) from error

    def _whole(self, start: str) -> str:
        keys = [_text(item, "Key") for page in self._pages(prefix=start) for item in _each(page, "Contents")]
        if len(keys) > 1:
            raise InvalidInputError(f"key: {len(keys)} keys begin with {start!r}; give more of it")
        return keys[0] if keys else start

    def _head(self, key: str) -> Mapping[str, str] | None:
        try:
            return self._objects.head(key).headers
        except AwsError as error:
            if error.status == _NOT_FOUND:
                return None
            raise _failure(key, error) from error

    def _pages(self, **parameters: str) -> "list[Element]":
        from xml.etree import ElementTree  # 6 ms that a replay by key does not need

        pages = []
        token: dict[str, str] = {}
        while True:
            try:
                answer = self._objects.listing(**parameters, **token)
            except AwsError as error:
                raise DependencyUnavailableError("quarantine bucket does not answer") from error
            pages.append(ElementTree.fromstring(answer))  # noqa: S314 - S3's own answer
            following = _text(pages[-1], "NextContinuationToken")
            if not following:
                return pages
            token = {"continuation-token": following}


def _failure(key: str, error: AwsError) -> OpsloopError:
    if error.code == "NoSuchKey":
        return NotFoundError(f"key: nothing in quarantine is called {key!r}")
    return DependencyUnavailableError("quarantine bucket does not answer")


def _each(page: "Element", name: str) -> "list[Element]":
    return page.findall(f"{_NAMESPACE}{name}")


def _text(element: "Element", name: str) -> str:
    return element.findtext(f"{_NAMESPACE}{name}") or ""


def _listed(item: "Element") -> Listed:
    moment = datetime.fromisoformat(_text(item, "LastModified")).astimezone(UTC)
    return Listed(_text(item, "Key"), int(_text(item, "Size")), moment)


def _quarantined(listed: Listed, head: Mapping[str, str]) -> Quarantined:
    noted = {name.removeprefix(_METADATA): text for name, text in head.items() if name.startswith(_METADATA)}
    facts = {name: unquote(text) for name, text in noted.items()}
    if head.get("content-type", BYTES) != BYTES:
        facts.setdefault("content-type", head["content-type"])
    arrived, reason = facts.pop("arrived-at", ""), facts.pop("reason", "")
    return Quarantined(listed, _arrival(arrived, listed), reason, facts.pop("kind", UNKNOWN_KIND), facts)


def _arrival(text: str, listed: Listed) -> datetime:
    """Return the time noted; of an object without one when it was set aside, on its day of arrival at the latest."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        end = datetime.combine(datetime.fromisoformat(listed.day), time(), UTC) + timedelta(days=1, microseconds=-1)
        return min(listed.set_aside_at, end)
