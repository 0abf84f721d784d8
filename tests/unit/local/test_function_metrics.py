"""Every invocation is counted, with its error and how long it took; what is counted does not grow with their number."""

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest

from local.cloud.function_metrics import KEPT_S, install, rounded

NAME = "opsloop-local-kpi_query"
DIMENSIONS = (("FunctionName", NAME),)


class Cloud:
    """What the emulator's modules look like where an invocation ends, and a clock that stands until told."""

    def __init__(self) -> None:
        self.points: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        self.logged: list[str] = []
        self.now = 1_795_250_000.0
        self.functions = SimpleNamespace(
            _emit_lambda_logs=lambda _function, request_id, *_rest, **_more: self.logged.append(request_id),
            _emit_lambda_metrics=lambda *_rest, **_more: self.points["twice"].append({}),
        )
        metrics = SimpleNamespace(_metric_bucket=self.points.__getitem__, _dims_key=lambda one: tuple(one.items()))
        self.ended = 0
        install(self.functions, metrics, after=self.count, clock=lambda: self.now)

    def count(self) -> None:
        self.ended += 1

    def end(self, *, error: bool = False, duration_ms: float = 40) -> None:
        self.functions._emit_lambda_logs(
            {"config": {"FunctionName": NAME}}, "r1", "text", error, duration_ms, log_source=None
        )

    def total(self, metric: str) -> float:
        return sum(one["Value"] * one["Count"] for one in self.points["AWS/Lambda", metric, DIMENSIONS])


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def test_an_invocation_is_counted_and_still_logged(cloud: Cloud) -> None:
    cloud.end()
    cloud.end(error=True, duration_ms=60)
    assert [cloud.total(name) for name in ("Invocations", "Errors", "Throttles", "Duration")] == [2, 1, 0, 100]
    assert cloud.logged == ["r1", "r1"]
    assert cloud.ended == 2  # alarms are judged then


def test_what_the_emulator_counted_itself_is_not_counted_twice(cloud: Cloud) -> None:
    cloud.functions._emit_lambda_metrics(NAME, duration_ms=40.0, error=False, throttle=False)
    assert (cloud.points["twice"], cloud.total("Invocations"), cloud.total("Throttles")) == ([], 0, 0)


def test_an_invocation_that_is_turned_away_is_a_throttle(cloud: Cloud) -> None:
    cloud.functions._emit_lambda_metrics(NAME, duration_ms=0.0, error=False, throttle=True)
    assert (cloud.total("Throttles"), cloud.total("Invocations")) == (1, 0)


def test_a_thousand_invocations_of_a_minute_are_few_points(cloud: Cloud) -> None:
    for _ in range(1_000):
        cloud.end(duration_ms=41)
    assert cloud.total("Invocations") == 1_000
    assert [len(points) for points in cloud.points.values()] == [1, 1, 1, 1]


def test_each_minute_has_points_of_its_own_and_old_ones_go(cloud: Cloud) -> None:
    cloud.end()
    cloud.now += 60
    cloud.end()
    assert len(cloud.points["AWS/Lambda", "Invocations", DIMENSIONS]) == 2
    cloud.now += KEPT_S
    cloud.end()
    assert len(cloud.points["AWS/Lambda", "Invocations", DIMENSIONS]) == 2


@pytest.mark.parametrize(
    ("duration_ms", "told"), [(0, 1), (0.4, 1), (7, 7), (43, 43), (1_549, 1_500), (29_178, 29_000)]
)
def test_a_duration_keeps_two_digits(duration_ms: float, told: float) -> None:
    assert rounded(duration_ms) == told
