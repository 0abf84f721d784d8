"""Samples of spans -> who calls whom: edges between services, and to what sends no telemetry.

A call is a span whose parent belongs to another service: the parent's service is the caller. A client or producer span
without any such child calls something that sends no spans, or that did not get the call; whom, its attributes say. They
are taken to mean the service that answered other calls with the same attributes, if there is one.
Where nothing was sampled away the numbers are exact; otherwise each call counts as often as it stands for (``links``).
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opsloop.dataclass import dataclass
from opsloop.telemetry.call_match import Sample, match
from opsloop.telemetry.links import Links, Peer, milliseconds
from opsloop.telemetry.model import CallEdge, CalledOperation

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TOP_OPERATIONS = 5
SERVICE = "service"


@dataclass(frozen=True)
class GraphNode:
    """A service, or what is called and sends no telemetry. Requests of a service are its server and consumer spans, of
    all else the calls that reached for it; ``None``: there were none. ``sampled`` and ``is_exact`` as of an edge."""

    name: str
    kind: str
    requests_per_minute: float
    error_ratio: float | None
    p95_ms: float | None
    sampled: int
    is_exact: bool


@dataclass(frozen=True)
class Graph:
    """Who calls whom from ``first_minute`` to ``last_minute``, both included; nodes and edges by name."""

    first_minute: int
    last_minute: int
    nodes: tuple[GraphNode, ...]
    edges: tuple[CallEdge, ...]


class _Calls(NamedTuple):
    """Calls as columns. ``callee`` numbers ``nodes``; ``inner`` is the callee's operation, -1 if it says none."""

    caller: Ints
    callee: Ints
    is_message: Bools
    weight: Floats
    is_error: Bools
    step: Ints
    timed: Floats
    outer: Ints
    inner: Ints


def call_graph(
    windows: Sequence[tuple[int, Links]], first_minute: int, last_minute: int, services: Collection[str] = ()
) -> Graph:
    """Return the graph of the calls that began from ``first_minute`` to ``last_minute``, both included.

    ``windows`` are samples with the start of their ten minutes, from the window before the first minute to that after
    the last. ``services`` are those known to send telemetry: a host called like one of them is that service.
    """
    sample = match(windows)
    nodes: dict[Peer, int] = {}
    for service in sample.services:
        nodes.setdefault((SERVICE, service), len(nodes))  # so a service has the same number here and there
    calls = _answered(sample, first_minute, last_minute)
    rest = _unanswered(sample, first_minute, last_minute, {*services, *sample.services}, nodes)
    calls = _Calls(*(np.concatenate(pair) for pair in zip(calls, rest, strict=True)))
    names = list(nodes)
    minutes = last_minute - first_minute + 1
    edges = _edges(calls, names, sample, minutes)
    return Graph(first_minute, last_minute, _nodes(sample, calls, names, first_minute, last_minute), tuple(edges))


def _answered(sample: Sample, first: int, last: int) -> _Calls:
    child = np.flatnonzero(sample.is_call & (sample.minute >= first) & (sample.minute <= last))
    parent = sample.parent[child]
    is_client = sample.is_client[parent]
    is_message = sample.is_consumer[child] | sample.is_producer[parent]
    gave_up = is_client & sample.is_error[parent] & (sample.step[parent] < sample.step[child])
    weight = np.exp2(np.maximum(sample.level[parent], sample.level[child]))
    return _Calls(
        caller=sample.service[parent],
        callee=sample.service[child],
        is_message=is_message,
        weight=weight,
        is_error=sample.is_error[child] | gave_up,
        step=np.where(is_client & ~is_message, sample.step[parent], sample.step[child]),
        timed=weight,
        outer=sample.name[parent],
        inner=sample.name[child],
    )


def _unanswered(sample: Sample, first: int, last: int, known: Collection[str], nodes: dict[Peer, int]) -> _Calls:
    rows = np.flatnonzero(sample.is_unanswered & (sample.minute >= first) & (sample.minute <= last))
    targets: dict[tuple[int, int], int] = {}
    callee = np.empty(len(rows), dtype=np.int64)
    of_service, of_any = sample.answers()
    for place, pair in enumerate(zip(sample.service[rows].tolist(), sample.peer[rows].tolist(), strict=True)):
        if pair not in targets:
            service = of_service.get(pair, of_any.get(pair[1]))
            peer = sample.peers[pair[1]]
            node = (SERVICE, sample.services[service]) if service is not None else _named(peer, known)
            targets[pair] = nodes.setdefault(node, len(nodes))
        callee[place] = targets[pair]
    weight = np.exp2(sample.common_level[rows])
    is_message = sample.is_producer[rows]
    is_service = np.array([kind == SERVICE for kind, _ in nodes], dtype=bool)[callee]
    return _Calls(
        caller=sample.service[rows],
        callee=callee,
        is_message=is_message,
        weight=weight,
        is_error=sample.is_error[rows],
        step=sample.step[rows],
        timed=np.where(is_message & is_service, 0.0, weight),  # to send is not to process
        outer=sample.name[rows],
        inner=np.full(len(rows), -1),
    )


def _named(peer: Peer, known: Collection[str]) -> Peer:
    """Return the service that a host or peer name means, else the node of its own."""
    kind, name = peer
    if kind == "external":
        host = name.partition(":")[0]
        for service in (name, host, host.partition(".")[0]):
            if service in known:
                return SERVICE, service
    return kind, name


def _edges(calls: _Calls, names: Sequence[Peer], sample: Sample, minutes: int) -> list[CallEdge]:
    found = []
    for rows in _groups(calls.caller, calls.callee, calls.is_message.astype(np.int64)):
        caller, callee = int(calls.caller[rows[0]]), int(calls.callee[rows[0]])
        if caller == callee:
            continue
        kind, name = names[callee]
        weight = calls.weight[rows]
        p50, p95 = _quantiles(calls.step[rows], calls.timed[rows], (0.5, 0.95))
        found.append(
            CallEdge(
                caller=names[caller][1],
                callee=name,
                callee_kind=kind,
                kind="message" if calls.is_message[rows[0]] else "call",
                calls_per_minute=float(weight.sum()) / minutes,
                error_ratio=_ratio(weight, calls.is_error[rows]),
                p50_ms=p50,
                p95_ms=p95,
                sampled=len(rows),
                is_exact=bool((weight == 1.0).all()),
                operations=_operations(calls, rows, sample, minutes),
            )
        )
    return sorted(found, key=lambda edge: (edge.caller, edge.callee, edge.callee_kind, edge.kind))


def _operations(calls: _Calls, rows: Ints, sample: Sample, minutes: int) -> tuple[CalledOperation, ...]:
    found = []
    for group in _groups(calls.outer[rows], calls.inner[rows]):
        group = rows[group]
        outer, inner = int(calls.outer[group[0]]), int(calls.inner[group[0]])
        weight = calls.weight[group]
        rate, errors = float(weight.sum()) / minutes, _ratio(weight, calls.is_error[group])
        inner_operation = sample.names[inner][2] if inner >= 0 else ""
        found.append(CalledOperation(sample.names[outer][2], inner_operation, rate, errors))
    found.sort(key=lambda one: (-one.calls_per_minute, one))
    return tuple(found[:TOP_OPERATIONS])


def _nodes(sample: Sample, calls: _Calls, names: Sequence[Peer], first: int, last: int) -> tuple[GraphNode, ...]:
    """Return the nodes: services by their own spans, all else by what was called."""
    rows = np.flatnonzero(sample.is_request & (sample.minute >= first) & (sample.minute <= last))
    is_other = np.array([kind != SERVICE for kind, _ in names], dtype=bool)[calls.callee]
    node = np.concatenate([sample.service[rows], calls.callee[is_other]])
    weight = np.concatenate([np.exp2(sample.level[rows]), calls.weight[is_other]])
    is_error = np.concatenate([sample.is_error[rows], calls.is_error[is_other]])
    step = np.concatenate([sample.step[rows], calls.step[is_other]])
    found: dict[int, GraphNode] = {}
    for group in _groups(node):
        number = int(node[group[0]])
        kind, name = names[number]
        weights = weight[group]
        (p95,) = _quantiles(step[group], weights, (0.95,))
        rate, errors = float(weights.sum()) / (last - first + 1), _ratio(weights, is_error[group])
        found[number] = GraphNode(name, kind, rate, errors, p95, len(group), bool((weights == 1.0).all()))
    for number in {*calls.caller.tolist(), *calls.callee.tolist()} - found.keys():
        kind, name = names[number]
        found[number] = GraphNode(name, kind, 0.0, None, None, 0, is_exact=True)
    return tuple(sorted(found.values(), key=lambda one: (one.kind != SERVICE, one.name, one.kind)))


def _groups(*columns: Ints) -> list[Ints]:
    """Return the rows of each combination of values."""
    if not len(columns[0]):
        return []
    order = np.lexsort(columns[::-1])
    is_new = np.zeros(len(order), dtype=bool)
    for column in columns:
        is_new[1:] |= np.diff(column[order]) != 0
    return np.split(order, np.flatnonzero(is_new))


def _ratio(weight: Floats, is_error: Bools) -> float:
    return float(weight[is_error].sum() / weight.sum())


def _quantiles(step: Ints, weight: Floats, shares: Sequence[float]) -> list[float | None]:
    """Return nearest-rank quantiles in ms, each value as often as its weight says; ``None`` without any."""
    total = float(weight.sum())
    if total <= 0:
        return [None for _ in shares]
    order = np.argsort(step, kind="stable")
    reached = np.cumsum(weight[order])
    places = np.minimum(np.searchsorted(reached, np.array(shares) * total - 1e-9), len(order) - 1)
    found: list[float | None] = [float(one) for one in milliseconds(step[order[places]])]
    return found
