"""What would have been called: the detector's own steps through past hours, as the catalog is and as it could be.

Fifteen days before the time in question are stepped through first, so that what is usual is known. That takes longer
than one answer may: so it goes in slices, and what is known after a slice is carried to the next one as bytes.

Nothing is stored or told. Who called whom is not asked: what would have been called does not depend on it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from opsloop.anomaly.carried import Carried, Trial
from opsloop.anomaly.exclude import Window
from opsloop.anomaly.hour import Blocks, Hours, Patterns
from opsloop.anomaly.model import Anomaly, anomaly_json
from opsloop.anomaly.outbox import Outbox
from opsloop.anomaly.scan import Scan
from opsloop.anomaly.series import BUCKET_MINUTES
from opsloop.anomaly.state import Memory
from opsloop.catalog import Catalog
from opsloop.clock import MINUTES_PER_DAY, format_time, hour_start, time_of
from opsloop.dataclass import dataclass, replace
from opsloop.telemetry.model import SeenService

HISTORY_MINUTES = 15 * MINUTES_PER_DAY
MOST_SHOWN = 2_000
TOLD = (
    *("anomaly_id", "service", "measure", "metric", "operation", "direction", "state", "severity", "score", "value"),
    *("expected", "unit", "first_minute", "last_minute", "preset", "reason"),
)
SERIES = ("service", "measure", "metric", "operation")
NOW, PROPOSED = "now", "proposed"
NOTHING_YET: Mapping[str, Any] = {NOW: None, PROPOSED: None, "gone": [], "new": []}
NO_HISTORY = "too little history: nothing is known of the time before"


@dataclass(frozen=True)
class Question:
    """Which time, from ``first_minute`` to before ``end_minute``, and the catalogs to try, by name."""

    first_minute: int
    end_minute: int
    catalogs: Mapping[str, Catalog]


@dataclass(frozen=True)
class Past:
    """What is stepped through. ``services`` are those in question."""

    blocks: Blocks
    patterns: Patterns
    services: Sequence[SeenService]
    windows: Sequence[Window]


def with_thresholds(catalog: Catalog, services: Iterable[str], thresholds: Mapping[str, Any]) -> Catalog:
    """Return ``catalog`` as it would be if each of ``services`` had ``thresholds`` as its ``anomaly`` section."""
    changed = {name: replace(catalog.service(name), anomaly=thresholds) for name in services}
    return replace(catalog, services={**catalog.services, **changed})


def begun(question: Question, past: Past) -> Carried:
    """Return what is known before the first slice: nothing, fifteen days before, or where the data begin."""
    heard = min((one.first_seen for one in past.services), default=question.first_minute)
    first = question.first_minute
    start = min(max(first - HISTORY_MINUTES, heard - heard % BUCKET_MINUTES), first)
    trials = {name: Trial(Memory(start, first), {}) for name in question.catalogs}
    return Carried(start, question.end_minute, None, trials, start)


def slice_of(question: Question, past: Past, carried: Carried, has_time: Callable[[], bool]) -> Carried:
    """Return what is known after as many hours as there is time for, one at least."""
    scans = {
        name: Scan(carried.trials[name].memory, catalog, past.windows, lambda _first, _last: ())
        for name, catalog in question.catalogs.items()
    }
    found = {name: dict(trial.found) for name, trial in carried.trials.items()}
    hours = Hours(past.blocks, past.patterns, past.services, question.end_minute)
    unknown, at = carried.unknown, carried.at
    while at < question.end_minute:
        if at >= question.first_minute and unknown is None:
            unknown = _unknown(scans[NOW], past.services, question.first_minute)
        if at > carried.at and not has_time():
            break
        until = question.first_minute if at < question.first_minute else question.end_minute
        hour = hours.hour(hour_start(at))
        for name, scan in scans.items():
            _keep(found[name], scan.step(hour, until, partial_from=question.end_minute))
        at = scans[NOW].memory.judged_to
    trials = {name: Trial(scan.memory, found[name]) for name, scan in scans.items()}
    return Carried(at, question.end_minute, unknown, trials, carried.begun_at)


def _keep(found: dict[str, Anomaly], box: Outbox) -> None:
    """Add what would have been told as begun, and bring what is there up to date."""
    for told in box.told:
        if not told.is_end:
            found[told.anomaly.anomaly_id] = told.anomaly
    for one in box.anomalies:
        if one.anomaly_id in found:
            found[one.anomaly_id] = one


def _unknown(scan: Scan, services: Sequence[SeenService], first_minute: int) -> list[dict[str, str]]:
    """Return what could not be judged when the time in question began."""
    found = []
    known = scan.unknown()
    heard = {key.service for key in scan.memory.keys}
    for one in services:
        for name, reason in sorted(known.get(one.service, {}).items()):
            measure, _, metric = name.partition(" ")
            found.append({"service": one.service, "measure": measure, "metric": metric, "reason": reason})
        if one.service not in heard:
            reason = f"{NO_HISTORY} {format_time(time_of(first_minute))}"
            found.append({"service": one.service, "measure": "", "metric": "", "reason": reason})
    return found


def differences(now: Iterable[Anomaly], proposed: Iterable[Anomaly]) -> tuple[list[str], list[str]]:
    """Return the ids of those of ``now`` that are gone with the proposed thresholds, and of those that are new.

    One stays if the same series is called at a time that both share, however they begin and end.
    """
    before, after = list(now), list(proposed)
    gone = [one.anomaly_id for one in before if not any(_is_same(one, other) for other in after)]
    new = [one.anomaly_id for one in after if not any(_is_same(one, other) for other in before)]
    return sorted(gone), sorted(new)


def _is_same(one: Anomaly, other: Anomaly) -> bool:
    is_series = all(getattr(one, name) == getattr(other, name) for name in SERIES)
    return is_series and one.first_minute <= other.last_minute and other.first_minute <= one.last_minute


def result_json(carried: Carried) -> dict[str, Any]:
    """Return what came of it as JSON: per catalog what was called, oldest first, and the differences."""
    found = {name: [trial.found[key] for key in sorted(trial.found)] for name, trial in carried.trials.items()}
    answer = dict(NOTHING_YET)
    for name, called in found.items():
        answer[name] = {"called": len(called), "anomalies": [_told(one) for one in called[:MOST_SHOWN]]}
    if PROPOSED in found:
        answer["gone"], answer["new"] = differences(found[NOW], found[PROPOSED])
    return answer


def _told(anomaly: Anomaly) -> dict[str, Any]:
    content = anomaly_json(anomaly)
    return {name: content[name] for name in TOLD}
