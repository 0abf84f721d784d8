"""What a verification needs of the outside: a file that is read and unpacked, and a PostgreSQL that restores it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from opsloop.backup.archive import Kind
from opsloop.backup.blocks import Blocks
from opsloop.backup.contents import Contents
from opsloop.backup.model import Finding, Manifest, Reason
from opsloop.backup.needs import Needs
from opsloop.backup.plain import PlainFacts
from opsloop.backup.wanted import Limits
from opsloop.catalog import Assertion
from opsloop.dataclass import dataclass, field
from opsloop.errors import PermanentError

Told = Callable[[float, float], None]
"""Is told how much of a phase is done and how much there is, both 0 where that is not known."""


class NotTriedError(PermanentError):
    """The verification could not go on for a reason that says nothing about the dump."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class FileFacts:
    """A file as it was read: its size, its SHA-256 (hex) and its first bytes."""

    size_bytes: int
    sha256: str
    head: bytes


@dataclass(frozen=True)
class Unpacked:
    """A dump that PostgreSQL's programs can read.

    ``kind`` is ``CUSTOM`` (``path`` is a file), ``TAR`` (``path`` is a folder, in the directory format) or ``PLAIN``
    (``chunks`` gives its text anew, inflated). ``inflated_bytes`` is the size of the text, or of what was unpacked.
    """

    kind: Kind
    path: Path
    inflated_bytes: int
    contents: Contents | None = None
    blocks: Blocks | None = None
    plain: PlainFacts | None = None
    chunks: Callable[[], Iterator[bytes]] | None = None


@dataclass(frozen=True)
class Outcome:
    """What a step found: what is wrong, what was counted as right, and what the engine said."""

    findings: tuple[Finding, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    messages: tuple[str, ...] = ()


class Copy(Protocol):
    """One database that a dump is restored into. What fails because of us raises ``NotTriedError``."""

    @property
    def missing_extensions(self) -> tuple[str, ...]:
        """Return the extensions that the dump needs and this PostgreSQL has not."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what had to be done otherwise than at the source, in words."""

    def restore(self, told: Told) -> Outcome:
        """Restore the dump; every error of the engine is a finding."""

    def begin_check(self) -> None:
        """Begin what ``check`` ends, beside what is asked in between."""

    def facts(self, manifest: Manifest) -> Manifest:
        """Return what is in the copy, read by the statements that made the manifest."""

    def tables(self) -> int:
        """Return how many tables there are."""

    def check(self, told: Told) -> Outcome:
        """Look for invalid constraints and indexes, and for damage in tables and indexes."""

    def ask(self, assertion: Assertion) -> str:
        """Return what is wrong with the answer of an assertion, nothing if it is true."""

    def restored_bytes(self) -> int:
        """Return the size of the copy in bytes."""


class Engine(Protocol):
    """A PostgreSQL to restore into."""

    @property
    def version(self) -> str:
        """Return its version."""

    def begun(self, limits: Limits) -> AbstractContextManager[None]:
        """Begin what ``opened`` ends, beside what is done in between; what fails is told by ``opened`` alone."""

    def opened(
        self, dump: Unpacked, needs: Needs, database: str | None, limits: Limits
    ) -> AbstractContextManager[Copy]:
        """Return an empty database with the roles, extensions and collations that the dump needs."""

    def peak_memory_bytes(self) -> int:
        """Return the most memory that it took so far."""


class Files(Protocol):
    """Dumps as files."""

    def read(self, path: Path, told: Told) -> FileFacts:
        """Read a file to its last byte."""

    def unpacked(self, path: Path, head: bytes, limits: Limits, told: Told) -> AbstractContextManager[Unpacked]:
        """Return the dump unpacked, for as long as it is used; raise ``DamagedError`` where it cannot be."""
