"""Objects that wait -> documents in the search store; what the store does not take now keeps waiting.

Documents have the same id on every attempt, and a document put again replaces itself; an object waits until all its
documents are in. So nothing is lost while the store is down, and nothing is twice after it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from opsloop.dataclass import dataclass
from opsloop.errors import DependencyUnavailableError, InvalidInputError, NotFoundError
from opsloop.log.document import document, read_line
from opsloop.log.keep import lines_of
from opsloop.log.model import Pending
from opsloop.log.names import kept_of
from opsloop.log.search_spec import LOGS
from opsloop.search import Document, SearchStore

DOCUMENTS_AT_ONCE = 2_000


class Objects(Protocol):
    """Where documents are kept."""

    def get(self, key: str) -> bytes:
        """Return an object; raise ``NotFoundError`` where there is none or it has gone cold."""


class Waiting(Protocol):
    """What waits; see ``PendingTable``."""

    def done(self, pending: Iterable[Pending]) -> None:
        """Note that objects wait no more."""


@dataclass
class Filled:
    """What came of it. ``refused``: documents that the store will never take, with a few reasons; ``unreadable``:
    objects that are not there or hold something else; ``why_not``: why the store took no more."""

    objects: int = 0
    documents: int = 0
    refused: int = 0
    unreadable: int = 0
    reasons: tuple[str, ...] = ()
    why_not: str = ""

    def say(self, reason: str) -> None:
        """Keep one of the first reasons."""
        if len(self.reasons) < 3:
            self.reasons = (*self.reasons, reason)


def fill(
    pending: Sequence[Pending], objects: Objects, store: SearchStore, waiting: Waiting, may_go_on: Callable[[], bool]
) -> Filled:
    """Put the documents of ``pending``, in its order, into the store, for as long as ``may_go_on``."""
    filled = Filled()
    batch: list[tuple[Pending, list[Document]]] = []
    size = 0
    try:
        for one in pending:
            if not may_go_on():
                break
            documents = _read(one, objects, filled)
            batch.append((one, documents))
            size += len(documents)
            if size >= DOCUMENTS_AT_ONCE:
                _put(batch, store, waiting, filled)
                batch, size = [], 0
        if batch:
            _put(batch, store, waiting, filled)
    except DependencyUnavailableError as error:
        filled.why_not = error.message
    return filled


def _read(one: Pending, objects: Objects, filled: Filled) -> list[Document]:
    """Return the documents of an object; of one that cannot be read none: it is counted, and waits no more."""
    try:
        kept = kept_of(one.key)
        return [document(read_line(line), kept=kept) for line in lines_of(objects.get(one.key))]
    except (NotFoundError, InvalidInputError, OSError, EOFError, ValueError) as error:
        filled.unreadable += 1
        filled.say(f"{one.key}: {error}")
        return []


def _put(batch: Sequence[tuple[Pending, list[Document]]], store: SearchStore, waiting: Waiting, filled: Filled) -> None:
    documents = [document for _, some in batch for document in some]
    for first in range(0, len(documents), DOCUMENTS_AT_ONCE):
        refused = store.put(LOGS, documents[first : first + DOCUMENTS_AT_ONCE])
        filled.refused += len(refused)
        for one in refused[:3]:
            filled.say(f"{one.doc_id}: {one.reason}")
    waiting.done([one for one, _ in batch])
    filled.objects += len(batch)
    filled.documents += len(documents)
