"""What pg_restore, psql and pg_amcheck say, as findings: of the dump where it is to blame, else of this machine."""

import re
from collections.abc import Iterable, Iterator

from opsloop.backup.model import Finding, Reason

MAX_LINES, MAX_LINE = 50, 500
MAX_FINDINGS = 50
_PROGRAM = re.compile(r"^(pg_restore|psql|pg_amcheck)(:<stdin>:(?P<line>\d+))?: ")
_SAID = re.compile(
    r"^(?:(?:pg_restore|psql|pg_amcheck): )?(?:<stdin>:(\d+): )?(?:error: |fatal: |ERROR:\s+|FATAL:\s+)(.*)"
)
_PASSWORD = re.compile(r"(?i)(password\s*=?\s*)('[^']*'|\S+)")
_OURS = (
    "no space left on device",
    "file too large",
    "out of memory",
    "out of shared memory",
    "canceling statement due to",
    "terminating connection due to",
    "could not resize shared memory segment",
    "disk quota exceeded",
    "temp_file_limit",
)
_NOT_STARTED = (
    "could not open input file",
    "connection to server",
    "could not connect",
    "server closed the connection",
    "the database system is",
)
_KINDS = (
    (Reason.TRUNCATED, ("end of file", "unexpected end", "ends early")),
    (
        Reason.CORRUPT,
        (
            "could not uncompress",
            "could not decompress",
            "unrecognized data block type",
            "unexpected block id",
            "could not find block id",
            "did not find magic string",
            "corrupt tar header",
            "is corrupt",
            "could not read data from",
            "invalid compression",
            "input file does not appear to be a valid",
        ),
    ),
    (Reason.MISSING_EXTENSION, ("extension control file", "could not access file", "is not available")),
    (Reason.VERSION_TOO_NEW, ("unsupported version", "unrecognized configuration parameter")),
)


def bounded(lines: Iterable[str]) -> tuple[str, ...]:
    """Return lines for people: at most 50 of at most 500 characters, without passwords."""
    kept: list[str] = []
    for line in lines:
        if len(kept) == MAX_LINES:
            break
        if line.strip():
            kept.append(_PASSWORD.sub(r"\1***", line.rstrip())[:MAX_LINE])
    return tuple(kept)


def findings_of(errors: str, status: int, program: str) -> Iterator[Finding]:
    """Yield what a program's errors say, one finding per error; a status other than 0 is one in any case.

    A bound of ours that was passed is ``too_large``, a server of ours that is not there ``not_started``.
    """
    number = 0
    for line, said, is_statement in _errors(errors):
        number += 1
        if number <= MAX_FINDINGS:
            where = f"line {line}" if line else program
            yield Finding(
                reason_of(said, is_statement=is_statement), where, "no error", _PASSWORD.sub(r"\1***", said)[:MAX_LINE]
            )
    if status and not number:
        tail = " ".join(errors.split())[-MAX_LINE:]
        yield Finding(reason_of(tail), program, "no error", f"it ended with status {status}: {tail}"[:MAX_LINE])


def _errors(text: str) -> Iterator[tuple[str, str, bool]]:
    """Yield the line in the dump where it is known, what is said, and whether the server said it of a statement."""
    for line in text.splitlines():
        program = _PROGRAM.match(line)
        rest = line[program.end() :] if program else line
        found = _SAID.match(rest)
        if found and (program or line.startswith(("ERROR", "FATAL"))):
            yield (program.group("line") or "") if program else "", found.group(2), "ERROR: " in line


def reason_of(said: str, *, is_statement: bool = False) -> Reason:
    """Return what an error message makes of the verification; a statement's own can say anything about connections."""
    lower = said.lower()
    if any(one in lower for one in _OURS):
        return Reason.TOO_LARGE
    if not is_statement and any(one in lower for one in _NOT_STARTED):
        return Reason.NOT_STARTED
    for reason, words in _KINDS:
        if any(one in lower for one in words):
            return reason
    return Reason.RESTORE_ERROR
