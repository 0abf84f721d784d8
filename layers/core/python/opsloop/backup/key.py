"""What objects in the backup bucket are called: dumps, their manifests, and the evidence of their proofs."""

import re
from datetime import UTC, datetime

from opsloop.backup.model import MANIFEST_SUFFIX, Format
from opsloop.dataclass import dataclass

DUMPS, REPORTS, EVIDENCE = "dumps/", "reports/", "evidence/"
ENDINGS = {
    ".dump": Format.CUSTOM,
    ".tar.gz": Format.TAR,
    ".tar": Format.TAR,
    ".sql.gz": Format.SQL_GZ,
    ".sql.zst": Format.SQL_ZST,
    ".sql": Format.SQL,
}
_MOMENT = re.compile(r"[-_](\d{8}T\d{6})Z$")


@dataclass(frozen=True)
class DumpName:
    """What the key of a dump says: whose it is, how it is written, and since when, where its name tells."""

    key: str
    database: str
    dump_id: str
    format: Format
    taken_at: datetime | None


def dump_key(database: str, moment: datetime, format: Format) -> str:
    """Return where a dump that is begun at ``moment`` is put, to the second."""
    at = moment.astimezone(UTC)
    return f"{DUMPS}{database}/{at:%Y}/{at:%m}/{database}-{at:%Y%m%dT%H%M%SZ}.{_ENDING[format]}"


def manifest_key(key: str) -> str:
    """Return where the manifest of the dump at ``key`` is."""
    return f"{key}{MANIFEST_SUFFIX}"


def evidence_key(database: str, verification_id: str) -> str:
    """Return where the evidence of a verification is."""
    return f"{EVIDENCE}{database}/{verification_id}.json"


def key_of(dump_id: str) -> str:
    """Return the key of the dump ``dump_id``."""
    return f"{DUMPS}{dump_id}"


def read_key(key: str) -> DumpName | None:
    """Return what the key of an object says; None where it is not that of a dump (a manifest, a note, a folder)."""
    dump_id = key.removeprefix(DUMPS)
    database, slash, rest = dump_id.partition("/")
    name = rest.rpartition("/")[2]
    ending = next((one for one in ENDINGS if name.endswith(one) and name != one), "")
    if not key.startswith(DUMPS) or not database or not slash or not ending:
        return None
    return DumpName(key, database, dump_id, ENDINGS[ending], _moment(name.removesuffix(ending)))


def _moment(stem: str) -> datetime | None:
    found = _MOMENT.search(stem)
    try:
        return datetime.strptime(f"{found[1]}Z", "%Y%m%dT%H%M%S%z") if found else None
    except ValueError:  # digits that are no time
        return None


_ENDING = {format: ending[1:] for ending, format in ENDINGS.items()}
