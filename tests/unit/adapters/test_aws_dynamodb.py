"""A table's failures are our errors, and what it answers or does in parts is done whole."""

from typing import Any

import pytest

from opsloop.adapters.aws_client import AwsError
from opsloop.adapters.aws_dynamodb import MAX_KEYS, MAX_ROUNDS, Table, is_version, place
from opsloop.errors import ConflictError, DependencyUnavailableError

LOST = [
    AwsError("ConditionalCheckFailedException", 400, ""),
    AwsError("TransactionConflictException", 400, ""),
    AwsError("TransactionCanceledException", 400, "", reasons=("None", "ConditionalCheckFailed")),
    AwsError("TransactionCanceledException", 400, "", reasons=("TransactionConflict", "None")),
]
AWAY = [
    AwsError("ProvisionedThroughputExceededException", 400, ""),
    AwsError("TransactionCanceledException", 400, "", reasons=("ThrottlingError", "None")),
    AwsError("TimeoutError", 0, ""),
]


class Client:
    """Stands in for the client of a table: notes what it is asked, and answers what the test says."""

    def __init__(self, *answers: dict[str, Any] | AwsError) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def call(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((operation, {**arguments}))
        answer = self.answers.pop(0)
        if isinstance(answer, AwsError):
            raise answer
        return answer


class SlowClient:
    """Stands in for the client of a table that has every item, and does ``at_once`` of the requests in a batch."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self.asked: list[int] = []

    def call(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        ((table, batch),) = arguments["RequestItems"].items()
        wanted = batch["Keys"] if operation == "BatchGetItem" else batch
        self.asked.append(len(wanted))
        done, left = wanted[: self.at_once], wanted[self.at_once :]
        if operation == "BatchWriteItem":
            return {"UnprocessedItems": {table: left} if left else {}}
        assert batch["ConsistentRead"] is True
        return {"Responses": {table: done}, "UnprocessedKeys": {table: {**batch, "Keys": left}} if left else {}}


def table_of(client: Any) -> Table:
    table = Table("pages", "page table")
    table.client = client
    return table


def keys(count: int) -> list[dict[str, Any]]:
    return [place("a", f"{number:04}") for number in range(count)]


@pytest.mark.parametrize("error", LOST, ids=lambda error: "_".join((error.code, *error.reasons)))
def test_a_failed_condition_is_a_conflict_with_the_callers_words(error: AwsError) -> None:
    with pytest.raises(ConflictError, match=r"^page 7 has changed$"):
        table_of(Client(error)).call("PutItem", conflict="page 7 has changed", Item={})
    with pytest.raises(ConflictError, match=r"^page 7 has changed$"):
        table_of(Client(error)).transact([], conflict="page 7 has changed")


def test_a_condition_is_said_not_to_hold_only_if_it_was_looked_at() -> None:
    assert table_of(Client({})).holds("PutItem", Item={}) is True
    assert table_of(Client(LOST[0])).holds("PutItem", Item={}) is False
    with pytest.raises(DependencyUnavailableError, match=r"^page table: TransactionConflictException$"):
        table_of(Client(LOST[1])).holds("PutItem", Item={})


@pytest.mark.parametrize("error", AWAY, ids=lambda error: "_".join((error.code, *error.reasons)))
def test_any_other_failure_is_a_table_that_cannot_be_had_and_says_awss_code(error: AwsError) -> None:
    for ask in (
        lambda table: table.call("PutItem", conflict="page 7 has changed"),
        lambda table: table.transact([], conflict="page 7 has changed"),
        lambda table: table.holds("PutItem"),
        lambda table: table.get(place("a", "b")),
        lambda table: list(table.query("a")),
        lambda table: list(table.get_all(keys(1))),
        lambda table: table.write_all([{}]),
    ):
        with pytest.raises(DependencyUnavailableError, match=f"^page table: {error.code}$"):
            ask(table_of(Client(error)))


def test_a_table_that_anybody_may_ask_tells_no_code() -> None:
    table = Table("pages", "page table", tells_code=False)
    table.client = Client(AWAY[0])  # type: ignore[assignment]
    with pytest.raises(DependencyUnavailableError, match=r"^page table does not answer$"):
        table.get(place("a", "b"))


def test_a_condition_that_nobody_named_is_no_conflict() -> None:
    with pytest.raises(DependencyUnavailableError, match=r"^page table: ConditionalCheckFailedException$"):
        table_of(Client(LOST[0])).call("PutItem", Item={})


def test_pages_follow_each_other_until_one_names_no_next() -> None:
    more = place("a", "2")
    client = Client({"Items": [{"n": 1}, {"n": 2}], "LastEvaluatedKey": more}, {"Items": [{"n": 3}]})
    assert [item["n"] for item in table_of(client).query("a", ConsistentRead=True)] == [1, 2, 3]
    first, second = (asked for _, asked in client.asked)
    assert first == {
        "TableName": "pages",
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": "a"}},
        "ConsistentRead": True,
    }
    assert second == {**first, "ExclusiveStartKey": more}


def test_a_page_that_nobody_reads_is_not_asked_for() -> None:
    client = Client({"Items": [{"n": 1}], "LastEvaluatedKey": place("a", "1")})
    assert next(table_of(client).query("a")) == {"n": 1}
    assert len(client.asked) == 1


@pytest.mark.parametrize(
    ("options", "condition", "values"),
    [
        ({"since": "5"}, "pk = :pk AND sk >= :since", {":since": {"S": "5"}}),
        (
            {"between": ("1", "9")},
            "pk = :pk AND sk BETWEEN :first AND :last",
            {":first": {"S": "1"}, ":last": {"S": "9"}},
        ),
        ({"prefix": "x#"}, "pk = :pk AND begins_with(sk, :prefix)", {":prefix": {"S": "x#"}}),
    ],
    ids=["since", "between", "prefix"],
)
def test_a_part_of_the_sort_keys_can_be_asked_for(
    options: dict[str, Any], condition: str, values: dict[str, Any]
) -> None:
    client = Client({"Items": []})
    assert list(table_of(client).query("a", **options)) == []
    ((operation, asked),) = client.asked
    assert (operation, asked["KeyConditionExpression"]) == ("Query", condition)
    assert asked["ExpressionAttributeValues"] == {":pk": {"S": "a"}, **values}


def test_what_is_saved_is_the_next_version_of_what_was_read() -> None:
    client = Client({}, {})
    table_of(client).save(place("a", "b"), after=0, conflict="lost")
    table_of(client).save(place("a", "b"), after=7, conflict="lost")
    (_, new), (_, changed) = client.asked
    assert (new["Item"]["version"], new["ConditionExpression"]) == ({"N": "1"}, "attribute_not_exists(pk)")
    assert (changed["Item"]["version"], changed["ConditionExpression"]) == ({"N": "8"}, "version = :read")
    assert changed["ExpressionAttributeValues"] == is_version(7)["ExpressionAttributeValues"] == {":read": {"N": "7"}}


@pytest.mark.parametrize(
    ("count", "asked"), [(0, []), (1, [1]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])], ids=str
)
def test_no_request_has_more_keys_than_it_may(count: int, asked: list[int]) -> None:
    client = SlowClient(at_once=MAX_KEYS)
    assert list(table_of(client).get_all(keys(count))) == keys(count)
    assert client.asked == asked


def test_no_request_writes_more_items_than_it_may() -> None:
    client = SlowClient(at_once=20)
    table_of(client).write_all(keys(30))
    assert client.asked == [25, 5, 5]


def test_what_is_left_out_is_asked_for_again() -> None:
    client = SlowClient(at_once=40)
    assert list(table_of(client).get_all(keys(130))) == keys(130)
    assert client.asked == [100, 60, 20, 30]


def test_a_table_that_leaves_everything_undone_is_given_up() -> None:
    client = SlowClient(at_once=0)
    with pytest.raises(DependencyUnavailableError, match=r"^page table: UnprocessedKeys$"):
        list(table_of(client).get_all(keys(3)))
    with pytest.raises(DependencyUnavailableError, match=r"^page table: UnprocessedItems$"):
        table_of(client).write_all(keys(3))
    assert len(client.asked) == 2 * MAX_ROUNDS
