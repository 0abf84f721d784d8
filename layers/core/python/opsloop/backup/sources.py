"""What others say of their backups: reports of pgBackRest, Barman and WAL-G, snapshots and windows of RDS.

A report is somebody's word: what it says is ``reported``, never proven. One that cannot be read, that is old or from
the future, or that speaks of faults says so in plain words; nothing here raises for what stands in a report.

A report is what the tool printed, or several of its outputs in one object, which may say more than the tool knows:

    {"written_at": "2026-11-21T08:30:00Z",
     "archiver": {"last_archived_wal": "...", "last_archived_time": "..."},   (pg_stat_archiver, one row)
     "reports": [output, ...]}

pgBackRest, Barman and WAL-G name the newest archived segment of the write-ahead log, but not up to which moment it
goes: only ``archiver`` says that (Barman also by the age of its newest segment, where it checks that).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from opsloop.backup.freshness import MAX_SKEW_S
from opsloop.backup.source_facts import Facts, listed, mapping, moment_of, text
from opsloop.backup.sources_barman import read_barman, wal_age_s
from opsloop.backup.sources_pgbackrest import read_pgbackrest
from opsloop.backup.sources_rds import read_rds
from opsloop.backup.sources_walg import read_walg
from opsloop.backup.standing import Check, Recoverable, Standing, worst
from opsloop.backup.wording import moment, span
from opsloop.clock import format_time
from opsloop.dataclass import dataclass, replace

MAX_REPORT_AGE_S = 7200.0
MAX_REPORT_BYTES = 16 << 20
NAMES = {"pgbackrest": "pgBackRest", "barman": "Barman", "walg": "WAL-G", "rds": "RDS"}
_READERS: Mapping[str, Callable[[Any], Facts]] = {
    "pgbackrest": read_pgbackrest,
    "barman": read_barman,
    "walg": read_walg,
    "rds": read_rds,
}


@dataclass(frozen=True)
class SourceReport:
    """What one source says. ``name`` is the report's key or the instance; ``sentence`` all of it in words.

    ``archive_until``: up to when the archived write-ahead log goes; None where that is not said, though
    ``archive_wal`` may name its newest segment. ``window_from`` is when the oldest good backup ended.
    """

    kind: str
    name: str
    standing: Standing
    sentence: str
    written_at: datetime | None = None
    newest_backup_at: datetime | None = None
    archive_until: datetime | None = None
    archive_wal: str = ""
    window_from: datetime | None = None
    backups: int = 0
    bytes: int | None = None
    errors: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Return the name of the tool as its makers write it."""
        return NAMES.get(self.kind, self.kind)

    @property
    def is_open_ended(self) -> bool:
        """Whether there is archived write-ahead log of which nobody says up to when it goes."""
        return bool(self.archive_wal) and self.archive_until is None

    @property
    def recoverable(self) -> Recoverable | None:
        """Return what could be had back by this source, None if that is not known."""
        until = max((one for one in (self.archive_until, self.newest_backup_at) if one is not None), default=None)
        if until is None or self.newest_backup_at is None:  # without a base backup the archive is of no use
            return None
        return Recoverable(until, self.kind, is_proven=False)


def read_source(kind: str, name: str, body: bytes, written_at: datetime | None, now: datetime) -> SourceReport:
    """Return what a report says; ``written_at`` is when the object was stored. Never raises for what it contains."""
    if len(body) > MAX_REPORT_BYTES:
        return unreadable(kind, name, f"the report has {len(body):,} bytes, more than {MAX_REPORT_BYTES:,}", written_at)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        why = "the report is empty" if not body.strip() else "the report is not JSON"
        return unreadable(kind, name, why, written_at)
    parts, archived, said_at = _unwrapped(document)
    written = said_at or written_at
    try:
        facts = _joined([_READERS[kind](one) for one in parts])
    except (KeyError, RecursionError):
        return unreadable(kind, name, f"nobody here reads reports of {kind!r}", written)
    if archived is None and kind == "barman" and written is not None:
        ages = [age for age in map(wal_age_s, parts) if age is not None]
        archived = written - timedelta(seconds=min(ages)) if ages else None
    if archived is not None:
        until = None if facts.is_archive_broken else archived
        facts = replace(facts, archive_until=until, archive_wal=facts.archive_wal or "the newest")
    return judge(kind, name, facts, written, now)


def unreadable(kind: str, name: str, why: str, written_at: datetime | None = None) -> SourceReport:
    """Return that a source says nothing that can be used, and why."""
    title = NAMES.get(kind, kind)
    said = f"What {title} reports ({name}) is not known: {why}."
    return SourceReport(kind, name, Standing.UNKNOWN, said, written_at, errors=(why,))


def judge(kind: str, name: str, facts: Facts, written_at: datetime | None, now: datetime) -> SourceReport:
    """Return ``facts`` as a report of ``now``: unknown where they are old or from the future, missed with faults."""
    why = facts.why_not or _why_not_now(facts, written_at, now)
    if not why and facts.newest_backup_at is None and not facts.errors:
        why = "the report names no backup"
    if why:
        return replace(unreadable(kind, name, why, written_at), backups=facts.backups, errors=(why, *facts.errors))
    standing = Standing.MISSED if facts.errors else Standing.MET
    report = SourceReport(
        kind, name, standing, "", written_at, facts.newest_backup_at, facts.archive_until, facts.archive_wal,
        facts.window_from, facts.backups, facts.bytes, facts.errors,
    )  # fmt: skip
    return replace(report, sentence=_sentence(report))


def source_json(report: SourceReport) -> dict[str, Any]:
    """Return ``report`` as a JSON object."""
    times = ("written_at", "newest_backup_at", "archive_until", "window_from")
    shown = {name: getattr(report, name) for name in times}
    return {
        "kind": report.kind,
        "name": report.name,
        "standing": report.standing.value,
        "sentence": report.sentence,
        **{name: None if one is None else format_time(one) for name, one in shown.items()},
        "archive_wal": report.archive_wal,
        "backups": report.backups,
        "bytes": report.bytes,
        "errors": list(report.errors),
        "is_proven": False,
    }


def sources_check(reports: Sequence[SourceReport]) -> Check:
    """Return whether every source can be read, is new, and reports no faults; ``measured`` is the oldest one's age."""
    standing = worst(one.standing for one in reports)
    first = min(reports, key=lambda one: one.standing is not standing)
    more = sum(one.standing is standing for one in reports) - 1
    said = " ".join(one.sentence for one in reports) if standing is Standing.MET else first.sentence
    if standing is not Standing.MET and more:
        said += f" ({more} more like it)"
    advice = {
        Standing.MET: (),
        Standing.MISSED: (f"See what {first.title} says where it runs: its faults are named above.",),
        Standing.UNKNOWN: (
            f"Write the report of {first.title} anew, once an hour at least: docs/domains/backup_audit.md.",
        ),
    }[standing]
    return Check("sources", standing, said, by=first.kind, advice=advice)


def _why_not_now(facts: Facts, written_at: datetime | None, now: datetime) -> str:
    if written_at is None:
        return "the report does not say when it was written"
    latest = now + timedelta(seconds=MAX_SKEW_S)
    if written_at > latest:
        return f"the report was written at {moment(written_at)}, which is in the future: a clock is wrong"
    age = (now - written_at).total_seconds()
    if age > MAX_REPORT_AGE_S:
        return f"the report was written {span(age)} ago, more than {span(MAX_REPORT_AGE_S)}"
    for name, one in (("newest backup", facts.newest_backup_at), ("archive's end", facts.archive_until)):
        if one is not None and one > latest:
            return f"its {name} is at {moment(one)}, which is in the future: a clock is wrong"
    return ""


def _sentence(report: SourceReport) -> str:
    said = f"{report.title} reports {report.backups} backup{'' if report.backups == 1 else 's'}"
    if report.newest_backup_at is not None:
        said += f", the newest from {moment(report.newest_backup_at)}"
    if report.archive_until is not None:
        said += f", and write-ahead log up to {moment(report.archive_until)}"
    elif report.archive_wal:
        said += f", and write-ahead log up to segment {report.archive_wal}, of which it does not say how far it goes"
    said += "; reported, not proven by a restore"
    return f"{said}. Faults: {'; '.join(report.errors)}." if report.errors else f"{said}."


def _unwrapped(document: Any) -> tuple[Sequence[Any], datetime | None, datetime | None]:
    """Return the outputs in a report, up to when the archive goes, and when it was written, if it says so."""
    if not isinstance(document, Mapping) or "reports" not in document:
        return [document], None, None
    archived = moment_of(mapping(document.get("archiver")).get("last_archived_time"))
    return listed(document.get("reports")) or [None], archived, moment_of(text(document.get("written_at")))


def _joined(found: Sequence[Facts]) -> Facts:
    """Return several outputs of one tool as one: each adds what the others leave open."""
    good = [one for one in found if not one.why_not]
    if len(good) < len(found):
        return next(one for one in found if one.why_not)
    whole = good[0]
    for one in good[1:]:
        whole = Facts(
            newest_backup_at=_latest(whole.newest_backup_at, one.newest_backup_at),
            archive_until=_latest(whole.archive_until, one.archive_until),
            archive_wal=max(whole.archive_wal, one.archive_wal),
            window_from=whole.window_from or one.window_from,
            backups=max(whole.backups, one.backups),
            bytes=whole.bytes if whole.bytes is not None else one.bytes,
            errors=tuple(dict.fromkeys((*whole.errors, *one.errors))),
            is_archive_broken=whole.is_archive_broken or one.is_archive_broken,
        )
    return whole


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((each for each in (one, other) if each is not None), default=None)
