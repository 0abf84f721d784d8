"""Dumps in a folder, without any cloud: what a file's name says, and a dump's record made of what lies beside it.

A shelf is a folder, at any depth: dumps, beside each its manifest (``NAME.manifest.json``) and what came of verifying
it (``NAME.verification.json``: every attempt, oldest first). The names are those of the bucket, so that a copy of the
bucket is a shelf as well.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from opsloop.backup.key import ENDINGS
from opsloop.backup.model import Dump, Format, Manifest, Verdict, Verification
from opsloop.dataclass import dataclass

VERIFICATION_SUFFIX = ".verification.json"
PARTIAL_SUFFIX = ".partial"  # what is not whole yet; never listed
ATTEMPTS_KEPT = 100

_STAMPED = re.compile(r"(?P<name>.+)[-_](?P<stamp>\d{8}T\d{6}Z)")
_STAMP = "%Y%m%dT%H%M%SZ"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Shelved:
    """One dump's file: ``path`` relative to the shelf, with ``/``; ``attempts``: its verifications, oldest first."""

    path: str
    bytes: int
    modified_at: datetime
    manifest: Manifest | None = None
    attempts: tuple[Verification, ...] = ()


def file_name(database: str, taken_at: datetime, kind: Format) -> str:
    """Return the name of a dump's file; what a file name should not have in it becomes ``_``."""
    ending = ".dump" if kind is Format.CUSTOM else f".{kind.value}"
    safe = _UNSAFE.sub("_", database).lstrip(".") or "_"
    return f"{safe}-{taken_at.astimezone(UTC):{_STAMP}}{ending}"


def format_of(path: str) -> Format | None:
    """Return how the file is written by the ending of its name; None: its name is not that of a dump."""
    name = path.rpartition("/")[2]
    if name.startswith(".") or name.endswith(PARTIAL_SUFFIX):
        return None
    return next((kind for ending, kind in ENDINGS.items() if name.endswith(ending) and name != ending), None)


def named_in(path: str) -> tuple[str, datetime | None]:
    """Return the database and the time that a dump's name says; without a time in it, the whole stem and None."""
    name = path.rpartition("/")[2]
    ending = next((one for one in ENDINGS if name.endswith(one)), "")
    stem = name.removesuffix(ending)
    if found := _STAMPED.fullmatch(stem):
        try:
            return found["name"], datetime.strptime(found["stamp"], _STAMP).replace(tzinfo=UTC)
        except ValueError:  # nine digits that are no date
            return stem, None
    return stem, None


def dump_of(one: Shelved) -> Dump:
    """Return the record of a dump.

    Its time is that of the manifest's snapshot, else the one in its name, else the file's own. An attempt counts
    only if it was of as many bytes as the file has today: another file under the same name has proved nothing.
    """
    name, named_at = named_in(one.path)
    manifest = one.manifest
    attempts = [attempt for attempt in one.attempts if attempt.dump_bytes == one.bytes]
    last = attempts[-1] if attempts else None
    good = next((attempt for attempt in reversed(attempts) if attempt.is_good), None)
    return Dump(
        dump_id=one.path,
        database=name,
        key=one.path,
        version="",
        bytes=one.bytes,
        taken_at=manifest.taken_at if manifest else named_at or one.modified_at,
        arrived_at=one.modified_at,
        origin="opsloop" if manifest else "elsewhere",
        format=format_of(one.path) or Format.CUSTOM,
        sha256=manifest.sha256 if manifest else (good.sha256 if good else ""),
        has_manifest=manifest is not None,
        rows=manifest.rows if manifest else None,
        size_bytes=manifest.size_bytes if manifest else None,
        wal_lsn=manifest.wal_lsn if manifest else "",
        verdict=last.verdict if last else None,
        reason=last.reason if last else None,
        verified_at=last.ended_at if last else None,
        verification_id=last.verification_id if last else "",
        proven_at=good.ended_at if good else None,
        restore_s=good.restore_s if good else None,
    )


def dumps_of(shelf: Iterable[Shelved], *, database: str = "") -> tuple[Dump, ...]:
    """Return the records of all dumps on a shelf, newest first; with ``database`` those of that name.

    A dump is of the name that its file has, of the folder that it lies in, and of what its manifest says the server
    calls it: whichever the person at the keyboard knows.
    """
    kept = [one for one in shelf if not database or database in names_of(one)]
    return tuple(sorted(map(dump_of, kept), key=lambda dump: (dump.taken_at, dump.dump_id), reverse=True))


def names_of(one: Shelved) -> set[str]:
    """Return every name of the database that a dump is found by."""
    folders = one.path.split("/")[:-1]
    return {named_in(one.path)[0], *folders, *([one.manifest.database] if one.manifest else [])}


def trust(dump: Dump) -> Verdict | None:
    """Return what is known of a dump at best: a proof of it is not undone by an attempt that could not be made."""
    if dump.verdict is Verdict.UNKNOWN and dump.proven_at is not None:
        return Verdict.PROVEN if dump.has_manifest else Verdict.RESTORABLE
    return dump.verdict
