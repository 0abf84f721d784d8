"""Is the newest dump as large as a dump of this database usually is?"""

from collections.abc import Sequence
from datetime import datetime
from statistics import median

from opsloop.backup.freshness import usable
from opsloop.backup.model import Dump, Verdict
from opsloop.backup.standing import Check, Standing
from opsloop.backup.wording import size
from opsloop.catalog import Database

HISTORY = 20
MIN_HISTORY = 5
MAX_SCORE = 3.5
"""Modified z-scores beyond this are outliers: Iglewicz and Hoaglin, *How to Detect and Handle Outliers*, ASQC, 1993."""
MIN_CHANGE = 0.2
"""A change below a fifth is none, however even the sizes were before."""
NORMAL_QUARTILE = 0.6745
_GOOD = (Verdict.PROVEN, Verdict.RESTORABLE)


def size_check(database: Database, dumps: Sequence[Dump], now: datetime) -> Check:
    """Return whether the newest dump's size fits the ``HISTORY`` proven ones before it.

    The score is 0.6745 (x - median) / MAD, of the bytes of the file; a size is unusual from ``MAX_SCORE`` on where it
    also differs from the median by ``MIN_CHANGE``. Over a history of equal sizes (MAD 0) the change alone counts.
    ``measured`` is the newest dump's size, ``objective`` the median. Fewer than ``MIN_HISTORY`` say nothing: unknown.
    """
    kept = usable(dumps, now)
    if not kept:
        return Check(
            "size", Standing.UNKNOWN, f"There is no dump of {database.name}.", unit="bytes", follows="freshness"
        )
    newest = kept[-1]
    if newest.bytes == 0:
        return Check(
            "size", Standing.MISSED, "The newest dump is empty.", 0, unit="bytes", by="dump", follows="verification"
        )
    before = [one.bytes for one in kept[:-1] if one.verdict in _GOOD and one.format is newest.format][-HISTORY:]
    if len(before) < MIN_HISTORY:
        said = (
            f"The newest dump has {size(newest.bytes)}; whether that is usual is not known before there are"
            f" {MIN_HISTORY} proven ones to compare with, and there are {len(before)}."
        )
        return Check("size", Standing.UNKNOWN, said, newest.bytes, unit="bytes", by="dump", follows="history")
    usual = median(before)
    spread = median(abs(one - usual) for one in before)
    change = newest.bytes / usual - 1
    score = NORMAL_QUARTILE * (newest.bytes - usual) / spread if spread else None
    is_unusual = abs(change) >= MIN_CHANGE and (score is None or abs(score) > MAX_SCORE)
    figures = {
        "median_bytes": usual,
        "mad_bytes": spread,
        "score": score,
        "change_ratio": change,
        "history": len(before),
    }
    beside = f"the {len(before)} proven ones before it have {size(usual)} (median)"
    if not is_unusual:
        said = f"The newest dump has {size(newest.bytes)}; {beside}."
        return Check("size", Standing.MET, said, newest.bytes, usual, "bytes", "dump", figures=figures)
    way = "smaller" if change < 0 else "larger"
    said = f"The newest dump has {size(newest.bytes)}, {abs(change):.0%} {way} than usual: {beside}."
    advice = _advice(change)
    return Check("size", Standing.MISSED, said, newest.bytes, usual, "bytes", "dump", advice, figures=figures)


def _advice(change: float) -> tuple[str, ...]:
    if change > 0:
        return ("See which tables grew: compare the manifests of the last two dumps.",)
    return (
        "See whether rows were deleted: compare the manifests of the last two dumps, table by table. If they were, put"
        " the older dumps that hold them under legal hold before they are pruned.",
    )
