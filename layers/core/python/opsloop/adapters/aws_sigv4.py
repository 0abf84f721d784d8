"""AWS Signature Version 4, for requests whose whole body is at hand.

After "Create a signed AWS API request" (AWS IAM user guide) and "Signature calculations for the Authorization header"
(Amazon S3 API reference). Pure; checked against the examples published there and against botocore's signer.
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Credentials(NamedTuple):
    """What signs: a key of a user, or one of a role with its token."""

    access_key: str
    secret_key: str
    token: str = ""


class Scope(NamedTuple):
    """What a signature is good for: one moment (``20261121T083000Z``), one region, one service."""

    moment: str
    region: str
    service: str

    @property
    def text(self) -> str:
        """The scope as it is signed."""
        return f"{self.moment[:8]}/{self.region}/{self.service}/aws4_request"


def signed_headers(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body_sha256: str,
    *,
    scope: Scope,
    credentials: Credentials,
) -> dict[str, str]:
    """Return ``headers`` (lower-case names, with ``host``) and those that sign them.

    ``path`` and ``query`` are percent-encoded already, the query sorted (``canonical_query``).
    """
    signed = {**headers, "x-amz-date": scope.moment}
    if credentials.token:
        signed["x-amz-security-token"] = credentials.token
    names = sorted(signed)
    values = [f"{name}:{' '.join(signed[name].split())}" for name in names]
    canonical = "\n".join([method, path, query, *values, "", ";".join(names), body_sha256])
    digest = sha256(canonical.encode()).hexdigest()
    text = f"{ALGORITHM}\n{scope.moment}\n{scope.text}\n{digest}"
    signature = hmac.digest(_signing_key(credentials.secret_key, scope), text.encode(), "sha256").hex()
    signed["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope.text}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return signed


def percent_encoded(text: str, *, also: bytes = b"") -> str:
    """Return ``text`` with every byte but letters, digits, ``-._~`` and those of ``also`` as ``%XX``.

    What ``urllib.parse.quote`` does, without its import.
    """
    data = text.encode("utf-8", "replace")
    return "".join(chr(byte) if byte in _UNRESERVED or byte in also else f"%{byte:02X}" for byte in data)


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Return ``parameters`` as the query of a URL, in the order in which they are signed."""
    pairs = sorted((percent_encoded(name), percent_encoded(value)) for name, value in parameters.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def _signing_key(secret: str, scope: Scope) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.text.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
