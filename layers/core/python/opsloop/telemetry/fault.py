"""What is wrong with a body, and where."""

from opsloop.errors import InvalidInputError, TooLargeError

MALFORMED, TOO_LARGE, UNEXPECTED = "malformed", "too_large", "unexpected"
KINDS = (MALFORMED, TOO_LARGE, UNEXPECTED)
"""The kinds of refusals, by which they are counted; the reason says more, in words."""


def kind_of(error: Exception) -> str:
    """Return under which of ``KINDS`` an error in somebody's data is counted."""
    if isinstance(error, TooLargeError):
        return TOO_LARGE
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
