"""The emulator's DynamoDB, made durable: the items that a request changed are in the journal before it is answered.

What is journaled is the item as it became, not the request: applying it twice, or after a conditional write whose
condition no longer holds, gives the same state.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ministack.services import dynamodb

Append = Callable[[list[Any]], None]
Change = list[Any]  # [table arn, partition key, sort key, item or None]
CONTROL_ACTIONS = {"CreateTable", "DeleteTable", "UpdateTable", "UpdateTimeToLive", "RestoreTableFromBackup"}

_request_changes: ContextVar[list[Change] | None] = ContextVar("request_changes", default=None)
_set_item = dynamodb._set_item
_remove_item = dynamodb._remove_item
_handle_request = dynamodb.handle_request


def install(append: Append, control_changed: Callable[[], None]) -> None:
    """Put our functions in place of the emulator's."""

    def note(change: Change) -> None:
        changes = _request_changes.get()
        if changes is None:
            append(["dynamodb", [change]])  # a thread of the emulator: the expiry of items, a state machine
        else:
            changes.append(change)

    def set_item(table: dict[str, Any], partition: str, sort: str, item: dict[str, Any]) -> Any:
        note([table["TableArn"], partition, sort, item])
        return _set_item(table, partition, sort, item)

    def remove_item(table: dict[str, Any], partition: str, sort: str) -> Any:
        note([table["TableArn"], partition, sort, None])
        return _remove_item(table, partition, sort)

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Any:
        changes: list[Change] = []
        token = _request_changes.set(changes)
        try:
            # The emulator's handler never waits, so requests are applied and journaled one after the other.
            answer = await _handle_request(method, path, headers, body, query_params)
        finally:
            _request_changes.reset(token)
            if changes:
                append(["dynamodb", changes])
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if answer[0] == 200 and action in CONTROL_ACTIONS:
            control_changed()
        return answer

    dynamodb._set_item = set_item
    dynamodb._remove_item = remove_item
    dynamodb.handle_request = handle_request


def replay(entry: list[Any]) -> bool:
    """Apply a journal entry; return whether all its tables exist."""
    _, changes = entry
    known = True
    for arn, partition, sort, item in changes:
        _, _, _, region, account, resource = arn.split(":", 5)
        table = dynamodb._tables.get_scoped(account, region, resource.partition("/")[2])
        if table is None:
            known = False
        elif item is None:
            _remove_item(table, partition, sort)
        else:
            _set_item(table, partition, sort, item)
    return known
