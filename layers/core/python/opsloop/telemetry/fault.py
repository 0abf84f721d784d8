"""What is wrong with a body, and where."""

from opsloop.errors import InvalidInputError


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
