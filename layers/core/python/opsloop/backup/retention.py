"""Which backups may go, and why each stays or goes.

A plan is worked out anew from all that is known, so it holds whatever was deleted, proven or held since the last one.
Its rules, in the order of their weight: what nobody may delete stays; the newest proven backup stays, and all since;
``minimum`` proven ones stay; what the class keeps stays; whatever these build on stays. The rest goes, unless nothing
was ever proven: then nothing goes. Everything is counted in UTC.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from opsloop.backup.model import Dump, Reason, Verdict
from opsloop.backup.retention_policy import Span, kept_by_policy
from opsloop.catalog import Database, RetentionClass
from opsloop.clock import format_time
from opsloop.dataclass import dataclass

GRACE = timedelta(days=7)  # in which somebody may look at a dump that is no use for a restore
HOPELESS = (
    frozenset(  # a second look will not find more in it; what fails for other reasons can still be read by people
        {Reason.TRUNCATED, Reason.CORRUPT, Reason.CHECKSUM_MISMATCH, Reason.EMPTY, Reason.NOT_A_DUMP}
    )
)


class Rule(StrEnum):
    """Why a backup stays; the last two: why it goes."""

    HELD = "held"
    LOCKED = "locked"
    UNKNOWN_TIME = "unknown_time"
    IN_THE_FUTURE = "in_the_future"
    BROKEN_CHAIN = "broken_chain"
    NOTHING_PROVEN = "nothing_proven"
    NEWEST_PROVEN = "newest_proven"
    MAY_BE_PROVEN = "may_be_proven"
    MINIMUM = "minimum"
    POLICY = "policy"
    NEEDED = "needed"
    EXPIRED = "expired"
    USELESS = "useless"


@dataclass(frozen=True)
class Copy:
    """One backup as retention sees it: a dump, or what another tool's report tells.

    ``parent_id`` is what it builds on; empty: it is full. ``useless_at`` is when it was found to be no use for a
    restore. ``held`` says who forbids to delete it.
    """

    copy_id: str
    taken_at: datetime | None
    is_proven: bool = False
    parent_id: str = ""
    useless_at: datetime | None = None
    held: str = ""
    locked_until: datetime | None = None
    bytes: int = 0


@dataclass(frozen=True)
class Decision:
    """What is to become of one backup: every rule that keeps it, or the one that lets it go, each in words."""

    copy: Copy
    rules: tuple[Rule, ...]
    why: str


@dataclass(frozen=True)
class Plan:
    """What stays and what goes, each the oldest first."""

    keep: tuple[Decision, ...]
    delete: tuple[Decision, ...]

    @property
    def ids(self) -> frozenset[str]:
        """Return the ids of what goes."""
        return frozenset(one.copy.copy_id for one in self.delete)


def copy_of(dump: Dump, database: Database) -> Copy:
    """Return ``dump`` as retention sees it.

    Restorable counts as proven: it is all that a dump made elsewhere, without a manifest, can reach. A proof that a
    later verification could not repeat does not count.
    """
    held = "its own legal hold" if dump.legal_hold else ""
    if database.legal_hold:
        held = "the legal hold of its database"
    is_hopeless = dump.verdict is Verdict.FAILED and dump.reason in HOPELESS
    return Copy(
        copy_id=dump.dump_id,
        taken_at=dump.taken_at,
        is_proven=dump.proven_at is not None and dump.verdict in (Verdict.PROVEN, Verdict.RESTORABLE),
        useless_at=dump.verified_at if is_hopeless else None,
        held=held,
        locked_until=dump.locked_until,
        bytes=dump.bytes,
    )


def plan(chosen: RetentionClass, copies: Iterable[Copy], now: datetime) -> Plan:
    """Return what of the backups of one database stays and what goes at ``now``, under the class ``chosen``.

    Times may be in any zone; ``now`` must have one. An id that comes twice counts once, as it came last.
    """
    known = {one.copy_id: one for one in copies}
    ordered = sorted(known.values(), key=_age)
    timed = [one for one in ordered if one.taken_at is not None and one.taken_at <= now]
    whole = [one for one in timed if _chain(one, known) is not None]
    proven = [one for one in whole if _is_proven(one, known)]
    good = {one.copy_id for one in proven}
    whys: dict[str, list[tuple[Rule, str]]] = {one.copy_id: [] for one in ordered}
    for one in ordered:
        whys[one.copy_id] += _forbidden(one, known, now)
    if proven:
        whys[proven[-1].copy_id].append((Rule.NEWEST_PROVEN, "the newest that is proven"))
        for one in whole:
            is_useful = one.useless_at is None or now - one.useless_at < GRACE
            if is_useful and one.copy_id not in good and _age(one) > _age(proven[-1]):
                whys[one.copy_id].append((Rule.MAY_BE_PROVEN, "newer than the newest that is proven, and may yet be"))
        for place, one in enumerate(reversed(proven[-chosen.minimum :]), 1):
            whys[one.copy_id].append((Rule.MINIMUM, f"number {place} of the {chosen.minimum} proven that always stay"))
        useful = [one for one in whole if one.useless_at is None or now - one.useless_at < GRACE]
        spans = [_span(one, is_proven=one.copy_id in good) for one in useful]
        for copy_id, text in kept_by_policy(chosen, spans, now):
            whys[copy_id].append((Rule.POLICY, text))
    else:
        for one in ordered:
            whys[one.copy_id].append((Rule.NOTHING_PROVEN, "nothing of this database is proven, so nothing goes"))
    _keep_what_is_needed(ordered, known, whys)
    return Plan(
        tuple(_stays(one, whys[one.copy_id]) for one in ordered if whys[one.copy_id]),
        tuple(_goes(one, chosen) for one in ordered if not whys[one.copy_id]),
    )


def _age(one: Copy) -> tuple[datetime, str]:
    return (one.taken_at or datetime.min.replace(tzinfo=UTC)).astimezone(UTC), one.copy_id


def _span(one: Copy, *, is_proven: bool) -> Span:
    return Span(one.copy_id, _age(one)[0], is_full=not one.parent_id, is_proven=is_proven)


def _is_proven(one: Copy, known: Mapping[str, Copy]) -> bool:
    """Return whether ``one`` is proven, with all that it builds on: it is no better than the worst of these."""
    return one.is_proven and all(known[needed].is_proven for needed in _chain(one, known) or ())


def _chain(one: Copy, known: Mapping[str, Copy]) -> tuple[str, ...] | None:
    """Return the ids of what ``one`` builds on, nearest first; None where a part is missing or leads in a circle."""
    found: list[str] = []
    while one.parent_id:
        if one.parent_id in found or one.parent_id not in known or one.parent_id == one.copy_id:
            return None
        found.append(one.parent_id)
        one = known[one.parent_id]
    return tuple(found)


def _forbidden(one: Copy, known: Mapping[str, Copy], now: datetime) -> list[tuple[Rule, str]]:
    """Return what keeps ``one`` whatever else is there."""
    found = []
    if one.held:
        found.append((Rule.HELD, f"held by {one.held}"))
    if one.locked_until is not None and one.locked_until > now:
        found.append((Rule.LOCKED, f"locked until {format_time(one.locked_until)}"))
    if one.taken_at is None:
        found.append((Rule.UNKNOWN_TIME, "nobody knows when it was taken"))
    elif one.taken_at > now:
        found.append((Rule.IN_THE_FUTURE, f"taken at {format_time(one.taken_at)}, which is yet to come"))
    if _chain(one, known) is None:
        found.append((Rule.BROKEN_CHAIN, "what it builds on is not known here"))
    return found


def _keep_what_is_needed(
    ordered: Sequence[Copy], known: Mapping[str, Copy], whys: Mapping[str, list[tuple[Rule, str]]]
) -> None:
    """Keep what the kept build on."""
    for one in reversed(ordered):
        if not whys[one.copy_id]:
            continue
        for needed in _reach(one, known):
            if all(rule is not Rule.NEEDED for rule, _ in whys[needed]):
                whys[needed].append((Rule.NEEDED, f"{one.copy_id} builds on it"))


def _reach(one: Copy, known: Mapping[str, Copy]) -> Collection[str]:
    """Return the ids of what ``one`` builds on, as far as they are known."""
    found: dict[str, None] = {}
    while one.parent_id in known and one.parent_id not in found:
        found[one.parent_id] = None
        one = known[one.parent_id]
    return found


def _stays(one: Copy, whys: Sequence[tuple[Rule, str]]) -> Decision:
    return Decision(one, tuple(dict.fromkeys(rule for rule, _ in whys)), "; ".join(text for _, text in whys))


def _goes(one: Copy, chosen: RetentionClass) -> Decision:
    if one.useless_at is not None:
        text = f"no use for a restore, as was found at {format_time(one.useless_at)}"
        return Decision(one, (Rule.USELESS,), text)
    unproven = "" if one.is_proven else ", and not proven"
    return Decision(one, (Rule.EXPIRED,), f"past what the class {chosen.name} ({chosen.policy}) keeps{unproven}")
