"""A part of a call graph: what is around one service, and no more nodes than people can look at."""

from collections.abc import Iterable

from opsloop.telemetry.graph import SERVICE, Graph, GraphNode
from opsloop.telemetry.model import CallEdge

_Node = tuple[str, str]
"""Kind and name."""


def around(graph: Graph, service: str) -> Graph:
    """Return who calls ``service``, directly or further up, and what it calls, directly or further down."""
    start = (SERVICE, service)
    callers: dict[_Node, list[_Node]] = {}
    callees: dict[_Node, list[_Node]] = {}
    for edge in graph.edges:
        callees.setdefault(_caller(edge), []).append(_callee(edge))
        callers.setdefault(_callee(edge), []).append(_caller(edge))
    up, down = _reached(start, callers), _reached(start, callees)
    kept = up | down
    edges = [
        edge for edge in graph.edges if {_caller(edge), _callee(edge)} <= up or {_caller(edge), _callee(edge)} <= down
    ]
    return _part(graph, kept, edges)


def busiest(graph: Graph, most: int) -> tuple[Graph, int]:
    """Return the graph of up to ``most`` nodes, those with the most requests, and how many were left out."""
    if len(graph.nodes) <= most:
        return graph, 0
    ordered = sorted(graph.nodes, key=lambda one: (-one.requests_per_minute, one.name, one.kind))
    kept = {_node(one) for one in ordered[:most]}
    edges = [edge for edge in graph.edges if {_caller(edge), _callee(edge)} <= kept]
    return _part(graph, kept, edges), len(graph.nodes) - most


def _part(graph: Graph, kept: set[_Node], edges: Iterable[CallEdge]) -> Graph:
    nodes = tuple(one for one in graph.nodes if _node(one) in kept)
    return Graph(graph.first_minute, graph.last_minute, nodes, tuple(edges))


def _reached(start: _Node, next_to: dict[_Node, list[_Node]]) -> set[_Node]:
    found, pending = {start}, [start]
    while pending:
        for one in next_to.get(pending.pop(), ()):
            if one not in found:
                found.add(one)
                pending.append(one)
    return found


def _node(one: GraphNode) -> _Node:
    return one.kind, one.name


def _caller(edge: CallEdge) -> _Node:
    return SERVICE, edge.caller


def _callee(edge: CallEdge) -> _Node:
    return edge.callee_kind, edge.callee
