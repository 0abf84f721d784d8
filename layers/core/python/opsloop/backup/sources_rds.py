"""RDS: what DescribeDBInstances and DescribeDBSnapshots say of one instance, or the same of its cluster.

``instance``: ``DBInstanceStatus``, ``BackupRetentionPeriod`` (days; 0: no automated backups), ``LatestRestorableTime``
(up to when point-in-time recovery goes, as a rule within the last five minutes), ``AllocatedStorage`` (GiB).
``snapshots``: ``DBSnapshotIdentifier``, ``Status`` (``available`` when whole), ``SnapshotCreateTime``.
Reference: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBInstance.html and API_DBSnapshot.html.
"""

from datetime import timedelta
from typing import Any

from opsloop.backup.source_facts import Facts, bounded, listed, mapping, moment_of, text, whole

GIB = 1 << 30
_LOST_KEY = "inaccessible-encryption-credentials"  # also with "-recoverable": nothing can be restored without the key
_BROKEN = ("failed", "incompatible-restore", "restore-error")


def read_rds(document: Any) -> Facts:
    """Return what the two answers, as ``{"instance": {...}, "snapshots": [...]}``, say."""
    instance = mapping(mapping(document).get("instance"))
    if not instance:
        return Facts("it is not what RDS says of an instance")
    snapshots = [mapping(one) for one in listed(mapping(document).get("snapshots"))]
    taken = sorted(
        at
        for one in snapshots
        if text(one.get("Status")) == "available" and (at := moment_of(one.get("SnapshotCreateTime"))) is not None
    )
    errors = [
        f"snapshot {text(one.get('DBSnapshotIdentifier')) or '?'} is {text(one.get('Status'))}"
        for one in snapshots
        if text(one.get("Status")) in ("failed", "incompatible-restore")
    ]
    state = text(instance.get("DBInstanceStatus"))
    if state.startswith(_LOST_KEY):
        return Facts(errors=bounded([f"it is {state}: without its key nothing can be restored", *errors]))
    if state in _BROKEN:
        errors.append(f"it is {state}")
    days = whole(instance.get("BackupRetentionPeriod"))
    until = moment_of(instance.get("LatestRestorableTime")) if days else None
    if days == 0:
        errors.append("automated backups are switched off (a retention period of 0 days)")
    elif until is None:
        errors.append("RDS names no time up to which it can recover")
    stored = whole(instance.get("AllocatedStorage"))
    first = min([*taken[:1], *([until - timedelta(days=days)] if until and days else [])], default=None)
    return Facts(
        newest_backup_at=max([*taken[-1:], *([until] if until else [])], default=None),
        archive_until=until,
        window_from=first,
        backups=len(taken),
        bytes=None if stored is None else stored * GIB,
        errors=bounded(errors),
    )
