"""What BatchGetItem leaves out is asked for again, and no request has more keys than it may."""

from typing import Any

import pytest

from opsloop.adapters.aws_client import AwsError
from opsloop.adapters.aws_dynamodb import MAX_KEYS, MAX_ROUNDS, batch_get


class SlowTable:
    """Stands in for the client of a table that has every item, and answers ``at_once`` of the keys it is asked for."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self.asked: list[int] = []

    def call(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        assert operation == "BatchGetItem"
        ((table, wanted),) = arguments["RequestItems"].items()
        assert wanted["ConsistentRead"] is True
        keys = wanted["Keys"]
        self.asked.append(len(keys))
        left = keys[self.at_once :]
        unread = {table: {**wanted, "Keys": left}} if left else {}
        return {"Responses": {table: keys[: self.at_once]}, "UnprocessedKeys": unread}


def keys(count: int) -> list[tuple[str, str]]:
    return [("a", f"{number:04}") for number in range(count)]


def read(table: SlowTable, count: int) -> list[str]:
    client: Any = table
    return [item["sk"]["S"] for item in batch_get(client, "pages", keys(count))]


@pytest.mark.parametrize(
    ("count", "asked"), [(0, []), (1, [1]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])], ids=str
)
def test_no_request_has_more_keys_than_it_may(count: int, asked: list[int]) -> None:
    table = SlowTable(at_once=MAX_KEYS)
    assert read(table, count) == [sk for _, sk in keys(count)]
    assert table.asked == asked


def test_what_is_left_out_is_asked_for_again() -> None:
    table = SlowTable(at_once=40)
    assert read(table, 130) == [sk for _, sk in keys(130)]
    assert table.asked == [100, 60, 20, 30]


def test_a_table_that_answers_nothing_is_given_up() -> None:
    table = SlowTable(at_once=0)
    with pytest.raises(AwsError, match="pages leaves keys unread") as error:
        read(table, 3)
    assert error.value.code == "UnprocessedKeys"
    assert len(table.asked) == MAX_ROUNDS
