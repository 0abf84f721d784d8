"""What a person may do about retention: hold a dump, release it, and bring back what was deleted.

Each may be asked again after a crash anywhere, and then ends as it should.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from opsloop.backup.model import Dump
from opsloop.backup.prune import ATTEMPTS, Look, Shelf
from opsloop.backup.retention_record import Deletion, DeletionState
from opsloop.dataclass import replace
from opsloop.errors import ConflictError, InvalidInputError, NotFoundError


class Objects(Protocol):
    """The objects of dumps."""

    def look(self, key: str) -> Look:
        """Return what lies under a key now."""

    def hold(self, key: str, version: str, *, is_on: bool) -> bool:
        """Put a version under the bucket's own legal hold, or release it; return whether it has such holds."""

    def bring_back(self, key: str, version: str) -> str:
        """Make a hidden version the newest again and return its new id; raise ``NotFoundError``."""


class Records(Protocol):
    """The records of deletions."""

    def find(self, deletion_id: str) -> Deletion | None:
        """Return the deletion of that id as it is now."""

    def end(self, deletion: Deletion, also: Sequence[Mapping[str, Any]] = ()) -> Deletion:
        """Write what became of one, together with ``also``; raise ``ConflictError``."""


class Keeper:
    """Holds, releases and brings back."""

    def __init__(self, shelf: Shelf, objects: Objects, records: Records) -> None:
        self.shelf, self.objects, self.records = shelf, objects, records

    def hold(self, database: str, dump_id: str, *, is_on: bool) -> tuple[Dump, bool]:
        """Return the dump, held in our records and in the bucket, or released in both, and whether the bucket can.

        A hold is recorded first and a release last, so that half of either is a hold. Raises ``NotFoundError``.
        """
        dump = self._known(database, dump_id)
        version = self.objects.look(dump.key).version
        if not version:
            raise NotFoundError(f"dump_id: the object of {dump_id!r} is not in the bucket")
        if is_on:
            dump = self._save(dump, legal_hold=True)
        has_holds = self.objects.hold(dump.key, version, is_on=is_on)
        return dump if is_on else self._save(dump, legal_hold=False), has_holds

    def undo(self, deletion_id: str, now: datetime, by: str) -> Deletion:
        """Bring back what a deletion hid, held, so that the next run does not delete it again.

        The bucket tells of the object as of a new one, and so it is proven anew. Raises ``NotFoundError`` where the
        bucket let it go, ``InvalidInputError`` where nothing was deleted.
        """
        deletion = self.records.find(deletion_id)
        if deletion is None:
            raise NotFoundError(f"id: there is no deletion {deletion_id!r}; GET /v1/backups/deletions lists them")
        if deletion.state is DeletionState.UNDONE:
            return deletion
        if deletion.state is not DeletionState.DELETED:
            raise InvalidInputError(f"id: nothing was deleted: the deletion is {deletion.state.value}")
        look = self.objects.look(deletion.key)
        version = look.version or self.objects.bring_back(deletion.key, deletion.version)
        self.objects.hold(deletion.key, version, is_on=True)
        ended = replace(deletion, state=DeletionState.UNDONE, said=f"brought back by {by}, and held", ended_at=now)
        for attempt in range(1, ATTEMPTS + 1):
            dump = self.shelf.find(deletion.dump_id)
            also: list[Mapping[str, Any]] = []
            if dump is not None:
                back = replace(dump, version=version, deleted_at=None, deleted_why="", legal_hold=True)
                also = self.shelf.change(back)
            try:
                return self.records.end(ended, also)
            except ConflictError:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def _known(self, database: str, dump_id: str) -> Dump:
        dump = self.shelf.find(dump_id)
        if dump is None or dump.database != database or dump.deleted_at is not None:
            raise NotFoundError(
                f"dump_id: {database} has no dump {dump_id!r}; GET /v1/backups/{database}/dumps lists those it has"
            )
        return dump

    def _save(self, dump: Dump, *, legal_hold: bool) -> Dump:
        for attempt in range(1, ATTEMPTS + 1):
            if dump.legal_hold == legal_hold:
                return dump
            try:
                return self.shelf.save(replace(dump, legal_hold=legal_hold))
            except ConflictError:
                if attempt == ATTEMPTS:
                    raise
                dump = self._known(dump.database, dump.dump_id)
        raise AssertionError("unreachable")
