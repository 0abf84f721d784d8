"""RDS instances and their snapshots, as ``opsloop.backup.sources_rds`` reads them. Asking costs nothing.

The answers are XML. Only names and texts are taken from it, of the elements that are asked for.
"""

import re
from typing import Any

from opsloop.adapters.aws_client import AwsError, QueryClient
from opsloop.errors import DependencyUnavailableError, NotFoundError

VERSION = "2014-10-31"
MOST_PAGES = 10  # of a hundred snapshots each
_INSTANCE = ("DBInstanceStatus", "BackupRetentionPeriod", "LatestRestorableTime", "AllocatedStorage")
_SNAPSHOT = ("DBSnapshotIdentifier", "Status", "SnapshotCreateTime")
_NUMBERS = {"BackupRetentionPeriod", "AllocatedStorage"}
_MISSING = {"DBInstanceNotFound", "DBInstanceNotFoundFault"}


class RdsInstances:
    """Describes one instance at a time; raises ``NotFoundError`` and ``DependencyUnavailableError``."""

    def __init__(self) -> None:
        self._client = QueryClient("rds", host="rds", version=VERSION)

    def describe(self, instance: str) -> dict[str, Any]:
        """Return what RDS says of ``instance`` and its snapshots: ``{"instance": {...}, "snapshots": [...]}``."""
        answer = self._call("DescribeDBInstances", {"DBInstanceIdentifier": instance}, instance)
        found = _elements(answer, "DBInstance")
        if not found:
            raise NotFoundError(f"RDS: there is no instance {instance}")
        snapshots, marker = [], ""
        for _ in range(MOST_PAGES):
            wanted = {"DBInstanceIdentifier": instance, **({"Marker": marker} if marker else {})}
            answer = self._call("DescribeDBSnapshots", wanted, instance)
            snapshots += [_fields(one, _SNAPSHOT) for one in _elements(answer, "DBSnapshot")]
            marker = _text(answer, "Marker")
            if not marker:
                break
        return {"instance": _fields(found[0], _INSTANCE), "snapshots": snapshots}

    def _call(self, operation: str, arguments: dict[str, str], instance: str) -> str:
        try:
            return self._client.call(operation, arguments)
        except AwsError as error:
            if error.code in _MISSING:
                raise NotFoundError(f"RDS: there is no instance {instance}") from error
            raise DependencyUnavailableError(f"RDS: {error.code}") from error


def _elements(xml: str, tag: str) -> list[str]:
    return re.findall(rf"<{tag}>(.*?)</{tag}>", xml, re.DOTALL)


def _text(xml: str, tag: str) -> str:
    found = re.search(rf"<{tag}>([^<]*)</{tag}>", xml)
    return found[1].strip() if found else ""


def _fields(xml: str, names: tuple[str, ...]) -> dict[str, Any]:
    texts = {name: _text(xml, name) for name in names}
    return {name: int(text) if name in _NUMBERS and text.isdecimal() else text for name, text in texts.items() if text}
