"""What a verification is asked for, and how much of the machine it may take."""

from collections.abc import Callable
from datetime import datetime

from opsloop.backup.model import Cause
from opsloop.catalog import Assertion
from opsloop.dataclass import dataclass, field, replace

MIB, GIB = 1 << 20, 1 << 30

Progress = Callable[[str, float, float], None]
"""Is told the phase (``read``, ``inspect``, ``start``, ``restore``, ``compare``, ``check``, ``assert``), how much of it
is done, and how much there is, in a unit of its own; 0 of 0 where that is not known."""


@dataclass(frozen=True)
class Limits:
    """What a verification may take of the machine.

    ``seconds`` for all of it, ``statement_s`` for one statement of the restore, ``assertion_s`` for one assertion.
    ``disk_bytes`` for what is written beside the dump itself, ``memory_bytes`` for PostgreSQL and its tools.
    """

    seconds: float = 840.0
    statement_s: float = 600.0
    assertion_s: float = 30.0
    disk_bytes: int = 8 * GIB
    memory_bytes: int = 1536 * MIB

    def within(self, seconds: float) -> "Limits":
        """Return the same limits with ``seconds`` left for all of it."""
        return replace(self, seconds=seconds, statement_s=min(self.statement_s, seconds))


@dataclass(frozen=True)
class Wanted:
    """What a dump should be.

    ``database`` is the catalog's name, ``source_name`` what the server that was dumped calls it (empty: any).
    ``now`` is the time of the verification. With ``max_age_s`` a dump older than that is stale; with ``newer_than`` (of
    the newest dump already proven) one that is not newer is, too; a repeated proof of an old dump gives neither.
    ``where`` is ``lambda``, ``fargate``, ``command`` or ``drill``.
    """

    database: str
    now: datetime
    source_name: str = ""
    assertions: tuple[Assertion, ...] = ()
    max_age_s: float | None = None
    newer_than: datetime | None = None
    cause: Cause = Cause.REQUEST
    limits: Limits = field(default=Limits())
    where: str = "command"
    verification_id: str = ""
    dump_id: str = ""
