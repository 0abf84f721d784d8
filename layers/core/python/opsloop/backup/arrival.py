"""A dump arrived: what is in the bucket, whose it is, and what is kept of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from opsloop.backup.key import DumpName, key_of, read_key
from opsloop.backup.model import Dump, Manifest
from opsloop.clock import parse_time
from opsloop.dataclass import dataclass, field, replace
from opsloop.errors import InvalidInputError

OURS, ELSEWHERE = "opsloop", "elsewhere"
ORIGIN = "opsloop-origin"  # metadata of a dump that we took


@dataclass(frozen=True)
class Stored:
    """One version of an object, as the bucket describes it; metadata names are lower case."""

    key: str
    version: str
    bytes: int
    modified_at: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)
    locked_until: datetime | None = None
    legal_hold: bool = False


@dataclass(frozen=True)
class Arrival:
    """An object that S3 told of. ``version`` is empty where it did not say."""

    key: str
    version: str
    bytes: int
    at: datetime
    correlation_id: str = ""


def read_arrival(event: Mapping[str, Any]) -> Arrival:
    """Return the object of an event ``Object Created`` of S3; raise ``InvalidInputError`` for any other."""
    try:
        about = event["detail"]["object"]
        at = parse_time(event["time"], name="time")
        version, key = str(about.get("version-id") or ""), about["key"]
        if not isinstance(key, str):
            raise TypeError(f"key: {key!r}")
        return Arrival(key, version, int(about.get("size", 0)), at, str(event.get("id", "")))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInputError(f"not an event of S3's Object Created: {type(error).__name__}: {error}") from None


def name_of(dump_id: str) -> DumpName:
    """Return what a dump's id says; raise ``InvalidInputError`` for what is no dump's."""
    name = read_key(key_of(dump_id))
    if name is None:
        raise InvalidInputError(f"dump_id: {dump_id!r} is not <database>/...<ending of a dump>")
    return name


def registered(
    name: DumpName, stored: Stored, manifest: Manifest | None, known: Dump | None, arrived_at: datetime
) -> Dump:
    """Return what is kept of the dump that lies under ``name``, after ``known`` if something was kept before.

    Its time is that of its snapshot where it has a manifest, else that in its name, else when it was put there.
    Another version of the object is another dump: what was known of the one before counts no more.
    """
    described = Dump(
        dump_id=name.dump_id,
        database=name.database,
        key=name.key,
        version=stored.version,
        bytes=stored.bytes,
        taken_at=manifest.taken_at if manifest else name.taken_at or stored.modified_at,
        arrived_at=arrived_at,
        origin=OURS if ORIGIN in stored.metadata else ELSEWHERE,
        format=name.format,
        sha256=manifest.sha256 if manifest else "",
        has_manifest=manifest is not None,
        rows=manifest.rows if manifest else None,
        size_bytes=manifest.size_bytes if manifest else None,
        wal_lsn=manifest.wal_lsn if manifest else "",
        legal_hold=stored.legal_hold,
        locked_until=stored.locked_until,
    )
    if known is None:
        return described
    if known.version != stored.version:
        return replace(described, revision=known.revision)
    return replace(
        known,
        bytes=stored.bytes,
        taken_at=described.taken_at if manifest else known.taken_at,
        origin=described.origin,
        sha256=described.sha256 or known.sha256,
        has_manifest=described.has_manifest or known.has_manifest,
        rows=known.rows if manifest is None else manifest.rows,
        size_bytes=known.size_bytes if manifest is None else manifest.size_bytes,
        wal_lsn=described.wal_lsn or known.wal_lsn,
        legal_hold=stored.legal_hold or known.legal_hold,  # ours holds where the bucket's failed, or has none
        locked_until=stored.locked_until,
        deleted_at=None,  # it is there, whatever was thought of it
        deleted_why="",
    )


def gone(name: DumpName, arrival_at: datetime, size: int, known: Dump | None, now: datetime) -> Dump:
    """Return what is kept of a dump whose object was deleted before we could look at it."""
    if known is not None:
        return known if known.deleted_at else replace(known, deleted_at=now, deleted_why="its object is gone")
    return Dump(
        dump_id=name.dump_id,
        database=name.database,
        key=name.key,
        version="",
        bytes=size,
        taken_at=name.taken_at or arrival_at,
        arrived_at=arrival_at,
        origin=ELSEWHERE,
        format=name.format,
        deleted_at=now,
        deleted_why="its object was gone before it could be looked at",
    )
