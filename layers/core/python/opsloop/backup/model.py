"""The nouns of backups: dumps, what was in them, whether they restore, and the facts told on the bus.

Times are aware UTC datetimes, sizes bytes, durations seconds. The ``*_json`` functions give the JSON objects that the
API, the command, the evidence files and the events carry; the ``read_*`` functions take them back.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from opsloop.dataclass import dataclass, field

MANIFEST_FORMAT = 1
MANIFEST_SUFFIX = ".manifest.json"  # put behind the dump's own key or file name


class Format(StrEnum):
    """How a dump is written. ``TAR`` is the directory format, packed; ``SQL`` plain text, as the other three."""

    CUSTOM = "custom"
    TAR = "tar"
    SQL = "sql"
    SQL_GZ = "sql.gz"
    SQL_ZST = "sql.zst"


class Verdict(StrEnum):
    """What became of a verification. Only the first two mean that the dump restores (docs/adr/0020-proofs.md)."""

    PROVEN = "proven"  # restored whole, and equal to the manifest of its own snapshot
    RESTORABLE = "restorable"  # restored whole; made elsewhere, so there is nothing to compare with
    FAILED = "failed"
    UNKNOWN = "unknown"  # could not be tried; never counts as good


class Reason(StrEnum):
    """Why a dump is not good, the one that explains most first; the last four only ever with ``UNKNOWN``."""

    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    CHECKSUM_MISMATCH = "checksum_mismatch"
    EMPTY = "empty"
    NOT_A_DUMP = "not_a_dump"
    WRONG_DATABASE = "wrong_database"
    SCHEMA_MISMATCH = "schema_mismatch"
    MISSING_TABLE = "missing_table"
    ROW_COUNT_MISMATCH = "row_count_mismatch"
    ROW_SAMPLE_MISMATCH = "row_sample_mismatch"
    SEQUENCE_MISMATCH = "sequence_mismatch"
    MISSING_EXTENSION = "missing_extension"
    VERSION_TOO_NEW = "version_too_new"
    RESTORE_ERROR = "restore_error"
    ASSERTION_FAILED = "assertion_failed"
    STALE = "stale"
    TOO_LARGE = "too_large"  # for this machine's disk, memory or time, and nobody larger was there to ask
    UNSUPPORTED = "unsupported"  # needs what the verifying PostgreSQL was not built with
    NOT_FOUND = "not_found"  # the object was deleted before it could be read
    NOT_STARTED = "not_started"  # PostgreSQL, the network or a permission of ours failed, not the dump


class Cause(StrEnum):
    """Why something was verified, or taken."""

    SCHEDULE = "schedule"
    ARRIVAL = "arrival"
    REQUEST = "request"
    DRILL = "drill"


@dataclass(frozen=True)
class TableFacts:
    """One table as it was in the snapshot.

    ``kind`` is ``table``, ``partitioned``, ``materialized_view`` or ``foreign``. ``rows`` are counted one by one; None
    where they are not in a dump (foreign tables). ``sample_rows`` rows were hashed to ``sample`` (hex), chosen by
    primary key; both are 0 and empty where there is none to choose by.
    """

    kind: str
    rows: int | None
    sample_rows: int = 0
    sample: str = ""


@dataclass(frozen=True)
class Manifest:
    """What a database held in the snapshot that a dump was made from.

    Names in ``tables`` and ``sequences`` are ``schema.name``, each part quoted as SQL would. ``schema_hashes`` has one
    hash per kind of object (``tables``, ``columns``, ``constraints``, ``indexes``, ``views``, ``functions``, ...), so
    that a difference says where it lies. ``sequences`` are (last_value, is_called). ``large_objects`` has ``count``,
    ``bytes`` and ``hash``. ``invalid`` lists constraints and indexes that were not valid at the source either.
    ``wal_lsn`` and ``timeline`` say where in the write-ahead log the snapshot lies. ``dump_*`` and ``sha256`` are of
    the finished file. ``objects`` has, by kind and name, the short definitions themselves, or a short hash of longer
    ones, so that a difference can be named; ``sequences_after`` the sequences that moved while the dump was written,
    as they stood behind it (no snapshot holds a sequence).
    """

    database: str  # as the server names it
    taken_at: datetime
    server_version: str
    server_version_num: int
    encoding: str
    collation: str
    extensions: Mapping[str, str]
    roles: tuple[str, ...]
    schema_hashes: Mapping[str, str]
    tables: Mapping[str, TableFacts]
    sequences: Mapping[str, tuple[int, bool]]
    large_objects: Mapping[str, Any]
    invalid: tuple[str, ...]
    size_bytes: int
    wal_lsn: str
    timeline: int
    schemas: tuple[str, ...] = ()  # the filter that was given; empty: all
    exclude_schemas: tuple[str, ...] = ()
    dump_format: Format = Format.CUSTOM
    dump_bytes: int = 0
    sha256: str = ""
    pg_dump_version: str = ""
    objects: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sequences_after: Mapping[str, tuple[int, bool]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Return how many rows all tables held together."""
        return sum(one.rows or 0 for one in self.tables.values() if one.kind == "table")


@dataclass(frozen=True)
class Dump:
    """One dump in the bucket. ``database`` is the catalog's name; ``origin`` ``opsloop`` or ``elsewhere``.

    ``proven_at`` is when it was last proven or found restorable, ``restore_s`` how long that restore took, from
    the beginning of the download to a database that answers.
    """

    dump_id: str  # database/key's own part: unique for ever
    database: str
    key: str
    version: str
    bytes: int
    taken_at: datetime
    arrived_at: datetime
    origin: str = "opsloop"
    format: Format = Format.CUSTOM
    sha256: str = ""
    has_manifest: bool = False
    rows: int | None = None
    size_bytes: int | None = None  # of the database, by the manifest
    wal_lsn: str = ""
    verdict: Verdict | None = None  # of the last verification; None: not verified yet
    reason: Reason | None = None
    verified_at: datetime | None = None
    verification_id: str = ""
    proven_at: datetime | None = None
    restore_s: float | None = None
    legal_hold: bool = False
    locked_until: datetime | None = None
    deleted_at: datetime | None = None
    deleted_why: str = ""
    revision: int = 0  # of the record, for conditional writes


@dataclass(frozen=True)
class Phase:
    """One step of a verification, in the order in which they ran."""

    name: str  # read, inspect, start, restore, compare, check, assert
    seconds: float


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be: what, where, what was expected and what was found, in words."""

    reason: Reason
    where: str
    expected: str
    found: str


@dataclass(frozen=True)
class Verification:
    """One real attempt at restoring one dump.

    ``reason`` is the first finding's; ``detail`` one plain sentence. ``compared`` counts what was found equal
    (tables, rows, samples, sequences, constraints, indexes, assertions). ``messages`` are the engine's own, bounded.
    ``peak_memory_bytes`` is that of PostgreSQL and ours together (PSS).
    """

    verification_id: str
    dump_id: str
    database: str
    cause: Cause
    verdict: Verdict
    reason: Reason | None
    detail: str
    started_at: datetime
    ended_at: datetime
    taken_at: datetime | None = None
    phases: tuple[Phase, ...] = ()
    findings: tuple[Finding, ...] = ()
    compared: Mapping[str, int] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    dump_bytes: int = 0
    sha256: str = ""
    restored_bytes: int = 0
    peak_memory_bytes: int = 0
    engine_version: str = ""
    dump_version: str = ""  # of the server that was dumped, as far as the dump says
    where: str = ""  # lambda, fargate, command, drill
    version: str = ""  # of the object that was restored: another one under the same key may follow while it is

    @property
    def restore_s(self) -> float:
        """Return the seconds until the database answered: everything but comparing, checking and asserting."""
        return sum(one.seconds for one in self.phases if one.name in ("read", "inspect", "start", "restore"))

    @property
    def is_good(self) -> bool:
        """Return whether the dump restores."""
        return self.verdict in (Verdict.PROVEN, Verdict.RESTORABLE)


@dataclass(frozen=True)
class BackupRequested:
    """A dump of ``database`` is due, for the time ``slot`` (ISO 8601), or a person asked for one."""

    TYPE: ClassVar[str] = "backup.requested"

    database: str
    slot: str
    cause: str


@dataclass(frozen=True)
class BackupTaken:
    """A dump is in the bucket, whole, with its manifest."""

    TYPE: ClassVar[str] = "backup.taken"

    database: str
    dump: Mapping[str, Any]


@dataclass(frozen=True)
class BackupFailed:
    """A dump could not be made, for good or for now; nothing of it is left in the bucket."""

    TYPE: ClassVar[str] = "backup.failed"

    database: str
    slot: str
    why: str
    attempts: int


@dataclass(frozen=True)
class VerificationRequested:
    """Somebody, or a proof's age, asks for another proof of a dump."""

    TYPE: ClassVar[str] = "backup.verification_requested"

    database: str
    dump_id: str
    cause: str


@dataclass(frozen=True)
class BackupVerified:
    """A dump was restored and is as it should be. ``verification`` is its JSON object, without messages."""

    TYPE: ClassVar[str] = "backup.verified"

    database: str
    verification: Mapping[str, Any]


@dataclass(frozen=True)
class VerificationFailed:
    """A dump does not restore, is not what it should be, or could not be tried."""

    TYPE: ClassVar[str] = "backup.verification_failed"

    database: str
    verification: Mapping[str, Any]


@dataclass(frozen=True)
class ObjectiveMissed:
    """An objective of a database is missed, or (``standing`` ``unknown``) nobody can say whether it is met.

    ``objective`` is ``freshness``, ``proof``, ``rpo``, ``rto``, ``size`` or ``sources``; ``episode`` names what goes
    on since ``since`` until an ``ObjectiveMet`` of the same name. ``measured`` and ``target`` are in ``unit``.
    ``recoverable`` is what could be had back at that moment, None if nothing.
    """

    TYPE: ClassVar[str] = "backup.objective_missed"

    database: str
    service: str
    tier: int
    objective: str
    episode: str
    standing: str
    since: str
    sentence: str
    advice: tuple[str, ...]
    measured: float | None
    target: float | None
    unit: str
    recoverable: Mapping[str, Any] | None


@dataclass(frozen=True)
class ObjectiveMet:
    """What an ``ObjectiveMissed`` told of is over: its fields, as they are now, and when it began."""

    TYPE: ClassVar[str] = "backup.objective_met"

    database: str
    service: str
    tier: int
    objective: str
    episode: str
    standing: str
    since: str
    sentence: str
    advice: tuple[str, ...]
    measured: float | None
    target: float | None
    unit: str
    recoverable: Mapping[str, Any] | None
