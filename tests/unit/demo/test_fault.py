"""A fault makes one service slow and failing, for its time, and says so."""

import json
import random
import time
import urllib.request
from collections.abc import Iterator
from itertools import islice
from types import SimpleNamespace

import pytest

from local.demo import __main__ as demo
from local.demo import fault, service
from local.demo.fault import Fault, begin, read_fault
from local.demo.load import visits
from local.demo.service import NUMBER_HEADER, send
from local.demo.shop import Shop
from local.demo.telemetry import Destination
from local.demo.truth import Truth
from tests.unit.demo.front_door import FrontDoor, serving

NOW_S = 1_800_000_000.0
SERVICES = {"web": None, "orders": None, "payments": None}


@pytest.fixture
def shop() -> Iterator[tuple[Shop, Truth, str]]:
    with serving(FrontDoor()) as url:
        truth = Truth(started_ns=time.time_ns())
        shop = Shop(Destination(url, "opsloop_test_key"), truth, seed=7)
        shop.start()
        server = demo.serve_truth(truth, shop)
        try:
            yield shop, truth, f"http://127.0.0.1:{server.server_address[1]}/truth"
        finally:
            server.shutdown()
            server.server_close()
            shop.stop()
            demo.close(shop, timeout_s=5.0)


def checkouts(shop: Shop, count: int) -> list[int]:
    wanted = islice((visit for visit in visits(7) if visit.path == "/checkout" and visit.body != {"items": []}), count)
    return [
        send(shop.web.port, visit.method, visit.path, {NUMBER_HEADER: str(visit.number)}, visit.body).status
        for visit in wanted
    ]


def test_while_it_lasts_every_checkout_fails_and_then_none_more(shop: tuple[Shop, Truth, str]) -> None:
    open_shop, truth, address = shop
    begun = begin(address, service="payments", minutes=5, latency_factor=1, error_ratio=1)
    assert checkouts(open_shop, 5) == [502] * 5
    errors = truth.snapshot()["minutes"].values()
    assert sum(services["payments"]["POST /payments"]["errors"] for services in errors if "payments" in services) == 5
    open_shop.payments.fault = Fault("payments", begun.start_s, time.time())  # over
    assert 201 in checkouts(open_shop, 5)


def test_the_truth_tells_which_faults_there_were(shop: tuple[Shop, Truth, str]) -> None:
    _, _, address = shop
    begun = begin(address, service="orders", minutes=2)
    with urllib.request.urlopen(address) as answer:
        told = json.load(answer)["faults"]
    assert [(one["service"], one["end_s"] - one["start_s"]) for one in told] == [("orders", pytest.approx(120))]
    assert begun.error_ratio == fault.DEFAULT_ERROR_RATIO


def test_a_wrong_wish_is_refused_by_its_field(shop: tuple[Shop, Truth, str]) -> None:
    _, truth, address = shop
    with pytest.raises(ValueError, match="service: 'bank' is not one of web, orders, payments"):
        begin(address, service="bank")
    assert truth.snapshot()["faults"] == []


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ([], "expected a JSON object"),
        ({"minutes": -1}, "minutes: -1 is not a number from 0 to 1440"),
        ({"error_ratio": 2}, "error_ratio: 2 is not a number from 0 to 1"),
        ({"latency_factor": True}, "latency_factor: True is not a number"),
    ],
)
def test_each_field_has_its_range(wish: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_fault(wish, SERVICES, NOW_S)


def test_a_fault_is_over_at_its_end() -> None:
    one = read_fault({"minutes": 1}, SERVICES, NOW_S)
    assert (one.is_active(NOW_S), one.is_active(NOW_S + 59.9), one.is_active(NOW_S + 60)) == (True, True, False)


@pytest.mark.parametrize(("work_s", "sleeps"), [(0.0, [0.05]), (0.02, [0.03]), (0.09, [0.0])])
def test_a_step_takes_as_long_as_it_should_or_as_its_work_takes(
    shop: tuple[Shop, Truth, str], monkeypatch: pytest.MonkeyPatch, work_s: float, sleeps: list[float]
) -> None:
    clock, slept = [100.0], []
    fake = SimpleNamespace(monotonic=lambda: clock[0], time=lambda: clock[0], sleep=slept.append)
    monkeypatch.setattr(service, "time", fake)
    monkeypatch.setattr(service, "latency_s", lambda _, median_ms: median_ms / 1000)
    request = service.Request(1, {}, {}, random.Random(1))
    with shop[0].orders.step("store order", request, median_ms=50.0):
        clock[0] += work_s
    assert slept == [pytest.approx(seconds) for seconds in sleeps]
