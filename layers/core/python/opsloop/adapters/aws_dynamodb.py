"""DynamoDB's BatchGetItem, whole: it answers 100 keys at most, and as many of them as it likes."""

from collections.abc import Iterator, Sequence
from typing import Any

from opsloop.adapters.aws_client import AwsError, JsonClient

MAX_KEYS = 100  # of one BatchGetItem
MAX_ROUNDS = 20  # each answers some keys: what is left after them means that the table is throttled
UNREAD = "UnprocessedKeys"


def batch_get(client: JsonClient, table: str, keys: Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Yield the items under ``keys`` (``pk`` and ``sk``, each pair once) that exist, in no order, read consistently.

    Raises ``AwsError``, with the code ``UnprocessedKeys`` if the table keeps leaving keys unread.
    """
    for first in range(0, len(keys), MAX_KEYS):
        names = [{"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in keys[first : first + MAX_KEYS]]
        left: dict[str, Any] = {table: {"Keys": names, "ConsistentRead": True}}
        for _ in range(MAX_ROUNDS):
            answer = client.call("BatchGetItem", {"RequestItems": left})
            yield from answer["Responses"].get(table, ())
            left = answer.get(UNREAD) or {}
            if not left:
                break
        else:
            raise AwsError(UNREAD, 400, f"{table} leaves keys unread")
