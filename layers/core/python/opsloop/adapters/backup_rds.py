"""RDS instances and their snapshots, as ``opsloop.backup.sources_rds`` reads them. Asking costs nothing.

The answers are XML. Only names and texts are taken from it, of the elements that are asked for. An instance of a
cluster (Aurora, or three zones) is backed up as the cluster is: then that and its snapshots are asked for.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from opsloop.adapters.aws_client import AwsError, QueryClient
from opsloop.errors import DependencyUnavailableError, NotFoundError

VERSION = "2014-10-31"
MOST_PAGES = 10  # of a hundred snapshots each
_INSTANCE = ("DBInstanceStatus", "BackupRetentionPeriod", "LatestRestorableTime", "AllocatedStorage")
_SNAPSHOT = ("DBSnapshotIdentifier", "Status", "SnapshotCreateTime")
_CLUSTER = {"Status": "DBInstanceStatus", **{name: name for name in ("BackupRetentionPeriod", "LatestRestorableTime")}}
_CLUSTER_SNAPSHOT = {"DBClusterSnapshotIdentifier": "DBSnapshotIdentifier", **{name: name for name in _SNAPSHOT[1:]}}
_NUMBERS = {"BackupRetentionPeriod", "AllocatedStorage"}
_MISSING = {"DBInstanceNotFound", "DBInstanceNotFoundFault", "DBClusterNotFoundFault"}


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
        if cluster := _text(found[0], "DBClusterIdentifier"):
            return self._cluster(cluster)
        pages = self._pages("DescribeDBSnapshots", {"DBInstanceIdentifier": instance}, instance)
        snapshots = [_fields(one, _SNAPSHOT) for page in pages for one in _elements(page, "DBSnapshot")]
        return {"instance": _fields(found[0], _INSTANCE), "snapshots": snapshots}

    def _cluster(self, name: str) -> dict[str, Any]:
        """Return what RDS says of a cluster, under the names that it uses of instances."""
        wanted = {"DBClusterIdentifier": name}
        found = _children(self._call("DescribeDBClusters", wanted, name), "DBCluster", _CLUSTER)
        if not found:
            raise NotFoundError(f"RDS: there is no cluster {name}")
        pages = self._pages("DescribeDBClusterSnapshots", wanted, name)
        snapshots = [one for page in pages for one in _children(page, "DBClusterSnapshot", _CLUSTER_SNAPSHOT)]
        return {"instance": found[0], "snapshots": snapshots}

    def _pages(self, operation: str, wanted: dict[str, str], name: str) -> Iterator[str]:
        marker = ""
        for _ in range(MOST_PAGES):
            answer = self._call(operation, {**wanted, **({"Marker": marker} if marker else {})}, name)
            yield answer
            marker = _text(answer, "Marker")
            if not marker:
                return

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
    return _valued({name: _text(xml, name) for name in names})


def _children(xml: str, tag: str, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what stands directly in each element ``tag``, under other names: what is nested has states of its own."""
    from xml.etree import ElementTree  # 6 ms that only clusters need

    try:
        found = ElementTree.fromstring(xml).iter()  # noqa: S314 - of RDS itself
    except ElementTree.ParseError as error:
        raise DependencyUnavailableError(f"RDS: an answer that is no XML: {error}") from error
    return [
        _valued({ours: (one.findtext(f"{{*}}{theirs}") or "").strip() for theirs, ours in names.items()})
        for one in found
        if one.tag.rpartition("}")[2] == tag
    ]


def _valued(texts: Mapping[str, str]) -> dict[str, Any]:
    return {name: int(text) if name in _NUMBERS and text.isdecimal() else text for name, text in texts.items() if text}
