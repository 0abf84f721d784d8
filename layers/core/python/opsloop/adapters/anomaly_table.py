"""The anomaly table, as its readers see it: anomalies, the feedback on them, and windows to be left out of baselines.

An anomaly lies under the month it began in, by its id, which begins with that time. Which ones go on is told by the
detector's own item, so that a list of them is never older than what was judged.
"""

import json
import zlib
from binascii import a2b_base64
from collections.abc import Iterator, Sequence
from typing import Any

from opsloop.adapters.aws_client import DYNAMODB, AwsError, JsonClient
from opsloop.anomaly.exclude import Window
from opsloop.anomaly.model import Anomaly, State
from opsloop.anomaly.record import AnomalyPage, Feedback, begun_at, packed, unpacked
from opsloop.anomaly.saved import Standing, unpack_unknown
from opsloop.clock import time_of
from opsloop.errors import ConflictError, DependencyUnavailableError

DETECTOR = ("detector", "state")
"""Where the detector keeps its state; ``open_ids`` there are the anomalies that go on."""
EXCLUDED = "excluded"
FEEDBACK_DAYS = 400
RETENTION_DAYS = 400
MAX_KEYS = 100  # of one BatchGetItem
MAX_ROUNDS = 20
_NEWER = "attribute_not_exists(pk) OR judged_to <= :judged_to"


class AnomalyTable:
    """Anomalies by id and by time; feedback; excluded windows."""

    def __init__(self, table_name: str) -> None:
        self._table = table_name
        self._client = JsonClient(DYNAMODB)

    def get(self, anomaly_id: str) -> Anomaly | None:
        """Return the anomaly of that id, or None."""
        begun = begun_at(anomaly_id)
        if begun is None:
            return None
        found = self._call("GetItem", {"TableName": self._table, "Key": _place(anomaly_id, begun)})
        return _anomaly(found["Item"]) if "Item" in found else None

    def list(
        self,
        *,
        first_minute: int,
        end_minute: int,
        service: str = "",
        state: State | None = None,
        after: str = "",
        limit: int = 100,
    ) -> AnomalyPage:
        """Return anomalies that lie in part between ``first_minute`` and before ``end_minute``, newest first.

        Those that began earlier are found as long as they go on. ``service`` "" and ``state`` None mean any. ``after``
        is the ``next`` of the page before.
        """
        found: tuple[Anomaly, ...] = ()
        for one in self._candidates(first_minute, end_minute, state):
            is_wanted = (not service or one.service == service) and state in (None, one.state)
            if not is_wanted or (after and one.anomaly_id >= after):
                continue
            if len(found) == limit:
                return AnomalyPage(found, found[-1].anomaly_id)
            found = (*found, one)
        return AnomalyPage(found, "")

    def standing(self) -> Standing | None:
        """Return up to when everything is judged, and what cannot be; None before the first run."""
        item = self._detector("judged_to, unjudged")
        if not item:
            return None
        return Standing(int(item["judged_to"]["N"]), unpack_unknown(a2b_base64(item["unjudged"]["B"])))

    def open(self) -> tuple[Anomaly, ...]:
        """Return the anomalies that go on, newest first."""
        item = self._detector("open_ids")
        ids = json.loads(zlib.decompress(a2b_base64(item["open_ids"]["B"]))) if "open_ids" in item else []
        return tuple(one for one in self._batch(sorted(ids, reverse=True)) if one.state is State.OPEN)

    def put(self, anomaly: Anomaly, *, judged_to: int) -> None:
        """Store ``anomaly`` as it is after the bucket that ends at minute ``judged_to``; a newer one stays."""
        item = {
            **_place(anomaly.anomaly_id, anomaly.first_minute),
            "service": {"S": anomaly.service},
            "state": {"S": anomaly.state.value},
            "judged_to": {"N": str(judged_to)},
            "body": {"B": packed(anomaly)},
            "expires_at": {"N": str(anomaly.last_minute * 60 + RETENTION_DAYS * 86_400)},
        }
        values = {":judged_to": {"N": str(judged_to)}}
        request = {"TableName": self._table, "Item": item, "ConditionExpression": _NEWER}
        try:
            self._call("PutItem", {**request, "ExpressionAttributeValues": values})
        except ConflictError:
            return

    def put_feedback(self, feedback: Feedback) -> None:
        """Store what somebody said, in the place of what the same one said of the same anomaly before."""
        item = {
            **_key(f"feedback#{feedback.anomaly_id}", feedback.by),
            "verdict": {"S": feedback.verdict},
            "note": {"S": feedback.note},
            "at_minute": {"N": str(feedback.at_minute)},
            "expires_at": {"N": str(feedback.at_minute * 60 + FEEDBACK_DAYS * 86_400)},
        }
        self._call("PutItem", {"TableName": self._table, "Item": item})

    def feedback(self, anomaly_id: str) -> tuple[Feedback, ...]:
        """Return what was said of an anomaly, by who said it."""
        return tuple(
            Feedback(anomaly_id, item["verdict"]["S"], item["sk"]["S"], item["note"]["S"], int(item["at_minute"]["N"]))
            for item in self._query(f"feedback#{anomaly_id}")
        )

    def exclude(self, window: Window) -> None:
        """Store ``window``; storing it again changes nothing."""
        item = {
            **_key(EXCLUDED, window.key),
            "service": {"S": window.service},
            "first_minute": {"N": str(window.first_minute)},
            "end_minute": {"N": str(window.end_minute)},
            "reason": {"S": window.reason},
            "expires_at": {"N": str(window.end_minute * 60 + RETENTION_DAYS * 86_400)},
        }
        self._call("PutItem", {"TableName": self._table, "Item": item})

    def include(self, key: str) -> bool:
        """Take the window named ``key`` back; return whether there was one."""
        request = {"TableName": self._table, "Key": _key(EXCLUDED, key), "ReturnValues": "ALL_OLD"}
        return "Attributes" in self._call("DeleteItem", request)

    def excluded_windows(self) -> tuple[Window, ...]:
        """Return all windows that are left out of baselines."""
        return tuple(
            Window(
                item["service"]["S"],
                int(item["first_minute"]["N"]),
                int(item["end_minute"]["N"]),
                item["reason"]["S"],
            )
            for item in self._query(EXCLUDED)
        )

    def _detector(self, attributes: str) -> dict[str, Any]:
        pk, sk = DETECTOR
        request = {
            "TableName": self._table,
            "Key": {"pk": {"S": pk}, "sk": {"S": sk}},
            "ProjectionExpression": attributes,
        }
        item: dict[str, Any] = self._call("GetItem", request).get("Item", {})
        return item

    def _candidates(self, first_minute: int, end_minute: int, state: State | None) -> Iterator[Anomaly]:
        """Yield anomalies of the range, newest first; those that began before it last."""
        opened = [one for one in self.open() if one.first_minute < end_minute] if state is not State.ENDED else []
        if state is State.OPEN:
            yield from opened
            return
        for month in _months(first_minute, end_minute):
            values = {":pk": {"S": month}, ":first": {"S": _stamp(first_minute)}, ":end": {"S": _stamp(end_minute)}}
            yield from self._ranged(values)
        yield from (one for one in opened if one.first_minute < first_minute)

    def _ranged(self, values: dict[str, Any]) -> Iterator[Anomaly]:
        condition = "pk = :pk AND sk BETWEEN :first AND :end"  # an id is longer than the stamp it begins with
        return map(_anomaly, self._pages(condition, values, ScanIndexForward=False))

    def _query(self, pk: str) -> Iterator[dict[str, Any]]:
        return self._pages("pk = :pk", {":pk": {"S": pk}})

    def _pages(self, condition: str, values: dict[str, Any], **options: Any) -> Iterator[dict[str, Any]]:
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            **options,
        }
        while True:
            answer = self._call("Query", request)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _batch(self, ids: Sequence[str]) -> Sequence[Anomaly]:
        """Return the anomalies of ``ids`` that exist, in their order."""
        found: dict[str, Anomaly] = {}
        keys = [_place(one, begun) for one in ids if (begun := begun_at(one)) is not None]
        for first in range(0, len(keys), MAX_KEYS):
            left: dict[str, Any] = {self._table: {"Keys": keys[first : first + MAX_KEYS]}}
            for _ in range(MAX_ROUNDS):
                answer = self._call("BatchGetItem", {"RequestItems": left})
                for one in map(_anomaly, answer["Responses"].get(self._table, ())):
                    found[one.anomaly_id] = one
                left = answer.get("UnprocessedKeys") or {}
                if not left:
                    break
            else:
                raise DependencyUnavailableError("anomaly table: it leaves keys unread")
        return [found[one] for one in ids if one in found]

    def _call(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._client.call(operation, arguments)
        except AwsError as error:
            if error.code == "ConditionalCheckFailedException":
                raise ConflictError("anomaly table: the condition does not hold") from error
            raise DependencyUnavailableError(f"anomaly table: {error.code}") from error


def _anomaly(item: dict[str, Any]) -> Anomaly:
    return unpacked(a2b_base64(item["body"]["B"]))


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _place(anomaly_id: str, begun: int) -> dict[str, Any]:
    return _key(_month(begun), anomaly_id)


def _month(minute: int) -> str:
    return time_of(minute).strftime("month#%Y-%m")


def _stamp(minute: int) -> str:
    return time_of(minute).strftime("%Y%m%dT%H%M")


def _months(first_minute: int, end_minute: int) -> Iterator[str]:
    """Yield the partitions of the months from the last to the first that the range touches."""
    at = max(first_minute, end_minute - 1)
    while True:
        yield _month(at)
        start = time_of(at).replace(day=1, hour=0, minute=0)
        at = int(start.timestamp()) // 60 - 1
        if at < first_minute:
            return
