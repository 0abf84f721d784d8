"""What both search stores take and ask alike: documents that fit, queries that can be asked, cursors. Pure."""

import json
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from opsloop.adapters.search_words import Clause, Indexed, clauses_of, indexed
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError
from opsloop.search import MAX_SIZE, Document, IndexSpec, Kind, Query, Refused

MAX_ID_BYTES = 512  # OpenSearch's own limit
MAX_DOCUMENT_BYTES = 4 << 20
MAX_DEPTH = 50
MAX_KEYWORD = 8_000  # UTF-16 units, as Java counts; a longer value is kept, not searched (Lucene takes 32,766 bytes)
MAX_TERMS = 1_000  # values of one term
MAX_TIME = 1 << 62  # ns: the year 2116
ORDERS = ("newest", "oldest", "relevance")
NS_PER_MS = 1_000_000


@dataclass(frozen=True)
class Ready:
    """A document as both stores index it: content as JSON, its time, the values of its searched fields, its words."""

    doc_id: str
    json: str
    time: int
    values: Mapping[str, str | int | float]
    vectors: Mapping[str, Sequence[float]]
    found_by: Indexed


@dataclass(frozen=True)
class Page:
    """One page to be read: its order, its size, and the sort key of the last hit before it, if there is one."""

    order: str
    size: int
    after: tuple[float | int, str] | None


class _UnfitError(Exception):
    """Why a document cannot be taken."""


def ready(spec: IndexSpec, documents: Sequence[Document]) -> tuple[list[Ready], list[Refused]]:
    """Return the documents that fit the index, the last of each id, and those that do not, with the reason."""
    fit: dict[str, Ready] = {}
    refused = []
    for document in documents:
        try:
            one = _ready(spec, document)
        except _UnfitError as error:
            refused.append(Refused(document.doc_id, str(error)))
        else:
            fit[one.doc_id] = one
    return list(fit.values()), refused


def _ready(spec: IndexSpec, document: Document) -> Ready:
    content = document.content
    if not 0 < len(_bytes(document.doc_id, "its id")) <= MAX_ID_BYTES:
        raise _UnfitError(f"its id is not of 1 to {MAX_ID_BYTES} bytes")
    if reserved := [name for name in content if str(name).startswith("@")]:
        raise _UnfitError(f"its field {reserved[0]!r}: names that begin with @ are the store's own")
    if _is_deep(content):
        raise _UnfitError(f"it is nested more than {MAX_DEPTH} deep")
    try:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise _UnfitError(f"it is not JSON: {error}") from error
    if len(_bytes(text, "its text")) > MAX_DOCUMENT_BYTES:
        raise _UnfitError(f"it has more than {MAX_DOCUMENT_BYTES:,} bytes")
    values: dict[str, str | int | float] = {}
    vectors: dict[str, Sequence[float]] = {}
    for field, kind in spec.fields.items():
        value = content.get(field)
        if value is None:
            continue
        if not _fits(kind, value, spec):
            raise _UnfitError(f"its field {field} is {_shown(value)}, and no {kind}")
        if kind == Kind.VECTOR:
            vectors[field] = value
        elif kind in (Kind.TIME, Kind.NUMBER) or (kind == Kind.KEYWORD and _is_short(value)):
            values[field] = value
    if spec.time_field not in values:
        raise _UnfitError(f"it has no {spec.time_field}")
    return Ready(document.doc_id, text, int(values[spec.time_field]), values, vectors, indexed(spec, content))


def _is_short(text: str) -> bool:
    return (len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2) <= MAX_KEYWORD


def _bytes(text: str, what: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise _UnfitError(f"{what} is not Unicode: it has half of a surrogate pair") from None


def _is_deep(content: Mapping[str, Any]) -> bool:
    level: list[Any] = [content]
    for _ in range(MAX_DEPTH):
        level = [inner for one in level for inner in (one.values() if isinstance(one, Mapping) else one)]
        level = [inner for inner in level if isinstance(inner, Mapping | list | tuple)]
        if not level:
            return False
    return True


def _fits(kind: Kind, value: Any, spec: IndexSpec) -> bool:
    if kind in (Kind.KEYWORD, Kind.TEXT):
        return isinstance(value, str)
    if kind == Kind.TIME:
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_TIME
    if kind == Kind.NUMBER:
        return _is_number(value)
    if kind == Kind.OBJECT:
        return isinstance(value, Mapping)
    is_vector = isinstance(value, list | tuple) and len(value) == spec.dimensions and all(map(_is_number, value))
    return is_vector and 1e-30 < sum(float(one) ** 2 for one in value) < 1e30


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1 << 1000 and math.isfinite(value)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 60 else f"{text[:60]}..."


def checked(spec: IndexSpec, query: Query) -> tuple[Clause, ...]:
    """Return what the text of ``query`` asks for; raise ``InvalidInputError`` if the query cannot be asked."""
    for field, values in query.terms.items():
        check_field(spec, field, Kind.KEYWORD)
        if len(values) > MAX_TERMS:
            raise InvalidInputError(f"{field}: {len(values):,} values; at most {MAX_TERMS:,} can be asked for")
        for value in values:
            if not isinstance(value, str) or not _is_unicode(value):
                raise InvalidInputError(f"{field}: {value!r} is not a text")
    for field, limits in query.ranges.items():
        check_field(spec, field, Kind.TIME, Kind.NUMBER)
        for limit in limits:
            if limit is not None and not _is_number(limit):
                raise InvalidInputError(f"{field}: {limit!r} is not a number")
    return clauses_of(query.text)


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def check_field(spec: IndexSpec, field: str, *kinds: Kind) -> None:
    """Raise ``InvalidInputError`` unless the index has that field, of one of these kinds."""
    if spec.fields.get(field) not in kinds:
        raise InvalidInputError(f"index {spec.name} has no field {field!r} of kind {' or '.join(kinds)}")


def check_vector(spec: IndexSpec, field: str, vector: Sequence[float]) -> None:
    """Raise ``InvalidInputError`` unless ``vector`` can be compared with that field."""
    check_field(spec, field, Kind.VECTOR)
    if not _fits(Kind.VECTOR, list(vector), spec):
        raise InvalidInputError(f"{field}: a vector of {spec.dimensions} finite numbers, not all 0, is needed")


def check_interval(interval_ns: int) -> None:
    """Raise ``InvalidInputError`` unless that is a whole number of milliseconds."""
    if interval_ns <= 0 or interval_ns % NS_PER_MS:
        raise InvalidInputError(f"interval of {interval_ns} ns: it must be whole milliseconds")


def check_size(size: int, limit: int = MAX_SIZE) -> None:
    """Raise ``InvalidInputError`` unless that many can be asked for."""
    if not 1 <= size <= limit:
        raise InvalidInputError(f"size {size} is not from 1 to {limit:,}")


def page(spec: IndexSpec, order: str, size: int, cursor: str) -> Page:
    """Return the page to be read; raise ``InvalidInputError`` for an unknown order, a bad size or a foreign cursor."""
    if order not in ORDERS:
        raise InvalidInputError(f"order {order!r} is not one of {', '.join(ORDERS)}")
    check_size(size)
    return Page(order, size, _after(spec, order, cursor) if cursor else None)


def cursor_of(spec: IndexSpec, order: str, key: float, doc_id: str) -> str:
    """Return the cursor that goes on behind the hit with that sort key and id."""
    text = json.dumps([spec.name, order, key, doc_id], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _after(spec: IndexSpec, order: str, cursor: str) -> tuple[float | int, str]:
    wrong = InvalidInputError(f"cursor {cursor[:40]!r} was not made for index {spec.name} in order {order}")
    try:
        name, made_for, key, doc_id = json.loads(urlsafe_b64decode(f"{cursor}===".encode()))
    except (ValueError, TypeError, RecursionError):
        raise wrong from None
    kind = float if order == "relevance" else int
    is_key = type(key) is kind and math.isfinite(key) and abs(key) <= MAX_TIME
    if (name, made_for) != (spec.name, order) or not is_key or not isinstance(doc_id, str) or not _is_unicode(doc_id):
        raise wrong
    return key, doc_id
