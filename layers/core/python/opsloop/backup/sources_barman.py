"""Barman: ``barman --format json`` of ``list-backups SERVER``, ``show-backup SERVER ID`` or ``check SERVER``.

Each is an object with the server's name as its only key. ``list-backups``: a list of ``backup_id``, ``status``
(``DONE``, ``WAITING_FOR_WALS``, ``FAILED``, ...), ``end_time_timestamp`` (seconds since the epoch, as text),
``size_bytes``, ``retention_status``. ``show-backup``: ``backup_id``, ``status``, ``error``, ``base_backup_information``
(the same ``end_time_timestamp``, ``disk_usage_bytes``, ``begin_wal``, ``end_wal``) and ``wal_information``
(``last_available``, the newest archived segment). ``check``: per check ``status`` (``OK``, ``FAILED``) and ``hint``;
where ``last_wal_maximum_age`` is configured, the hint of ``wal_maximum_age`` tells the newest segment's age in words.
Beside them may stand ``_INFO``, ``_WARNING``, ``_ERROR``: lists of messages. Manual: https://docs.pgbarman.org/.
"""

import re
from collections.abc import Mapping
from typing import Any

from opsloop.backup.source_facts import Facts, bounded, listed, mapping, moment_of, text, whole

_WHOLE, _WAITING = "DONE", "WAITING_FOR_WALS"  # the latter is consistent only with log that has not arrived
_OF_THE_ARCHIVE = re.compile("wal|archiv|receive|xlog")
_OF_ITS_AGE = "wal_maximum_age"
_NOT_OURS = "it is not the output of barman --format json list-backups, show-backup or check, for one server"


def read_barman(document: Any) -> Facts:
    """Return what one output says."""
    if not isinstance(document, Mapping):
        return Facts(_NOT_OURS)
    messages = [text(one) for one in listed(document.get("_ERROR"))]
    servers = {name: value for name, value in document.items() if not str(name).startswith("_")}
    if len(servers) != 1:
        why = f"it tells of {len(servers)} servers: name one" if servers else (messages or [_NOT_OURS])[0]
        return Facts(why)
    (value,) = servers.values()
    if isinstance(value, list):
        return _list(value, messages)
    found = mapping(value)
    if "backup_id" in found:
        return _show(found, messages)
    if found and all("status" in mapping(one) for one in found.values()):
        return _check(found, messages)
    return Facts(_NOT_OURS)


def _list(value: list[Any], errors: list[str]) -> Facts:
    backups = [one for one in map(mapping, value) if one]
    if len(backups) < len(value):
        return Facts("it lists backups by their ids alone: leave --minimal out")
    good, failed, waiting = [], list[str](), list[str]()
    for one in backups:
        ended = moment_of(one.get("end_time_timestamp"))
        state, backup_id = text(one.get("status")), text(one.get("backup_id")) or "?"
        if state == _WHOLE and ended is not None:
            good.append((ended, one))
        elif state == "FAILED":
            failed.append(backup_id)
        elif state == _WAITING:
            waiting.append(f"backup {backup_id} waits for write-ahead log")
        elif state == _WHOLE or not state:
            errors.append(f"backup {backup_id} does not say when it ended, or how")
    newest = max((text(one.get("backup_id")) for one in backups), default="")
    if newest in failed or not good:  # one that failed before a good one is history
        errors += [f"backup {backup_id} failed" for backup_id in failed]
    if not good:
        errors += waiting
    good.sort(key=lambda pair: pair[0])
    return Facts(
        newest_backup_at=good[-1][0] if good else None,
        window_from=good[0][0] if good else None,
        backups=len(backups),
        bytes=whole(good[-1][1].get("size_bytes")) if good else None,
        errors=bounded(errors),
    )


def _show(found: Mapping[str, Any], errors: list[str]) -> Facts:
    state, backup_id = text(found.get("status")), text(found.get("backup_id")) or "?"
    base, wal = mapping(found.get("base_backup_information")), mapping(found.get("wal_information"))
    ended = moment_of(base.get("end_time_timestamp")) if state == _WHOLE else None
    if state == "FAILED":
        errors.append(f"backup {backup_id} failed: {text(found.get('error')) or 'Barman does not say why'}")
    elif state == _WAITING:
        errors.append(f"backup {backup_id} waits for write-ahead log")
    elif ended is None and state == _WHOLE:
        errors.append(f"backup {backup_id} does not say when it ended")
    elif ended is None:
        errors.append(f"backup {backup_id} is not whole ({state or 'no status'})")
    return Facts(
        newest_backup_at=ended,
        archive_wal=text(wal.get("last_available")) or text(base.get("end_wal")),
        window_from=ended,
        backups=1,
        bytes=whole(base.get("disk_usage_bytes")),
        errors=bounded(errors),
    )


def _check(found: Mapping[str, Any], errors: list[str]) -> Facts:
    for name, one in found.items():
        if text(mapping(one).get("status")) != "OK":
            hint = text(mapping(one).get("hint"))
            errors.append(f"check {text(name).replace('_', ' ')} failed{f': {hint}' if hint else ''}")
    failed = [str(name) for name, one in found.items() if text(mapping(one).get("status")) != "OK"]
    is_broken = any(_OF_THE_ARCHIVE.search(name) for name in failed if name != _OF_ITS_AGE)
    return Facts(errors=bounded(errors), is_archive_broken=is_broken)


_AGE = re.compile(r"latest wal age: (?P<age>.+)", re.IGNORECASE)
_PART = re.compile(r"(\d{1,6}) (day|hour|minute|second)s?")
_SECONDS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}


def wal_age_s(document: Any) -> float | None:
    """Return how old the newest archived segment was, by the output of ``check``; None where it does not say so."""
    for value in mapping(document).values():
        hint = _AGE.search(text(mapping(mapping(value).get("wal_maximum_age")).get("hint")))
        parts = _PART.findall(hint["age"]) if hint else []
        if parts:
            return float(sum(int(count) * _SECONDS[unit] for count, unit in parts))
    return None
