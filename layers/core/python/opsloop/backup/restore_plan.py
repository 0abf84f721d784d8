"""Which dump to restore, what will be missing afterwards, how long it will take, and what stands in the way.

Pure: the clock, the dumps and what is known of the target come in.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from statistics import median

from opsloop.backup.archive import major
from opsloop.backup.model import Dump, Manifest, Verdict
from opsloop.backup.shelf import trust
from opsloop.clock import format_time
from opsloop.dataclass import dataclass, field
from opsloop.errors import NotFoundError

Trust = Verdict | None  # None: nobody has tried to restore it

PROVEN_ONLY: frozenset[Trust] = frozenset({Verdict.PROVEN})
FLAGS: Mapping[Trust, str] = {
    Verdict.RESTORABLE: "--accept-restorable",
    Verdict.UNKNOWN: "--accept-unproven",
    None: "--accept-unproven",
    Verdict.FAILED: "--accept-failed",
}


@dataclass(frozen=True)
class Plan:
    """What a restore will do.

    ``lost_s`` is the time (s) between the dump's snapshot and the moment that was asked for: what was written in it is
    not in the dump. ``passed_over`` are newer dumps, newest first, that are not trusted enough. ``expected_s`` comes
    from ``measured`` restores (s per byte of dump, median); None where there was none. ``slowest_s`` is the same by the
    slowest of them.
    """

    dump: Dump
    at: datetime
    lost_s: float
    passed_over: tuple[Dump, ...]
    expected_s: float | None
    slowest_s: float | None
    measured: int


@dataclass(frozen=True)
class Target:
    """The place to restore into. ``exists`` says whether the database is there; ``objects`` names what is in it.

    ``extensions`` are those that its server could create; ``roles`` those that it has, ``own_roles`` those of them in
    whose name we may act there. ``may_create``: we may create a database there.
    """

    where: str
    database: str
    exists: bool
    objects: tuple[str, ...]
    server_version: str
    server_version_num: int
    encoding: str
    roles: frozenset[str]
    extensions: Mapping[str, str] = field(default_factory=dict)
    own_roles: frozenset[str] = frozenset()
    may_create: bool = True


@dataclass(frozen=True)
class Requirements:
    """What a dump needs of the server that it is restored to; an empty ``encoding`` or version is not known.

    ``owners`` are those of ``roles`` that own something.
    """

    extensions: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()
    encoding: str = ""
    server_version: str = ""


@dataclass(frozen=True)
class Obstacle:
    """What stands in the way of a restore: its kind, one sentence, and what to do about it."""

    kind: str  # not_empty, missing_extension, missing_role, not_owner, may_not_create, older_server, encoding
    detail: str
    remedy: str


def choose(dumps: Iterable[Dump], *, at: datetime, accepted: Collection[Trust] = PROVEN_ONLY) -> Plan:
    """Return the plan to restore the newest trusted dump whose snapshot is not later than ``at``.

    Raises ``NotFoundError`` where there is none, saying what there is instead and which flag would take it.
    """
    standing = [one for one in dumps if one.deleted_at is None]
    early = sorted(
        (one for one in standing if one.taken_at <= at), key=lambda one: (one.taken_at, one.dump_id), reverse=True
    )
    for position, one in enumerate(early):
        if trust(one) in accepted:
            expected, slowest, measured = expected_s(one, standing)
            lost_s = (at - one.taken_at).total_seconds()
            return Plan(one, at, lost_s, tuple(early[:position]), expected, slowest, measured)
    raise NotFoundError(_nothing(standing, early, at))


def expected_s(dump: Dump, dumps: Iterable[Dump]) -> tuple[float | None, float | None, int]:
    """Return how long (s) restoring ``dump`` should take, how long at the slowest pace, and by how many measured ones.

    Restores take time in proportion to their bytes, roughly; each measured one of the same database gives a pace
    (s per byte of dump). The proofs ran elsewhere, on a machine of another speed: the figure is a forecast.
    """
    measured = [
        one.restore_s / one.bytes
        for one in dumps
        if one.database == dump.database and one.restore_s is not None and one.bytes > 0
    ]
    if not measured:
        return None, None, 0
    return median(measured) * dump.bytes, max(measured) * dump.bytes, len(measured)


def requirements_of(manifest: Manifest) -> Requirements:
    """Return what a dump with this manifest needs."""
    owners = frozenset(manifest.objects.get("owners", {}).values())
    return Requirements(
        extensions=frozenset(manifest.extensions),
        roles=frozenset(manifest.roles),
        owners=owners & frozenset(manifest.roles),
        encoding=manifest.encoding,
        server_version=manifest.server_version,
    )


def obstacles(target: Target, needs: Requirements) -> tuple[Obstacle, ...]:
    """Return everything that would make a restore into ``target`` fail or do harm."""
    found = []
    if target.objects:
        named = ", ".join(target.objects[:5]) + (", ..." if len(target.objects) > 5 else "")
        found.append(
            Obstacle(
                "not_empty",
                f"{target.where} is not empty: it has {named}",
                "name a database that does not exist yet: it will be created",
            )
        )
    if missing := sorted(needs.extensions - set(target.extensions)):
        found.append(
            Obstacle(
                "missing_extension",
                f"the server at {target.where} cannot create the extension {', '.join(missing)}",
                "install its package on that server, or restore to one that has it",
            )
        )
    if roles := missing_roles(target, needs):
        found.append(
            Obstacle(
                "missing_role",
                f"the server at {target.where} has no role {', '.join(roles)}",
                "create them there, or let --create-roles do it (without a password and without the right to log in), "
                "or restore everything as your own with --no-owner",
            )
        )
    if others := sorted((needs.owners & target.roles) - target.own_roles):
        found.append(
            Obstacle(
                "not_owner",
                f"you may not act as {', '.join(others)} at {target.where}, who own what is in the dump",
                "connect as a superuser, or have these roles granted to you, or restore everything as your own with "
                "--no-owner",
            )
        )
    found += _server_obstacles(target, needs)
    return tuple(found)


def missing_roles(target: Target, needs: Requirements) -> tuple[str, ...]:
    """Return the roles that own or may use something in the dump, and that the target's server has not."""
    return tuple(sorted(needs.roles - target.roles))


def _server_obstacles(target: Target, needs: Requirements) -> list[Obstacle]:
    found = []
    if not target.exists and not target.may_create:
        found.append(
            Obstacle(
                "may_not_create",
                f"there is no database {target.database} at {target.where}, and you may not create one",
                "connect as a role with CREATEDB, or have an empty database made and name that",
            )
        )
    source = major(needs.server_version)
    if source is not None and target.server_version_num // 10_000 < source:
        found.append(
            Obstacle(
                "older_server",
                f"the dump is of PostgreSQL {needs.server_version}, {target.where} is {target.server_version}",
                "restore to the same major version or a newer one",
            )
        )
    if target.exists and needs.encoding and target.encoding != needs.encoding:
        found.append(
            Obstacle(
                "encoding",
                f"the dump is of encoding {needs.encoding}, {target.where} of {target.encoding}",
                "name a database that does not exist yet: it will be created with the right encoding",
            )
        )
    return found


def _nothing(standing: list[Dump], early: list[Dump], at: datetime) -> str:
    """Return the sentence that says why there is nothing to restore, and what there is."""
    if not standing:
        return "there is no dump"
    if not early:
        oldest = min(one.taken_at for one in standing)
        return f"there is no dump of {_told(at)} or before; the oldest is of {_told(oldest)}"
    newest: dict[Trust, Dump] = {}
    for one in early:
        newest.setdefault(trust(one), one)
    there_is = "; ".join(f"{describe(one)}, with {FLAGS[level]}" for level, one in newest.items() if level in FLAGS)
    return f"no proven dump of {_told(at)} or before. There is: {there_is}"


def describe(dump: Dump) -> str:
    """Return one dump in a few words: its id, its time, and what is known of it."""
    level = trust(dump)
    known = level.value if level else "not verified"
    why = f" ({dump.reason.value})" if dump.reason and level in (Verdict.FAILED, Verdict.UNKNOWN) else ""
    return f"{dump.dump_id} of {_told(dump.taken_at)}, {known}{why}"


def _told(moment: datetime) -> str:
    return format_time(moment.replace(microsecond=0))
