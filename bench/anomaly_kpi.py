"""The scores of a detector on the KPI set: events found, pages, and measures by row.

*Events*: an event is a run of labelled rows; it is found if any of its rows reaches the threshold, and nothing is
adjusted beyond that. False alarms are what a pager with a cool-down of 60 minutes sends for rows outside events: a
page, then silence for 60 minutes. Precision is events found / (events found + false pages), recall events found /
events, and both are summed over all files before F1.

*VUS-PR*: the volume under the precision-recall curves over the buffers 0 to ``MOST_BUFFER`` rows; a buffer of ``b``
rows lets labels fade out over ``b / 2`` rows on each side of an event as ``sqrt(1 - distance / b)``. J. Paparrizos et
al., "Volume under the surface: a new accuracy evaluation measure for time-series anomaly detection", PVLDB 15(11),
2022.
"""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
COOL_DOWN_S = 3600
CANDIDATES = 400  # thresholds tried for event F1
MOST_BUFFER, BUFFERS, CURVE_POINTS = 60, 7, 250


class Labelled(NamedTuple):
    """One series with a label per row."""

    name: str
    timestamps: NDArray[np.datetime64]
    values: Floats
    labels: Flags


class Events(NamedTuple):
    """What one threshold finds."""

    found: int
    missed: int
    false_pages: int

    @property
    def f1(self) -> float:
        """Return the harmonic mean of precision and recall; 0 if nothing is found."""
        return 2 * self.found / max(2 * self.found + self.missed + self.false_pages, 1)


def runs(labels: Flags) -> NDArray[np.int64]:
    """Return the (first row, row behind the last) of each run of true rows, shape (n_runs, 2)."""
    edges = np.flatnonzero(np.diff(np.r_[0, labels.astype(np.int8), 0]))
    return edges.reshape(-1, 2)


def pages(times_s: NDArray[np.int64]) -> int:
    """Return how many pages rising ``times_s`` (seconds) send: each page silences what comes within the cool-down."""
    count, at = 0, 0
    while at < len(times_s):
        count += 1
        at = int(np.searchsorted(times_s, times_s[at] + COOL_DOWN_S, side="left"))
    return count


def events(file: Labelled, scores: Floats, threshold: float) -> Events:
    """Return what ``threshold`` finds in one file."""
    flagged = scores >= threshold
    reached = np.r_[0, np.cumsum(flagged)]
    bounds = runs(file.labels)
    found = int(np.count_nonzero(reached[bounds[:, 1]] > reached[bounds[:, 0]]))
    wrong = file.timestamps[flagged & ~file.labels].astype(np.int64)
    return Events(found, len(bounds) - found, pages(wrong))


def all_events(files: list[Labelled], scores: list[Floats], threshold: float) -> Events:
    """Return the sums over all files at one threshold."""
    each = [events(file, one, threshold) for file, one in zip(files, scores, strict=True)]
    return Events(*(sum(column) for column in zip(*each, strict=True)))


def candidates(scores: list[Floats]) -> Floats:
    """Return thresholds to try, falling: finer towards the highest scores, where a pager's threshold lies."""
    levels = np.unique(np.concatenate(scores))
    ranks = len(levels) - np.unique(np.geomspace(1, len(levels), CANDIDATES).astype(np.int64))
    return levels[ranks]


def best_events(files: list[Labelled], scores: list[Floats]) -> tuple[float, Events]:
    """Return the threshold with the highest event F1 (of several the highest), and what it finds."""
    tried = [(float(level), all_events(files, scores, level)) for level in candidates(scores)]
    return max(tried, key=lambda pair: pair[1].f1)


def cross_validated(files: list[Labelled], scores: list[Floats], rounds: int = 20) -> float:
    """Return the mean event F1 of one half of the series at the threshold that is best for the other half."""
    levels = candidates(scores)
    table = [[events(file, one, level) for level in levels] for file, one in zip(files, scores, strict=True)]
    counts = np.array(table).reshape(len(files), len(levels), 3)
    chance = np.random.default_rng(1)
    reached = []
    for _ in range(rounds):
        order = chance.permutation(len(files))
        halves = order[: len(files) // 2], order[len(files) // 2 :]
        for chosen, judged in (halves, halves[::-1]):
            place = int(np.argmax([Events(*each).f1 for each in counts[chosen].sum(axis=0).tolist()]))
            reached.append(Events(*counts[judged, place].sum(axis=0).tolist()).f1)
    return float(np.mean(reached))


def best_row_f1(files: list[Labelled], scores: list[Floats]) -> float:
    """Return the best F1 by row over all thresholds, one for all files."""
    labels, levels = np.concatenate([file.labels for file in files]), np.concatenate(scores)
    order = np.argsort(-levels, kind="stable")
    hits = np.cumsum(labels[order])
    last = np.r_[np.diff(levels[order]) != 0, True]
    f1 = 2 * hits / (np.arange(1, len(labels) + 1) + np.count_nonzero(labels))
    return float(np.max(f1[last], initial=0.0))


def faded(labels: Flags, buffer: int) -> Floats:
    """Return the labels as numbers, fading out around each event over half a ``buffer`` (rows)."""
    soft = labels.astype(np.float64)
    if buffer:
        distance = np.arange(1, buffer // 2 + 1)
        tail = np.sqrt(1.0 - distance / buffer)
        for first, behind in runs(labels):
            left, right = first - distance, behind - 1 + distance
            soft[left[left >= 0]] += tail[left >= 0]
            soft[right[right < len(soft)]] += tail[right < len(soft)]
    return np.minimum(soft, 1.0)


def vus_pr(labels: Flags, scores: Floats) -> float:
    """Return the mean area under the range-based precision-recall curve over the buffers, 0 to 1."""
    order = np.argsort(-scores, kind="stable")
    taken = np.linspace(0, len(scores) - 1, CURVE_POINTS).astype(np.int64)
    levels = scores[order][taken]
    counts = np.searchsorted(-scores[order], -levels, side="right")  # rows that reach each level
    bounds = runs(labels)
    areas = []
    for buffer in np.linspace(0, MOST_BUFFER, BUFFERS).astype(np.int64):
        soft = faded(labels, int(buffer))
        hits = np.r_[0.0, np.cumsum(soft[order])][counts]
        half = int(buffer) // 2
        peaks = np.array([scores[max(first - half, 0) : behind + half].max() for first, behind in bounds])
        existing = (peaks[:, None] >= levels).mean(axis=0)
        recall = np.minimum(hits / ((np.count_nonzero(labels) + soft.sum()) / 2), 1.0) * existing
        areas.append(float(np.sum(np.diff(recall, prepend=0.0) * hits / counts)))
    return float(np.mean(areas))


def mean_vus_pr(files: list[Labelled], scores: list[Floats]) -> float:
    """Return the mean VUS-PR of the files that have an event."""
    return float(
        np.mean([vus_pr(file.labels, one) for file, one in zip(files, scores, strict=True) if file.labels.any()])
    )


def read(folder: Path) -> list[Labelled]:
    """Return the series of ``folder``, in order of their names."""
    files = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as lines:
            rows = [(int(row["timestamp"]), float(row["value"]), row["label"] == "1") for row in csv.DictReader(lines)]
        seconds, values, labels = (np.array(column) for column in zip(*rows, strict=True))
        files.append(Labelled(path.stem, seconds.astype("datetime64[s]"), values, labels))
    return files
