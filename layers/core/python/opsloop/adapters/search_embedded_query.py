"""Questions to the embedded search store, as SQL. Values go in as parameters; of what people wrote, words alone reach
FTS5, each between quotes, so nothing of it can be taken for its syntax."""

from collections.abc import Sequence
from typing import Any

from opsloop.adapters.search_documents import MAX_TIME
from opsloop.adapters.search_embedded_file import Index, column
from opsloop.adapters.search_words import Clause, as_phrase
from opsloop.dataclass import dataclass
from opsloop.search import IndexSpec, Kind, Query

ALL = "1"
# ruff: noqa: S608 -- statements are put together of our own names; what people give goes in as parameters


@dataclass(frozen=True)
class Where:
    """A condition on documents ``d``, its parameters, and what FTS5 is asked for, if words must be there."""

    sql: str
    parameters: tuple[Any, ...]
    match: str

    def and_also(self, sql: str, *parameters: Any) -> "Where":
        """Return this with one more condition."""
        return Where(f"{self.sql} AND {sql}", (*self.parameters, *parameters), self.match)


def where(spec: IndexSpec, index: Index, query: Query, clauses: Sequence[Clause]) -> Where:
    """Return the condition that ``query`` stands for."""
    conditions: list[str] = []
    parameters: list[Any] = []
    for field, values in query.terms.items():
        conditions.append(f"d.{column(field)} IN ({', '.join('?' * len(values))})" if values else "0")
        parameters += values
    for field, limits in query.ranges.items():
        name = "at" if field == spec.time_field else column(field)
        for limit, comparison in zip(limits, (">=", "<="), strict=True):
            if limit is not None:
                conditions.append(f"d.{name} {comparison} ?")
                parameters.append(_limit(spec.fields[field], limit))
    present = [_match(one) for one in clauses if not one.is_absent]
    absent = [_match(one) for one in clauses if one.is_absent]
    match = " AND ".join(f"({one})" for one in present)
    if match:
        conditions.append(f"d.place IN (SELECT rowid FROM {index.words} WHERE {index.words} MATCH ?)")
        parameters.append(match)
    if absent:
        conditions.append(f"d.place NOT IN (SELECT rowid FROM {index.words} WHERE {index.words} MATCH ?)")
        parameters.append(" OR ".join(f"({one})" for one in absent))
    return Where(" AND ".join(conditions) or ALL, tuple(parameters), match)


def _limit(kind: Kind, limit: float) -> float:
    """Return a limit that SQLite can compare with; no time lies beyond those that it is cut to."""
    return max(-1, min(limit, MAX_TIME + 1)) if kind == Kind.TIME else float(limit)


def _match(clause: Clause) -> str:
    """Return a clause in FTS5's language; a word is of letters and digits, so it cannot end the quotes."""
    ways = [f'words : "{as_phrase(clause.words)}"'] if clause.words else []
    if clause.pair:
        ways.append(f'pairs : "{clause.pair}"')
    return " OR ".join(ways)
