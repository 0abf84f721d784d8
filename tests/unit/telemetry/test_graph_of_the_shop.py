"""The demo shop's real SDK spans give the edges web -> orders -> payments with all their calls, and no others."""

import time
from itertools import islice

import pytest

from local.demo import __main__ as demo
from local.demo.load import visits
from local.demo.service import NUMBER_HEADER, send
from local.demo.shop import Shop
from local.demo.telemetry import Destination
from local.demo.truth import Truth
from opsloop.catalog import Catalog, Service
from opsloop.telemetry.graph import call_graph
from opsloop.telemetry.ingest import plan
from opsloop.telemetry.link_window import LinkFolding
from opsloop.telemetry.segment import Committed, StreamRecord
from opsloop.telemetry.shard_log import ShardLog
from tests.unit.demo.front_door import FrontDoor, serving
from tests.unit.telemetry.plain_graph import SERVER, plain_edges

CATALOG = Catalog({}, Service("", 4, "", "", "", (), 2000, 0.05))
VISITS, CHECKOUTS = 24, 12


def visit(door: FrontDoor) -> list[bytes]:
    """Let some visitors in, and more who buy; return the trace requests that the shop sent."""
    with serving(door) as url:
        shop = Shop(Destination(url, "opsloop_test_key"), Truth(started_ns=time.time_ns()), seed=7)
        shop.start()
        try:
            for one in islice(visits(7), VISITS):
                send(shop.web.port, one.method, one.path, {NUMBER_HEADER: str(one.number)}, one.body)
            for number in range(1_000, 1_000 + CHECKOUTS):
                send(shop.web.port, "POST", "/checkout", {NUMBER_HEADER: str(number)}, {"items": [1]})
        finally:
            shop.stop()
            demo.close(shop, timeout_s=5.0)
    return [body for path, body in dict.fromkeys(door.bodies) if path == "/v1/traces"]


def test_the_shops_spans_give_its_calls():
    door = FrontDoor()
    bodies = visit(door)
    now = time.time()
    samples = []
    for number, body in enumerate(bodies):  # each request comes by a shard of its own
        segment = plan([StreamRecord(f"{1:064}", "", body, now)], ShardLog("log", 900), CATALOG, max_bytes=1 << 24)
        parts = (segment.cells, segment.shares, segment.last_arrival_s, segment.exemplars, segment.links)
        folding = LinkFolding(f"log#{number}", [Committed(f"log#{number}", segment.start, segment.end, *parts)])
        samples += [(start, folding.fold_into(None, start).links) for start in folding.windows()]
    minutes = [one.start_time_unix_nano // (60 * 10**9) for _, one in door.spans()]
    graph = call_graph(samples, min(minutes), max(minutes))
    length = max(minutes) - min(minutes) + 1
    plain = plain_edges(bodies)
    assert plain.keys() == {("web", "orders", "call"), ("orders", "payments", "call")}
    assert {(one.caller, one.callee, one.kind) for one in graph.edges} == plain.keys()
    for edge in graph.edges:
        expected = plain[edge.caller, edge.callee, edge.kind]
        assert edge.is_exact
        assert edge.calls_per_minute * length == pytest.approx(expected.calls)
        assert edge.error_ratio == pytest.approx(expected.errors / expected.calls)
    requests = {one.name: round(one.requests_per_minute * length) for one in graph.nodes}
    served = [service for service, one in door.spans() if one.kind == SERVER]
    assert requests == {service: served.count(service) for service in ("web", "orders", "payments")}
    assert requests["web"] == VISITS + CHECKOUTS
