"""An anomaly as it begins, goes on and ends: its numbers, its severity, its reason, and what it is made of."""

from typing import Any

import numpy as np

from opsloop.anomaly import series as of
from opsloop.anomaly.contributing import OperationValue, contributing, exemplar
from opsloop.anomaly.hour import Hour
from opsloop.anomaly.judge import Bucket, Verdict, first_hit, preset_name
from opsloop.anomaly.model import Anomaly, Direction, Severity, State
from opsloop.anomaly.policy import Rules
from opsloop.anomaly.presets import CRITICAL
from opsloop.anomaly.reason import Finding, reason
from opsloop.anomaly.record import anomaly_id
from opsloop.anomaly.series import BUCKET_MINUTES, Key
from opsloop.anomaly.state import Memory
from opsloop.catalog import Catalog
from opsloop.dataclass import dataclass, replace

FAILS_MUCH, FAILS_TIMES, FAILS_LEAST = 0.2, 25.0, 0.05
SLOW_TIMES = 3.0
HARDLY_ANY = 0.1
ALMOST_FULL = 0.9
IMPORTANT_TIER = 2
_RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
NO_DATA = "It has sent nothing of this for an hour: how it ended is not known."


@dataclass(frozen=True)
class Scene:
    """One bucket with all that is known of it."""

    memory: Memory
    verdict: Verdict
    bucket: Bucket
    hour: Hour
    rules: Rules
    catalog: Catalog


def begun(scene: Scene, row: int) -> Anomaly:
    """Return the anomaly that row ``row`` begins with this bucket."""
    key, minute = scene.memory.keys[row], scene.bucket.minute
    is_high = bool(scene.verdict.is_high[row])
    first = first_hit(scene.memory.own, row, minute, is_high=is_high)
    direction = _direction(key, is_high=is_high)
    made = _made_of(scene, row)
    return Anomaly(
        anomaly_id=anomaly_id(key, first),
        service=key.service,
        measure=key.measure,
        direction=direction,
        state=State.OPEN,
        first_minute=first,
        last_minute=minute + BUCKET_MINUTES - 1,
        unit=of.UNITS[key.measure],
        metric=key.metric,
        operation=key.operation,
        contributing=made,
        exemplar=_exemplar(scene, key, made, first),
        **_numbers(scene, row, direction),
    )


def went_on(scene: Scene, row: int, before: Anomaly) -> Anomaly:
    """Return ``before`` after another bucket: at its worst if this one is, and with its last minute."""
    if not scene.verdict.is_hit[row]:
        return before
    last = scene.bucket.minute + BUCKET_MINUTES - 1
    after = replace(before, last_minute=last)
    if before.exemplar is None:
        after = replace(
            after, exemplar=_exemplar(scene, scene.memory.keys[row], before.contributing, before.first_minute)
        )
    if not _is_worse(scene, row, before):
        return after
    numbers = _numbers(scene, row, before.direction)
    severity = max(before.severity, numbers["severity"], key=_RANK.__getitem__)
    score = max(before.score, numbers["score"])
    made = _made_of(scene, row) or before.contributing
    numbers |= {"severity": severity, "score": score, "preset": numbers["preset"] or before.preset}
    return replace(after, contributing=made, **numbers)


def ended(before: Anomaly, *, is_lost: bool) -> Anomaly:
    """Return ``before`` as over; ``is_lost``: because nothing was heard of it any more."""
    said = f"{before.reason} {NO_DATA}" if is_lost else before.reason
    return replace(before, state=State.ENDED, reason=said)


def _direction(key: Key, *, is_high: bool) -> Direction:
    if key.measure == of.SILENCE:
        return Direction.SILENT
    return Direction.HIGH if is_high else Direction.LOW


def _is_worse(scene: Scene, row: int, before: Anomaly) -> bool:
    """Return whether this bucket lies farther off than the worst one so far."""
    value, expected = scene.verdict.value[row], scene.verdict.scores.expected[row]
    if before.value is None or before.expected is None or np.isnan(expected):
        return False
    return bool(abs(value - expected) > 1.05 * abs(before.value - before.expected))


def _numbers(scene: Scene, row: int, direction: Direction) -> dict[str, Any]:
    """Return the fields of an anomaly that this bucket gives."""
    key, verdict = scene.memory.keys[row], scene.verdict
    scores = verdict.scores
    is_new = bool(scene.bucket.is_novel[row])
    value = _known(verdict.value[row])
    expected, low, high = (
        (0.0, 0.0, 0.0)
        if is_new
        else tuple(_known(column[row]) for column in (scores.expected, scores.low, scores.high))
    )
    preset = preset_name(verdict, row)
    votes = {
        name: float(np.nan_to_num(column[row]))
        for name, column in (("zscore", scores.zscore), ("shift", scores.shift), ("drift", scores.drift))
    }
    others = _silent_with(scene) if key.measure == of.SILENCE else (0, 0)
    finding = Finding(
        key=key,
        direction=direction,
        value=value,
        expected=expected,
        low=low,
        high=high,
        requests=float(scene.bucket.weight[row]),
        preset=preset,
        text=_pattern_text(scene.hour, key),
        is_new=is_new,
        silent_services=others[0],
        services=others[1],
    )
    return {
        "score": float(np.clip(scores.score[row], 0.0, 1.0)),
        "value": value,
        "expected": 1.0 if key.measure == of.SILENCE else expected,
        "low": None if low is None else max(low, 0.0),
        "high": high,
        "severity": _severity(scene, row, value, expected),
        "reason": reason(finding),
        "votes": votes | ({"preset": 1.0} if preset else {}),
        "preset": preset,
    }


def _severity(scene: Scene, row: int, value: float | None, expected: float | None) -> Severity:
    """Return how soon somebody should look: by what users notice, not by how surprising it is."""
    key, verdict = scene.memory.keys[row], scene.verdict
    if verdict.level[row] == CRITICAL:
        return Severity.CRITICAL
    if key.measure == of.SILENCE:
        is_important = scene.catalog.service(key.service).tier <= IMPORTANT_TIER
        return Severity.CRITICAL if is_important else Severity.WARNING
    if value is None or expected is None:
        return Severity.WARNING
    if key.measure == of.ERROR_RATIO:
        is_much = value >= FAILS_MUCH or (value >= FAILS_LEAST and value >= FAILS_TIMES * expected)
        return Severity.CRITICAL if is_much else Severity.WARNING
    if key.measure == of.P95:
        return Severity.CRITICAL if value >= SLOW_TIMES * expected else Severity.WARNING
    if key.measure == of.SATURATION:
        return Severity.CRITICAL if value >= ALMOST_FULL else Severity.WARNING
    if key.measure == of.RATE and not verdict.is_high[row]:
        return Severity.CRITICAL if value <= HARDLY_ANY * expected else Severity.WARNING
    if key.measure == of.PATTERN:
        return Severity.WARNING if bool(scene.bucket.is_novel[row]) else Severity.INFO
    return Severity.INFO


def _made_of(scene: Scene, row: int) -> tuple[dict[str, Any], ...]:
    """Return the operations that a whole service's anomaly is made of."""
    key, keys = scene.memory.keys[row], scene.memory.keys
    if key.operation or key.measure not in (of.RATE, of.ERROR_RATIO, of.P95):
        return ()
    scores, value = scene.verdict.scores, scene.verdict.value
    rows = [
        other
        for other, one in enumerate(keys)
        if one.service == key.service and one.measure == key.measure and one.operation and not np.isnan(value[other])
    ]
    operations = [
        OperationValue(
            keys[other].operation,
            float(value[other]),
            _known(scores.expected[other]),
            float(scene.bucket.weight[other]),
        )
        for other in rows
    ]
    return contributing(key.measure, operations, _known(scores.expected[row]))


def _exemplar(scene: Scene, key: Key, made: tuple[Any, ...], first_minute: int) -> dict[str, Any] | None:
    if key.measure not in (of.ERROR_RATIO, of.P95):
        return None
    operations = [key.operation] if key.operation else [one["operation"] for one in made]
    found = [one for block in scene.hour.blocks.get(key.service, ()) for one in block.exemplars]
    return exemplar(found, operations, first_minute, scene.bucket.minute)


def _pattern_text(hour: Hour, key: Key) -> str:
    if key.measure != of.PATTERN:
        return ""
    known = [one.templates[key.metric] for one in hour.patterns.get(key.service, ()) if key.metric in one.templates]
    return known[-1] if known else key.metric


def _silent_with(scene: Scene) -> tuple[int, int]:
    """Return how many other services are silent, too, and how many services there are that are heard steadily."""
    is_silence = scene.rules.is_of(of.SILENCE)
    is_usual = is_silence & (scene.memory.own["steps"] > 0)
    silent = is_usual & (scene.verdict.value == 0) & scene.verdict.is_hit
    return int(np.count_nonzero(silent)) - 1, int(np.count_nonzero(is_usual & (silent | (scene.verdict.value == 1))))


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
