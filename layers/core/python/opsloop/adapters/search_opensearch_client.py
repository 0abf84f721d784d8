"""The client of OpenSearch: signed for OpenSearch Service, plain on this machine; its errors become ours."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from opensearchpy import OpenSearch, Urllib3HttpConnection
from opensearchpy.exceptions import OpenSearchException, TransportError
from urllib3 import Timeout

from opsloop.adapters import aws_environment
from opsloop.adapters.aws_sigv4 import Scope, canonical_query, percent_encoded, signed_headers
from opsloop.errors import DependencyUnavailableError, InvalidInputError

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 2.0, 10.0
RETRIES = 1  # of a connection that fails, or an answer of 502 to 504; what took too long is not asked again
SERVICE = "es"


def open_client(url: str) -> OpenSearch:
    """Return a client of ``https://host`` (signed) or ``http://host:port`` (plain, compressed neither way).

    Nothing is asked before its first use. Raises ``InvalidInputError`` for another URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInputError(f"SEARCH_ENDPOINT={url!r} is not https://host or http://host:port")
    is_tls = parts.scheme == "https"
    return OpenSearch(
        hosts=[{"host": parts.hostname, "port": parts.port or (443 if is_tls else 80)}],
        use_ssl=is_tls,
        http_auth=signature if is_tls else None,
        http_compress=is_tls,
        connection_class=Urllib3HttpConnection,
        timeout=Timeout(connect=CONNECT_TIMEOUT_S, read=READ_TIMEOUT_S),
        max_retries=RETRIES,
    )


def signature(method: str, url: str, body: bytes | str | None, *, moment: str = "") -> dict[str, str]:
    """Return the headers that sign a request with the credentials of this moment, which Lambda and botocore renew."""
    parts = urlsplit(url)
    data = body.encode() if isinstance(body, str) else body or b""
    digest = sha256(data).hexdigest()
    host = parts.hostname or ""
    authority = host if parts.port in (None, 443) else f"{host}:{parts.port}"
    moment = moment or time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return signed_headers(
        method,
        percent_encoded(parts.path, also=b"/"),  # of a path that is encoded already: all services but S3 ask for it
        canonical_query(dict(parse_qsl(parts.query, keep_blank_values=True))),
        {"host": authority, "x-amz-content-sha256": digest},
        digest,
        scope=Scope(moment, aws_environment.region(), SERVICE),
        credentials=aws_environment.credentials(),
    )


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Raise whatever goes wrong with an answer as ``DependencyUnavailableError`` that says what was asked."""
    try:
        yield
    except aws_environment.NotConfiguredError as error:
        raise DependencyUnavailableError(f"search store: cannot {what}: {error}") from error
    except OpenSearchException as error:
        raise DependencyUnavailableError(f"search store: cannot {what}: {reason_of(error)}") from error
    except (KeyError, TypeError, IndexError) as error:
        raise DependencyUnavailableError(f"search store: cannot {what}: its answer is not OpenSearch's") from error


def reason_of(error: OpenSearchException) -> str:
    """Return what an error says, in one line."""
    if not isinstance(error, TransportError):
        return f"{type(error).__name__}: {str(error)[:300]}"
    if error.status_code in (401, 403):
        return f"it refuses us ({error.status_code}): see allow_search and the domain's access policy"
    if not isinstance(error.status_code, int):  # it did not answer at all
        return f"{type(error).__name__}: {str(error.info)[:300]}"
    return f"status {error.status_code}, {error.error}: {_cause(error.info)}"[:500]


def _cause(info: Any) -> str:
    """Return the reason that OpenSearch gives deepest inside its answer."""
    try:
        cause = info["error"]["root_cause"][0]["reason"]
    except (KeyError, TypeError, IndexError):
        cause = info
    return str(cause)[:300]
