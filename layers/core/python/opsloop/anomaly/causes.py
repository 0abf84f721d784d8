"""Which anomaly may follow from which: faults go from the called to the caller, traffic from the caller to the called.

Across services, by the call graph:

1. Trouble (silence, errors, latency, saturation, a log pattern) of a service explains trouble of those that wait for
   it; not their silence, since a service whose calls fail still speaks.
2. Traffic of a service explains a change the same way of the traffic of those it calls or sends messages to; its
   silence explains that theirs drops, or their silence.
3. Trouble of a service explains that those it calls get less.

Inside a service the measure that comes first in ``MEASURES`` explains the others, unless it began much later; less
traffic explains no trouble, and fewer errors or less latency explain nothing. More traffic that came in from outside,
at a service that nobody calls, explains the trouble that begins with it or after; more traffic at a service whose
callers send no more is what retries make, and follows from the trouble.
"""

from collections.abc import Iterable, Sequence

from opsloop.anomaly.model import Anomaly, Direction
from opsloop.telemetry.model import CallEdge

SAME_TIME_MINUTES = 15
MEASURES = ("silence", "error_ratio", "p95", "saturation", "pattern", "rate", "throughput")
"""What explains the others of its service, first to last."""
ACCOUNTS_RATIO = 0.5
"""A dependency that sends no telemetry accounts for a service's trouble if it has this share of its p95 or errors."""
_TRAFFIC = frozenset({"rate", "throughput"})


class Calls:
    """Who calls whom."""

    def __init__(self, edges: Iterable[CallEdge]) -> None:
        self._waits: set[tuple[str, str]] = set()
        self._sends: set[tuple[str, str]] = set()
        self._callers: dict[str, set[str]] = {}
        self._neighbours: dict[str, set[str]] = {}
        self.dependencies: list[CallEdge] = []
        for edge in edges:
            if edge.callee_kind != "service":
                self.dependencies.append(edge)
                continue
            if edge.caller == edge.callee:
                continue
            self._sends.add((edge.caller, edge.callee))
            if edge.kind == "call":
                self._waits.add((edge.caller, edge.callee))
            self._callers.setdefault(edge.callee, set()).add(edge.caller)
            self._neighbours.setdefault(edge.callee, set()).add(edge.caller)
            self._neighbours.setdefault(edge.caller, set()).add(edge.callee)

    def waits_for(self, caller: str, callee: str) -> bool:
        """Return whether ``caller`` waits for answers of ``callee``."""
        return (caller, callee) in self._waits

    def sends_to(self, caller: str, callee: str) -> bool:
        """Return whether calls or messages go from ``caller`` to ``callee``."""
        return (caller, callee) in self._sends

    def near(self, service: str) -> set[str]:
        """Return the services that ``service`` calls or is called by."""
        return self._neighbours.get(service, set())

    def is_entry(self, service: str) -> bool:
        """Return whether ``service`` calls others and is called by none."""
        return service in self._neighbours and service not in self._callers


def is_silent(one: Anomaly) -> bool:
    """Return whether nothing was heard."""
    return one.measure == "silence" or one.direction is Direction.SILENT


def is_traffic(one: Anomaly) -> bool:
    """Return whether it says that there is more or less to do."""
    return one.measure in _TRAFFIC and not is_silent(one)


def is_trouble(one: Anomaly) -> bool:
    """Return whether it says that something works badly; fewer errors than usual is no trouble."""
    return is_silent(one) or (not is_traffic(one) and one.direction is Direction.HIGH)


def are_simultaneous(one: Anomaly, other: Anomaly) -> bool:
    """Return whether the two overlap, or began within ``SAME_TIME_MINUTES``."""
    overlap = one.first_minute <= other.last_minute and other.first_minute <= one.last_minute
    return overlap or abs(one.first_minute - other.first_minute) <= SAME_TIME_MINUTES


def rank(one: Anomaly) -> tuple[int, int, bool, float, int, str]:
    """Return a key by which the anomalies of a service sort, that which explains the others first."""
    order = MEASURES.index(one.measure) if one.measure in MEASURES else len(MEASURES)
    return _is_relief(one), order, one.operation != "", -one.score, one.first_minute, one.anomaly_id


def direct_causes(anomalies: Sequence[Anomaly], calls: Calls) -> list[set[int]]:
    """Return for each anomaly the places of those that it may follow from directly."""
    by_service: dict[str, list[int]] = {}
    for place, one in enumerate(anomalies):
        by_service.setdefault(one.service, []).append(place)
    surges = _surges(anomalies, by_service, calls)
    causes: list[set[int]] = [set() for _ in anomalies]
    for service, places in by_service.items():
        for place in places:
            effect = anomalies[place]
            for other in places:
                if other != place and _explains_inside(anomalies[other], effect, other in surges, place in surges):
                    causes[place].add(other)
            for neighbour in calls.near(service):
                for other in by_service.get(neighbour, ()):
                    if _explains(anomalies[other], effect, calls):
                        causes[place].add(other)
    return causes


def accounts_for(edge: CallEdge, one: Anomaly) -> float:
    """Return the share of the trouble ``one`` that the calls of ``edge`` have themselves: of its p95, or its errors."""
    if not one.value or one.direction is not Direction.HIGH:
        return 0.0
    if one.measure == "p95":
        return (edge.p95_ms or 0.0) / one.value
    return edge.error_ratio / one.value if one.measure == "error_ratio" else 0.0


def _is_relief(one: Anomaly) -> bool:
    return not is_traffic(one) and not is_trouble(one)


def _surges(anomalies: Sequence[Anomaly], by_service: dict[str, list[int]], calls: Calls) -> set[int]:
    """Return the places of those anomalies that are more traffic from outside."""
    rises = {place for place, one in enumerate(anomalies) if is_traffic(one) and one.direction is Direction.HIGH}
    found = {place for place in rises if calls.is_entry(anomalies[place].service)}
    pending = list(found)
    while pending:
        cause = anomalies[pending.pop()]
        for service in calls.near(cause.service):
            for place in by_service.get(service, ()):
                if place in rises and place not in found and _explains(cause, anomalies[place], calls):
                    found.add(place)
                    pending.append(place)
    return found


def _explains(cause: Anomaly, effect: Anomaly, calls: Calls) -> bool:
    """Return whether ``effect`` may follow from ``cause``, which is of another service."""
    if not are_simultaneous(cause, effect) or cause.first_minute > effect.first_minute + SAME_TIME_MINUTES:
        return False
    if is_trouble(cause) and is_trouble(effect) and not is_silent(effect):
        return calls.waits_for(effect.service, cause.service)
    if not calls.sends_to(cause.service, effect.service):
        return False
    is_drop = is_traffic(effect) and effect.direction is Direction.LOW
    if is_silent(cause):
        return is_silent(effect) or is_drop
    if is_traffic(cause):
        return is_traffic(effect) and cause.direction is effect.direction
    return is_trouble(cause) and is_drop


def _explains_inside(cause: Anomaly, effect: Anomaly, is_surge: bool, of_surge: bool) -> bool:
    """Return whether ``effect`` may follow from ``cause``, which is of the same service."""
    if not are_simultaneous(cause, effect) or (_is_relief(cause) and not _is_relief(effect)):
        return False
    if is_trouble(effect) and is_traffic(cause) and cause.direction is Direction.LOW:
        return False
    if is_surge and is_trouble(effect):
        return cause.first_minute <= effect.first_minute
    if of_surge and is_trouble(cause):
        return cause.first_minute < effect.first_minute
    if abs(cause.first_minute - effect.first_minute) > SAME_TIME_MINUTES:
        return cause.first_minute < effect.first_minute
    return rank(cause) < rank(effect)
