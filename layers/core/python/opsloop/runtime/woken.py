"""What woke a function: one event of the bus, or those that a queue collected."""

import json
from typing import Any


def woken_by(event: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the EventBridge events in ``event``: itself, or the bodies of its SQS messages in their order."""
    if "Records" not in event:
        return [event]
    return [json.loads(record["body"]) for record in event["Records"]]
