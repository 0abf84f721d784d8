"""The rebuild of the search index that was asked for last: one item of the log table."""

from typing import Any

from opsloop.adapters.aws_client import DYNAMODB, AwsError, JsonClient
from opsloop.dataclass import replace
from opsloop.errors import ConflictError, DependencyUnavailableError
from opsloop.log.rebuild import Phase, Rebuild

_KEY: dict[str, Any] = {"pk": {"S": "rebuild"}, "sk": {"S": "logs"}}
_CONDITION_FAILED = "ConditionalCheckFailedException"


class RebuildTable:
    """Implements ``opsloop.log.rebuild.Rebuilds``."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._client = JsonClient(DYNAMODB)

    def current(self) -> Rebuild | None:
        """Return the rebuild that was asked for last, if any."""
        item = self._call("GetItem", Key=_KEY, ConsistentRead=True).get("Item")
        if item is None:
            return None
        cursor = item["cursor"]["L"]
        return Rebuild(
            item["first"]["S"],
            item["last"]["S"],
            item["is_whole"]["BOOL"],
            int(item["requested_s"]["N"]),
            Phase(item["phase"]["S"]),
            int(item["claimed_s"]["N"]),
            (cursor[0]["S"], cursor[1]["S"]),
            int(item["marked"]["N"]),
            int(item["version"]["N"]),
        )

    def save(self, rebuild: Rebuild) -> Rebuild:
        """Save ``rebuild`` as its next version and return that; raise ``ConflictError`` if somebody else did."""
        saved = replace(rebuild, version=rebuild.version + 1)
        item = {
            **_KEY,
            "first": {"S": saved.first},
            "last": {"S": saved.last},
            "is_whole": {"BOOL": saved.is_whole},
            "requested_s": {"N": str(saved.requested_s)},
            "phase": {"S": saved.phase.value},
            "claimed_s": {"N": str(saved.claimed_s)},
            "cursor": {"L": [{"S": part} for part in saved.cursor]},
            "marked": {"N": str(saved.marked)},
            "version": {"N": str(saved.version)},
        }
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if rebuild.version:
            condition = {
                "ConditionExpression": "version = :read",
                "ExpressionAttributeValues": {":read": {"N": str(rebuild.version)}},
            }
        self._call("PutItem", Item=item, **condition)
        return saved

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            return self._client.call(operation, {"TableName": self._table, **arguments})
        except AwsError as error:
            if error.code == _CONDITION_FAILED:
                raise ConflictError("the rebuild is past that version") from error
            raise DependencyUnavailableError(f"log table: {error.code}") from error
