"""Other tools' backups as retention sees them: which of theirs our class would let go. Advice: we delete none of them.

A backup counts as proven here where its tool calls it whole: that is the tool's word, not a restore of ours, and the
advice says so. What builds on another is a chain, and its parts go and stay together:

- pgBackRest: ``prior`` of a ``diff`` or ``incr`` backup.
- Barman: ``parent_backup_id``, which ``show-backup`` tells and ``list-backups`` does not; ``retention_status``
  ``KEEP:...`` is a hold.
- WAL-G: ``base_SEGMENT_D_SEGMENT``, the second being where the parent begins; ``is_permanent`` is a hold.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from opsloop.backup.retention import Copy, plan
from opsloop.backup.retention_record import decisions_json
from opsloop.backup.source_facts import listed, mapping, moment_of, text, whole
from opsloop.catalog import RetentionClass
from opsloop.clock import format_time

MOST_SHOWN = 200
MAX_REPORT_BYTES = 16 << 20  # one that is cut there is not JSON
UNKNOWN_PARENT = "?"  # which no backup is called: the chain is broken, and its parts stay
_NO_PARENT = ("", "-", "None")


def advice(
    kind: str, name: str, body: bytes, written_at: datetime | None, chosen: RetentionClass, now: datetime
) -> dict[str, Any]:
    """Return, as JSON, what ``chosen`` would let go of the backups in a report; ``why_not`` where it tells of none.

    Raises nothing for what stands in the report.
    """
    shown: dict[str, Any] = {"kind": kind, "name": name, "written_at": format_time(written_at) if written_at else None}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {**shown, "why_not": "the report is not JSON", "keep_count": 0, "delete_count": 0, "delete": []}
    wrapped = mapping(document).get("reports")
    outputs = listed(wrapped) if wrapped is not None else [document]
    copies = copies_of(kind, outputs)
    found = plan(chosen, copies, now)
    why_not = "" if copies else "the report lists no backups by their ids"
    return {
        **shown,
        "why_not": why_not,
        "keep_count": len(found.keep),
        "delete_count": len(found.delete),
        "delete": decisions_json(found.delete[:MOST_SHOWN]),
    }


def copies_of(kind: str, outputs: Iterable[Any]) -> list[Copy]:
    """Return the backups in a tool's outputs, each once; of one that comes twice, what the later output adds."""
    reader = _READERS.get(kind)
    found: dict[str, Copy] = {}
    for one in [one for output in outputs for one in reader(output)] if reader else []:
        known = found.get(one.copy_id)
        if known is None or known.parent_id == UNKNOWN_PARENT:
            found[one.copy_id] = one
    return list(found.values())


def _pgbackrest(output: Any) -> Iterator[Copy]:
    for stanza in map(mapping, listed(output)):
        for one in map(mapping, listed(stanza.get("backup"))):
            label = text(one.get("label"))
            if label:
                is_full = one.get("type") == "full"
                yield Copy(
                    label,
                    moment_of(mapping(one.get("timestamp")).get("stop")),
                    is_proven=one.get("error") is not True,
                    parent_id="" if is_full else text(one.get("prior")) or UNKNOWN_PARENT,
                    bytes=_size(one),
                )


def _size(one: Mapping[str, Any]) -> int:
    return whole(mapping(mapping(one.get("info")).get("repository")).get("delta")) or 0


def _barman(output: Any) -> Iterator[Copy]:
    for name, value in mapping(output).items():
        if str(name).startswith("_"):
            continue
        for one in map(mapping, listed(value) or [value]):
            backup_id = text(one.get("backup_id"))
            if not backup_id:
                continue
            base = mapping(one.get("base_backup_information"))
            is_incremental = "incremental" in (text(one.get("backup_type")), text(base.get("backup_type")))
            parent = text(one.get("parent_backup_id")) or text(base.get("parent_backup_id"))
            yield Copy(
                backup_id,
                moment_of(one.get("end_time_timestamp") or base.get("end_time_timestamp")),
                is_proven=text(one.get("status")) == "DONE",
                parent_id=_barmans_parent(parent, is_incremental=is_incremental),
                held="Barman's own KEEP" if text(one.get("retention_status")).startswith("KEEP") else "",
                bytes=whole(one.get("size_bytes")) or 0,
            )


def _barmans_parent(said: str, *, is_incremental: bool) -> str:
    if said in _NO_PARENT:
        return UNKNOWN_PARENT if is_incremental else ""
    return said


def _walg(output: Any) -> Iterator[Copy]:
    backups = [one for one in map(mapping, listed(output)) if text(one.get("backup_name"))]
    begins = {text(one["backup_name"]).partition("_D_")[0]: text(one["backup_name"]) for one in backups}
    for one in backups:
        name = text(one["backup_name"])
        _, delta, parent = name.partition("_D_")
        yield Copy(
            name,
            moment_of(one.get("finish_time")) or moment_of(one.get("time")),
            is_proven=True,  # it lists those alone that were finished
            parent_id=begins.get(f"base_{parent}", UNKNOWN_PARENT) if delta else "",
            held="WAL-G's own permanence" if one.get("is_permanent") is True else "",
            bytes=whole(one.get("compressed_size")) or 0,
        )


_READERS: Mapping[str, Callable[[Any], Iterator[Copy]]] = {
    "pgbackrest": _pgbackrest,
    "barman": _barman,
    "walg": _walg,
}
