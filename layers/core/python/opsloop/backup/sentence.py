"""What became of a verification, in one plain sentence."""

from collections.abc import Mapping, Sequence

from opsloop.backup.model import Finding, Reason, Verdict
from opsloop.backup.order import OURS

_SAID = {
    Reason.EMPTY: "There is nothing in it",
    Reason.NOT_A_DUMP: "It is not a dump of PostgreSQL",
    Reason.VERSION_TOO_NEW: "It was made by a newer PostgreSQL than verifies here",
    Reason.WRONG_DATABASE: "It is of another database",
    Reason.STALE: "It is older than it should be",
    Reason.TRUNCATED: "It ends before its end",
    Reason.CHECKSUM_MISMATCH: "It is not the file that was written: its checksum differs",
    Reason.CORRUPT: "It is damaged",
    Reason.UNSUPPORTED: "It needs what the PostgreSQL that verifies here cannot do",
    Reason.MISSING_EXTENSION: "It needs an extension that is not here",
    Reason.TOO_LARGE: "It was not tried to the end, since it is too large for here",
    Reason.NOT_FOUND: "It could not be read: it is gone",
    Reason.NOT_STARTED: "It could not be tried",
    Reason.RESTORE_ERROR: "It does not restore without errors",
    Reason.MISSING_TABLE: "A table is missing",
    Reason.SCHEMA_MISMATCH: "Its schema is not that of its snapshot",
    Reason.ROW_COUNT_MISMATCH: "It does not have the rows of its snapshot",
    Reason.ROW_SAMPLE_MISMATCH: "Rows differ from those of its snapshot",
    Reason.SEQUENCE_MISMATCH: "A sequence does not stand where it stood",
    Reason.ASSERTION_FAILED: "What must be true of it is not",
}
_WORDS = 300


def sentence(
    verdict: Verdict, findings: Sequence[Finding], counts: Mapping[str, int], tables: int, left_out: int
) -> str:
    """Return what a person wants to read first. ``tables`` and ``left_out`` are numbers of tables and of notes."""
    rest = f"; {left_out} kinds of objects were left out, see the messages" if left_out else ""
    if findings:
        first = findings[0]
        more = f" ({len(findings) - 1} more)" if len(findings) > 1 else ""
        found = f"{first.where}: expected {first.expected}, found {first.found}"
        said = f"{_SAID[first.reason]}: {first.found if first.reason in OURS else found}"
        return said[:_WORDS] + more + "."
    if verdict is Verdict.PROVEN:
        return f"Restored whole and equal to its snapshot: {tables} tables, {counts.get('rows', 0)} rows{rest}."
    return f"Restored whole, {tables} tables; there is no manifest to compare with{rest}."
