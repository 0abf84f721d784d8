"""Manifests, dumps and verifications as JSON objects: in files, in the bucket, in the API, as evidence.

A field has the name that it has in ``model``. Times are ISO 8601 in UTC, ``2026-11-21T08:00:00Z``; enumerations their
value; ``sequences`` ``[last_value, is_called]``; what is not known is null or left out. A manifest begins with
``"format": 1``: a reader takes every format up to its own, ignores fields that it does not know, so that an older
opsloop can read what a newer one wrote in the same format, and refuses a newer format. What cannot be read raises
``InvalidInputError`` that names the field by its path, ``manifest.tables.public.orders.rows``.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from opsloop.backup.model import (
    MANIFEST_FORMAT,
    Cause,
    Dump,
    Finding,
    Format,
    Manifest,
    Phase,
    Reason,
    TableFacts,
    Verdict,
    Verification,
)
from opsloop.backup.shape import (
    Shape,
    any_value,
    boolean,
    choice,
    list_of,
    map_of,
    number,
    optional,
    pair,
    shaped,
    text,
    time,
    whole,
)
from opsloop.errors import InvalidInputError

T = TypeVar("T")

_FACTS = Shape(TableFacts, {"kind": text, "rows": optional(whole), "sample_rows": whole, "sample": text})
_SEQUENCES = map_of(pair(whole, boolean))
_MANIFEST = Shape(
    Manifest,
    {
        "database": text,
        "taken_at": time,
        "server_version": text,
        "server_version_num": whole,
        "encoding": text,
        "collation": text,
        "extensions": map_of(text),
        "roles": list_of(text),
        "schema_hashes": map_of(text),
        "tables": map_of(shaped(_FACTS)),
        "sequences": _SEQUENCES,
        "large_objects": map_of(any_value),
        "invalid": list_of(text),
        "size_bytes": whole,
        "wal_lsn": text,
        "timeline": whole,
        "schemas": list_of(text),
        "exclude_schemas": list_of(text),
        "dump_format": choice(Format),
        "dump_bytes": whole,
        "sha256": text,
        "pg_dump_version": text,
        "objects": map_of(map_of(text)),
        "sequences_after": _SEQUENCES,
    },
)
_DUMP = Shape(
    Dump,
    {
        "dump_id": text,
        "database": text,
        "key": text,
        "version": text,
        "bytes": whole,
        "taken_at": time,
        "arrived_at": time,
        "origin": text,
        "format": choice(Format),
        "sha256": text,
        "has_manifest": boolean,
        "rows": optional(whole),
        "size_bytes": optional(whole),
        "wal_lsn": text,
        "verdict": optional(choice(Verdict)),
        "reason": optional(choice(Reason)),
        "verified_at": optional(time),
        "verification_id": text,
        "proven_at": optional(time),
        "restore_s": optional(number),
        "legal_hold": boolean,
        "locked_until": optional(time),
        "deleted_at": optional(time),
        "deleted_why": text,
        "revision": whole,
    },
)
_PHASE = Shape(Phase, {"name": text, "seconds": number})
_FINDING = Shape(Finding, {"reason": choice(Reason), "where": text, "expected": text, "found": text})
_VERIFICATION = Shape(
    Verification,
    {
        "verification_id": text,
        "dump_id": text,
        "database": text,
        "cause": choice(Cause),
        "verdict": choice(Verdict),
        "reason": optional(choice(Reason)),
        "detail": text,
        "started_at": time,
        "ended_at": time,
        "taken_at": optional(time),
        "phases": list_of(shaped(_PHASE)),
        "findings": list_of(shaped(_FINDING)),
        "compared": map_of(whole),
        "messages": list_of(text),
        "dump_bytes": whole,
        "sha256": text,
        "restored_bytes": whole,
        "peak_memory_bytes": whole,
        "engine_version": text,
        "dump_version": text,
        "where": text,
        "version": text,
    },
)


class NewerFormatError(InvalidInputError):
    """A newer opsloop wrote it."""


def manifest_json(manifest: Manifest) -> dict[str, Any]:
    """Return ``manifest`` as a JSON object."""
    return {"format": MANIFEST_FORMAT, **_MANIFEST.written(manifest)}


def read_manifest(value: object) -> Manifest:
    """Return the manifest that a JSON object says; raise ``InvalidInputError`` naming the field that is wrong.

    One of a newer format raises ``NewerFormatError``: it may be sound.
    """
    version = value.get("format") if isinstance(value, Mapping) else None
    if isinstance(value, Mapping) and (not isinstance(version, int) or isinstance(version, bool) or version < 1):
        raise InvalidInputError(f"manifest.format: {version!r} is not a whole number from 1")
    if isinstance(version, int) and version > MANIFEST_FORMAT:
        raise NewerFormatError(
            f"manifest.format: {version} is newer than this opsloop understands ({MANIFEST_FORMAT}); update it"
        )
    return _MANIFEST.read(value, "manifest")


def dump_json(dump: Dump) -> dict[str, Any]:
    """Return ``dump`` as a JSON object."""
    return _DUMP.written(dump)


def read_dump(value: object) -> Dump:
    """Return the dump that a JSON object says; raise ``InvalidInputError`` naming the field that is wrong."""
    return _DUMP.read(value, "dump")


def verification_json(verification: Verification) -> dict[str, Any]:
    """Return ``verification`` as a JSON object, with ``restore_s`` (s) for those who only read it."""
    return {**_VERIFICATION.written(verification), "restore_s": verification.restore_s}


def read_verification(value: object) -> Verification:
    """Return the verification that a JSON object says; raise ``InvalidInputError`` naming the field that is wrong."""
    return _VERIFICATION.read(value, "verification")


def to_bytes(document: Mapping[str, Any]) -> bytes:
    """Return a JSON object as the bytes of a file: UTF-8, indented by one, for people who look into it."""
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"


def manifest_from_bytes(body: bytes) -> Manifest:
    """Return the manifest that a file holds; raise ``InvalidInputError`` where it is no JSON, or no manifest."""
    return _from_bytes(read_manifest, body, "manifest")


def verification_from_bytes(body: bytes) -> Verification:
    """Return the verification that a file holds; raise ``InvalidInputError`` where it is no JSON, or none."""
    return _from_bytes(read_verification, body, "verification")


def _from_bytes(read: Callable[[object], T], body: bytes, name: str) -> T:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"{name}: not JSON: {error}") from None
    return read(value)
