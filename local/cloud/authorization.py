"""Authorisation as on AWS where MiniStack takes one resource for another."""

import json
from collections.abc import Mapping
from typing import Any

from ministack.core import iam_actions

DESCRIBE_BUS = "AWSEvents.DescribeEventBus"
SEND_RAW_MAIL = "SendRawEmail"


def install() -> None:
    """Authorise two requests on what they are about.

    ``DescribeEventBus`` on the bus that it names: MiniStack reads its name as that of a rule. ``SendRawEmail`` on the
    identity of the sender: MiniStack knows none.
    """
    original = iam_actions.extract_resource_arn

    def resource_of(service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, *place: Any) -> Any:
        found = original(service, method, path, headers, body, *place)
        if service == "events" and headers.get("x-amz-target") == DESCRIBE_BUS and found != "*":
            return bus_arn(found, json.loads(body)["Name"])
        if service == "ses" and found == "*":
            return sender_arn(*place)
        return found

    iam_actions.extract_resource_arn = resource_of


def bus_arn(found: str, name: str) -> str:
    """Return the ARN of the bus ``name``, in the region and account that the ARN ``found`` names."""
    return name if name.startswith("arn:") else ":".join([*found.split(":")[:5], f"event-bus/{name}"])


def sender_arn(query: Mapping[str, Any], region: str, account: str) -> str:
    """Return the ARN of the identity that a form of ``SendRawEmail`` sends from, ``*`` for any other request."""
    if first(query.get("Action")) != SEND_RAW_MAIL:
        return "*"
    return f"arn:aws:ses:{region}:{account}:identity/{first(query.get('Source'))}"


def first(value: Any) -> str:
    """Return a parameter of a query, which comes as a text or in a list."""
    return str(value[0] if isinstance(value, list) and value else value or "")
