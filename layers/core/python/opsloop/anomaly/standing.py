"""What cannot be judged, and why: no number stands for it, so it is said."""

import numpy as np

from opsloop.anomaly import series as of
from opsloop.anomaly.judge import STEADY_BUCKETS, Bucket, Verdict
from opsloop.anomaly.policy import Rules
from opsloop.anomaly.saved import Unknown
from opsloop.anomaly.series import BUCKET_MINUTES
from opsloop.anomaly.state import Memory

HOUR = 60
NO_DATA = "no data in the last five minutes"
INCOMPLETE = "the data of the last five minutes are not complete"
NOT_STEADY = "it sends too irregularly for its silence to mean something"


def unknown(memory: Memory, rules: Rules, verdict: Verdict, bucket: Bucket) -> Unknown:
    """Return the series of whole services that could not be judged in the last bucket."""
    found: dict[str, dict[str, str]] = {}
    is_silence = rules.is_of(of.SILENCE)
    expected = verdict.scores.expected
    age = bucket.minute + BUCKET_MINUTES - memory.own["born"]
    is_young = (age <= rules.history) | (np.isnan(expected) & ~np.isnan(verdict.value))
    is_unsteady = is_silence & (memory.own["steps"] >= STEADY_BUCKETS) & ~verdict.is_steady
    is_missing = np.isnan(verdict.value)
    is_whole = ~rules.operation & rules.judged & ~rules.is_of(of.PATTERN)
    for row in np.flatnonzero(is_whole & (is_missing | is_young | is_unsteady)).tolist():
        key = memory.keys[row]
        name = f"{key.measure} {key.metric}" if key.metric else key.measure
        if is_missing[row]:
            why = INCOMPLETE if bucket.is_partial else NO_DATA
        elif is_silence[row]:
            if not is_unsteady[row] and age[row] > rules.history[row]:
                continue
            why = NOT_STEADY if is_unsteady[row] else too_short(int(age[row]), int(rules.history[row]))
        else:
            why = too_short(int(age[row]), int(rules.history[row]))
        found.setdefault(key.service, {})[name] = why
    return found


def too_short(age: int, needed: int) -> str:
    """Return that a series known for ``age`` minutes is judged after ``needed``."""
    return f"too little history: {age / HOUR:.1f} h, and {max(needed / HOUR, age / HOUR):.0f} h are needed"
