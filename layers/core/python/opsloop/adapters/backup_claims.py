"""Dumps that were asked for, and who works on what: items of the backup table."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from opsloop.adapters.aws_dynamodb import IS_NEW, Table, place
from opsloop.adapters.aws_record import body_of, record_of, time_key, time_keys
from opsloop.backup.claim import Claim
from opsloop.backup.take import Take
from opsloop.dataclass import replace

Action = Mapping[str, Any]  # one of a transaction
KEPT_DAYS = 400  # of takes, after they were asked for; of claims, after they ended


class TakeTable:
    """What became of every dump that was asked for, by database and slot. Items expire after ``KEPT_DAYS``."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "backup table")

    def find(self, database: str, slot: datetime) -> Take | None:
        """Return what became of the dump for that slot; raise ``DependencyUnavailableError``."""
        item = self._table.get(place(_takes(database), time_key(slot)), ConsistentRead=True)
        return None if item is None else _take(item)

    def of(self, database: str, *, since: datetime | None = None) -> Iterator[Take]:
        """Yield what was asked for of a database, the newest slot first, back to ``since``."""
        span = time_keys(since)
        found = self._table.query(_takes(database), between=span, ScanIndexForward=False, ConsistentRead=True)
        return map(_take, found)

    def save(self, take: Take) -> Take:
        """Write ``take`` over the revision that it was read at (0: as a new one) and return it as it is now.

        Raises ``ConflictError`` if somebody else wrote meanwhile, ``DependencyUnavailableError``.
        """
        conflict = f"take of {take.database} for {take.slot.isoformat()} is past revision {take.revision}"
        self._table.transact(self.change(take), conflict=conflict)
        return replace(take, revision=take.revision + 1)

    def change(self, take: Take) -> list[Action]:
        """Return what ``save`` does, as actions of a transaction."""
        saved = replace(take, revision=take.revision + 1)
        where = place(_takes(take.database), time_key(take.slot))
        return [_put(self._table.name, where, body_of(saved), take.revision, take.requested_at)]


class ClaimTable:
    """Implements ``opsloop.backup.claim.Claims``. Items expire after ``KEPT_DAYS``."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "backup table")

    def find(self, claim_id: str) -> Claim | None:
        """Return the claim as it is now; raise ``DependencyUnavailableError``."""
        item = self._table.get(_claim(claim_id), ConsistentRead=True)
        return None if item is None else record_of(Claim, item["body"]["S"])

    def save(self, claim: Claim) -> Claim:
        """Write ``claim`` over the revision that it was read at (0: as a new one) and return it as it is now.

        Raises ``ConflictError`` if somebody else wrote meanwhile, ``DependencyUnavailableError``.
        """
        conflict = f"claim {claim.claim_id} is past revision {claim.revision}"
        self._table.transact(self.change(claim), conflict=conflict)
        return replace(claim, revision=claim.revision + 1)

    def change(self, claim: Claim) -> list[Action]:
        """Return what ``save`` does, as actions of a transaction."""
        saved = replace(claim, revision=claim.revision + 1)
        return [_put(self._table.name, _claim(claim.claim_id), body_of(saved), claim.revision, claim.until)]


def _put(table: str, where: Mapping[str, Any], body: str, revision: int, since: datetime) -> Action:
    expires = int((since + timedelta(days=KEPT_DAYS)).timestamp())
    item = {
        **where,
        "body": {"S": body},
        "revision": {"N": str(revision + 1)},
        "expires_at": {"N": str(expires)},
    }
    condition: dict[str, Any] = {"ConditionExpression": IS_NEW}
    if revision:
        read = {":read": {"N": str(revision)}}
        condition = {"ConditionExpression": "revision = :read", "ExpressionAttributeValues": read}
    return {"Put": {"TableName": table, "Item": item, **condition}}


def _takes(database: str) -> str:
    return f"takes#{database}"


def _claim(claim_id: str) -> dict[str, Any]:
    return place(f"claim#{claim_id}", "claim")


def _take(item: Mapping[str, Any]) -> Take:
    return record_of(Take, item["body"]["S"])
