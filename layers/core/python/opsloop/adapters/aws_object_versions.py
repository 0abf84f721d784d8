"""Objects of a versioned bucket: which versions there are, hiding one by a delete marker, legal holds."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from opsloop.adapters.aws_client import AwsError, ObjectClient

if TYPE_CHECKING:
    from xml.etree import ElementTree

LARGEST_COPY_BYTES = 5 << 30  # that S3 copies at one go
_SPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


class Version(NamedTuple):
    """One version of an object, or a delete marker."""

    version: str
    is_marker: bool
    is_latest: bool
    bytes: int


class VersionedObjects(ObjectClient):
    """Objects of one versioned bucket. Every method raises ``AwsError``."""

    def __init__(self, bucket: str, *, read_timeout_s: float) -> None:
        super().__init__(bucket, read_timeout_s=read_timeout_s)
        self._name = bucket

    def newest(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield the keys under ``prefix`` that no delete marker hides, each with its newest version."""
        begins: dict[str, str] = {}
        while True:
            page = _parsed(self._request("GET", "", {}, b"", {"versions": "", "prefix": prefix, **begins}).body)
            for item in page.findall("{*}Version"):
                if item.findtext("{*}IsLatest") == "true":
                    yield item.findtext("{*}Key") or "", item.findtext("{*}VersionId") or ""
            following = page.findtext("{*}NextKeyMarker")
            if page.findtext("{*}IsTruncated") != "true" or not following:
                return
            version = page.findtext("{*}NextVersionIdMarker")
            begins = {"key-marker": following, **({"version-id-marker": version} if version else {})}

    def versions(self, key: str) -> list[Version]:
        """Return the versions and delete markers of one key, the newest first, as far as one page (1,000) goes."""
        answer = self._request("GET", "", {}, b"", {"versions": "", "prefix": key})
        found = []
        for item in _parsed(answer.body):
            kind = item.tag.rpartition("}")[2]
            if kind not in ("Version", "DeleteMarker") or item.findtext("{*}Key") != key:
                continue
            found.append(
                Version(
                    item.findtext("{*}VersionId") or "",
                    kind == "DeleteMarker",
                    item.findtext("{*}IsLatest") == "true",
                    int(item.findtext("{*}Size") or 0),
                )
            )
        return sorted(found, key=lambda one: not one.is_latest)

    def locks(self, key: str, version: str) -> tuple[bool, str]:
        """Return whether a version is under a legal hold, and until when (ISO 8601, or "") it is locked."""
        answer = self._request("HEAD", key, {}, b"", {"versionId": version})
        until = answer.headers.get("x-amz-object-lock-retain-until-date", "")
        return answer.headers.get("x-amz-object-lock-legal-hold", "") == "ON", until

    def mark_deleted(self, key: str) -> str:
        """Hide the object under ``key``; return the version of the delete marker."""
        return self._request("DELETE", key, {}, b"").headers.get("x-amz-version-id", "")

    def hold(self, key: str, version: str, *, is_on: bool) -> None:
        """Put a version under a legal hold, or release it."""
        from base64 import b64encode
        from hashlib import md5

        body = f'<LegalHold xmlns="{_SPACE}"><Status>{"ON" if is_on else "OFF"}</Status></LegalHold>'.encode()
        digest = b64encode(md5(body, usedforsecurity=False).digest()).decode()  # S3 asks for it here
        headers = {"content-type": "application/xml", "content-md5": digest}
        self._request("PUT", key, headers, body, {"legal-hold": "", "versionId": version})

    def copy_back(self, key: str, version: str) -> str:
        """Make an old version the newest again, at most 5 GB; return the new version's id."""
        source = f"/{self._name}/{quote(key)}?versionId={quote(version, safe='')}"  # a header, which S3 decodes
        return self._request("PUT", key, {"x-amz-copy-source": source}, b"").headers.get("x-amz-version-id", "")


def _parsed(body: bytes) -> "ElementTree.Element":
    """Return a listing; one that is cut off must never be taken for a shorter one."""
    from xml.etree import ElementTree  # 6 ms that only some requests need

    try:
        return ElementTree.fromstring(body)  # noqa: S314 - S3's own
    except ElementTree.ParseError as error:
        raise AwsError("NotXml", 200, str(error)) from error
