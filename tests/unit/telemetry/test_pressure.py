"""Senders wait while ingest is behind, and only then."""

from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from opsloop.errors import DependencyUnavailableError, ThrottledError
from opsloop.telemetry.pressure import LoadGate, Pressure, gauge_request

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


class Table:
    """Answers what it is told to, and counts how often it is asked."""

    def __init__(self, answer):
        self.answer, self.asked = answer, 0

    def get(self):
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def gate(table, warnings=None):
    warnings = [] if warnings is None else warnings
    return LoadGate(table.get, shed_after_s=900, warn=warnings.append)


def measured(age_s, ago_s=20.0):
    return Table(Pressure(age_s, NOW.timestamp() - ago_s))


def test_senders_wait_while_the_oldest_record_is_too_old():
    with pytest.raises(ThrottledError, match="901 s behind") as caught:
        gate(measured(901.0)).check(NOW)
    assert caught.value.retry_after_s == 30


@pytest.mark.parametrize(
    "table",
    [measured(900.0), measured(0.0), measured(5_000.0, ago_s=180.0), Table(None)],
    ids=["at", "0", "old", "none"],
)
def test_nobody_waits_at_the_limit_or_for_a_measurement_that_is_old_or_missing(table):
    gate(table).check(NOW)


def test_a_table_that_does_not_answer_lets_everybody_in_and_is_told():
    warnings = []
    gate(Table(DependencyUnavailableError("no answer")), warnings).check(NOW)
    assert warnings == ["no answer"]


def test_the_table_is_asked_once_in_ten_seconds():
    table = measured(0.0)
    door = gate(table)
    for second in (0, 1, 9, 10, 19, 20):
        door.check(NOW + timedelta(seconds=second))
    assert table.asked == 3


def test_what_changed_is_seen_after_ten_seconds():
    table = measured(5_000.0)
    door = gate(table)
    with pytest.raises(ThrottledError):
        door.check(NOW)
    table.answer = Pressure(1.0, NOW.timestamp())
    with pytest.raises(ThrottledError):
        door.check(NOW + timedelta(seconds=9))
    door.check(NOW + timedelta(seconds=10))


def test_the_measurement_is_a_gauge_of_our_own_service():
    request = ExportMetricsServiceRequest.FromString(gauge_request(12.5, 1_763_713_800.0))
    [resource] = request.resource_metrics
    assert [(one.key, one.value.string_value) for one in resource.resource.attributes] == [("service.name", "opsloop")]
    [metric] = resource.scope_metrics[0].metrics
    [point] = metric.gauge.data_points
    assert (metric.name, metric.unit) == ("opsloop.ingest.oldest_record_age", "s")
    assert (point.as_double, point.time_unix_nano) == (12.5, 1_763_713_800_000_000_000)
