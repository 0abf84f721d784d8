"""The Numenta Anomaly Benchmark's score of a detector, written from the rules in words.

The first ``min(15 %, 750)`` rows are not scored. A row whose score reaches the threshold is a detection. In a window
the earliest detection counts, others cost nothing: about 1 at the window's first row, falling along a sigmoid towards
0 at its last. A window without any costs 1 (2 for those who fear misses most). A detection outside all windows costs up
to 0.11 (0.22 for those who fear false alarms most), and less just behind a window. The sum is scaled so that silence
is 0 and a detection at the first row of each window, with no other, is 100.

A. Lavin and S. Ahmad, "Evaluating real-time anomaly detection algorithms", ICMLA 2015; the window's width and the
sigmoid are as in that paper: a row at the position y, -1 at the left edge and 0 at the right, is worth
``2 / (1 + exp(5 y)) - 1``; behind a window y counts on in widths of that window, and from y = 3 on the cost is whole.
"""

import csv
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
WARMUP_RATIO, MOST_WARMUP = 0.15, 750


class Profile(NamedTuple):
    """What a false alarm and a missed window cost."""

    false_alarm: float
    miss: float


PROFILES = {
    "standard": Profile(0.11, 1.0),
    "low false alarms": Profile(0.22, 1.0),
    "low misses": Profile(0.11, 2.0),
}


class Labelled(NamedTuple):
    """One file: times, values, and its windows as (first row, last row)."""

    name: str
    timestamps: NDArray[np.datetime64]
    values: Floats
    windows: list[tuple[int, int]]

    @property
    def warmup(self) -> int:
        """Return how many rows at the start are not scored."""
        return warmup_rows(len(self.values))


class Outcome(NamedTuple):
    """The best threshold of a profile and the score there, 0 to 100."""

    threshold: float
    score: float


def warmup_rows(rows: int) -> int:
    """Return how many of ``rows`` rows are not scored."""
    return min(int(WARMUP_RATIO * rows), MOST_WARMUP)


def worth(position: Floats) -> Floats:
    """Return the sigmoid at ``position``: -1 a window's left edge, 0 its right edge, more behind it; from 3 on -1."""
    value: Floats = 2.0 / (1.0 + np.exp(np.minimum(5.0 * position, 50.0))) - 1.0
    value[position > 3.0] = -1.0
    return value


def row_worths(rows: int, windows: list[tuple[int, int]]) -> tuple[Floats, NDArray[np.int64]]:
    """Return each row's worth, in a window (0 to 1) or outside (-1 to 0), and the window's number, -1 outside."""
    at, window = np.arange(rows), np.full(rows, -1)
    position = np.full(rows, np.inf)
    for number, (first, last) in enumerate(windows):
        behind = at > last
        position[behind] = (at[behind] - last) / max(last - first, 1)
        inside = (at >= first) & (at <= last)
        position[inside] = -(last - at[inside] + 1) / (last - first + 1)
        window[inside] = number
    value = worth(position)
    inside = window >= 0
    value[inside] /= worth(np.array([-1.0]))[0]
    return value, window


def steps(file: Labelled, scores: Floats, profile: Profile) -> tuple[Floats, Floats]:
    """Return at which thresholds the file's raw score changes on the way down, and by how much.

    The raw score of a threshold is ``-profile.miss`` for each window plus all changes at or above the threshold.
    """
    value, window = row_worths(len(scores), file.windows)
    scored = np.arange(len(scores)) >= file.warmup
    outside = scored & (window < 0)
    levels, changes = [scores[outside]], [profile.false_alarm * value[outside]]
    for number in range(len(file.windows)):
        rows = np.flatnonzero(scored & (window == number))
        if not len(rows):
            continue
        peaks = np.maximum.accumulate(scores[rows])  # below its first peak a threshold finds an earlier row
        records = rows[np.r_[True, scores[rows][1:] > peaks[:-1]]][::-1]
        levels.append(scores[records])
        changes.append(np.diff(value[records], prepend=-profile.miss))
    return np.concatenate(levels), np.concatenate(changes)


def curve(files: list[Labelled], scores: list[Floats], profile: Profile) -> tuple[Floats, Floats]:
    """Return all thresholds that matter, falling, and the score (0 to 100) of each, the same for all files."""
    parts = [steps(file, one, profile) for file, one in zip(files, scores, strict=True)]
    levels = np.concatenate([part[0] for part in parts])
    changes = np.concatenate([part[1] for part in parts])
    order = np.argsort(-levels, kind="stable")
    levels, total = levels[order], np.cumsum(changes[order])
    last = np.r_[levels[1:] != levels[:-1], True]
    windows = sum(len(file.windows) for file in files)
    scale = 100.0 / (windows * (1.0 + profile.miss))
    return np.r_[np.inf, levels[last]], scale * np.r_[0.0, total[last]]


def best(files: list[Labelled], scores: list[Floats], profile: Profile) -> Outcome:
    """Return the threshold with the highest score, of several the highest."""
    thresholds, reached = curve(files, scores, profile)
    index = int(np.argmax(reached))
    return Outcome(float(thresholds[index]), float(reached[index]))


def score_at(files: list[Labelled], scores: list[Floats], profile: Profile, threshold: float) -> float:
    """Return the score (0 to 100, or less) of a given threshold."""
    thresholds, reached = curve(files, scores, profile)
    return float(reached[np.flatnonzero(thresholds >= threshold)[-1]])


def cross_validated(files: list[Labelled], scores: list[Floats], profile: Profile, rounds: int = 20) -> float:
    """Return the mean score of one half of the files at the threshold that is best for the other half."""
    chance = np.random.default_rng(1)
    reached = []
    for _ in range(rounds):
        order = chance.permutation(len(files))
        halves = order[: len(files) // 2], order[len(files) // 2 :]
        for chosen, judged in (halves, halves[::-1]):
            threshold = best([files[i] for i in chosen], [scores[i] for i in chosen], profile).threshold
            reached.append(score_at([files[i] for i in judged], [scores[i] for i in judged], profile, threshold))
    return float(np.mean(reached))


def read(folder: Path) -> list[Labelled]:
    """Return the files of ``folder`` (with ``data`` and ``labels`` in it), in order of their names."""
    named = json.loads((folder / "labels" / "combined_windows.json").read_text(encoding="utf-8"))
    files = []
    for name, windows in sorted(named.items()):
        with (folder / "data" / name).open(encoding="utf-8", newline="") as lines:
            rows = [(row["timestamp"], float(row["value"])) for row in csv.DictReader(lines)]
        timestamps = np.array([when for when, _ in rows], dtype="datetime64[s]")
        bounds = [[np.datetime64(edge.partition(".")[0], "s") for edge in window] for window in windows]
        inside = [np.flatnonzero((timestamps >= first) & (timestamps <= last)) for first, last in bounds]
        found = [(int(one[0]), int(one[-1])) for one in inside]
        files.append(Labelled(name, timestamps, np.array([value for _, value in rows]), found))
    return files
