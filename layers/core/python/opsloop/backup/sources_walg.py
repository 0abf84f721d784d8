"""WAL-G: ``wal-g backup-list --detail --json`` and ``wal-g wal-verify integrity timeline --json``.

``backup-list``: a list, oldest first, of ``backup_name``, ``time``, ``wal_file_name`` (where the backup begins),
``start_time``, ``finish_time`` (RFC 3339), ``start_lsn``, ``finish_lsn`` (numbers), ``is_permanent``, ``pg_version``,
``uncompressed_size``, ``compressed_size``. Without ``--detail`` there is only ``time``. ``wal-verify``: an object with
``integrity`` and ``timeline``, each with a ``status`` (``OK``, ``WARNING``, ``FAILURE``) and ``details``: of integrity
runs of segments (``start_segment``, ``end_segment``, ``segments_count``, ``status`` ``FOUND``, ``MISSING_DELAYED``,
``MISSING_UPLOADING``, ``MISSING_LOST``): the delayed and the uploading may still arrive.
Manual: https://wal-g.readthedocs.io/PostgreSQL/.
"""

from collections.abc import Mapping
from typing import Any

from opsloop.backup.source_facts import Facts, bounded, listed, mapping, moment_of, text, whole

_NOT_OURS = "it is not the output of wal-g backup-list --detail --json, nor of wal-g wal-verify --json"


def read_walg(document: Any) -> Facts:
    """Return what one output says. Of a backup a delta (``..._D_...``) is one like any other."""
    if document is None or document == []:
        return Facts("WAL-G lists no backup")
    if isinstance(document, list):
        return _backups(document)
    if isinstance(document, Mapping) and {"integrity", "timeline"} & document.keys():
        return _verified(document)
    return Facts(_NOT_OURS)


def _backups(document: list[Any]) -> Facts:
    backups = [one for one in map(mapping, document) if text(one.get("backup_name"))]
    if len(backups) < len(document):
        return Facts(_NOT_OURS)
    good, errors = [], []
    for one in backups:
        ended = moment_of(one.get("finish_time")) or moment_of(one.get("time"))
        if ended is None:
            errors.append(f"backup {text(one['backup_name'])} does not say when it ended")
        else:
            good.append((ended, one))
    good.sort(key=lambda pair: pair[0])
    full = [ended for ended, one in good if "_D_" not in text(one["backup_name"])]
    return Facts(
        newest_backup_at=good[-1][0] if good else None,
        archive_wal=text(good[-1][1].get("wal_file_name")) if good else "",
        window_from=full[0] if full else None,
        backups=len(backups),
        bytes=whole(good[-1][1].get("uncompressed_size")) if good else None,
        errors=bounded(errors),
    )


def _verified(document: Mapping[str, Any]) -> Facts:
    errors, newest = [], ""
    for name in ("integrity", "timeline"):
        found = mapping(document.get(name))
        state = text(found.get("status"))
        if name in document and state not in ("OK", "WARNING"):
            errors.append(f"wal-verify {name}: {state or 'no status'}{_lost(found)}")
        for run in map(mapping, listed(found.get("details"))):
            if text(run.get("status")) == "FOUND":
                newest = max(newest, text(run.get("end_segment")))
    return Facts(archive_wal=newest, errors=bounded(errors), is_archive_broken=bool(errors))


def _lost(found: Mapping[str, Any]) -> str:
    runs = [one for one in map(mapping, listed(found.get("details"))) if text(one.get("status")) == "MISSING_LOST"]
    shown = [f"{text(one.get('start_segment'))} to {text(one.get('end_segment'))}" for one in runs[:3]]
    return f", segments lost: {', '.join(shown)}" if shown else ""
