"""A restored copy against the manifest of its snapshot: equal or not, never nearly.

Whatever differs becomes a finding that names the object, what was expected and what was found. What a dump cannot
hold is not compared (rows of foreign tables and of materialized views, which a restore computes anew).
"""

from collections.abc import Collection, Iterable, Mapping

from opsloop.backup.model import Finding, Manifest, Reason, TableFacts

MAX_FINDINGS = 200  # more explain nothing; the last one says how many there are
ALWAYS_THERE = frozenset({"plpgsql"})  # in every server's template: no dump names it
_COUNTED = ("constraints", "indexes")
MISSING, NOTHING = "missing", "nothing"


def compare(
    manifest: Manifest, restored: Manifest, *, ignore: Collection[str] = ()
) -> tuple[tuple[Finding, ...], dict[str, int]]:
    """Return what differs in ``restored`` (facts of the copy, read by the same statements), and what was equal.

    Findings come with those first that explain others: extensions, missing tables, the schema, rows, samples,
    sequences; a missing table's own columns, constraints and so on are not told again. ``ignore`` are kinds of
    ``schema_hashes`` that the restore left out on purpose (``owners``, ``grants``). A kind that only the copy has is
    of a newer server, and not compared. Counts: ``tables`` and ``rows`` of equal number, ``samples`` (rows whose hash
    was equal), ``sequences``, ``constraints``, ``indexes``, ``objects`` (of every kind), ``large_objects``.
    """
    counts = dict.fromkeys(
        ("tables", "rows", "samples", "sequences", "constraints", "indexes", "objects", "large_objects"), 0
    )
    missing = frozenset(name for name in manifest.tables if name not in restored.tables)
    found = [
        *_encoding(manifest, restored),
        *_extensions(manifest.extensions, restored.extensions),
        *(Finding(Reason.MISSING_TABLE, name, _described(manifest.tables[name]), MISSING) for name in sorted(missing)),
        *_schema(manifest, restored, frozenset(ignore), missing, counts),
        *_invalid(manifest, restored),
        *_tables(manifest.tables, restored.tables, counts),
        *_large_objects(manifest.large_objects, restored.large_objects, counts),
        *_sequences(manifest, restored, counts),
    ]
    return _bounded(found), counts


def _encoding(manifest: Manifest, restored: Manifest) -> list[Finding]:
    """A copy in UTF-8 can hold every known encoding's text; any other change loses some."""
    if restored.encoding == manifest.encoding or (restored.encoding == "UTF8" and manifest.encoding != "SQL_ASCII"):
        return []
    return [Finding(Reason.SCHEMA_MISMATCH, "encoding", manifest.encoding, restored.encoding)]


def _extensions(expected: Mapping[str, str], found: Mapping[str, str]) -> list[Finding]:
    """Versions may differ: a restore installs what its server has."""
    return [
        Finding(Reason.MISSING_EXTENSION, name, expected[name], MISSING)
        for name in sorted(expected.keys() - found.keys() - ALWAYS_THERE)
    ]


def _described(facts: TableFacts) -> str:
    return facts.kind if facts.rows is None else f"{facts.kind} of {facts.rows} rows"


def _schema(
    manifest: Manifest, restored: Manifest, ignore: frozenset[str], missing: frozenset[str], counts: dict[str, int]
) -> list[Finding]:
    findings = []
    for kind in sorted(manifest.schema_hashes.keys() - ignore):
        expected, found = manifest.schema_hashes[kind], restored.schema_hashes.get(kind, "")
        if expected == found:
            equal = int(expected.partition(":")[0])
            counts["objects"] += equal
            if kind in _COUNTED:
                counts[kind] += equal
            continue
        before, after = manifest.objects.get(kind), restored.objects.get(kind)
        differing = [] if before is None or after is None else _objects(kind, before, after)
        unexplained = [one for one in differing if not _is_of(one.where.removeprefix(f"{kind}: "), missing)]
        findings += unexplained
        if before is not None and after is not None:
            equal = sum(after.get(name) == one for name, one in before.items())
            counts["objects"] += equal
            if kind in _COUNTED:
                counts[kind] += equal
        if not differing:
            findings.append(Finding(Reason.SCHEMA_MISMATCH, kind, expected, found or MISSING))
    return findings


def _objects(kind: str, expected: Mapping[str, str], found: Mapping[str, str]) -> list[Finding]:
    return [
        Finding(Reason.SCHEMA_MISMATCH, f"{kind}: {name}", expected.get(name, NOTHING), found.get(name, MISSING))
        for name in sorted(expected.keys() | found.keys())
        if expected.get(name) != found.get(name)
    ]


def _is_of(name: str, tables: frozenset[str]) -> bool:
    """Return whether an object is one of ``tables`` or of its parts: ``schema.table.object``, ``schema.table kind``."""
    return name in tables or any(name.startswith((f"{table}.", f"{table} ")) for table in tables)


def _invalid(manifest: Manifest, restored: Manifest) -> list[Finding]:
    """A dump leaves out invalid indexes; what is invalid in the copy alone was broken by the restore."""
    return [
        Finding(Reason.SCHEMA_MISMATCH, name, "valid", "not valid")
        for name in sorted(set(restored.invalid) - set(manifest.invalid))
    ]


def _tables(
    expected: Mapping[str, TableFacts], found: Mapping[str, TableFacts], counts: dict[str, int]
) -> list[Finding]:
    findings = []
    for name in sorted(expected.keys() | found.keys()):
        if name not in expected:
            findings.append(Finding(Reason.SCHEMA_MISMATCH, name, NOTHING, _described(found[name])))
        elif name in found:
            findings += _table(name, expected[name], found[name], counts)
    return findings


def _table(name: str, expected: TableFacts, found: TableFacts, counts: dict[str, int]) -> list[Finding]:
    if expected.kind != found.kind:
        return [Finding(Reason.SCHEMA_MISMATCH, name, expected.kind, found.kind)]
    if expected.rows is None:
        counts["tables"] += 1
        return []
    if expected.rows != found.rows:
        number = "not counted" if found.rows is None else f"{found.rows} rows"
        return [Finding(Reason.ROW_COUNT_MISMATCH, name, f"{expected.rows} rows", number)]
    counts["tables"] += 1
    counts["rows"] += expected.rows if expected.kind == "table" else 0
    if expected.sample_rows == 0:
        return []
    if (expected.sample_rows, expected.sample) != (found.sample_rows, found.sample):
        return [Finding(Reason.ROW_SAMPLE_MISMATCH, name, _sampled(expected), _sampled(found))]
    counts["samples"] += expected.sample_rows
    return []


def _sampled(facts: TableFacts) -> str:
    return f"{facts.sample_rows} rows hash to {facts.sample}" if facts.sample_rows else "no rows hashed"


def _large_objects(
    expected: Mapping[str, object], found: Mapping[str, object], counts: dict[str, int]
) -> list[Finding]:
    for field, reason in (
        ("count", Reason.ROW_COUNT_MISMATCH),
        ("bytes", Reason.ROW_SAMPLE_MISMATCH),
        ("hash", Reason.ROW_SAMPLE_MISMATCH),
    ):
        if expected.get(field) != found.get(field):
            return [
                Finding(
                    reason, "large objects", f"{field} {expected.get(field, MISSING)}", f"{found.get(field, MISSING)}"
                )
            ]
    number = expected.get("count", 0)
    counts["large_objects"] += number if isinstance(number, int) else 0
    return []


def _sequences(manifest: Manifest, restored: Manifest, counts: dict[str, int]) -> list[Finding]:
    findings = []
    for name in sorted(manifest.sequences.keys() | restored.sequences.keys()):
        before, found = manifest.sequences.get(name), restored.sequences.get(name)
        after = manifest.sequences_after.get(name)
        if before is not None and found is not None and _is_between(before, after or before, found):
            counts["sequences"] += 1
            continue
        expected = NOTHING if before is None else _position(before) + (f" to {_position(after)}" if after else "")
        findings.append(
            Finding(Reason.SEQUENCE_MISMATCH, name, expected, MISSING if found is None else _position(found))
        )
    return findings


def _is_between(before: tuple[int, bool], after: tuple[int, bool], found: tuple[int, bool]) -> bool:
    """Return whether a sequence stands where the dump can have seen it: exact where it did not move meanwhile."""
    if found in (before, after):
        return True
    return before != after and min(before[0], after[0]) <= found[0] <= max(before[0], after[0])


def _position(state: tuple[int, bool]) -> str:
    return f"{state[0]}{'' if state[1] else ' (not used yet)'}"


def _bounded(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    every = tuple(findings)
    if len(every) <= MAX_FINDINGS:
        return every
    rest = every[MAX_FINDINGS - 1 :]
    return (*every[: MAX_FINDINGS - 1], Finding(rest[0].reason, f"{len(rest)} more", "no difference", "differences"))
