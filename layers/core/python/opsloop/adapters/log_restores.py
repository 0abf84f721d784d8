"""Restores of cold logs that were asked for: an item each of the log table, until some time after they are over."""

from collections.abc import Mapping
from typing import Any

from opsloop.adapters.aws_client import DYNAMODB, AwsError, JsonClient
from opsloop.dataclass import replace
from opsloop.errors import ConflictError, DependencyUnavailableError
from opsloop.log.restore import DAY_S, Phase, Restore, Tier

SHOWN_DAYS = 60  # after the last change and the days for which it was wanted
_PK = "restores"
_CONDITION_FAILED = "ConditionalCheckFailedException"
_TEXTS = ("restore_id", "service", "tier", "phase", "cursor")
_NUMBERS = tuple(name for name in Restore.__annotations__ if name not in _TEXTS)


class RestoreTable:
    """Implements ``opsloop.log.restore.Restores``."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._client = JsonClient(DYNAMODB)

    def all(self) -> list[Restore]:
        """Return every restore, the newest first."""
        values = {":pk": {"S": _PK}}
        options: dict[str, Any] = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": values}
        found = []
        while True:
            page = self._call("Query", ConsistentRead=True, **options)
            found += [_restore(item) for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return sorted(found, key=lambda one: (-one.requested_s, one.restore_id))
            options["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def find(self, restore_id: str) -> Restore | None:
        """Return the restore of that id, if there is one."""
        item = self._call("GetItem", Key=_key(restore_id), ConsistentRead=True).get("Item")
        return _restore(item) if item else None

    def save(self, restore: Restore) -> Restore:
        """Save ``restore`` as its next version and return that; raise ``ConflictError`` if somebody else did."""
        saved = replace(restore, version=restore.version + 1)
        expires = max(saved.requested_s, saved.back_s) + (saved.days + SHOWN_DAYS) * DAY_S
        item = {
            **_key(saved.restore_id),
            **{name: {"S": str(getattr(saved, name))} for name in _TEXTS},
            **{name: {"N": str(getattr(saved, name))} for name in _NUMBERS},
            "expires_at": {"N": str(expires)},
        }
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if restore.version:
            condition = {
                "ConditionExpression": "version = :read",
                "ExpressionAttributeValues": {":read": {"N": str(restore.version)}},
            }
        self._call("PutItem", Item=item, **condition)
        return saved

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            return self._client.call(operation, {"TableName": self._table, **arguments})
        except AwsError as error:
            if error.code == _CONDITION_FAILED:
                raise ConflictError("the restore is past that version") from error
            raise DependencyUnavailableError(f"log table: {error.code}") from error


def _key(restore_id: str) -> dict[str, Any]:
    return {"pk": {"S": _PK}, "sk": {"S": restore_id}}


def _restore(item: Mapping[str, Any]) -> Restore:
    values: dict[str, Any] = {name: int(item[name]["N"]) for name in _NUMBERS}
    values |= {name: item[name]["S"] for name in _TEXTS}
    return Restore(**{**values, "tier": Tier(values["tier"]), "phase": Phase(values["phase"])})
