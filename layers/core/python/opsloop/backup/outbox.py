"""Facts that are to be told, kept with what they are about until they were: a crash between the two loses none."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from opsloop.backup import model
from opsloop.dataclass import dataclass
from opsloop.errors import TransientError
from opsloop.events import Event, Fact

Publish = Callable[[Sequence[Event]], None]
FACTS: dict[str, Callable[..., Fact]] = {
    kind.TYPE: kind for kind in (model.BackupTaken, model.BackupFailed, model.BackupVerified, model.VerificationFailed)
}


@dataclass(frozen=True)
class Letter:
    """One fact that is to be told; ``verification_id`` is of the one whose evidence is written before."""

    letter_id: str  # the event's id
    type: str
    subject: str
    time: datetime
    data: Mapping[str, Any]
    correlation_id: str
    verification_id: str = ""

    def event(self) -> Event:
        """Return the event that tells it."""
        return Event(self.letter_id, self.subject, self.time, FACTS[self.type](**self.data), self.correlation_id)


class Letters(Protocol):
    """Where letters wait."""

    def all(self) -> Iterable[Letter]:
        """Return those that were not noted as sent."""

    def remove(self, letter_id: str) -> None:
        """Note one as sent."""


class Outbox:
    """Tells what waits. Told twice after a crash, a fact has the same id and time both times."""

    def __init__(self, letters: Letters, publish: Publish, write_evidence: Callable[[str], None]) -> None:
        self._letters, self._publish, self._write_evidence = letters, publish, write_evidence

    def send(self, letter: Letter) -> None:
        """Tell one fact; what fails is left for ``send_all`` and raised."""
        if letter.verification_id:
            self._write_evidence(letter.verification_id)
        self._publish([letter.event()])
        self._letters.remove(letter.letter_id)

    def send_all(self) -> int:
        """Tell everything that waits and return how much that was.

        One that cannot be told holds up no other; the first such error is raised when all were tried.
        """
        waiting, failure = list(self._letters.all()), None
        for letter in waiting:
            try:
                self.send(letter)
            except TransientError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return len(waiting)
