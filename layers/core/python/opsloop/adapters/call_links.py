"""The samples of spans in the telemetry table: one item per ten minutes and log, and the call graph that they give."""

from binascii import a2b_base64
from collections.abc import Iterator
from typing import Any

from opsloop.adapters.aws_dynamodb import IS_NEW, Table, place
from opsloop.clock import time_of
from opsloop.telemetry.graph import Graph, call_graph
from opsloop.telemetry.link_window import WINDOW_MINUTES, LinkWindow
from opsloop.telemetry.links import Links, pack, unpack
from opsloop.telemetry.model import CallEdge

SERVICES = "services"
_WINDOW = "%Y-%m-%dT%H:%M"


class CallLinks:
    """Who calls whom, as far as the spans of the last days tell."""

    def __init__(self, table_name: str) -> None:
        self._table = Table(table_name, "telemetry table")

    def edges(self, first_minute: int, last_minute: int) -> list[CallEdge]:
        """Return the calls that began from ``first_minute`` to ``last_minute``, both included."""
        return list(self.graph(first_minute, last_minute).edges)

    def graph(self, first_minute: int, last_minute: int) -> Graph:
        """Return the call graph from ``first_minute`` to ``last_minute``, both included."""
        first = first_minute // WINDOW_MINUTES - 1
        last = last_minute // WINDOW_MINUTES + 1
        starts = [number * WINDOW_MINUTES for number in range(first, last + 1)]
        windows = [(start, links) for start in starts for links in self._read(start)]
        found = self._table.query(SERVICES, ProjectionExpression="sk") if windows else ()
        return call_graph(windows, first_minute, last_minute, [item["sk"]["S"] for item in found])

    def get(self, log: str, start: int) -> LinkWindow | None:
        """Return the sample of ``log`` of the ten minutes from ``start`` on, or None."""
        item = self._table.get(place(_pk(start), log), ConsistentRead=True)
        if item is None:
            return None
        links = unpack(a2b_base64(item["body"]["B"]))
        return LinkWindow(log, start, item["folded_to"]["S"], links, int(item["floor"]["N"]))

    def save(self, window: LinkWindow, expected: str | None, *, retention_days: int) -> None:
        """Write ``window``; raise ``ConflictError`` unless it was folded up to ``expected`` (None: not there)."""
        item = {
            **place(_pk(window.start), window.log),
            "folded_to": {"S": window.folded_to},
            "floor": {"N": str(window.floor)},
            "body": {"B": pack(window.links)},
            "expires_at": {"N": str(window.start * 60 + retention_days * 86_400)},
        }
        condition: dict[str, Any] = {"ConditionExpression": IS_NEW}
        if expected is not None:
            condition = {
                "ConditionExpression": "folded_to = :expected",
                "ExpressionAttributeValues": {":expected": {"S": expected}},
            }
        self._table.call("PutItem", conflict="telemetry table: the condition does not hold", Item=item, **condition)

    def _read(self, start: int) -> Iterator[Links]:
        for item in self._table.query(_pk(start), ProjectionExpression="body"):
            yield unpack(a2b_base64(item["body"]["B"]))


def _pk(start: int) -> str:
    return f"links#{time_of(start).strftime(_WINDOW)}"
