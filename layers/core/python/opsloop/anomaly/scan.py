"""Steps through hours bucket by bucket: what every series was, what is judged of it, and what is to be told.

The same data give the same anomalies, whether a week is stepped through at once or five minutes at a time: a bucket is
read from the blocks of its hour and of the hour before, and what is remembered of the past is in ``Memory`` alone.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from opsloop.anomaly import series as of
from opsloop.anomaly.exclude import Window, is_excluded
from opsloop.anomaly.findings import Scene, begun, ended, went_on
from opsloop.anomaly.hour import Hour
from opsloop.anomaly.judge import Bucket, Verdict, judge
from opsloop.anomaly.matrix import Matrix, group_counts
from opsloop.anomaly.model import Anomaly, Part
from opsloop.anomaly.origin import explain
from opsloop.anomaly.outbox import Outbox, Told
from opsloop.anomaly.policy import Policy, Rules, policies_of, rules
from opsloop.anomaly.saved import Unknown
from opsloop.anomaly.series import BUCKET_MINUTES, Key, measure
from opsloop.anomaly.standing import unknown
from opsloop.anomaly.state import Memory
from opsloop.catalog import Catalog
from opsloop.clock import MINUTES_PER_DAY, MINUTES_PER_HOUR
from opsloop.dataclass import replace
from opsloop.log.model import SEVERITIES
from opsloop.telemetry.model import CallEdge

BUCKETS_PER_HOUR = MINUTES_PER_HOUR // BUCKET_MINUTES
FORGOTTEN_MINUTES = 14 * MINUTES_PER_DAY
STORED_EVERY_MINUTES = 60
PATTERNS_KNOWN_MINUTES = MINUTES_PER_DAY
ERROR = SEVERITIES.index("error")
Edges = Callable[[int, int], Sequence[CallEdge]]
"""``edges(first_minute, last_minute)``: who called whom in that time."""


class Scan:
    """Judges, on and on. ``windows`` stay out of what is learned."""

    def __init__(self, memory: Memory, catalog: Catalog, windows: Sequence[Window], edges: Edges) -> None:
        self.memory = memory
        self._catalog, self._windows, self._edges = catalog, windows, edges
        self._policies: dict[str, Policy] = {}
        self._rules = self._made_rules()
        self._last: tuple[Rules, Verdict, Bucket] | None = None

    def step(self, hour: Hour, end_minute: int, *, partial_from: int) -> Outbox:
        """Judge the buckets of ``hour`` that were not judged yet and end at ``end_minute`` or before.

        Buckets that end after ``partial_from`` are judged as such of which data are missing.
        """
        names = sorted({*hour.blocks, *hour.patterns})
        measured = {
            name: measure(name, hour.blocks.get(name, ()), hour.patterns.get(name, ()), hour.start, BUCKETS_PER_HOUR)
            for name in names
        }
        matrix = Matrix(self.memory, measured, BUCKETS_PER_HOUR)
        changed: dict[str, Anomaly] = {}
        told: list[Told] = []
        last = min(end_minute, hour.start + MINUTES_PER_HOUR)
        for minute in range(max(self.memory.judged_to, hour.start), last - BUCKET_MINUTES + 1, BUCKET_MINUTES):
            if minute % MINUTES_PER_DAY == 0:
                self._forget(matrix, minute)
            self._bucket(hour, matrix, minute, minute + BUCKET_MINUTES > partial_from, changed, told)
        return Outbox(self.memory.judged_to, tuple(changed.values()), tuple(told))

    def _bucket(
        self,
        hour: Hour,
        matrix: Matrix,
        minute: int,
        is_partial: bool,
        changed: dict[str, Anomaly],
        told: list[Told],
    ) -> None:
        """Judge one bucket; add what changed of anomalies, and what is to be told."""
        column = (minute - hour.start) // BUCKET_MINUTES
        born = self._admit(matrix, column, minute)
        value, weight = matrix.value[:, column], matrix.weight[:, column]
        excluded = np.array(is_excluded(self._rules.names, self._windows, minute, minute + BUCKET_MINUTES), dtype=bool)[
            self._rules.service
        ]
        bucket = Bucket(minute, value, weight, excluded, self._novel(hour, born, minute), is_partial)
        verdict = judge(self.memory, bucket, self._rules)
        self._last = self._rules, verdict, bucket
        scene = Scene(self.memory, verdict, bucket, hour, self._rules, self._catalog)
        before = dict(self.memory.open)
        gone = self._apply(scene, verdict)
        self.memory.judged_to = minute + BUCKET_MINUTES
        if not before and not self.memory.open:
            return
        finished = self._explained(gone, before)
        self._collect(before, finished, changed, told)

    def _apply(self, scene: Scene, verdict: Verdict) -> list[Anomaly]:
        """Bring the open anomalies up to date; return those that ended."""
        memory, gone = self.memory, []
        for row in verdict.goes_on.tolist():
            key = memory.keys[row]
            memory.open[key] = went_on(scene, row, memory.open[key])
        for row in [*verdict.ended.tolist(), *verdict.lost.tolist()]:
            gone.append(ended(memory.open.pop(memory.keys[row]), is_lost=row in verdict.lost))
        for row in verdict.began.tolist():
            memory.open[memory.keys[row]] = begun(scene, row)
        return gone

    def _explained(self, gone: Sequence[Anomaly], before: Mapping[Key, Anomaly]) -> list[Anomaly]:
        """Name origins and effects anew where one came or went; return the ended ones with theirs."""
        memory = self.memory
        if not gone and memory.open.keys() == before.keys():
            return []
        keys = list(memory.open)
        going_on = [memory.open[key] for key in keys]
        edges = self._edges(memory.judged_to - MINUTES_PER_HOUR, memory.judged_to - 1)
        known = {one.anomaly_id: one for one in before.values()}
        both = [_with_known(one, known.get(one.anomaly_id)) for one in explain([*going_on, *gone], edges)]
        memory.open.update(zip(keys, both, strict=False))
        return both[len(keys) :]

    def _collect(
        self,
        before: Mapping[Key, Anomaly],
        finished: Sequence[Anomaly],
        changed: dict[str, Anomaly],
        told: list[Told],
    ) -> None:
        """Add what is to be stored and told after a bucket, origins before what follows from them."""
        memory = self.memory
        everyone = {one.anomaly_id: one for one in (*memory.open.values(), *finished)}
        is_told = memory.judged_to > memory.told_from
        for key, one in sorted(memory.open.items(), key=lambda pair: (pair[1].part is Part.EFFECT, pair[0])):
            there = before.get(key)
            if there is None or _is_news(there, one) or memory.judged_to % STORED_EVERY_MINUTES == 0:
                changed[one.anomaly_id] = one
            if there is None and is_told:
                told.append(Told(one, False, memory.judged_to, _effects(one, everyone)))
        for one in sorted(finished, key=lambda one: (one.part is Part.EFFECT, one.anomaly_id)):
            changed[one.anomaly_id] = one
            if is_told:
                told.append(Told(one, True, memory.judged_to, _effects(one, everyone)))

    def _admit(self, matrix: Matrix, column: int, minute: int) -> list[Key]:
        """Remember the series that begin with this bucket; return them."""
        keys = matrix.arrivals(column, self._counts, _Policies(self))
        if keys:
            matrix.take(keys, column)
            self.memory.grow(keys, minute)
            self._rules = self._made_rules()
        return keys

    def _novel(self, hour: Hour, born: Sequence[Key], minute: int) -> NDArray[np.bool_]:
        """Return which rows are patterns of errors never seen before, of services whose patterns are known well."""
        novel = np.zeros(len(self.memory.keys), dtype=bool)
        first = len(novel) - len(born)
        for place, key in enumerate(born):
            if key.measure == of.PATTERN and _severity(hour, key) >= ERROR:
                novel[first + place] = self._patterns_known_since(key.service, first) <= minute - PATTERNS_KNOWN_MINUTES
        return novel

    def _patterns_known_since(self, service: str, rows: int) -> int:
        is_theirs = [key.service == service and key.measure == of.PATTERN for key in self.memory.keys[:rows]]
        born = self.memory.own["born"][:rows][np.array(is_theirs, dtype=bool)]
        return int(born.min()) if len(born) else self.memory.judged_to

    def _forget(self, matrix: Matrix, minute: int) -> None:
        """Forget the series that were not heard for two weeks, unless they are unusual just now."""
        memory = self.memory
        is_old = memory.own["heard"] < minute - FORGOTTEN_MINUTES
        if memory.open:
            is_old &= np.array([key not in memory.open for key in memory.keys], dtype=bool)
        is_silent = np.array([key.measure == of.SILENCE for key in memory.keys], dtype=bool)
        is_old |= is_silent & (memory.own["steady"] < 1e-3) & (memory.own["born"] < minute - FORGOTTEN_MINUTES)
        if is_old.any():
            memory.keep(~is_old)
            matrix.keep(~is_old)
            self._rules = self._made_rules()

    def unknown(self) -> Unknown:
        """Return what could not be judged in the last bucket, and why."""
        return unknown(self.memory, *self._last) if self._last else {}

    def policy(self, service: str) -> Policy:
        """Return what holds for ``service``."""
        if service not in self._policies:
            self._policies |= policies_of(self._catalog, [service])
        return self._policies[service]

    def _made_rules(self) -> Rules:
        self._counts = group_counts(self.memory.keys)
        return rules(self.memory.keys, _Policies(self))


class _Policies(dict[str, Policy]):
    """The policies of services, looked up when they are asked for."""

    def __init__(self, scan: Scan) -> None:
        super().__init__()
        self._scan = scan

    def __missing__(self, service: str) -> Policy:
        return self._scan.policy(service)


def _with_known(one: Anomaly, before: Anomaly | None) -> Anomaly:
    """Return ``one`` with what was known of its origin and effects, where what it hung together with is over by now."""
    if before is None or before.part is Part.ALONE:
        return one
    if one.part is Part.ALONE:
        return replace(
            one,
            part=before.part,
            origin_id=before.origin_id,
            origin_service=before.origin_service,
            effects=before.effects,
        )
    if one.part is before.part is Part.ORIGIN:
        return replace(one, effects=tuple(dict.fromkeys((*before.effects, *one.effects))))
    return one


def _is_news(before: Anomaly, after: Anomaly) -> bool:
    """Return whether an anomaly that goes on changed in more than its last minute."""
    return any(
        getattr(before, name) != getattr(after, name)
        for name in ("severity", "score", "part", "origin_id", "origin_service", "effects", "state")
    )


def _effects(one: Anomaly, everyone: Mapping[str, Anomaly]) -> tuple[Anomaly, ...]:
    return tuple(everyone[each] for each in one.effects if each in everyone)


def _severity(hour: Hour, key: Key) -> int:
    known = [one.severities[key.metric] for one in hour.patterns.get(key.service, ()) if key.metric in one.severities]
    return max((SEVERITIES.index(one) for one in known), default=0)
