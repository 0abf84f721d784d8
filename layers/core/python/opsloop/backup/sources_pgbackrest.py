"""pgBackRest: ``pgbackrest info --output=json``, of all stanzas or of one.

Its documentation (https://pgbackrest.org/command.html#command-info) promises that this form stays. One object per
stanza: ``name``, ``status`` (``code`` 0 ok, 1 missing stanza path, 2 no valid backups, 3 missing stanza data, 4
different across repositories, 5 database mismatch, 6 backup not found, 99 other; ``message``), ``repo`` (each with its
``status``), ``db``, ``archive`` (per database version ``min`` and ``max``, names of segments), and ``backup``, oldest
first: ``label``, ``type`` (full, diff, incr), ``prior`` and ``reference`` (what it builds on), ``error`` (true: pages
with wrong checksums, ``error-list``; what builds on such a backup is no better),
``timestamp`` (``start`` and ``stop``, seconds since the epoch), ``lsn``, ``archive`` (segments that it needs),
``info`` (``size`` of the database, ``delta``, ``repository``).
"""

from collections.abc import Mapping
from typing import Any

from opsloop.backup.source_facts import Facts, bounded, listed, mapping, moment_of, text, whole

_CODES = {
    1: "the stanza has no path in the repository",
    2: "there is no valid backup",
    3: "the stanza's data are missing",
    4: "its repositories differ",
    5: "the database is not the one that the stanza was made for",
    6: "the backup that was asked for is not there",
}


def read_pgbackrest(document: Any) -> Facts:
    """Return what the output says; of several stanzas all together, as one that must be whole."""
    stanzas = [one for one in listed(document) if isinstance(one, Mapping)]
    if not stanzas:
        is_empty = document == []
        return Facts("pgBackRest knows no stanza" if is_empty else "it is not the output of pgbackrest info, a list")
    if len(stanzas) > 1:
        names = ", ".join(text(one.get("name")) or "?" for one in stanzas[:5])
        return Facts(f"it tells of {len(stanzas)} stanzas ({names}): write it with --stanza=NAME")
    return _stanza(stanzas[0])


def _stanza(stanza: Mapping[str, Any]) -> Facts:
    status = mapping(stanza.get("status"))
    code = whole(status.get("code"))
    if code is None or not isinstance(stanza.get("backup"), list):
        return Facts(
            "it is not the output of pgbackrest info: a stanza has a status with a code, and a list of backups"
        )
    name = text(stanza.get("name")) or "?"
    errors = [] if code == 0 else [_said(f"stanza {name}", code, status)]
    for repository in map(mapping, listed(stanza.get("repo"))):
        state = mapping(repository.get("status"))
        if whole(state.get("code")) not in (0, None):
            errors.append(_said(f"repository {whole(repository.get('key')) or '?'}", whole(state["code"]) or 0, state))
    backups = [one for one in map(mapping, listed(stanza["backup"])) if one]
    good, bad = [], set[str]()
    for one in backups:
        stop = moment_of(mapping(one.get("timestamp")).get("stop"))
        label = text(one.get("label")) or "?"
        if one.get("error") is True:
            pages = ", ".join(text(each) for each in listed(one.get("error-list"))[:5])
            bad.add(label)
            errors.append(f"backup {label} has pages with wrong checksums{f' in {pages}' if pages else ''}")
        elif stop is None:
            errors.append(f"backup {label} does not say when it ended")
        elif bad & {text(each) for each in (one.get("prior"), *listed(one.get("reference")))}:
            bad.add(label)
        else:
            good.append((stop, one))
    good.sort(key=lambda pair: pair[0])
    newest = mapping(mapping(good[-1][1].get("info")) if good else None)
    archives = [text(one.get("max")) for one in map(mapping, listed(stanza.get("archive")))]
    return Facts(
        newest_backup_at=good[-1][0] if good else None,
        archive_wal=max(archives, default=""),
        window_from=next((stop for stop, one in good if one.get("type") == "full"), None),
        backups=len(backups),
        bytes=whole(newest.get("size")),
        errors=bounded(errors),
        is_archive_broken=code != 0,
    )


def _said(what: str, code: int, status: Mapping[str, Any]) -> str:
    message = text(status.get("message"))
    return f"{what}: {_CODES.get(code) or message or 'an error'} (status {code})"
