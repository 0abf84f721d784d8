"""What ends the command early, and the exit code that tells scripts why."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command; 0 is success and 2, a usage error, is also the CLI library's own."""

    OK = 0
    NO = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_ALLOWED = 4
    UNKNOWN = 5


class CommandError(Exception):
    """Shown to people as one sentence on stderr; never holds a key."""

    def __init__(self, message: str, code: ExitCode) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
