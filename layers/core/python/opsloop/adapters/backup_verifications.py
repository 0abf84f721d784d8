"""Verifications: an item each of the backup table, by database and time, found by their id as well."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from opsloop.adapters.aws_dynamodb import IS_NEW, Table, place
from opsloop.adapters.aws_record import MAX_BODY_BYTES, body_of, record_of, time_key, time_keys
from opsloop.backup.model import Verification
from opsloop.dataclass import replace

Action = Mapping[str, Any]  # one of a transaction
KEPT = 20  # messages and findings of one that is too large for an item


class VerificationTable:
    """Verifications in DynamoDB. They stay, and nobody changes them."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "backup table")

    def find(self, verification_id: str) -> Verification | None:
        """Return the verification of that id; raise ``DependencyUnavailableError``."""
        pointer = self._table.get(_pointer(verification_id), ConsistentRead=True)
        if pointer is None:
            return None
        item = self._table.get(place(pointer["at_pk"]["S"], pointer["at_sk"]["S"]), ConsistentRead=True)
        return None if item is None else _verification(item)

    def of(
        self,
        database: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        newest_first: bool = True,
    ) -> Iterator[Verification]:
        """Yield the verifications of a database's dumps that ended from ``since`` on and before ``until``.

        Whoever needs few stops early: they are read page by page.
        """
        span = time_keys(since, until)
        found = self._table.query(_pk(database), between=span, ScanIndexForward=not newest_first, ConsistentRead=True)
        return map(_verification, found)

    def save(self, verification: Verification) -> None:
        """Add ``verification``; raise ``ConflictError`` if there is one of that id, ``DependencyUnavailableError``."""
        conflict = f"verification {verification.verification_id} is there already"
        self._table.transact(self.addition(verification), conflict=conflict)

    def addition(self, verification: Verification) -> list[Action]:
        """Return what ``save`` does, as actions of a transaction."""
        where = place(_pk(verification.database), f"{time_key(verification.ended_at)}#{verification.verification_id}")
        pointer = {**_pointer(verification.verification_id), "at_pk": where["pk"], "at_sk": where["sk"]}
        name = self._table.name
        return [
            {"Put": {"TableName": name, "Item": pointer, "ConditionExpression": IS_NEW}},
            {"Put": {"TableName": name, "Item": {**where, "body": {"S": _body(verification)}}}},
        ]


def _body(verification: Verification) -> str:
    body = body_of(verification)
    if len(body.encode()) <= MAX_BODY_BYTES:
        return body
    less = replace(
        verification,
        messages=tuple(one[:1_000] for one in verification.messages[:KEPT]),
        findings=verification.findings[:KEPT],
    )
    return body_of(less)


def _pk(database: str) -> str:
    return f"verifications#{database}"


def _pointer(verification_id: str) -> dict[str, Any]:
    return place(f"verification#{verification_id}", "place")


def _verification(item: Mapping[str, Any]) -> Verification:
    return record_of(Verification, item["body"]["S"])
