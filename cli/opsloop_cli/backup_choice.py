"""Which dump to restore: a file, the best one of a folder, or the best one that the API knows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from opsloop.backup.model import Dump, Manifest, Verdict
from opsloop.backup.restore_plan import PROVEN_ONLY, Plan, Trust, choose
from opsloop.backup.shelf import dump_of, dumps_of
from opsloop.dataclass import dataclass
from opsloop.errors import NotFoundError
from opsloop_cli.failure import CommandError, ExitCode

if TYPE_CHECKING:
    from opsloop_cli.backup_progress import Bars
    from opsloop_cli.backup_remote import Remote
    from opsloop_cli.context import Session

NOW = "now"


@dataclass(frozen=True)
class Asked:
    """What the options of ``restore`` say of the dump: ``what`` is a database's name or a file."""

    what: str
    at: str
    folder: Path | None
    bucket: str | None
    keep: Path | None
    accepted: frozenset[Trust]


@dataclass(frozen=True)
class Chosen:
    """The dump to restore. ``path`` is its file, or ``remote`` knows how to fetch it."""

    name: str
    plan: Plan
    manifest: Manifest | None
    path: Path | None = None
    remote: "Remote | None" = None

    @property
    def dump(self) -> Dump:
        """Return the dump's record."""
        return self.plan.dump

    @contextmanager
    def fetched(self, bars: "Bars") -> Iterator[Path]:
        """Return the dump's file; one that had to be downloaded is there while the block runs."""
        if self.path is not None:
            yield self.path
            return
        if self.remote is None:
            raise TypeError("a dump without a file or a bucket")
        with self.remote.downloaded(self.dump, bars) as path:
            yield path


def accepted(restorable: bool, unproven: bool, failed: bool) -> frozenset[Trust]:
    """Return how little may be known of the dump."""
    also: set[Trust] = set()
    if restorable:
        also.add(Verdict.RESTORABLE)
    if unproven:
        also |= {Verdict.UNKNOWN, None}
    if failed:
        also.add(Verdict.FAILED)
    return PROVEN_ONLY | also


def find(asked: Asked, session: "Session") -> Chosen:
    """Return the dump to restore; raise ``CommandError`` where none is good enough, saying what there is."""
    from opsloop_cli.backup_files import folder_here
    from opsloop_cli.moment import read_moment

    at = None if asked.at == NOW else read_moment(asked.at, now=session.now, name="--at")
    try:
        if (file := Path(asked.what)).is_file():
            return _file(file, asked, session)
        if asked.folder is not None:
            return _of_folder(asked.folder, asked, session, at)
        if "/" in asked.what or asked.what.endswith((".dump", ".sql", ".gz")):
            raise CommandError(f"there is no file {asked.what}", ExitCode.USAGE)
        if asked.bucket is None and (here := folder_here(session)) is not None:
            return _of_folder(here, asked, session, at)
        return _of_api(asked, session, at)
    except NotFoundError as error:
        raise CommandError(f"{asked.what}: {error.message}", ExitCode.NO) from None


def _file(file: Path, asked: Asked, session: "Session") -> Chosen:
    """Return one dump by its file; what is lost is counted up to now, whatever ``--at`` says."""
    from opsloop_cli.backup_files import read_one

    one = read_one(file)
    plan = _chosen([dump_of(one)], asked, session, None)
    return Chosen(str(file), plan, one.manifest, path=file)


def _of_folder(folder: Path, asked: Asked, session: "Session", at: datetime | None) -> Chosen:
    from opsloop_cli.backup_files import read_shelf

    shelf = read_shelf(folder)
    plan = _chosen(dumps_of(shelf, database=asked.what), asked, session, at)
    manifest = next(one.manifest for one in shelf if one.path == plan.dump.dump_id)
    path = folder / plan.dump.dump_id
    return Chosen(str(path), plan, manifest, path=path)


def _of_api(asked: Asked, session: "Session", at: datetime | None) -> Chosen:
    from opsloop_cli.backup_remote import Remote, remote_dumps

    plan = _chosen(remote_dumps(session.client(), asked.what), asked, session, at)
    remote = Remote.of(asked.bucket, asked.keep, session)
    return Chosen(plan.dump.dump_id, plan, remote.manifest(plan.dump), remote=remote)


def _chosen(dumps: Sequence[Dump], asked: Asked, session: "Session", at: datetime | None) -> Plan:
    """Return the plan for the moment ``at``; None: for now, by whichever clock is ahead, ours or the servers'."""
    moment = at or max([session.now, *(one.taken_at for one in dumps)])
    return choose(dumps, at=moment, accepted=asked.accepted)
