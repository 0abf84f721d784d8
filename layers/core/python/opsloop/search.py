"""The port to what people search: documents go in by id, questions come out with highlights, counts and pages.

What is searched is an index of what DynamoDB and S3 hold, never the only copy: it can be dropped and made again. Two
adapters speak for it: OpenSearch, and an embedded one in a file. Capabilities see this module alone.
How they work, and what splits words: docs/search.md.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import Any, Protocol

from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError


class Kind(StrEnum):
    """How a field of a document is searched."""

    KEYWORD = "keyword"  # as a whole
    TEXT = "text"  # by its words
    TIME = "time"  # ns since the epoch, by range
    NUMBER = "number"  # by range
    OBJECT = "object"  # nested names and values: by the words of the values, and by `name=value`
    VECTOR = "vector"  # by nearness


@dataclass(frozen=True)
class IndexSpec:
    """An index: its name, the kind of each field, and the TIME field that says in which day a document lies.

    A field that is not named is kept and given back, but not searched. ``dimensions`` is the length of VECTOR fields.
    The name is of small letters, digits and ``_``, as are those of fields; anything else raises ``InvalidInputError``.
    """

    name: str
    fields: Mapping[str, Kind]
    time_field: str
    dimensions: int = 0

    def __post_init__(self) -> None:
        for name in (self.name, *self.fields):
            if not _NAME.fullmatch(name):
                raise InvalidInputError(f"index {self.name!r}: {name!r} is not a name of small letters, digits and _")
        if self.fields.get(self.time_field) != Kind.TIME:
            raise InvalidInputError(f"index {self.name}: its time_field {self.time_field!r} is no field of kind time")
        if (self.dimensions > 0) is not (Kind.VECTOR in self.fields.values()):
            raise InvalidInputError(f"index {self.name}: vectors and their dimensions are given together")


_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class Document:
    """What is kept under ``doc_id``: putting the same id again replaces it. ``content`` is JSON.

    Whoever makes the id must make it of what never changes, the document's time among it: a store that keeps days
    apart finds the former document in the day of the new one alone.
    """

    doc_id: str
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Refused:
    """A document that the store will never take, and why."""

    doc_id: str
    reason: str


@dataclass(frozen=True)
class Query:
    """Which documents. All conditions must hold.

    ``terms`` are values, any of which a KEYWORD field may have; ``ranges`` give the first and the last value that a
    TIME or NUMBER field may have, ``None`` for open. ``text`` is looked for in the TEXT and OBJECT fields: all words of
    it, ``"quoted words"`` together and in order, ``-word`` absent, ``name=value`` in an OBJECT field (or those words
    together and in order). Case is ignored. A word ends at whatever is no letter or digit, and what is written
    together is looked for together: ``web-1`` finds ``web-1`` and ``web 1``, not ``1 web``.
    """

    terms: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ranges: Mapping[str, tuple[int | None, int | None]] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True)
class Hit:
    """A document found. ``highlights`` holds, per field, pieces of plain text with the found words between
    ``MARK_START`` and ``MARK_END``."""

    doc_id: str
    content: Mapping[str, Any]
    score: float
    highlights: Mapping[str, Sequence[str]]


MARK_START, MARK_END = "\ue000", "\ue001"
"""Around found words: characters of private use, which no markup can be mistaken for."""


@dataclass(frozen=True)
class Found:
    """One page of hits; ``cursor`` asks for the next one, empty at the end.

    ``total`` counts every document that fits, on every page, and is exact up to ``TOTAL_LIMIT``; above it, it is
    ``TOTAL_LIMIT`` and means "at least".
    """

    hits: tuple[Hit, ...]
    total: int
    cursor: str


TOTAL_LIMIT = 10_000
MAX_SIZE = 1_000
"""The most hits of one page."""

MAX_BUCKETS = 50_000
"""The most counts (intervals times groups) that one answer of ``counts`` may have."""


@dataclass(frozen=True)
class Bucket:
    """How many documents lie in the interval that begins at ``start`` (ns), in all and per group.

    A document without a value of the field that groups is in the count, and in no group.
    """

    start: int
    count: int
    groups: Mapping[str, int]


@dataclass(frozen=True)
class Standing:
    """Whether the store answers and takes documents; ``detail`` says what is wrong, or which store it is."""

    is_ready: bool
    detail: str


class SearchStore(Protocol):
    """A search store. Each call raises ``DependencyUnavailableError`` if the store does not answer.

    A query that cannot be asked (an unknown field, a field of another kind, a text without a word or of more than
    1,000 characters) raises ``InvalidInputError``. Reading an index that was never made finds nothing.
    """

    def prepare(self, spec: IndexSpec) -> None:
        """Make the index, or bring its description up to date; nothing happens if it is so already.

        A new field finds the documents that are put from then on. A field that changes its kind raises
        ``InvalidInputError``, for as long as there are documents: drop the index and put them anew.
        """

    def put(self, spec: IndexSpec, documents: Sequence[Document]) -> tuple[Refused, ...]:
        """Put documents, each replacing that of its id; those that failed for a while are tried again, alone.

        Whoever returns has stored all but the refused ones, and searches find them within a second or so. An index
        that is not there yet is made. Of two with the same id the later one counts.
        """

    def search(
        self, spec: IndexSpec, query: Query, *, order: str = "newest", size: int = 100, cursor: str = ""
    ) -> Found:
        """Return hits: ``oldest`` first, ties by id; ``newest`` first, the exact reverse; or by ``relevance`` (BM25).

        Equal relevance is in order of ids. A cursor goes on behind the last hit, also while documents are added; one
        that was not made for the same order raises ``InvalidInputError``. Documents that are added change relevance
        itself: then pages of that order may overlap.
        """

    def nearest(self, spec: IndexSpec, field: str, vector: Sequence[float], query: Query, *, size: int) -> Found:
        """Return the documents that fit ``query`` whose VECTOR ``field`` is nearest by cosine, without a cursor.

        A score is (1 + cosine) / 2. OpenSearch searches a graph, which may miss some of the nearest.
        """

    def count(self, spec: IndexSpec, query: Query) -> int:
        """Return how many documents fit, exactly."""

    def counts(self, spec: IndexSpec, query: Query, *, interval_ns: int, group_by: str = "") -> tuple[Bucket, ...]:
        """Return exact counts over the spec's time field in steps of ``interval_ns`` (aligned to the epoch), oldest
        first, empty ones left out, each split by the KEYWORD field ``group_by`` if one is given.

        An interval that is not in whole milliseconds, or more than ``MAX_BUCKETS`` counts, raise ``InvalidInputError``.
        """

    def top(self, spec: IndexSpec, query: Query, *, field: str, size: int) -> tuple[tuple[str, int], ...]:
        """Return the most frequent values of a KEYWORD field and their exact counts, greatest first, ties by value."""

    def scan(self, spec: IndexSpec, query: Query) -> Iterator[Document]:
        """Yield every document that fits, by id."""

    def delete(self, spec: IndexSpec, query: Query) -> int:
        """Delete the documents that fit; return how many."""

    def drop(self, spec: IndexSpec) -> None:
        """Delete the index and all documents in it; nothing happens if there is none."""

    def standing(self) -> Standing:
        """Return whether the store works; never raises."""
