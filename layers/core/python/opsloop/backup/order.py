"""Which of several findings explains most."""

from collections.abc import Iterable

from opsloop.backup.model import Finding, Reason

EXPLAINS_MOST = (
    Reason.EMPTY,
    Reason.NOT_A_DUMP,
    Reason.VERSION_TOO_NEW,
    Reason.WRONG_DATABASE,
    Reason.STALE,
    Reason.TRUNCATED,
    Reason.CHECKSUM_MISMATCH,
    Reason.CORRUPT,
    Reason.MISSING_EXTENSION,
    Reason.RESTORE_ERROR,
    Reason.MISSING_TABLE,
    Reason.SCHEMA_MISMATCH,
    Reason.ROW_COUNT_MISMATCH,
    Reason.ROW_SAMPLE_MISMATCH,
    Reason.SEQUENCE_MISMATCH,
    Reason.ASSERTION_FAILED,
    Reason.UNSUPPORTED,
    Reason.TOO_LARGE,
    Reason.NOT_FOUND,
    Reason.NOT_STARTED,
)
"""A cause before what follows from it: a table that is missing changes the schema's hash and the count of rows, too.
What is our own trouble comes last: whatever was found of the dump by then counts."""
OURS = frozenset({Reason.TOO_LARGE, Reason.NOT_FOUND, Reason.NOT_STARTED, Reason.UNSUPPORTED})
"""What says nothing about the dump: the verdict is then ``unknown``."""


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings, the one that explains most first; those of one reason stay in their order."""
    return tuple(sorted(findings, key=lambda one: EXPLAINS_MOST.index(one.reason)))
