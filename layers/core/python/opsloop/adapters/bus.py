"""The bus: EventBridge, on which capabilities tell one another facts."""

import json
from collections.abc import Sequence
from typing import Any

from opsloop.adapters.aws_client import EVENTBRIDGE, AwsError, JsonClient
from opsloop.errors import DependencyUnavailableError
from opsloop.events import Event

MAX_CALL_ENTRIES = 10


class Bus:
    """Publishes facts in CloudEvents form. What is published twice has the same id twice."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._client = JsonClient(EVENTBRIDGE)

    def publish(self, events: Sequence[Event]) -> None:
        """Publish all ``events``; raise ``DependencyUnavailableError`` unless the bus accepted each."""
        for first in range(0, len(events), MAX_CALL_ENTRIES):
            entries: Any = [
                {
                    "EventBusName": self._name,
                    "Source": event.detail()["source"],
                    "DetailType": event.data.TYPE,
                    "Time": event.time.timestamp(),
                    "Detail": json.dumps(event.detail(), ensure_ascii=False),
                }
                for event in events[first : first + MAX_CALL_ENTRIES]
            ]
            try:
                answer = self._client.call("PutEvents", {"Entries": entries})
            except AwsError as error:
                raise DependencyUnavailableError(f"bus {self._name} does not answer") from error
            if answer["FailedEntryCount"]:
                reasons = {entry.get("ErrorCode", "") for entry in answer["Entries"]} - {""}
                raise DependencyUnavailableError(f"bus {self._name} refused events: {', '.join(sorted(reasons))}")
