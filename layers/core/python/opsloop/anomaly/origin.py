"""Of anomalies at the same time the deepest that explains others is named as origin, the others as its effects.

``causes`` says which may follow from which. Anomalies that may each follow from the other, as of services that call
each other, are taken as one (strongly connected components, by Tarjan's algorithm [1]_); what follows from nothing else
is an origin. An anomaly that may follow from several origins is given to the one with the greatest score.

What sends no telemetry, as most databases, has no anomalies. Where the calls to it have at least half of the p95 or of
the error ratio of a service that nothing else explains, it is named as the origin's service; of several services whose
trouble it accounts for at the same time, that which began first has the origin.

References
----------
.. [1] R. Tarjan, "Depth-first search and linear graph algorithms", SIAM Journal on Computing 1(2), 1972.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from opsloop.anomaly.causes import (
    ACCOUNTS_RATIO,
    Calls,
    accounts_for,
    are_simultaneous,
    direct_causes,
    is_silent,
    is_trouble,
    rank,
)
from opsloop.anomaly.model import Anomaly, Part
from opsloop.telemetry.model import CallEdge


def explain(anomalies: Sequence[Anomaly], edges: Sequence[CallEdge]) -> tuple[Anomaly, ...]:
    """Return ``anomalies`` in their order with ``part``, ``origin_id``, ``origin_service`` and ``effects`` anew.

    What these said before does not count, so that all open anomalies may be given again whenever one comes or goes:
    an effect that was told before its origin was known then names it. Ids are unique. An anomaly with neither cause nor
    effect is ``ALONE``. Without edges only the anomalies of one service explain each other.
    """
    ordered = sorted(anomalies, key=lambda one: one.anomaly_id)
    calls = Calls(edges)
    causes = direct_causes(ordered, calls)
    names = _add_dependencies(ordered, causes, calls)
    groups = _groups(ordered, causes)
    told: dict[str, Anomaly] = {}
    for members, candidates, source in groups:
        origin = _first(ordered[place] for place in candidates)
        service = names[source - len(ordered)] if source >= len(ordered) else origin.service
        effects = sorted(
            (ordered[place] for place in members), key=lambda one: (one.first_minute, one.service, rank(one))
        )
        effect_ids = tuple(one.anomaly_id for one in effects if one is not origin)
        is_alone = not effect_ids and source < len(ordered)
        for one in effects:
            part = Part.ALONE if is_alone else Part.ORIGIN if one is origin else Part.EFFECT
            told[one.anomaly_id] = replace(
                one,
                part=part,
                origin_id="" if is_alone else origin.anomaly_id,
                origin_service="" if is_alone else service,
                effects=effect_ids if part is Part.ORIGIN else (),
            )
    return tuple(told[one.anomaly_id] for one in anomalies)


def _first(candidates: Iterable[Anomaly]) -> Anomaly:
    """Return the origin of some that cannot be told apart: of the service that began first, the greatest measure."""
    by_service: dict[str, list[Anomaly]] = {}
    for one in candidates:
        by_service.setdefault(one.service, []).append(one)
    began = min(by_service.values(), key=lambda ones: (min(one.first_minute for one in ones), min(map(rank, ones))))
    return min(began, key=rank)


def _add_dependencies(anomalies: Sequence[Anomaly], causes: list[set[int]], calls: Calls) -> list[str]:
    """Add to ``causes`` the dependencies without telemetry that account for trouble; return their names.

    Each is a cause with a place behind the anomalies. Where there is another cause, that one has the effect.
    """
    accounted = _accounted(anomalies, calls)
    names: list[str] = []
    for dependency in sorted(accounted):
        places = sorted(accounted[dependency], key=lambda place: (anomalies[place].first_minute, place))
        head: Anomaly | None = None
        for place in places:
            if head is None or not are_simultaneous(head, anomalies[place]):
                head = anomalies[place]
                names.append(dependency)
                causes.append(set())
            causes[place].add(len(anomalies) + len(names) - 1)
    return names


def _accounted(anomalies: Sequence[Anomaly], calls: Calls) -> dict[str, list[int]]:
    """Return by dependency the places of the trouble that it accounts for."""
    of_service: dict[str, list[int]] = {}
    for place, one in enumerate(anomalies):
        if is_trouble(one) and not is_silent(one):
            of_service.setdefault(one.service, []).append(place)
    found: dict[str, list[int]] = {}
    for service, places in of_service.items():
        shares = [
            (accounts_for(edge, anomalies[place]), edge.callee)
            for edge in calls.dependencies
            if edge.caller == service and edge.kind == "call"
            for place in places
        ]
        share, dependency = max(shares, default=(0.0, ""), key=lambda pair: (pair[0], pair[1]))
        if share >= ACCOUNTS_RATIO:
            found.setdefault(dependency, []).extend(places)
    return found


def _groups(anomalies: Sequence[Anomaly], causes: Sequence[set[int]]) -> list[tuple[list[int], list[int], int]]:
    """Return what has one origin together: its places, those that may be the origin, and a place of the source."""
    component = _components(causes)
    members: dict[int, list[int]] = {}
    for place, number in enumerate(component):
        members.setdefault(number, []).append(place)
    count = len(anomalies)
    best: dict[int, tuple[bool, float, int, str, int]] = {}
    for number in sorted(members):  # a component's causes have lower numbers
        before = {component[cause] for place in members[number] for cause in causes[place]} - {number}
        if before:
            best[number] = min(best[one] for one in before)
            continue
        if members[number][0] >= count:
            best[number] = (True, 0.0, 0, "", members[number][0])
            continue
        first = _first(anomalies[place] for place in members[number])
        best[number] = (False, -first.score, first.first_minute, first.anomaly_id, members[number][0])
    groups: dict[int, list[int]] = {}
    for place in range(count):
        groups.setdefault(best[component[place]][-1], []).append(place)
    return [
        (places, [one for one in places if source in causes[one]], source)
        if source >= count
        else (places, [one for one in places if component[one] == component[source]], source)
        for source, places in groups.items()
    ]


def _components(causes: Sequence[set[int]]) -> list[int]:
    """Return for each place the number of its strongly connected component; causes come before what follows."""
    number = [-1] * len(causes)
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    finished = 0
    for start in range(len(causes)):
        if start in index:
            continue
        index[start] = low[start] = len(index)
        stack.append(start)
        path = [(start, iter(sorted(causes[start])))]
        while path:
            place, rest = path[-1]
            for cause in rest:
                if cause not in index:
                    index[cause] = low[cause] = len(index)
                    stack.append(cause)
                    path.append((cause, iter(sorted(causes[cause]))))
                    break
                if number[cause] < 0:
                    low[place] = min(low[place], index[cause])
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[place])
                if low[place] == index[place]:
                    while number[place] < 0:
                        number[stack.pop()] = finished
                    finished += 1
    return number
