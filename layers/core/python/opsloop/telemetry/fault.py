"""What is wrong with a body, and where."""

from opsloop.errors import InvalidInputError, TooLargeError

MALFORMED = "malformed"  # not the message that its first bytes promise
TRUNCATED = "truncated"  # the message breaks off in the middle
COMPRESSION = "compression"  # gzip, zlib, deflate, zstd or snappy that cannot be inflated
CHECKSUM = "checksum"  # it is whole, and its checksum says that it was changed on the way
TOO_LARGE = "too_large"  # above a limit of size or of number
UNSUPPORTED_FORMAT = "unsupported_format"  # of a format that is not read here, or of none that is known
INVALID_ITEM = "invalid_item"  # a message as it should be, with an item that its data model forbids
UNEXPECTED = "unexpected"  # our own fault
KINDS = (MALFORMED, TRUNCATED, COMPRESSION, CHECKSUM, TOO_LARGE, UNSUPPORTED_FORMAT, INVALID_ITEM, UNEXPECTED)
"""The kinds of refusals, by which they are counted; the reason says more, in words."""


class UnreadableError(InvalidInputError):
    """Bytes that cannot be read, with the kind of fault."""

    def __init__(self, reason: str, kind: str) -> None:
        super().__init__(reason)
        self.kind = kind


def kind_of(error: Exception) -> str:
    """Return under which of ``KINDS`` an error in somebody's data is counted."""
    if isinstance(error, TooLargeError):
        return TOO_LARGE
    if isinstance(error, UnreadableError):
        return error.kind
    return MALFORMED if isinstance(error, InvalidInputError) else UNEXPECTED


class MalformedError(InvalidInputError):
    """A body that is not the message it should be; ``path`` grows from the inside out while it is raised."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason, self.path = reason, ""

    def inside(self, step: str) -> None:
        """Note that the fault lies in ``step`` of the message around it."""
        self.path = f"{step}.{self.path}" if self.path else step
        self.message = f"{self.path}: {self.reason}"

    def __str__(self) -> str:
        return self.message
