"""Take one dump that was asked for: streamed into the bucket, there whole with its manifest, or not at all.

Dumps of one database are taken one after the other, under a lease. What was begun is kept before it is begun, so that
whoever follows a worker that was killed finds its unfinished upload, or the dump that it had completed.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol

from opsloop.backup.arrival import ORIGIN, Stored, name_of, registered
from opsloop.backup.claim import Claim, ClaimState, TakenError, claimed, ended
from opsloop.backup.document import dump_json, manifest_json, read_manifest
from opsloop.backup.key import DUMPS, dump_key, manifest_key
from opsloop.backup.model import BackupFailed, BackupTaken, Cause, Format, Manifest
from opsloop.backup.outbox import Letter, Outbox
from opsloop.backup.stores import Action, ClaimStore, Commit, Dumps, LetterBox
from opsloop.backup.take import Take, TakeState, take_id
from opsloop.catalog import Database
from opsloop.clock import format_time
from opsloop.dataclass import dataclass, replace
from opsloop.errors import ConflictError, NotFoundError, PermanentError, TransientError

ATTEMPTS = 4
WAITS_S = (30.0, 120.0, 300.0)  # before the next attempt
ASK_AGAIN_S = 60.0  # whether another dump of the database is done
CONFLICTS = 10
MOST_LATER_S = 60  # that a dump is named after another time than its own


class Uploading(Protocol):
    """An upload in parts that becomes an object when it is completed."""

    upload_id: str

    def expect(self, size_bytes: int) -> None:
        """Make parts large enough for that many bytes."""

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""

    def finish(self) -> None:
        """Send what is left."""

    def complete(self) -> str:
        """Make it an object and return its version."""

    def abort(self) -> None:
        """Drop everything; again is the same."""


class Sink(Protocol):
    """Where a dump is written to. Exactly one of ``finish`` and ``abort`` ends it; both, where ``finish`` raises."""

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""

    def finish(self, manifest: Manifest) -> None:
        """Keep the dump, its manifest before it."""

    def abort(self) -> None:
        """Leave nothing of it behind."""


Source = Callable[[Database, Sink, float, Callable[[int], None]], Manifest]
"""Dumps a database into a sink within so many seconds, tells how large it is on its server, and returns the manifest.
Raises ``PermanentError`` or ``TransientError``, after the sink was told to abort."""


class Shelf(Protocol):
    """The bucket."""

    def begin(self, key: str, database: Database, expected_bytes: int, origin: str) -> Uploading:
        """Begin an upload that is locked and tagged as the catalog says of ``database``."""

    def abort(self, key: str, upload_id: str) -> None:
        """Drop an upload, if there is one."""

    def put_manifest(self, key: str, body: bytes, database: Database) -> None:
        """Store a manifest, locked as its dump."""

    def label(self, key: str, version: str, database: Database, sha256: str) -> None:
        """Tag a dump with its hash as well."""

    def look(self, key: str, version: str = "") -> Stored | None:
        """Return what the bucket says of an object; None if there is none."""

    def read(self, key: str) -> bytes:
        """Return a document; raise ``NotFoundError``."""

    def delete(self, key: str) -> None:
        """Delete an object."""


class Takes(Protocol):
    """Where dumps that were asked for are kept."""

    def find(self, database: str, slot: datetime) -> Take | None:
        """Return what became of the dump for that slot."""

    def save(self, take: Take) -> Take:
        """Write over the revision that was read; raise ``ConflictError``."""

    def change(self, take: Take) -> Sequence[Action]:
        """Return what ``save`` does, as actions of a transaction."""


@dataclass(frozen=True)
class TakingStores:
    """What is kept of all this."""

    takes: Takes
    claims: ClaimStore
    dumps: Dumps
    letters: LetterBox
    commit: Commit


@dataclass(frozen=True)
class Taking:
    """What came of it: how the take stands, whether this worker did something, and when to try again (None: never)."""

    take: Take | None
    did: bool
    again_s: float | None = None


class Taker:
    """Takes dumps of ``databases`` by ``source``. ``left_s`` tells how long one dump may take now."""

    def __init__(
        self,
        databases: Mapping[str, Database],
        stores: TakingStores,
        shelf: Shelf,
        source: Source,
        outbox: Outbox,
        *,
        holder: str,
        clock: Callable[[], datetime],
        lease_s: float,
        left_s: Callable[[], float],
    ) -> None:
        self._databases, self._stores, self._shelf = databases, stores, shelf
        self._source, self._outbox, self._holder, self._clock = source, outbox, holder, clock
        self._lease_s, self._left_s = lease_s, left_s

    def take(self, database: str, slot: datetime, cause: Cause, correlation_id: str) -> Taking:
        """Take the dump for ``slot`` unless that is done or another one of the database is under way.

        Raises ``NotFoundError`` for a database that we take no dumps of, ``TransientError`` where a store does not
        answer.
        """
        declared = self._databases.get(database)
        if declared is None or not declared.secret:
            raise NotFoundError(f"database: we take no dumps of {database!r}")
        try:
            claim = self._claim(database)
        except TakenError:
            return Taking(None, did=False, again_s=ASK_AGAIN_S)
        try:
            return self._taken(declared, slot, cause, correlation_id)
        finally:
            self._let_go(claim)

    def _claim(self, database: str) -> Claim:
        claims, claim_id = self._stores.claims, f"take#{database}"
        wanted = claimed(claims.find(claim_id), claim_id, self._holder, self._clock(), self._lease_s)
        try:
            return claims.save(wanted)
        except ConflictError:
            raise TakenError(self._clock()) from None

    def _taken(self, database: Database, slot: datetime, cause: Cause, correlation_id: str) -> Taking:
        stores = self._stores
        take = stores.takes.find(database.name, slot)
        if take is None:  # whoever asked for it did so on the bus alone
            take = stores.takes.save(Take(database.name, slot, cause, self._clock(), correlation_id=correlation_id))
        if take.is_over:
            self._outbox.send_all()  # who did it may have been killed before it told anybody
            return Taking(take, did=False)
        found = self._left_behind(take)
        if found is not None:
            return self._conclude(database, take, found, self._manifest(take.key))
        if take.attempts >= ATTEMPTS:
            return self._give_up(take, take.why or "every attempt was killed before it was done")
        take = self._begun(database, take)
        try:
            return self._attempt(database, take)
        except (PermanentError, TransientError) as error:
            now_is = self._now_is(take)
            if now_is.is_over:  # it was told to nobody yet: the outbox has it
                return Taking(now_is, did=True)
            if isinstance(error, PermanentError):
                return self._give_up(now_is, error.message)
            return self._failed(now_is, error.message)

    def _left_behind(self, take: Take) -> Stored | None:
        """Return the dump that the attempt before completed; drop what it did not complete."""
        if not take.key:
            return None
        stored = _ours(self._shelf, take)
        if stored is None and take.upload_id:
            self._shelf.abort(take.key, take.upload_id)
            _forget_manifest(self._shelf, take.key)
        return stored

    def _begun(self, database: Database, take: Take) -> Take:
        now = self._clock()
        key = self._free_key(database, now)
        began = replace(
            take, state=TakeState.TAKING, attempts=take.attempts + 1, started_at=now, ended_at=None, key=key,
            upload_id="", is_told=True,
        )  # fmt: skip
        return self._stores.takes.save(began)

    def _free_key(self, database: Database, at: datetime) -> str:
        """Return where a dump goes that is begun at ``at``: two of one second are not two versions of one object."""
        for later_s in range(MOST_LATER_S):
            key = dump_key(database.name, at + timedelta(seconds=later_s), Format(database.format))
            if self._shelf.look(key) is None:
                return key
        raise TransientError(f"{key}: there is a dump at this second and at each of the {MOST_LATER_S - 1} before it")

    def _attempt(self, database: Database, take: Take) -> Taking:
        """Dump once; whatever fails, nothing of it stays in the bucket."""
        expected = next((one.bytes for one in self._stores.dumps.of(database.name)), 0)
        upload = self._shelf.begin(take.key, database, expected, take_id(take))
        parcel = _Parcel(self._shelf, database, take, upload)
        try:
            take = self._stores.takes.save(replace(take, upload_id=upload.upload_id))
        except TransientError:
            parcel.abort()
            raise
        manifest = self._source(database, parcel, self._left_s(), upload.expect)
        if parcel.stored is None:
            raise NotFoundError(f"{take.key} was deleted as soon as it was there")
        return self._conclude(database, take, parcel.stored, manifest)

    def _manifest(self, key: str) -> Manifest:
        return read_manifest(json.loads(self._shelf.read(manifest_key(key))))

    def _conclude(self, database: Database, take: Take, stored: Stored, manifest: Manifest) -> Taking:
        """Keep the dump, that it was taken, and what the bus must hear of it; then tell it."""
        self._shelf.label(take.key, stored.version, database, manifest.sha256)
        stores, now = self._stores, self._clock()
        name = name_of(take.key.removeprefix(DUMPS))
        for _ in range(CONFLICTS):
            known = stores.dumps.find(name.dump_id)
            dump = registered(name, stored, manifest, known, stored.modified_at)
            done = replace(
                take, state=TakeState.TAKEN, ended_at=now, dump_id=name.dump_id, bytes=stored.bytes,
                rows=manifest.rows, why="", upload_id="",
            )  # fmt: skip
            fact = {"database": database.name, "dump": dump_json(dump)}
            letter = _letter(take, BackupTaken.TYPE, now, fact)
            actions = [*stores.dumps.change(dump, before=known), *stores.takes.change(done)]
            try:
                stores.commit(
                    [*actions, *stores.letters.addition(letter)], conflict=f"take {take_id(take)} has changed"
                )
            except ConflictError:
                if self._now_is(take).revision != take.revision:
                    raise
                continue  # the dump arrived in between
            self._outbox.send(letter)
            return Taking(replace(done, revision=done.revision + 1), did=True)
        raise ConflictError(f"dump {name.dump_id} changes all the time")

    def _failed(self, take: Take, why: str) -> Taking:
        if take.attempts >= ATTEMPTS:
            return self._give_up(take, why)
        kept = self._stores.takes.save(replace(take, why=why, ended_at=self._clock()))
        return Taking(kept, did=True, again_s=WAITS_S[min(take.attempts, len(WAITS_S)) - 1])

    def _give_up(self, take: Take, why: str) -> Taking:
        stores, now = self._stores, self._clock()
        over = replace(take, state=TakeState.FAILED, why=why, ended_at=now, upload_id="")
        fact = {"database": take.database, "slot": format_time(take.slot), "why": why, "attempts": take.attempts}
        letter = _letter(take, BackupFailed.TYPE, now, fact)
        actions = [*stores.takes.change(over), *stores.letters.addition(letter)]
        stores.commit(actions, conflict=f"take {take_id(take)} has changed")
        self._outbox.send(letter)
        return Taking(replace(over, revision=over.revision + 1), did=True)

    def _now_is(self, take: Take) -> Take:
        return self._stores.takes.find(take.database, take.slot) or take

    def _let_go(self, claim: Claim) -> None:
        try:
            self._stores.claims.save(ended(claim, ClaimState.FREE, self._clock()))
        except TransientError:  # then it runs out
            return


class _Parcel:
    """The sink of one attempt: an upload, and what it became."""

    def __init__(self, shelf: Shelf, database: Database, take: Take, upload: Uploading) -> None:
        self.stored: Stored | None = None
        self._shelf, self._database, self._take, self._upload = shelf, database, take, upload
        self._has_manifest = False

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._upload.write(chunk)

    def finish(self, manifest: Manifest) -> None:
        """Keep the dump, its manifest before it; it is there also where S3's answer to that is lost on its way."""
        self._upload.finish()
        body = json.dumps(manifest_json(manifest), ensure_ascii=False).encode()
        self._has_manifest = True
        self._shelf.put_manifest(manifest_key(self._take.key), body, self._database)
        try:
            self._upload.complete()
        except TransientError:
            self.stored = _ours(self._shelf, self._take)
            if self.stored is None:
                raise
        else:
            self.stored = _ours(self._shelf, self._take)

    def abort(self) -> None:
        """Leave nothing behind, unless it is there whole; what cannot be dropped now, the next attempt drops."""
        with suppress(TransientError):
            self._upload.abort()
            if self._has_manifest and _ours(self._shelf, self._take) is None:
                _forget_manifest(self._shelf, self._take.key)


def _ours(shelf: Shelf, take: Take) -> Stored | None:
    """Return the dump that an attempt completed."""
    stored = shelf.look(take.key)
    return stored if stored is not None and stored.metadata.get(ORIGIN) == take_id(take) else None


def _forget_manifest(shelf: Shelf, key: str) -> None:
    if shelf.look(manifest_key(key)) is not None:
        shelf.delete(manifest_key(key))


def _letter(take: Take, kind: str, now: datetime, fact: Mapping[str, object]) -> Letter:
    word = kind.rpartition(".")[2]
    return Letter(f"{take_id(take)}/{word}", kind, take.database, now, fact, take.correlation_id or take_id(take))
