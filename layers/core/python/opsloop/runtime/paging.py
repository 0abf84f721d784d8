"""Pages of a list by an opaque cursor, which belongs to the query that gave it."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError
from opsloop.runtime.request import Request

T = TypeVar("T")
_NOT_PART_OF_THE_QUERY = {"cursor", "limit"}


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some items, and the cursor of those after them (None at the end)."""

    items: list[T]
    next: str | None


def page_of(
    items: Iterable[T], request: Request, *, position: Callable[[T], str], default_limit: int = 100, most: int = 1_000
) -> Page[T]:
    """Return the page of ``items`` that ``request`` asks for by ``cursor`` and ``limit``.

    ``items`` are in ascending order of ``position``, which is unique to each: items that come or go between two pages
    are neither repeated nor skipped.
    """
    limit = request.integer("limit", default=default_limit, least=1, most=most)
    after = cursor_position(request)
    page: list[T] = []
    for item in items:
        if after is not None and position(item) <= after:
            continue
        if len(page) == limit:
            return Page(page, cursor_after(request, position(page[-1])))
        page.append(item)
    return Page(page, None)


def cursor_position(request: Request) -> str | None:
    """Return the position that the request's ``cursor`` holds, None without one.

    Raises ``InvalidInputError`` for a cursor that is garbled or was given for other parameters.
    """
    cursor = request.text("cursor", default="")
    if not cursor:
        return None
    try:
        query, position = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, TypeError):
        raise InvalidInputError("cursor: not one of ours; begin again without it") from None
    if query != _fingerprint(request) or not isinstance(position, str):
        raise InvalidInputError("cursor: it was given for other parameters; begin again without it")
    return position


def cursor_after(request: Request, position: str) -> str:
    """Return the cursor with which the same query goes on after ``position``."""
    text = json.dumps([_fingerprint(request), position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _fingerprint(request: Request) -> str:
    query = sorted((name, value) for name, value in request.query.items() if name not in _NOT_PART_OF_THE_QUERY)
    return hashlib.blake2b(json.dumps([request.path, query]).encode(), digest_size=6).hexdigest()
