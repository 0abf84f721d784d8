"""The console's files: which one a path stands for, and what caches and browsers are told of it.

A path that names no file is a page: the page's script decides what to show there, so a link from a mail opens it.
Why files and not a server that renders: docs/adr/0017-console.md.
"""

import re
from collections.abc import Collection

from opsloop.errors import NotFoundError

PAGE = "index.html"
ASSETS = "assets/"
COMPRESSED = ".gz"
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"  # kept, and asked about each time: a deployment shows at the next load
_HASHED = re.compile(r"-[0-9a-z]{8,}\.[a-z0-9]+$")
_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "ico": "image/x-icon",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "webmanifest": "application/manifest+json",
    "woff2": "font/woff2",
}
_WORTH_COMPRESSING = ("text/", "application/json", "application/manifest+json", "image/svg+xml")


def file_at(path: str, names: Collection[str]) -> str:
    """Return which of the files ``names`` answers ``path`` (below ``/console/``, without a slash at its beginning).

    Only what is in ``names`` can be answered, so no path leads out of the folder. Raises ``NotFoundError`` for an asset
    that is not there (a page would be taken for a script), and for everything where there is no page.
    """
    if path in names and not path.endswith(COMPRESSED):
        return path
    if path.startswith(ASSETS) or path.endswith(COMPRESSED):
        raise NotFoundError("the console has no such file; load its page again")
    if PAGE not in names:
        raise NotFoundError("the console was not built into this deployment; the API is at /openapi.json")
    return PAGE


def content_type(name: str) -> str:
    """Return the content type of a file of that name."""
    return _TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")


def is_worth_compressing(name: str) -> bool:
    """Return whether a file of that name gets smaller."""
    return content_type(name).startswith(_WORTH_COMPRESSING)


def cache_control(name: str) -> str:
    """Return how long caches may keep a file: for ever where its name holds a hash of its content."""
    return FOR_EVER if name.startswith(ASSETS) and _HASHED.search(name) else ASK_AGAIN


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an ``Accept-Encoding`` header allows gzip (RFC 9110, 12.5.3)."""
    weights: dict[str, float] = {}
    for one in accept_encoding.lower().split(","):
        name, _, parameter = one.partition(";")
        weight = re.fullmatch(r"\s*q=([01](?:\.[0-9]{0,3})?)\s*", parameter)
        weights[name.strip()] = float(weight[1]) if weight else 0.0 if parameter.strip() else 1.0
    return weights.get("gzip", weights.get("*", 0.0)) > 0
