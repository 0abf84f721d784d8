"""Why pg_dump failed, and whether another try may help."""

import re
import signal

from opsloop.errors import OpsloopError, PermanentError, TransientError

RETRY_S = 60
_FOR_GOOD = re.compile(
    r"permission denied|must be owner|password authentication failed|no password supplied|version mismatch"
    r"|affected by row-level security|does not support|invalid page in block|missing chunk number|unexpected chunk"
    r"|could not read block|cache lookup failed|invalid byte sequence|no matching (?:schemas|extensions)"
    r"|data is corrupted|no pg_hba\.conf entry|unrecognized|certificate verify failed|invalid memory alloc",
    re.IGNORECASE,
)


def failure(status: int, said: str, where: str) -> OpsloopError:
    """Return the error for a pg_dump that ended with ``status`` (negative: by that signal), having ``said`` something.

    What is not known to be so for good is worth another try: the connection, locks, a server that shuts down.
    """
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = "unknown"
        words = f": {said}" if said else ""
        return TransientError(f"{where}: pg_dump was killed by signal {-status} ({name}){words}", retry_after_s=RETRY_S)
    message = f"{where}: pg_dump ended with status {status}: {said or 'it said nothing'}"
    if _FOR_GOOD.search(said):
        return PermanentError(message)
    return TransientError(message, retry_after_s=RETRY_S)
