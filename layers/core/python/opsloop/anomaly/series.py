"""What is judged: series of five-minute buckets, read out of the blocks of one service.

Missing is NaN and never 0. A service that sent anything at all in a bucket is alive in it: then what it counts and did
not send is 0, while an error ratio or a percentile of nothing stays missing. A bucket without anything is missing in
every measure but ``silence``.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opsloop.anomaly.metric_series import saturation, throughput
from opsloop.anomaly.pattern_series import patterns
from opsloop.anomaly.request_series import Requests, requests
from opsloop.dataclass import dataclass
from opsloop.log.model import PatternHour
from opsloop.telemetry.model import Block

BUCKET_MINUTES = 5
RATE, ERROR_RATIO, P95, THROUGHPUT = "rate", "error_ratio", "p95", "throughput"
SATURATION, PATTERN, SILENCE = "saturation", "pattern", "silence"
MEASURES = (RATE, ERROR_RATIO, P95, THROUGHPUT, SATURATION, PATTERN, SILENCE)
UNITS = {
    RATE: "requests/min",
    ERROR_RATIO: "ratio",
    P95: "ms",
    THROUGHPUT: "/min",
    SATURATION: "ratio",
    PATTERN: "lines/min",
    SILENCE: "ratio",
}

Floats = NDArray[np.float64]


class Key(NamedTuple):
    """Which series: ``metric`` is the metric or the log pattern behind it, ``operation`` "" the whole service."""

    service: str
    measure: str
    metric: str = ""
    operation: str = ""


@dataclass(frozen=True)
class Measured:
    """Series of one service over some buckets.

    ``values`` and ``weights`` are of shape (n_keys, n_buckets); a weight says how many requests (or lines) a value was
    made of. ``alive`` says of each bucket whether the service sent anything.
    """

    keys: tuple[Key, ...]
    values: Floats
    weights: Floats
    alive: NDArray[np.bool_]


def measure(
    service: str,
    blocks: Sequence[Block],
    hours: Iterable[PatternHour],
    first_minute: int,
    buckets: int,
) -> Measured:
    """Return the series of ``service`` in the ``buckets`` buckets that begin at ``first_minute``.

    Parameters
    ----------
    service : str
    blocks : sequence of Block
        Of the hours of the buckets, and of the hour before: in it the last values of cumulative streams are found.
    hours : iterable of PatternHour
        The pattern counts of the hours of the buckets.
    first_minute : int
        Since the epoch, a multiple of five.
    """
    alive = np.zeros(buckets, dtype=bool)
    for block in blocks:
        bucket = (block.cells.minute - first_minute) // BUCKET_MINUTES
        alive[bucket[(bucket >= 0) & (bucket < buckets)]] = True
    found: dict[Key, tuple[Floats, Floats]] = {}
    asked = requests(blocks, first_minute, buckets, BUCKET_MINUTES)
    if asked is not None:
        _add_requests(found, service, asked, alive)
    for metric, values in throughput(blocks, first_minute, buckets, BUCKET_MINUTES).items():
        found[Key(service, THROUGHPUT, metric)] = values, np.ones(buckets)
    for metric, values in saturation(blocks, first_minute, buckets, BUCKET_MINUTES).items():
        found[Key(service, SATURATION, metric)] = values, np.ones(buckets)
    for pattern, lines in patterns(hours, first_minute, buckets, BUCKET_MINUTES).items():
        found[Key(service, PATTERN, pattern)] = np.where(alive, lines / BUCKET_MINUTES, np.nan), lines
    found[Key(service, SILENCE)] = alive.astype(np.float64), np.ones(buckets)
    keys = tuple(sorted(found))
    return Measured(
        keys,
        np.stack([found[key][0] for key in keys]),
        np.stack([found[key][1] for key in keys]),
        alive,
    )


def _add_requests(
    found: dict[Key, tuple[Floats, Floats]], service: str, asked: Requests, alive: NDArray[np.bool_]
) -> None:
    rates = np.where(alive, asked.count / BUCKET_MINUTES, np.nan)
    with np.errstate(invalid="ignore"):
        ratios = np.where(asked.count > 0, asked.errors / asked.count, np.nan)
    for row, operation in enumerate(asked.operations):
        weight = asked.count[row]
        found[Key(service, RATE, operation=operation)] = rates[row], weight
        found[Key(service, ERROR_RATIO, operation=operation)] = ratios[row], weight
        found[Key(service, P95, operation=operation)] = asked.p95_ms[row], weight
