"""The anomaly table, as its readers see it: anomalies, the feedback on them, and windows to be left out of baselines.

An anomaly lies under the month it began in, by its id, which begins with that time. Which ones go on is told by the
detector's own item, so that a list of them is never older than what was judged.
"""

import json
import zlib
from binascii import a2b_base64
from collections.abc import Iterator, Sequence
from typing import Any

from opsloop.adapters.aws_dynamodb import Table, place
from opsloop.anomaly.exclude import Window
from opsloop.anomaly.model import Anomaly, State
from opsloop.anomaly.record import AnomalyPage, Feedback, begun_at, packed, unpacked
from opsloop.anomaly.saved import Standing, unpack_unknown
from opsloop.clock import time_of

DETECTOR = place("detector", "state")
"""Where the detector keeps its state; ``open_ids`` there are the anomalies that go on."""
EXCLUDED = "excluded"
FEEDBACK_DAYS = 400
RETENTION_DAYS = 400
_NEWER = "attribute_not_exists(pk) OR judged_to <= :judged_to"


class AnomalyTable:
    """Anomalies by id and by time; feedback; excluded windows. Raises ``DependencyUnavailableError``."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "anomaly table")

    def get(self, anomaly_id: str) -> Anomaly | None:
        """Return the anomaly of that id, or None."""
        begun = begun_at(anomaly_id)
        if begun is None:
            return None
        item = self._table.get(_place(anomaly_id, begun))
        return None if item is None else _anomaly(item)

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
        self._table.holds("PutItem", Item=item, ConditionExpression=_NEWER, ExpressionAttributeValues=values)

    def put_feedback(self, feedback: Feedback) -> None:
        """Store what somebody said, in the place of what the same one said of the same anomaly before."""
        item = {
            **place(f"feedback#{feedback.anomaly_id}", feedback.by),
            "verdict": {"S": feedback.verdict},
            "note": {"S": feedback.note},
            "at_minute": {"N": str(feedback.at_minute)},
            "expires_at": {"N": str(feedback.at_minute * 60 + FEEDBACK_DAYS * 86_400)},
        }
        self._table.call("PutItem", Item=item)

    def feedback(self, anomaly_id: str) -> tuple[Feedback, ...]:
        """Return what was said of an anomaly, by who said it."""
        return tuple(
            Feedback(anomaly_id, item["verdict"]["S"], item["sk"]["S"], item["note"]["S"], int(item["at_minute"]["N"]))
            for item in self._table.query(f"feedback#{anomaly_id}")
        )

    def exclude(self, window: Window) -> None:
        """Store ``window``; storing it again changes nothing."""
        item = {
            **place(EXCLUDED, window.key),
            "service": {"S": window.service},
            "first_minute": {"N": str(window.first_minute)},
            "end_minute": {"N": str(window.end_minute)},
            "reason": {"S": window.reason},
            "expires_at": {"N": str(window.end_minute * 60 + RETENTION_DAYS * 86_400)},
        }
        self._table.call("PutItem", Item=item)

    def include(self, key: str) -> bool:
        """Take the window named ``key`` back; return whether there was one."""
        return "Attributes" in self._table.call("DeleteItem", Key=place(EXCLUDED, key), ReturnValues="ALL_OLD")

    def excluded_windows(self) -> tuple[Window, ...]:
        """Return all windows that are left out of baselines."""
        return tuple(
            Window(
                item["service"]["S"],
                int(item["first_minute"]["N"]),
                int(item["end_minute"]["N"]),
                item["reason"]["S"],
            )
            for item in self._table.query(EXCLUDED)
        )

    def _detector(self, attributes: str) -> dict[str, Any]:
        return self._table.get(DETECTOR, ProjectionExpression=attributes) or {}

    def _candidates(self, first_minute: int, end_minute: int, state: State | None) -> Iterator[Anomaly]:
        """Yield anomalies of the range, newest first; those that began before it last."""
        opened = [one for one in self.open() if one.first_minute < end_minute] if state is not State.ENDED else []
        if state is State.OPEN:
            yield from opened
            return
        for month in _months(first_minute, end_minute):
            # an id is longer than the stamp it begins with
            between = _stamp(first_minute), _stamp(end_minute)
            yield from map(_anomaly, self._table.query(month, between=between, ScanIndexForward=False))
        yield from (one for one in opened if one.first_minute < first_minute)

    def _batch(self, ids: Sequence[str]) -> Sequence[Anomaly]:
        """Return the anomalies of ``ids`` that exist, in their order."""
        keys = [_place(one, begun) for one in ids if (begun := begun_at(one)) is not None]
        found = {one.anomaly_id: one for one in map(_anomaly, self._table.get_all(keys, is_consistent=False))}
        return [found[one] for one in ids if one in found]


def _anomaly(item: dict[str, Any]) -> Anomaly:
    return unpacked(a2b_base64(item["body"]["B"]))


def _place(anomaly_id: str, begun: int) -> dict[str, Any]:
    return place(_month(begun), anomaly_id)


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
