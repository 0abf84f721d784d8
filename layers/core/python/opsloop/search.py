"""The port to what people search: documents go in by id, questions come out with highlights, counts and pages.

What is searched is an index of what DynamoDB and S3 hold, never the only copy: it can be dropped and made again. Two
adapters speak for it: OpenSearch, and an embedded one in a file. Capabilities see this module alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

from opsloop.dataclass import dataclass


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
    """

    name: str
    fields: Mapping[str, Kind]
    time_field: str
    dimensions: int = 0


@dataclass(frozen=True)
class Document:
    """What is kept under ``doc_id``: putting the same id again replaces it. ``content`` is JSON."""

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
    it, ``"quoted words"`` together and in order, ``-word`` absent, ``name=value`` in an OBJECT field.
    """

    terms: Mapping[str, Sequence[str]] = {}
    ranges: Mapping[str, tuple[int | None, int | None]] = {}
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
    """One page of hits; ``cursor`` asks for the next one, empty at the end. ``total`` is exact up to ``TOTAL_LIMIT``."""

    hits: tuple[Hit, ...]
    total: int
    cursor: str


TOTAL_LIMIT = 10_000


@dataclass(frozen=True)
class Bucket:
    """How many documents lie in the interval that begins at ``start`` (ns), in all and per group."""

    start: int
    count: int
    groups: Mapping[str, int]


@dataclass(frozen=True)
class Standing:
    """Whether the store answers and takes documents; ``detail`` says what is wrong, or which store it is."""

    is_ready: bool
    detail: str


class SearchStore(Protocol):
    """A search store. Each call raises ``DependencyUnavailableError`` if the store does not answer."""

    def prepare(self, spec: IndexSpec) -> None:
        """Make the index, or bring its description up to date; nothing happens if it is so already."""

    def put(self, spec: IndexSpec, documents: Sequence[Document]) -> tuple[Refused, ...]:
        """Put documents, each replacing that of its id; those that failed for a while are tried again, alone.

        Whoever returns has stored all but the refused ones, and searches find them within a second or so.
        """

    def search(
        self, spec: IndexSpec, query: Query, *, order: str = "newest", size: int = 100, cursor: str = ""
    ) -> Found:
        """Return hits: ``newest`` or ``oldest`` first, or by ``relevance`` (BM25), ties by id.

        A cursor goes on behind the last hit, also while documents are added; one that was not made for the same order
        raises ``InvalidInputError``.
        """

    def nearest(self, spec: IndexSpec, field: str, vector: Sequence[float], query: Query, *, size: int) -> Found:
        """Return the documents that fit ``query`` whose VECTOR ``field`` is nearest by cosine."""

    def count(self, spec: IndexSpec, query: Query) -> int:
        """Return how many documents fit, exactly."""

    def counts(self, spec: IndexSpec, query: Query, *, interval_ns: int, group_by: str = "") -> tuple[Bucket, ...]:
        """Return counts over the spec's time field in steps of ``interval_ns`` (aligned to the epoch), empty ones left
        out, each split by the KEYWORD field ``group_by`` if one is given."""

    def top(self, spec: IndexSpec, query: Query, *, field: str, size: int) -> tuple[tuple[str, int], ...]:
        """Return the most frequent values of a KEYWORD field and their counts, greatest first, ties by value."""

    def scan(self, spec: IndexSpec, query: Query) -> Iterator[Document]:
        """Yield every document that fits, by id."""

    def delete(self, spec: IndexSpec, query: Query) -> int:
        """Delete the documents that fit; return how many."""

    def drop(self, spec: IndexSpec) -> None:
        """Delete the index and all documents in it; nothing happens if there is none."""

    def standing(self) -> Standing:
        """Return whether the store works; never raises."""
