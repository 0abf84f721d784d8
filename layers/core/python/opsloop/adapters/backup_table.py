"""Dumps: an item each of the backup table, by database and time, found by their id as well."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from opsloop.adapters.aws_dynamodb import IS_NEW, Table, place
from opsloop.adapters.aws_record import body_of, record_of, time_key, time_keys
from opsloop.backup.model import Dump
from opsloop.dataclass import replace

Action = Mapping[str, Any]  # one of a transaction


class DumpTable:
    """Dumps in DynamoDB. They stay, also when their objects are deleted: ``deleted_at`` says so."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "backup table")

    def find(self, dump_id: str) -> Dump | None:
        """Return the dump of that id as it is now; raise ``DependencyUnavailableError``."""
        pointer = self._table.get(_pointer(dump_id), ConsistentRead=True)
        if pointer is None:
            return None
        item = self._table.get(place(pointer["at_pk"]["S"], pointer["at_sk"]["S"]), ConsistentRead=True)
        if item is None:  # it was moved, to another time, between the two
            return self.find(dump_id)
        return _dump(item)

    def of(
        self,
        database: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        newest_first: bool = True,
    ) -> Iterator[Dump]:
        """Yield the dumps of a database that were taken from ``since`` on and before ``until``, deleted ones too.

        Whoever needs few stops early: they are read page by page.
        """
        span = time_keys(since, until)
        found = self._table.query(_pk(database), between=span, ScanIndexForward=not newest_first, ConsistentRead=True)
        return map(_dump, found)

    def save(self, dump: Dump) -> Dump:
        """Write ``dump`` over the revision that it was read at (0: as a new one) and return it as it is now.

        Raises ``ConflictError`` if somebody else wrote meanwhile, ``DependencyUnavailableError``.
        """
        conflict = f"dump {dump.dump_id} is past revision {dump.revision}"
        self._table.transact(self.change(dump), conflict=conflict)
        return replace(dump, revision=dump.revision + 1)

    def change(self, dump: Dump, *, before: Dump | None = None) -> list[Action]:
        """Return what ``save`` does, as actions of a transaction.

        ``before`` is the dump as it was read, needed only where ``taken_at`` changes, by which it is kept.
        """
        saved = replace(dump, revision=dump.revision + 1)
        where = _place(saved)
        pointer = {
            **_pointer(dump.dump_id),
            "at_pk": where["pk"],
            "at_sk": where["sk"],
            "revision": {"N": str(saved.revision)},
        }
        item = {**where, "body": {"S": body_of(saved)}}
        condition: dict[str, Any] = {"ConditionExpression": IS_NEW}
        if dump.revision:
            read = {":read": {"N": str(dump.revision)}}
            condition = {"ConditionExpression": "revision = :read", "ExpressionAttributeValues": read}
        name = self._table.name
        actions: list[Action] = [
            {"Put": {"TableName": name, "Item": pointer, **condition}},
            {"Put": {"TableName": name, "Item": item}},
        ]
        if before is not None and _place(before) != where:
            actions.append({"Delete": {"TableName": name, "Key": _place(before)}})
        return actions


def _pk(database: str) -> str:
    return f"dumps#{database}"


def _place(dump: Dump) -> dict[str, Any]:
    return place(_pk(dump.database), f"{time_key(dump.taken_at)}#{dump.dump_id}")


def _pointer(dump_id: str) -> dict[str, Any]:
    return place(f"dump#{dump_id}", "place")


def _dump(item: Mapping[str, Any]) -> Dump:
    return record_of(Dump, item["body"]["S"])
