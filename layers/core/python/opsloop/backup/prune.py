"""Delete what retention lets go: listed first, recorded before and after, and looked at again just before.

A crash anywhere leaves a deletion that is begun. The next run finds it, looks whether the object is there, and either
records that it is gone or begins again with every check. What is deleted gets a delete marker: the bucket keeps the
bytes for ``UNDO_DAYS`` more.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from opsloop.backup.model import Dump
from opsloop.backup.model_upkeep import BackupPruned, DeletionSuggested
from opsloop.backup.retention import Copy, Plan, copy_of, plan
from opsloop.backup.retention_record import (
    MOST_TOLD,
    Deletion,
    DeletionState,
    begun,
    decisions_json,
    deletion_json,
)
from opsloop.catalog import Database, RetentionClass
from opsloop.clock import format_time
from opsloop.dataclass import dataclass, replace
from opsloop.errors import ConflictError

ATTEMPTS = 4  # at writing a dump's record, which a verification may write at the same time
GONE = "its object is not in the bucket any more"


@dataclass(frozen=True)
class Look:
    """What lies in the bucket under a key. ``version`` is empty where nothing does, or a delete marker hides it.

    ``marker`` is that delete marker's version.
    """

    version: str = ""
    marker: str = ""
    is_held: bool = False
    locked_until: datetime | None = None


class Shelf(Protocol):
    """The records of dumps."""

    def of(self, database: str) -> Iterable[Dump]:
        """Return the dumps of a database, deleted ones too, as they are now."""

    def find(self, dump_id: str) -> Dump | None:
        """Return one of them as it is now."""

    def save(self, dump: Dump) -> Dump:
        """Write it over the revision that was read; raise ``ConflictError``."""

    def change(self, dump: Dump) -> list[Mapping[str, Any]]:
        """Return what ``save`` does, to be done together with something else."""


class Bucket(Protocol):
    """The objects themselves."""

    def there(self, database: str) -> Mapping[str, str]:
        """Return the version of every object of a database that is there, by key."""

    def look(self, key: str) -> Look:
        """Return what lies under a key now."""

    def delete(self, key: str) -> str:
        """Hide the object under a key by a delete marker, and return that marker's version."""


class Deletions(Protocol):
    """The records of deletions."""

    def open(self, database: str) -> Sequence[Deletion]:
        """Return those that are begun."""

    def begin(self, deletion: Deletion) -> Deletion:
        """Write a new one; return it as it was written, also if it was there."""

    def end(self, deletion: Deletion, also: Sequence[Mapping[str, Any]] = ()) -> Deletion:
        """Write what became of an open one, together with ``also``; raise ``ConflictError``."""


@dataclass(frozen=True)
class Done:
    """What a run did to the dumps of one database."""

    ended: tuple[Deletion, ...] = ()
    left: int = 0  # deletions that the run had no room for


class Pruner:
    """Plans and deletes, for one database at a time."""

    def __init__(self, shelf: Shelf, bucket: Bucket, deletions: Deletions) -> None:
        self.shelf, self.bucket, self.deletions = shelf, bucket, deletions

    def plan(self, database: Database, chosen: RetentionClass, now: datetime) -> Plan:
        """Return the plan for what is there, and record of each dump whose object is gone that it is gone.

        A proof of an object that somebody else deleted must not count. What was deleted and is there again was brought
        back by somebody who took its delete marker away: it is held from now on.
        """
        there = self.bucket.there(database.name)
        for one in self.shelf.of(database.name):
            if self._is_gone(one, there):
                self._note(replace(one, deleted_at=now, deleted_why=GONE))
            elif self._is_back(one, there):
                self._note(replace(one, deleted_at=None, deleted_why="", legal_hold=True))
        return plan(chosen, self._copies(database, there), now)

    def carry_out(
        self,
        database: Database,
        chosen: RetentionClass,
        now: datetime,
        *,
        most: int,
        has_time: Callable[[], bool],
    ) -> Done:
        """Delete what the plan at ``now`` lets go, the oldest first, at most ``most``; end what an earlier run began.

        Before each deletion the plan is made anew from what is known at that moment.
        """
        there = self.bucket.there(database.name)

        def planned() -> Plan:
            return plan(chosen, self._copies(database, there), now)

        found = planned()
        ended = [self._resume(one, planned, now) for one in self.deletions.open(database.name)]
        resumed = {one.dump_id for one in ended}
        todo = [one for one in found.delete if one.copy.copy_id not in resumed]
        for place, decision in enumerate(todo):
            if len(ended) >= most or not has_time():
                return Done(tuple(ended), len(todo) - place)
            dump = self.shelf.find(decision.copy.copy_id)
            if dump is None or dump.deleted_at is not None:
                continue
            deletion = self.deletions.begin(begun(dump, decision, chosen, now))
            if deletion.state is DeletionState.BEGUN:
                ended.append(self._delete(deletion, planned, now))
        return Done(tuple(ended))

    def end_open(self, name: str, now: datetime) -> tuple[Deletion, ...]:
        """End what an earlier run began without deleting anything: gone is recorded as gone, the rest as stopped."""
        ended = []
        for one in self.deletions.open(name):
            look = self.bucket.look(one.key)
            is_gone = not look.version
            ended.append(
                self._deleted(one, look.marker, now) if is_gone else self._stop(one, "deleting was switched off", now)
            )
        return tuple(ended)

    def _is_gone(self, one: Dump, there: Mapping[str, str]) -> bool:
        is_missing = one.deleted_at is None and one.key not in there
        return is_missing and not self.bucket.look(one.key).version  # it may have come since they were listed

    def _is_back(self, one: Dump, there: Mapping[str, str]) -> bool:
        is_listed = one.deleted_at is not None and there.get(one.key, "") == one.version != ""
        return is_listed and self.bucket.look(one.key).version == one.version  # not deleted since

    def _copies(self, database: Database, there: Mapping[str, str]) -> list[Copy]:
        """Return the dumps as retention sees them. What was found of a version that was replaced since counts no more.

        The next version's arrival brings a verdict of its own, but that may take hours.
        """
        found = []
        for one in self.shelf.of(database.name):
            if one.deleted_at is None:
                copy, is_same = copy_of(one, database), there.get(one.key, one.version) == one.version
                found.append(copy if is_same else replace(copy, is_proven=False, useless_at=None))
        return found

    def _resume(self, one: Deletion, planned: Callable[[], Plan], now: datetime) -> Deletion:
        look = self.bucket.look(one.key)
        if not look.version:
            return self._deleted(one, look.marker, now)
        return self._delete(one, planned, now)

    def _delete(self, one: Deletion, planned: Callable[[], Plan], now: datetime) -> Deletion:
        if objection := self._objection(one, planned, now):
            return self._stop(one, objection, now)
        return self._deleted(one, self.bucket.delete(one.key), now)

    def _objection(self, one: Deletion, planned: Callable[[], Plan], now: datetime) -> str:
        """Return what speaks against a deletion at this moment, "" if nothing does."""
        look = self.bucket.look(one.key)
        if not look.version:
            return ""  # deleted in between; a marker more does no harm
        if look.version != one.version:
            return "another version of the object lies there by now"
        if look.is_held:
            return "the object is under a legal hold"
        if look.locked_until is not None and look.locked_until > now:
            return f"the object is locked until {format_time(look.locked_until)}"
        again = planned()
        if one.dump_id not in again.ids:
            why = next(
                (kept.why for kept in again.keep if kept.copy.copy_id == one.dump_id), "it is not known any more"
            )
            return f"by now it is to stay: {why}"
        return ""

    def _deleted(self, one: Deletion, marker: str, now: datetime) -> Deletion:
        ended = replace(one, state=DeletionState.DELETED, marker=marker, ended_at=now)
        for attempt in range(1, ATTEMPTS + 1):
            dump = self.shelf.find(one.dump_id)
            also: list[Mapping[str, Any]] = []
            if dump is not None:
                also = self.shelf.change(replace(dump, deleted_at=now, deleted_why=one.why))
            try:
                return self.deletions.end(ended, also)
            except ConflictError:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def _stop(self, one: Deletion, why: str, now: datetime) -> Deletion:
        return self.deletions.end(replace(one, state=DeletionState.STOPPED, said=why, ended_at=now))

    def _note(self, dump: Dump) -> None:
        """Record what the bucket says of a dump. Of one that is gone while a deletion is open, ending that says why."""
        try:
            self.shelf.save(dump)
        except ConflictError:
            return  # somebody wrote it at this moment; the next run looks again


def suggested(name: str, chosen: RetentionClass, found: Plan) -> DeletionSuggested:
    """Return the fact of what a plan lets go."""
    return DeletionSuggested(
        database=name,
        retention=chosen.name,
        mode=chosen.mode,
        count=len(found.delete),
        bytes=sum(one.copy.bytes for one in found.delete),
        dumps=tuple(decisions_json(found.delete[:MOST_TOLD])),
    )


def pruned(name: str, chosen: RetentionClass, done: Done) -> BackupPruned:
    """Return the fact of what a run deleted, and of what it did not."""
    deleted = [one for one in done.ended if one.state is DeletionState.DELETED]
    stopped = [one for one in done.ended if one.state is DeletionState.STOPPED]
    return BackupPruned(
        database=name,
        retention=chosen.name,
        count=len(deleted),
        bytes=sum(one.bytes for one in deleted),
        deletions=tuple(deletion_json(one) for one in deleted[:MOST_TOLD]),
        stopped=tuple(deletion_json(one) for one in stopped[:MOST_TOLD]),
        left=done.left,
    )
