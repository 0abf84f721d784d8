"""Is there a new dump when there should be one?"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from opsloop.backup.due import slot_of
from opsloop.backup.model import Dump
from opsloop.backup.standing import Check, Standing
from opsloop.backup.wording import moment, span
from opsloop.catalog import Database

MAX_SKEW_S = 120.0
"""How far ahead of ours a clock may be: a dump from further in the future says nothing about when it was taken."""
LEAST_GRACE_S, MOST_GRACE_S = 900.0, 3600.0
GRACE_RATIO = 0.25


def interval_s(database: Database) -> float:
    """Return how many seconds lie between two dumps."""
    return database.every_h * 3600.0


def grace_s(database: Database) -> float:
    """Return how much later than due a dump may come: a quarter of the interval, 15 minutes at least, an hour at most.

    Within it lie the quarter of an hour between two looks of the schedule, the dump itself, and its upload.
    """
    return min(max(LEAST_GRACE_S, GRACE_RATIO * interval_s(database)), MOST_GRACE_S)


def next_due(database: Database, now: datetime) -> datetime:
    """Return the next moment after ``now`` for which a dump is due; slots are counted from the epoch."""
    return slot_of(now, database.every_h) + timedelta(hours=database.every_h)


def ahead(dumps: Sequence[Dump], now: datetime) -> list[Dump]:
    """Return the dumps that say they were taken in the future."""
    return [one for one in dumps if one.taken_at > now + timedelta(seconds=MAX_SKEW_S)]


def usable(dumps: Sequence[Dump], now: datetime) -> list[Dump]:
    """Return the dumps that are there and say when they were taken, oldest first."""
    limit = now + timedelta(seconds=MAX_SKEW_S)
    return sorted((one for one in dumps if one.deleted_at is None and one.taken_at <= limit), key=_age_key)


def freshness(database: Database, dumps: Sequence[Dump], now: datetime) -> Check:
    """Return whether the newest dump is as new as the schedule wants it: at most the interval and the grace old.

    ``measured`` is its age in seconds. Without any dump, or with one from the future, that is not known.
    """
    every, grace = interval_s(database), grace_s(database)
    limit = every + grace
    rhythm = f"one is due every {span(every)}, and {span(grace)} later at the latest"
    wrong = [one for one in ahead(dumps, now) if one.deleted_at is None]
    kept = usable(dumps, now)
    if wrong:
        newest = max(wrong, key=_age_key)
        lead = span((newest.taken_at - now).total_seconds())
        return Check(
            "freshness",
            Standing.UNKNOWN,
            f"{newest.dump_id} says that it was taken at {moment(newest.taken_at)}, {lead} from now: a clock is wrong,"
            " so how old the dumps are is not known.",
            objective=limit,
            by="dump",
            advice=(f"Set the clock of the machine that took {newest.dump_id}, then take a new dump.",),
        )
    if not kept:
        where = "Look at the last attempts" if database.secret else "Look at what makes dumps elsewhere"
        return Check(
            "freshness",
            Standing.UNKNOWN,
            f"There is no dump of {database.name}; {rhythm}.",
            objective=limit,
            by="dump",
            advice=(f"{where}; nothing can be recovered until one arrives.",),
            figures={"dumps": 0},
        )
    newest = kept[-1]
    age = max(0.0, (now - newest.taken_at).total_seconds())
    said = f"The newest dump is from {moment(newest.taken_at)}, {span(age)} old; {rhythm}."
    if age <= limit:
        return Check("freshness", Standing.MET, said, age, limit, by="dump")
    advice = (
        f"See why the last attempt failed, then take one now: POST /v1/backups/{database.name}/take."
        if database.secret
        else "Its dumps are made elsewhere: see there why none arrived in the bucket.",
    )
    return Check(
        "freshness", Standing.MISSED, f"{said} It is {span(age - limit)} late.", age, limit, by="dump", advice=advice
    )


def _age_key(dump: Dump) -> tuple[datetime, datetime, str]:
    return dump.taken_at, dump.arrived_at, dump.dump_id
