"""The access table: one item per key or session, hashed, and counts of failed attempts to sign in.

Keys stay listed after their end. Sessions and counts have ``purge_after`` (epoch seconds), when DynamoDB may drop them.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from opsloop.access.attempts import KEPT_MINUTES, attempts_id
from opsloop.access.issue import KEY_ID_BYTES, SECRET_BYTES, issue
from opsloop.access.model import ApiKey, Origin, Scope, parse_scopes
from opsloop.access.revoke import surviving_admin
from opsloop.adapters.aws_client import DYNAMODB, AwsError, JsonClient
from opsloop.errors import ConflictError, DependencyUnavailableError, NotFoundError

_READ_TIMEOUT_S = 3.0
_VALID = "attribute_exists(key_id) AND attribute_not_exists(revoked_at)"
_CONFLICTS = ("TransactionCanceledException", "TransactionConflictException")
_SESSION_KEPT = timedelta(days=1)  # after its end, so that it is still seen who was there
_TIME = "%Y-%m-%dT%H:%M:%S.%f%z"


class AccessTable:
    """Keys in DynamoDB."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._client = JsonClient(DYNAMODB, read_timeout_s=_READ_TIMEOUT_S)

    def find(self, key_id: str) -> ApiKey | None:
        """Return the key or session of that id, revoked and expired ones too, or None.

        Read consistently: a page asks several functions in the moment after its session was stored.
        """
        place = {"TableName": self._table, "Key": {"key_id": {"S": key_id}}, "ConsistentRead": True}
        answer = self._call("GetItem", place)
        return _key(answer["Item"]) if "secret_sha256" in answer.get("Item", {}) else None

    def list(self) -> list[ApiKey]:
        """Return every key, oldest first; no sessions."""
        return [key for key in self._all() if key.origin is None]

    def sessions(self) -> Sequence[ApiKey]:
        """Return every session, oldest first: those that last, and those that ended within the last day or so."""
        return [key for key in self._all() if key.origin is not None]

    def _all(self) -> Sequence[ApiKey]:
        return sorted(map(_key, self._items()), key=lambda key: (key.created_at, key.key_id))

    def failures(self, address: str, now: datetime) -> int:
        """Return how many attempts to sign in from ``address`` failed in this minute."""
        place = {"TableName": self._table, "Key": {"key_id": {"S": attempts_id(address, now)}}}
        item = self._call("GetItem", place).get("Item", {})
        return int(item["failures"]["N"]) if item else 0

    def add_failure(self, address: str, now: datetime) -> None:
        """Count one more."""
        request = {
            "TableName": self._table,
            "Key": {"key_id": {"S": attempts_id(address, now)}},
            "UpdateExpression": "ADD failures :one SET purge_after = :then",
            "ExpressionAttributeValues": {
                ":one": {"N": "1"},
                ":then": {"N": str(int((now + timedelta(minutes=KEPT_MINUTES)).timestamp()))},
            },
        }
        self._call("UpdateItem", request)

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
        request = {"TableName": self._table, "Item": item, "ConditionExpression": "attribute_not_exists(key_id)"}
        self._call("PutItem", request, ConditionalCheckFailedException=f"key {key.key_id} exists")

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
        place = {"TableName": self._table, "ConditionExpression": _VALID}
        actions: list[dict[str, Any]] = [
            {
                "Update": {
                    **place,
                    "Key": {"key_id": {"S": key_id}},
                    "UpdateExpression": "SET revoked_at = :now",
                    "ExpressionAttributeValues": {":now": {"S": _text(now)}},
                }
            }
        ]
        if witness is not None:
            actions.append({"ConditionCheck": {**place, "Key": {"key_id": {"S": witness.key_id}}}})
        lost = f"keys changed while {key_id} was being revoked; try again"
        self._call("TransactWriteItems", {"TransactItems": actions}, **dict.fromkeys(_CONFLICTS, lost))
        return ApiKey(**{**vars(key), "revoked_at": now})

    def end_session(self, key_id: str, now: datetime) -> None:
        """Revoke a session, without reading all keys as ``revoke`` does; one that is gone or revoked stays so."""
        request = {
            "TableName": self._table,
            "Key": {"key_id": {"S": key_id}},
            "ConditionExpression": f"{_VALID} AND attribute_exists(purge_after)",
            "UpdateExpression": "SET revoked_at = :now",
            "ExpressionAttributeValues": {":now": {"S": _text(now)}},
        }
        with suppress(ConflictError):
            self._call("UpdateItem", request, ConditionalCheckFailedException=f"session {key_id} is over")

    def _items(self) -> Iterator[dict[str, Any]]:
        request: dict[str, Any] = {
            "TableName": self._table,
            "ConsistentRead": True,
            "FilterExpression": "attribute_exists(secret_sha256)",
        }
        while True:
            page = self._call("Scan", request)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _call(self, operation: str, arguments: dict[str, Any], **conflicts: str) -> dict[str, Any]:
        """Return the answer; ``conflicts`` are messages of ``ConflictError`` by AWS's codes."""
        try:
            return self._client.call(operation, arguments)
        except AwsError as error:
            if error.code in conflicts:
                raise ConflictError(conflicts[error.code]) from error
            raise DependencyUnavailableError("access table does not answer") from error


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
