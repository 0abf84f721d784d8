"""opsloop graph: what is asked, and how a call graph reads as a tree."""

import json
from typing import Any

from tests.unit.cli.conftest import KEYS, Run
from tests.unit.cli.fake_api import FakeApi


def node(name: str, kind: str = "service", rate: float = 60.0, **changes: Any) -> dict[str, Any]:
    usual = {"error_ratio": 0.01, "p95_ms": 12.0, "sampled": int(rate), "is_exact": True}
    return {"name": name, "kind": kind, "requests_per_minute": rate, **usual, **changes}


def edge(caller: str, callee: str, kind: str = "call", rate: float = 60.0, **changes: Any) -> dict[str, Any]:
    operation = {"caller_operation": f"to {callee}", "callee_operation": "", "calls_per_minute": 1.0, "error_ratio": 0}
    usual = {"callee_kind": "service", "error_ratio": 0.02, "p50_ms": 5.0, "p95_ms": 11.0, "sampled": 1200}
    return {
        "caller": caller,
        "callee": callee,
        "kind": kind,
        "calls_per_minute": rate,
        "is_exact": True,
        "operations": [operation],
        **usual,
        **changes,
    }


SHOP = {
    "from": "2026-11-21T07:30:00Z",
    "to": "2026-11-21T08:30:00Z",
    "nodes": [
        node("cron", rate=0.0, error_ratio=None, p95_ms=None),
        node("orders"),
        node("payments"),
        node("web", rate=90.0),
        node("postgresql/shop", "database"),
    ],
    "edges": [
        edge("cron", "orders", rate=1.0),
        edge("orders", "payments", is_exact=False),
        edge("orders", "postgresql/shop", rate=80.0, callee_kind="database"),
        edge("payments", "orders", "message", rate=2.0, p50_ms=None, p95_ms=None),
        edge("web", "orders"),
    ],
    "nodes_left_out": 0,
}


def rows(text: str) -> list[tuple[int, list[str]]]:
    """Return indentation and words of each row."""
    return [(len(line) - len(line.lstrip()), line.split()) for line in text.splitlines()[2:]]


def test_each_service_stands_under_its_caller_and_once_in_full(local: Run, api: FakeApi) -> None:
    api.will("GET /v1/graph", SHOP)
    found = local("graph")
    assert found.exit_code == 0
    first = [(indent, words[: 3 if words[0] in {"->", "~>"} else 1]) for indent, words in rows(found.stdout)]
    assert first == [
        (0, ["cron"]),
        (2, ["->", "orders", "1.0"]),
        (4, ["->", "postgresql/shop", "(database)"]),
        (4, ["->", "payments", "~60.0"]),
        (6, ["~>", "orders", "..."]),
        (0, ["web"]),
        (2, ["->", "orders", "..."]),
    ]
    _, payments = rows(found.stdout)[3]
    assert payments == ["->", "payments", "~60.0", "~2.00", "%", "~5.0", "~11.0", "1,200", "to", "payments"]
    _, cron = rows(found.stdout)[0]
    assert cron == ["cron"]  # nobody asked it for anything


def test_services_that_only_call_each_other_are_shown_as_well(local: Run, api: FakeApi) -> None:
    circle = {**SHOP, "nodes": [node("a"), node("b")], "edges": [edge("a", "b"), edge("b", "a")]}
    api.will("GET /v1/graph", circle)
    assert [words[:2] for _, words in rows(local("graph").stdout)] == [["a", "60.0"], ["->", "b"], ["->", "a"]]


def test_range_and_service_are_asked_with_the_read_key(local: Run, api: FakeApi) -> None:
    api.will("GET /v1/graph", SHOP)
    found = local("graph", "--service", "orders", "--from", "2026-11-21", "--to", "2026-11-21T00:10:00Z", "--json")
    assert json.loads(found.stdout) == SHOP
    (asked,) = api.asked
    assert asked.query == {"service": "orders", "from": "2026-11-21T00:00:00Z", "to": "2026-11-21T00:10:00Z"}
    assert asked.headers["authorization"] == f"Bearer {KEYS['read_key']}"


def test_an_empty_graph_and_nodes_that_are_left_out_are_said(local: Run, api: FakeApi) -> None:
    api.will("GET /v1/graph", {**SHOP, "nodes": [], "edges": []})
    assert "no calls in that time" in local("graph").stderr
    api.answers.clear()
    api.will("GET /v1/graph", {**SHOP, "nodes_left_out": 1_234})
    assert "1,234 nodes with fewer requests are left out" in local("graph").stderr
