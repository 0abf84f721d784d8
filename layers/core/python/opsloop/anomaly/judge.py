"""One bucket of all series: which begin to be unusual, which go on, which are over.

A series begins to be unusual with one strong bucket, or with two moderate ones of the last three on the same side; it
is over after three calm buckets. Nothing is learned of a series while it is unusual, for a day at most: what lasts
longer is learned as any other value, and is over when it is expected. Silence of a service begins with two buckets
without anything, after six hours at least in which it was heard steadily, and ends with two with something.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opsloop.anomaly import series as of
from opsloop.anomaly.policy import PRESETS, Rules
from opsloop.anomaly.presets import CRITICAL, NONE, crossed
from opsloop.anomaly.series import BUCKET_MINUTES
from opsloop.anomaly.state import Columns, Memory
from opsloop.anomaly.step import step
from opsloop.dataclass import dataclass

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

STRONG, MODERATE = 0.5, 0.4
SECONDS = 60
WINDOW_BITS = 0b111
CALM_BUCKETS, CALM_SILENCE = 3, 2
NOT_LEARNED_MINUTES = 1440
GONE_MINUTES = 60
"""An unusual series without a value for so long is over: what became of it is not known."""
NOISE, NOISE_OF_OPERATIONS = 12.0, 15.0
"""Counting noise: what chance alone brings with a probability below e**-12, 6 in a million, is not noise (H. Chernoff's
bound for a Poisson count, some five times what the probability is). A year of one series has 105,000 buckets. Of
operations there are many: e**-15. With e**-10 one quiet fortnight in ten of a small shop had a false alarm."""
LEAST_COUNT = 0.5
SLOWEST, TAIL_EXPONENT = 0.05, 2.0
"""Of n requests 5 % lie above the p95, whatever it is. Usually so many lie above the expected one, and beyond it fewer
with the square of the distance: so heavy a tail is taken for possible. The count above the new p95 is compared with
that one: of 130 requests a p95 must be four times the expected one, of 380 twice, of 940 one and a half."""
SILENCE_SCORE, NOVEL_SCORE = 0.9, 0.9
STEADY_WEIGHT = 1 / 144  # twelve hours of buckets
STEADY_RATIO, STEADY_BUCKETS = 0.98, 72


class Scores(NamedTuple):
    """What the mathematics says of each row: score and votes in [0, 1], what was expected and the band around it.

    Rows without a value, and those of which too little is known to expect anything, have score 0 and NaN for the rest.
    """

    score: Floats
    zscore: Floats
    shift: Floats
    drift: Floats
    expected: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Bucket:
    """The values of all rows in the bucket at ``minute``, and how many requests or lines are behind each.

    ``is_excluded``: rows of services whose time is kept out of baselines. ``is_partial``: data of this bucket are
    still missing, so counts would be too low. ``is_novel``: patterns of errors that were never seen before.
    """

    minute: int
    value: Floats
    weight: Floats
    is_excluded: Flags
    is_novel: Flags
    is_partial: bool = False


@dataclass(frozen=True)
class Verdict:
    """Rows by what happens to them, and the numbers behind it. ``level`` and ``preset`` are those of ``crossed``."""

    began: NDArray[np.int64]
    goes_on: NDArray[np.int64]
    ended: NDArray[np.int64]
    lost: NDArray[np.int64]
    is_high: Flags
    is_hit: Flags
    scores: Scores
    value: Floats
    level: NDArray[np.int8]
    preset: NDArray[np.int8]
    is_steady: Flags


def judge(memory: Memory, bucket: Bucket, rules: Rules) -> Verdict:
    """Judge one bucket and remember it: ``memory``'s columns are changed, its open anomalies and watermark are not."""
    own, minute = memory.own, bucket.minute
    is_count = rules.is_of(of.RATE, of.THROUGHPUT, of.PATTERN, of.SILENCE)
    value = np.where(is_count & bucket.is_partial, np.nan, bucket.value)
    is_silence = rules.is_of(of.SILENCE)
    is_known = ~np.isnan(value)
    own["heard"][is_known] = minute
    is_open, since = _open_rows(memory)
    is_learned = ~bucket.is_excluded & ~(is_open & (minute - since < NOT_LEARNED_MINUTES))
    scores = _scores(memory, minute, np.where(is_silence, np.nan, value), is_learned)
    is_steady = _steady(own, value, is_silence, is_learned)
    has_history = np.where(
        is_silence, is_steady, (minute - own["born"] >= rules.history) & ~np.isnan(scores.expected)
    ).astype(bool)
    is_candidate = rules.judged & is_known & has_history
    is_high, is_far = beyond(value, bucket.weight, scores.expected, rules)
    score = np.where(is_silence, np.where(value == 0, SILENCE_SCORE, 0.0), scores.score)
    score = np.where(bucket.is_novel, NOVEL_SCORE, score)
    is_high, is_far = is_high & ~is_silence, is_far | (is_silence & (value == 0))
    is_novel = bucket.is_novel & rules.judged & (bucket.weight >= rules.requests)
    moderate = (is_candidate & is_far & (score >= MODERATE)) | is_novel
    strong = moderate & ~is_silence & (score >= STRONG)
    level, preset = crossed(rules, value, bucket.weight, scores.expected, is_known=has_history)
    level = np.where(rules.judged & is_known, level, NONE).astype(np.int8)
    still = is_open & is_known & is_far  # a lasting shift does not jump again
    is_hit = moderate | still | (level > NONE)
    _remember_hits(own, is_hit, is_high, is_known)
    hits = np.where(is_high, own["high_hits"], own["low_hits"])
    is_twice = is_hit & ((hits & (hits - np.minimum(hits, 1))) != 0)  # two bits at least
    begins = ~is_open & (strong | is_twice | (level > NONE))
    begins = _without_covered(begins, is_open, memory, rules)
    calm = own["calm"]
    is_over = is_open & (calm >= np.where(is_silence, CALM_SILENCE, CALM_BUCKETS))
    is_lost = is_open & ~is_silence & (minute - own["heard"] >= GONE_MINUTES)
    return Verdict(
        began=np.flatnonzero(begins),
        goes_on=np.flatnonzero(is_open & ~is_over & ~is_lost),
        ended=np.flatnonzero(is_over),
        lost=np.flatnonzero(is_lost & ~is_over),
        is_high=is_high,
        is_hit=is_hit,
        scores=scores._replace(score=np.where(level == CRITICAL, 1.0, np.maximum(score, np.where(level, 0.9, 0.0)))),
        value=value,
        level=level,
        preset=preset,
        is_steady=is_steady,
    )


def _scores(memory: Memory, minute: int, value: Floats, is_learned: Flags) -> Scores:
    """Score the rows that have a value, then learn those that shall be."""
    rows = np.flatnonzero(~np.isnan(value))
    votes = step(memory.maths, rows, minute * SECONDS, value[rows], is_learned[rows])
    whole = np.full((len(Scores._fields), len(value)), np.nan)
    whole[0] = 0.0
    known = rows[votes.is_known]
    columns = (votes.combined, votes.zscore, votes.shift, votes.drift, votes.expected, votes.low, votes.high)
    for place, column in enumerate(columns):
        whole[place, known] = column[votes.is_known]
    return Scores(*whole)


def preset_name(verdict: Verdict, row: int) -> str:
    """Return the preset that the row's value crosses, "" if none."""
    return PRESETS[verdict.preset[row]] if verdict.level[row] else ""


def first_hit(own: Columns, row: int, minute: int, *, is_high: bool) -> int:
    """Return the minute of the first of the buckets because of which a row begins to be unusual at ``minute``."""
    hits = int(own["high_hits" if is_high else "low_hits"][row]) | 1
    return minute - BUCKET_MINUTES * (hits.bit_length() - 1)


def _open_rows(memory: Memory) -> tuple[Flags, NDArray[np.int64]]:
    """Return which rows have an open anomaly, and since which minute."""
    since = np.array(
        [memory.open[key].first_minute if key in memory.open else -1 for key in memory.keys]
        if memory.open
        else np.full(len(memory.keys), -1),
        dtype=np.int64,
    )
    return since >= 0, since


def steady(own: Columns, is_silence: Flags) -> Flags:
    """Return of which rows of silence it would be a surprise: those of services that are heard steadily."""
    steps = own["steps"]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = own["steady"] / (1 - (1 - STEADY_WEIGHT) ** steps)
        is_steady: Flags = is_silence & (steps >= STEADY_BUCKETS) & (share >= STEADY_RATIO)
    return is_steady


def _steady(own: Columns, value: Floats, is_silence: Flags, is_learned: Flags) -> Flags:
    """Return of which services silence would be a surprise; then remember whether each was heard."""
    is_steady = steady(own, is_silence)
    rows = is_silence & ~np.isnan(value) & is_learned
    own["steady"][rows] += np.float32(STEADY_WEIGHT) * (value[rows] - own["steady"][rows]).astype(np.float32)
    own["steps"][rows] += 1
    return is_steady


def beyond(value: Floats, weight: Floats, expected: Floats, rules: Rules) -> tuple[Flags, Flags]:
    """Return which values lie above what was expected, and which by more than all floors and chance, and on a side
    that is looked at; ``weight`` requests or lines are behind each."""
    with np.errstate(invalid="ignore", divide="ignore"):
        is_high = ~(value < expected)
        distance = np.abs(value - expected)
        floor = np.maximum(rules.absolute, rules.relative * np.abs(expected)) / rules.sensitivity
        is_rate, is_p95 = rules.is_of(of.RATE, of.PATTERN), rules.is_of(of.P95)
        usual_count = expected * np.where(is_rate, BUCKET_MINUTES, weight)
        traffic = np.where(is_rate, np.maximum(weight, usual_count), weight)
        is_far = (distance >= floor) & (traffic >= rules.requests)
        is_far &= np.where(is_high, rules.high, rules.low)
        count = np.where(is_rate, weight, np.where(is_p95, SLOWEST * weight, value * weight))
        usual_count = np.where(is_p95, count * (expected / value) ** TAIL_EXPONENT, usual_count)
        noise = np.where(rules.operation, NOISE_OF_OPERATIONS, NOISE)
        is_counted = is_rate | is_p95 | rules.is_of(of.ERROR_RATIO)
        is_far &= ~is_counted | (_surprise(count, usual_count) * rules.sensitivity >= noise)
    return is_high, is_far


def _surprise(count: Floats, usual: Floats) -> Floats:
    """Return minus the logarithm of a bound of the probability to see ``count``, or further off, where ``usual`` is
    the mean: ``k ln(k / m) - k + m``."""
    usual = np.maximum(usual, LEAST_COUNT)
    count = np.maximum(count, 0.0)
    surprise: Floats = np.where(count > 0, count * np.log(np.maximum(count, 1e-12) / usual), 0.0) - count + usual
    return surprise


def _remember_hits(own: Columns, is_hit: Flags, is_high: Flags, is_known: Flags) -> None:
    """Shift the bits of the last buckets on, and count the calm ones; a missing value changes neither."""
    for name, side in (("high_hits", is_high), ("low_hits", ~is_high)):
        shifted = ((own[name].astype(np.int64) << 1) | (is_hit & side)) & WINDOW_BITS
        own[name][:] = np.where(is_known, shifted, own[name])
    calm = np.minimum(own["calm"].astype(np.int64) + 1, 250)
    own["calm"][:] = np.where(is_known, np.where(is_hit, 0, calm), own["calm"])


def _without_covered(begins: Flags, is_open: Flags, memory: Memory, rules: Rules) -> Flags:
    """Return ``begins`` without operations whose whole service is, or becomes, unusual in the same measure."""
    rows = np.flatnonzero(begins & rules.operation)
    if not len(rows):
        return begins
    whole = {
        (memory.keys[row].service, memory.keys[row].measure)
        for row in np.flatnonzero((begins | is_open) & ~rules.operation).tolist()
    }
    answer = begins.copy()
    for row in rows.tolist():
        answer[row] = (memory.keys[row].service, memory.keys[row].measure) not in whole
    return answer
