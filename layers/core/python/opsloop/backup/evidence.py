"""The evidence of a proof, for an auditor: who restored what, when, how, with which verdict, and why that matters."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from opsloop.backup.document import verification_json
from opsloop.backup.key import evidence_key, manifest_key
from opsloop.backup.model import Dump, Verification
from opsloop.backup.stores import Objects, Stores
from opsloop.catalog import Database
from opsloop.clock import format_time
from opsloop.errors import NotFoundError

CONTROLS = {
    "SOC 2 A1.2": "Backups are made, and protected against change and deletion.",
    "SOC 2 A1.3": "Recovery is tested: this dump was restored, or it is said why it could not be.",
    "ISO/IEC 27001:2022 A.8.13": "Backup copies of information are tested regularly.",
}

Put = Callable[[str, bytes, datetime | None, bool], None]


class EvidenceWriter:
    """Writes what is kept of a verification as a document that is locked as the database's dumps are.

    ``put`` stores a key, its bytes, until when they are locked, and whether they are under legal hold.
    ``who`` names the software that restored, with its version.
    """

    def __init__(self, databases: Mapping[str, Database], stores: Stores, bucket: Objects, put: Put, who: str) -> None:
        self._databases, self._stores, self._bucket, self._put = databases, stores, bucket, put
        self._who = who

    def write(self, verification_id: str) -> None:
        """Write the evidence of one verification; again is the same."""
        verification = self._stores.verifications.find(verification_id)
        if verification is None:
            return
        dump = self._stores.dumps.find(verification.dump_id)
        document = evidence_json(verification, dump, self._manifest_hash(dump), self._who)
        body = json.dumps(document, ensure_ascii=False, indent=1).encode()
        database = self._databases.get(verification.database)
        until = _locked_until(verification.ended_at, database)
        key = evidence_key(verification.database, verification_id)
        self._put(key, body, until, bool(database and database.legal_hold))

    def _manifest_hash(self, dump: Dump | None) -> str:
        if dump is None or not dump.has_manifest:
            return ""
        try:
            return sha256(self._bucket.read(manifest_key(dump.key))).hexdigest()
        except NotFoundError:  # deleted with its dump
            return ""


def evidence_json(verification: Verification, dump: Dump | None, manifest_sha256: str, who: str) -> dict[str, Any]:
    """Return what an auditor is given of one proof, and the controls that it is about."""
    about = None if dump is None else dump_facts(dump)
    if dump is not None and about is not None and verification.version not in ("", dump.version):
        # replaced while it was restored: the record and the manifest are of the next one
        about |= {"version": verification.version, "bytes": verification.dump_bytes}
        manifest_sha256 = ""
    return {
        "format": 1,
        "controls": CONTROLS,
        "dump": about,
        "sha256": verification.sha256 or None,
        "manifest_sha256": manifest_sha256 or None,
        "who": who,
        "when": {"started_at": format_time(verification.started_at), "ended_at": format_time(verification.ended_at)},
        "how": "Restored whole into an empty PostgreSQL without network, then compared with the dump's manifest.",
        "verification": verification_json(verification),
    }


def dump_facts(dump: Dump) -> dict[str, Any]:
    """Return what evidence says of a dump: what it is, and not what was thought of it."""
    return {
        "database": dump.database,
        "object": dump.key,
        "version": dump.version,
        "bytes": dump.bytes,
        "taken_at": format_time(dump.taken_at),
        "arrived_at": format_time(dump.arrived_at),
        "origin": dump.origin,
        "locked_until": format_time(dump.locked_until) if dump.locked_until else None,
        "legal_hold": dump.legal_hold,
    }


def _locked_until(ended_at: datetime, database: Database | None) -> datetime | None:
    days = database.object_lock_days if database else 0
    return ended_at + timedelta(days=days) if days else None
