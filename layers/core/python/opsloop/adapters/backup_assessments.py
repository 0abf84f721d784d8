"""How databases stand: an item each of the backup table, and their history, an item per hour that expires in a year."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from opsloop.adapters.aws_dynamodb import Table, place
from opsloop.adapters.aws_record import body_of, record_of
from opsloop.backup.audited import Audited
from opsloop.dataclass import replace

KEPT = timedelta(days=366)
_PK = "assessments"


class AssessmentTable:
    """Assessments in DynamoDB. Raises ``DependencyUnavailableError``."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "backup table")

    def find(self, database: str) -> Audited | None:
        """Return a database as the last audit left it, None before the first."""
        item = self._table.get(place(_PK, database), ConsistentRead=True)
        return None if item is None else _audited(item)

    def all(self) -> dict[str, Audited]:
        """Return every database that was audited, by name."""
        found = map(_audited, self._table.query(_PK, ConsistentRead=True))
        return {one.database: one for one in found}

    def save(self, audited: Audited) -> Audited:
        """Write ``audited`` over the revision that it was made from (0: as a new one); return it as it is now.

        Raises ``ConflictError`` if another audit wrote meanwhile.
        """
        saved = replace(audited, revision=audited.revision + 1)
        item = {**place(_PK, audited.database), "body": {"S": body_of(saved)}}
        conflict = f"audit of {audited.database} is past revision {audited.revision}"
        self._table.save(item, after=audited.revision, conflict=conflict)
        return saved

    def note(self, database: str, at: datetime, point: Mapping[str, Any]) -> None:
        """Keep ``point`` as that of its hour, in the place of an earlier one of the same hour."""
        item = {
            **place(_history(database), _hour(at)),
            "body": {"S": json.dumps(point, separators=(",", ":"))},
            "expires_at": {"N": str(int((at + KEPT).timestamp()))},
        }
        self._table.call("PutItem", Item=item)

    def points(self, database: str, since: datetime, until: datetime) -> Iterator[dict[str, Any]]:
        """Yield the points of the hours that begin from ``since`` on and before ``until``, oldest first."""
        last = _hour(until - timedelta(microseconds=1))
        for item in self._table.query(_history(database), between=(_hour(since), last)):
            yield json.loads(item["body"]["S"])


def _history(database: str) -> str:
    return f"{_PK}#{database}"


def _hour(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H}"


def _audited(item: Mapping[str, Any]) -> Audited:
    return record_of(Audited, item["body"]["S"])
