"""Stores and a bucket in memory, with workers that are killed at any step or take turns in any order.

Every call of a store or the bucket is a step, before and after which a worker may be killed, and between which another
one may go on. What is committed is there for the next worker, as in DynamoDB and S3.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from opsloop.backup.arrival import Stored
from opsloop.backup.model import Cause, Dump, Reason, Verdict, Verification
from opsloop.backup.stores import Job, Stores
from opsloop.backup.wanted import Limits
from opsloop.catalog import Database
from opsloop.dataclass import replace
from opsloop.errors import ConflictError, NotFoundError

START = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
ORDERS = Database(
    name="orders", service="web", tier=2, description="", secret="orders", source_name="", schemas=(),
    exclude_schemas=(), every_h=6.0, format="custom", retention="standard", legal_hold=False, object_lock_days=0,
    rpo_s=900.0, rto_s=14_400.0,
)  # fmt: skip
DATABASES = {"orders": ORDERS}


class KilledError(BaseException):
    """The worker is gone: nothing catches this."""


@dataclass
class Memory:
    """What survives workers. ``hook`` is called at every step with its name, once before and once after."""

    now: datetime = START
    items: dict[tuple[str, Any], Any] = field(default_factory=dict)
    objects: dict[str, tuple[bytes, dict[str, str], str]] = field(default_factory=dict)
    uploads: dict[str, str] = field(default_factory=dict)
    published: list[Any] = field(default_factory=list)
    hook: Callable[[str], None] = lambda _name: None
    serial: int = 0

    def clock(self) -> datetime:
        """Return the time, a second later each time."""
        self.now += timedelta(seconds=1)
        return self.now

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Do one step."""
        self.hook(name)
        yield
        self.hook(name)

    def of(self, kind: str) -> list[Any]:
        """Return the items of a kind."""
        return [one for (what, _), one in self.items.items() if what == kind]

    def commit(self, actions: Sequence[Any], *, conflict: str) -> None:
        """Do all actions or none."""
        with self.step("commit"):
            if not all(one["holds"]() for one in actions):
                raise ConflictError(conflict)
            for one in actions:
                one["do"]()

    def publish(self, events: Sequence[Any]) -> None:
        """Keep what the bus is told."""
        with self.step("publish"):
            self.published += events

    def stores(self) -> Stores:
        """Return what workers see."""
        kept = Kept(self, "dump", "dump_id")
        return Stores(kept, Added(self), Kept(self, "claim", "claim_id"), Letters(self), self.commit)  # type: ignore[arg-type]


class Kept:
    """Records with revisions, such as dumps, claims and takes."""

    def __init__(self, memory: Memory, kind: str, key: str) -> None:
        self._memory, self._kind, self._key = memory, kind, key

    def find(self, *key: Any) -> Any:
        """Return a record."""
        with self._memory.step(f"find {self._kind}"):
            return self._memory.items.get((self._kind, key))

    def of(self, database: str) -> list[Any]:
        """Return those of a database, the newest first."""
        with self._memory.step(f"list {self._kind}"):
            found = [one for one in self._memory.of(self._kind) if one.database == database]
            return sorted(found, key=lambda one: one.taken_at, reverse=True)

    def save(self, record: Any) -> Any:
        """Write one over the revision that was read."""
        self._memory.commit(self.change(record), conflict=f"{self._kind} has changed")
        return replace(record, revision=record.revision + 1)

    def change(self, record: Any, *, before: Any = None) -> list[Any]:  # noqa: ARG002 -- the port's
        """Return what ``save`` does."""
        place = (self._kind, tuple(getattr(record, name) for name in self._key.split()))
        items = self._memory.items

        def holds() -> bool:
            found = items.get(place)
            return (found.revision if found else 0) == record.revision

        def do() -> None:
            items[place] = replace(record, revision=record.revision + 1)

        return [{"holds": holds, "do": do}]


class Added:
    """Verifications."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def find(self, verification_id: str) -> Any:
        """Return one."""
        return self._memory.items.get(("verification", verification_id))

    def of(self, _database: str) -> list[Any]:
        """Return all."""
        return self._memory.of("verification")

    def addition(self, one: Verification) -> list[Any]:
        """Return what adds one that is not there."""
        place, items = ("verification", one.verification_id), self._memory.items
        return [{"holds": lambda: place not in items, "do": lambda: items.__setitem__(place, one)}]


class Letters:
    """The outbox."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def all(self) -> list[Any]:
        """Return what waits."""
        with self._memory.step("list letters"):
            return self._memory.of("letter")

    def remove(self, letter_id: str) -> None:
        """Note one as sent."""
        with self._memory.step("remove letter"):
            self._memory.items.pop(("letter", letter_id), None)

    def addition(self, letter: Any) -> list[Any]:
        """Return what adds one."""
        place, items = ("letter", letter.letter_id), self._memory.items
        return [{"holds": lambda: True, "do": lambda: items.__setitem__(place, letter)}]


class Bucket:
    """Objects, and uploads in parts."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def put(self, key: str, body: bytes, metadata: dict[str, str] | None = None) -> None:
        """Store an object as its next version."""
        self._memory.serial += 1
        self._memory.objects[key] = (body, metadata or {}, f"v{self._memory.serial}")

    def look(self, key: str, version: str = "") -> Stored | None:  # noqa: ARG002 -- the port's
        """Return what is there."""
        with self._memory.step("look"):
            found = self._memory.objects.get(key)
            return found and Stored(key, found[2], len(found[0]), START, found[1])

    def read(self, key: str) -> bytes:
        """Return a document."""
        with self._memory.step("read"):
            if key not in self._memory.objects:
                raise NotFoundError(key)
            return self._memory.objects[key][0]

    def download(self, key: str, _version: str, file: Any, told: Callable[[int], None]) -> None:
        """Write an object to a file."""
        file.write(self.read(key))
        told(1)

    def delete(self, key: str) -> None:
        """Delete an object."""
        with self._memory.step("delete"):
            self._memory.objects.pop(key, None)

    def abort(self, _key: str, upload_id: str) -> None:
        """Drop an upload."""
        with self._memory.step("abort"):
            self._memory.uploads.pop(upload_id, None)

    def begin(self, key: str, _database: Database, _expected: int, origin: str) -> "Upload":
        """Begin an upload."""
        with self._memory.step("begin"):
            self._memory.serial += 1
            upload_id = f"u{self._memory.serial}"
            self._memory.uploads[upload_id] = key
            return Upload(self._memory, self, key, upload_id, origin)

    def put_manifest(self, key: str, body: bytes, _database: Database) -> None:
        """Store a manifest."""
        with self._memory.step("put manifest"):
            self.put(key, body)

    def label(self, *_facts: Any) -> None:
        """Tag an object."""
        with self._memory.step("label"):
            return


class Upload:
    """An upload in parts."""

    def __init__(self, memory: Memory, bucket: Bucket, key: str, upload_id: str, origin: str) -> None:
        self.upload_id = upload_id
        self._memory, self._bucket, self._key, self._origin = memory, bucket, key, origin
        self._body = BytesIO()

    def expect(self, _size: int) -> None:
        """Part sizes are nothing here."""

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        with self._memory.step("write"):
            self._body.write(chunk)

    def finish(self) -> None:
        """Send what is left."""

    def complete(self) -> str:
        """Make it an object."""
        with self._memory.step("complete"):
            del self._memory.uploads[self.upload_id]
            self._bucket.put(self._key, self._body.getvalue(), {"opsloop-origin": self._origin})
            return self._memory.objects[self._key][2]

    def abort(self) -> None:
        """Drop it."""
        self._bucket.abort(self._key, self.upload_id)


class Workshop:
    """A machine that asks nobody, unless it is given a larger one."""

    where, lease_s = "lambda", 960.0

    def __init__(self, memory: Memory, *, larger: list[Job] | None = None, is_runner: bool = False) -> None:
        self._memory, self._larger, self.is_runner = memory, larger, is_runner

    def limits(self, _dump_bytes: int) -> Limits:
        """Return the usual ones."""
        return Limits()

    @contextmanager
    def file(self, name: str) -> Iterator[tuple[Path, Any]]:
        """Return a file in memory."""
        yield Path(name), BytesIO()

    def ask_larger(self, job: Job, _attempt: int) -> bool:
        """Keep the job."""
        with self._memory.step("ask larger"):
            if self._larger is not None:
                self._larger.append(job)
            return self._larger is not None


@dataclass
class FixedVerifier:
    """Finds the same each time. ``seen`` counts how often it was asked."""

    verdict: Verdict = Verdict.PROVEN
    reason: Reason | None = None
    seen: int = 0
    memory: Memory | None = None

    def verify(self, _path: Path, _manifest: Any, wanted: Any, _progress: Any) -> Verification:
        """Return the verdict."""
        self.seen += 1
        if self.memory is not None:
            with self.memory.step("verify"):
                pass
        now = wanted.now
        return Verification(
            wanted.verification_id, wanted.dump_id, wanted.database, Cause.ARRIVAL, self.verdict, self.reason, "", now,
            now + timedelta(seconds=5), sha256="ab" * 32,
        )  # fmt: skip


def killed_at(memory: Memory, place: int) -> Callable[[], None]:
    """Have a worker killed at the step number ``place``; return what counts no more."""
    left = [place]

    def hook(_name: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KilledError

    memory.hook = hook
    return lambda: setattr(memory, "hook", lambda _name: None)


def steps_of(memory: Memory, work: Callable[[], Any]) -> int:
    """Return how many times a worker could be killed in ``work``."""
    seen: list[str] = []
    memory.hook = seen.append
    work()
    memory.hook = lambda _name: None
    return len(seen)


def take_turns(memory: Memory, workers: Sequence[Callable[[], Any]], order: Sequence[int]) -> list[Any]:
    """Run workers side by side, one step at a time, in that order of turns; return what came of each."""
    turns, done = [threading.Semaphore(0) for _ in workers], threading.Semaphore(0)
    over, results = [False] * len(workers), [None] * len(workers)
    mine = threading.local()

    def hook(_name: str) -> None:
        done.release()
        turns[mine.number].acquire()

    def run(number: int) -> None:
        mine.number = number
        turns[number].acquire()
        try:
            results[number] = workers[number]()
        except Exception as error:  # noqa: BLE001 -- the test looks at it
            results[number] = error  # type: ignore[call-overload]
        over[number] = True
        done.release()

    memory.hook = hook
    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(workers))]
    for thread in threads:
        thread.start()
    wishes = iter(order)
    while not all(over):
        left = [number for number, is_over in enumerate(over) if not is_over]
        number = left[next(wishes, 0) % len(left)]
        turns[number].release()
        done.acquire()
    for thread in threads:
        thread.join()
    memory.hook = lambda _name: None
    return results


def dump_of(memory: Memory) -> Dump:
    """Return the only dump that is kept."""
    (found,) = memory.of("dump")
    return found  # type: ignore[no-any-return]
