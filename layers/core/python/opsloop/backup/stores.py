"""What a proof needs of the outside: a bucket, stores that change together, a verifier, and a machine with room."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from opsloop.backup.arrival import Stored
from opsloop.backup.claim import Claim, Claims
from opsloop.backup.model import Cause, Dump, Manifest, Verification
from opsloop.backup.outbox import Letter
from opsloop.backup.wanted import Limits, Progress, Wanted
from opsloop.clock import format_time, parse_time
from opsloop.dataclass import dataclass
from opsloop.errors import InvalidInputError

Action = Mapping[str, Any]  # one of a transaction; only the stores know what is in it


@dataclass(frozen=True)
class Job:
    """One proof that is wanted. ``request_id`` tells requests apart, ``version`` arrivals; ``bytes`` as S3 told."""

    dump_id: str
    cause: Cause
    asked_at: datetime
    version: str = ""
    request_id: str = ""
    bytes: int = 0
    correlation_id: str = ""

    @property
    def claim_id(self) -> str:
        """Return what names the job, once and for all."""
        return f"verify#{self.dump_id}#{self.cause}#{self.request_id or self.version}"

    @property
    def verification_id(self) -> str:
        """Return the id of its verdict."""
        return sha256(self.claim_id.encode()).hexdigest()[:24]


def job_json(job: Job) -> dict[str, str]:
    """Return ``job`` as text, for another process."""
    return {
        "dump_id": job.dump_id,
        "cause": job.cause.value,
        "asked_at": format_time(job.asked_at),
        "version": job.version,
        "request_id": job.request_id,
        "bytes": str(job.bytes),
        "correlation_id": job.correlation_id,
    }


def read_job(document: Mapping[str, str]) -> Job:
    """Return the job that ``job_json`` made text of; raise ``InvalidInputError``."""
    try:
        return Job(
            document["dump_id"],
            Cause(document["cause"]),
            parse_time(document["asked_at"], name="asked_at"),
            version=document["version"],
            request_id=document["request_id"],
            bytes=int(document["bytes"]),
            correlation_id=document["correlation_id"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInputError(f"job: {type(error).__name__}: {error}") from None


class Objects(Protocol):
    """The bucket."""

    def look(self, key: str, version: str = "") -> Stored | None:
        """Return what the bucket says of an object; None if there is none."""

    def read(self, key: str) -> bytes:
        """Return a document; raise ``NotFoundError``."""

    def download(self, key: str, version: str, file: BinaryIO, told: Callable[[int], None]) -> None:
        """Write an object to ``file``; raise ``NotFoundError``, ``TransientError``."""


class Dumps(Protocol):
    """Where dumps are kept."""

    def find(self, dump_id: str) -> Dump | None:
        """Return the dump of that id."""

    def of(self, database: str) -> Iterable[Dump]:
        """Yield the dumps of a database, the newest first."""

    def save(self, dump: Dump) -> Dump:
        """Write over the revision that was read; raise ``ConflictError``."""

    def change(self, dump: Dump, *, before: Dump | None = None) -> Sequence[Action]:
        """Return what ``save`` does, as actions of a transaction."""


class Verifications(Protocol):
    """Where verdicts are kept."""

    def find(self, verification_id: str) -> Verification | None:
        """Return the verification of that id."""

    def of(self, database: str) -> Iterable[Verification]:
        """Yield those of a database's dumps, the newest first."""

    def addition(self, verification: Verification) -> Sequence[Action]:
        """Return what adds it, if there is none of its id, as actions of a transaction."""


class ClaimStore(Claims, Protocol):
    """Where claims are kept."""

    def change(self, claim: Claim) -> Sequence[Action]:
        """Return what ``save`` does, as actions of a transaction."""


class LetterBox(Protocol):
    """Where facts wait that are to be told."""

    def addition(self, letter: Letter) -> Sequence[Action]:
        """Return what keeps one, as actions of a transaction."""


class Commit(Protocol):
    """Does all actions or none; raises ``ConflictError`` if a condition does not hold."""

    def __call__(self, actions: Sequence[Action], *, conflict: str) -> None:
        """Do them."""


class Verifier(Protocol):
    """Restores a dump and says what it found."""

    def verify(self, path: Path, manifest: Manifest | None, wanted: Wanted, progress: Progress) -> Verification:
        """Return the verdict; only what nobody foresaw is raised."""


class Workshop(Protocol):
    """The machine: where a dump is put, what a restore may take, and whether something larger can be asked."""

    where: str  # lambda, fargate
    is_runner: bool
    lease_s: float

    def limits(self, dump_bytes: int) -> Limits | None:
        """Return what there is beside a dump of that size; None: not even that has room."""

    def file(self, name: str) -> AbstractContextManager[tuple[Path, BinaryIO]]:
        """Return a path and the file open for writing under it, both gone at the end."""

    def ask_larger(self, job: Job, attempt: int) -> bool:
        """Have a larger machine do the job; return False where there is none."""


@dataclass(frozen=True)
class Stores:
    """What is kept of all this."""

    dumps: Dumps
    verifications: Verifications
    claims: ClaimStore
    letters: LetterBox
    commit: Commit
