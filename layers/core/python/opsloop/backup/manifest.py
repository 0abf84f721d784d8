"""What a manifest is made of: hashes of the schema, and which rows of a table are hashed.

Pure: ``adapters/postgres_facts.py`` asks the server.
"""

from collections.abc import Iterable, Mapping
from hashlib import md5

from opsloop.backup.definition import canonical, canonical_view, full_name
from opsloop.dataclass import dataclass

DEFINITION_CHARACTERS = 120  # longer ones are kept as a hash: a manifest explains, the dump has the text
MAX_OBJECTS = 20_000  # of one kind that are named; of more there is the hash of all of them alone
VIEWS = frozenset({"views", "materialized_views"})

MIB = 1 << 20
SAMPLE_ROWS = 1000
SAMPLE_BYTES = 16 * MIB  # of a table's rows, by their mean width, that are hashed at most
LEAST_SAMPLE_ROWS = 10  # however wide they are
WHOLE_BYTES = 1 * MIB  # tables up to this are hashed whole
MOST_LISTED = 0.125  # of a table's rows: listing more than that costs as much as reading them once more
WHOLE_BYTES_WITHOUT_KEY = 16 * MIB  # there is no key to choose rows by: the whole table, or none of it


@dataclass(frozen=True)
class Definition:
    """One object: its name in parts, what follows the name, its rendered definition, and text taken as it is."""

    parts: tuple[str, ...]
    suffix: str
    text: str
    raw: str = ""


def schema_of(kind: str, found: Iterable[Definition]) -> tuple[str, dict[str, str] | None]:
    """Return the hash of all objects of ``kind``, and each by name; None where they are too many to be named.

    The hash is ``<how many>:<md5>``, so that equal hashes also say how much was compared. An object's entry is its
    definition if that is short, else the beginning of its md5.
    """
    whole = sorted((full_name(one.parts, one.suffix), _text(kind, one)) for one in found)
    digest = md5(usedforsecurity=False)
    for name, text in whole:
        digest.update(f"{len(name)}:{name}{len(text)}:{text}".encode())
    named = None if len(whole) > MAX_OBJECTS else {name: _short(text) for name, text in whole}
    return f"{len(whole)}:{digest.hexdigest()}", named


def sample_size(rows: int, size_bytes: int, *, has_key: bool) -> int:
    """Return how many rows of a table are hashed: all of a small one, else a number that bounds the work.

    ``size_bytes`` is what the table takes on disk, its long values included. Only the source decides; a restored copy
    hashes as many rows as the manifest has.
    """
    if size_bytes <= WHOLE_BYTES or rows <= LEAST_SAMPLE_ROWS:
        return rows
    if not has_key:
        return rows if size_bytes <= WHOLE_BYTES_WITHOUT_KEY else 0
    by_width = SAMPLE_BYTES * rows // size_bytes
    return min(rows, SAMPLE_ROWS, max(LEAST_SAMPLE_ROWS, by_width))


def share_to_list(sample_rows: int, rows: int | None) -> float:
    """Return of which share of all rows a sample is surely among them, if hashes spread them evenly; 0 if of too many.

    How many of ``rows`` have a hash in a share has a binomial distribution: a quarter and 64 more than ``sample_rows``
    are eight standard deviations above it for 1,000 rows, and seven for 10.
    """
    share = (1.25 * sample_rows + 64) / rows if rows and sample_rows else 0.0
    return share if share <= MOST_LISTED else 0.0


def rows_with_partitions(rows: Mapping[int, int], parents: Mapping[int, int], table: int) -> int:
    """Return the rows of ``table``, or of all that it was partitioned into, at any depth.

    ``rows`` are those that were counted, by the tables' ids; ``parents`` is partition -> partitioned table.
    """
    if table in rows:
        return rows[table]
    return sum(rows_with_partitions(rows, parents, child) for child, parent in parents.items() if parent == table)


def _text(kind: str, one: Definition) -> str:
    text = canonical_view(one.text) if kind in VIEWS else canonical(one.text)
    if not one.raw:
        return text
    return (
        f"{text} {one.raw}"
        if kind in VIEWS
        else f"{text} body {md5(one.raw.encode(), usedforsecurity=False).hexdigest()}"
    )


def _short(text: str) -> str:
    return (
        text
        if len(text) <= DEFINITION_CHARACTERS
        else f"md5 {md5(text.encode(), usedforsecurity=False).hexdigest()[:16]}"
    )
