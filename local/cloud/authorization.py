"""Authorisation as on AWS where MiniStack takes one resource for another."""

import json
from collections.abc import Mapping
from typing import Any

from ministack.core import iam_actions

DESCRIBE_BUS = "AWSEvents.DescribeEventBus"


def install() -> None:
    """Authorise ``DescribeEventBus`` on the bus that it names; MiniStack reads its name as that of a rule."""
    original = iam_actions.extract_resource_arn

    def resource_of(service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, *place: Any) -> Any:
        found = original(service, method, path, headers, body, *place)
        if service == "events" and headers.get("x-amz-target") == DESCRIBE_BUS and found != "*":
            return bus_arn(found, json.loads(body)["Name"])
        return found

    iam_actions.extract_resource_arn = resource_of


def bus_arn(found: str, name: str) -> str:
    """Return the ARN of the bus ``name``, in the region and account that the ARN ``found`` names."""
    return name if name.startswith("arn:") else ":".join([*found.split(":")[:5], f"event-bus/{name}"])
