"""The access table: one item per key or session, hashed, and counts of failed attempts to sign in.

Keys stay listed after their end. Sessions and counts have ``purge_after`` (epoch seconds), when DynamoDB may drop them.
"""

import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from opsloop.access.attempts import KEPT_MINUTES, attempts_id
from opsloop.access.issue import KEY_ID_BYTES, SECRET_BYTES, issue
from opsloop.access.model import ApiKey, Origin, Scope, parse_scopes
from opsloop.access.revoke import surviving_admin
from opsloop.adapters.aws_dynamodb import Table
from opsloop.errors import NotFoundError

_READ_TIMEOUT_S = 3.0
_VALID = "attribute_exists(key_id) AND attribute_not_exists(revoked_at)"
_SESSION_KEPT = timedelta(days=1)  # after its end, so that it is still seen who was there
_TIME = "%Y-%m-%dT%H:%M:%S.%f%z"


class AccessTable:
    """Keys in DynamoDB."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "access table", tells_code=False, read_timeout_s=_READ_TIMEOUT_S)

    def find(self, key_id: str) -> ApiKey | None:
        """Return the key or session of that id, revoked and expired ones too, or None.

        Read consistently: a page asks several functions in the moment after its session was stored.
        """
        item = self._table.get(_place(key_id), ConsistentRead=True)
        return _key(item) if item is not None and "secret_sha256" in item else None

    def list(self) -> list[ApiKey]:
        """Return every key, oldest first; no sessions."""
        return [key for key in self._all() if key.origin is None]

    def sessions(self) -> Sequence[ApiKey]:
        """Return every session, oldest first: those that last, and those that ended within the last day or so."""
        return [key for key in self._all() if key.origin is not None]

    def _all(self) -> Sequence[ApiKey]:
        pages = self._table.pages("Scan", ConsistentRead=True, FilterExpression="attribute_exists(secret_sha256)")
        return sorted((_key(item) for page in pages for item in page), key=lambda key: (key.created_at, key.key_id))

    def failures(self, address: str, now: datetime) -> int:
        """Return how many attempts to sign in from ``address`` failed in this minute."""
        item = self._table.get(_place(attempts_id(address, now)))
        return int(item["failures"]["N"]) if item else 0

    def add_failure(self, address: str, now: datetime) -> None:
        """Count one more."""
        self._table.call(
            "UpdateItem",
            Key=_place(attempts_id(address, now)),
            UpdateExpression="ADD failures :one SET purge_after = :then",
            ExpressionAttributeValues={
                ":one": {"N": "1"},
                ":then": {"N": str(int((now + timedelta(minutes=KEPT_MINUTES)).timestamp()))},
            },
        )

    def create(
        self, name: str, scopes: Iterable[str], *, now: datetime | None = None, expires_at: datetime | None = None
    ) -> tuple[ApiKey, str]:
        """Store a new key of those scopes; return it and its token, which cannot be told again.

        ``now`` is the present unless given: operators make the first key of a deployment with this, by AWS credentials.
        """
        key, token = issue(
            name,
            parse_scopes(scopes),
            randomness=secrets.token_bytes(KEY_ID_BYTES + SECRET_BYTES),
            now=now or datetime.now(UTC),
            expires_at=expires_at,
        )
        self.add(key)
        return key, token

    def add(self, key: ApiKey) -> None:
        """Store a new key; raise ``ConflictError`` if its id is taken."""
        item: dict[str, Any] = {
            "key_id": {"S": key.key_id},
            "name": {"S": key.name},
            "scopes": {"SS": sorted(scope.value for scope in key.scopes)},
            "secret_sha256": {"S": key.secret_sha256},
            "created_at": {"S": _text(key.created_at)},
        }
        if key.expires_at is not None:  # kept after it passed: an expired key is still listed
            item["expires_at"] = {"S": _text(key.expires_at)}
        if key.origin is not None:
            item |= {name: {"S": value} for name, value in vars(key.origin).items() if value}
            item["purge_after"] = {"N": str(int(((key.expires_at or key.created_at) + _SESSION_KEPT).timestamp()))}
        self._table.call(
            "PutItem",
            conflict=f"key {key.key_id} exists",
            Item=item,
            ConditionExpression="attribute_not_exists(key_id)",
        )

    def revoke(self, key_id: str, now: datetime) -> ApiKey:
        """Revoke a key or a session at once and for good; a revoked one stays as it is. Return it.

        One transaction checks that another admin key is still valid, so two callers cannot revoke each other's.
        Raises ``NotFoundError``, and ``ConflictError`` for the last admin key or a lost race.
        """
        keys = self.list()
        key = next((key for key in keys if key.key_id == key_id), None) or self.find(key_id)
        if key is None:
            raise NotFoundError(f"no key {key_id}")
        if key.revoked_at is not None:
            return key
        witness = surviving_admin(key, keys, now)
        place = {"TableName": self._table.name, "ConditionExpression": _VALID}
        actions: list[dict[str, Any]] = [
            {
                "Update": {
                    **place,
                    "Key": _place(key_id),
                    "UpdateExpression": "SET revoked_at = :now",
                    "ExpressionAttributeValues": {":now": {"S": _text(now)}},
                }
            }
        ]
        if witness is not None:
            actions.append({"ConditionCheck": {**place, "Key": _place(witness.key_id)}})
        self._table.transact(actions, conflict=f"keys changed while {key_id} was being revoked; try again")
        return ApiKey(**{**vars(key), "revoked_at": now})

    def end_session(self, key_id: str, now: datetime) -> None:
        """Revoke a session, without reading all keys as ``revoke`` does; one that is gone or revoked stays so."""
        self._table.holds(
            "UpdateItem",
            Key=_place(key_id),
            ConditionExpression=f"{_VALID} AND attribute_exists(purge_after)",
            UpdateExpression="SET revoked_at = :now",
            ExpressionAttributeValues={":now": {"S": _text(now)}},
        )


def _place(key_id: str) -> dict[str, Any]:
    return {"key_id": {"S": key_id}}


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_TIME)


def _time(item: dict[str, Any], name: str) -> datetime | None:
    return datetime.strptime(item[name]["S"], _TIME) if name in item else None


def _key(item: dict[str, Any]) -> ApiKey:
    return ApiKey(
        key_id=item["key_id"]["S"],
        name=item["name"]["S"],
        scopes=frozenset(Scope(scope) for scope in item["scopes"]["SS"]),
        secret_sha256=item["secret_sha256"]["S"],
        created_at=datetime.strptime(item["created_at"]["S"], _TIME),
        expires_at=_time(item, "expires_at"),
        revoked_at=_time(item, "revoked_at"),
        origin=_origin(item),
    )


def _origin(item: dict[str, Any]) -> Origin | None:
    told = {name: item[name]["S"] for name in ("parent_id", "issuer", "subject") if name in item}
    return Origin(**told) if told else None
