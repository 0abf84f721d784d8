"""Senders are counted in memory and told once a minute."""

import pytest

from opsloop.errors import DependencyUnavailableError
from opsloop.telemetry.sender import MAX_SENDERS, MAX_TOLD, OTHERS, Seen, Sender, SenderCounts


class Table:
    """Keeps what it is told, or fails."""

    def __init__(self):
        self.told, self.fails = [], False

    def add(self, seen):
        if self.fails:
            raise DependencyUnavailableError("no answer")
        self.told.append(seen)

    def requests(self):
        return sum(seen.requests for seen in self.told)


@pytest.fixture
def table():
    return Table()


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def counts(table, warnings):
    return SenderCounts(table.add, warn=warnings.append)


def sender(agent="OTel-OTLP-Exporter-Python/1.45.2"):
    return Sender(agent, "traces", "protobuf", "gzip", "c" * 12)


@pytest.mark.parametrize(
    ("agent", "product", "version"),
    [
        ("OTel-OTLP-Exporter-Python/1.45.2", "OTel-OTLP-Exporter-Python", "1.45.2"),
        ("OpenTelemetry Collector Contrib/0.157.0 (linux/amd64)", "OpenTelemetry Collector Contrib", "0.157.0"),
        ("Prometheus/2.42.0", "Prometheus", "2.42.0"),
        ("OTel-OTLP-Exporter-Java/2.33.0-alpha; extra", "OTel-OTLP-Exporter-Java", "2.33.0-alpha"),
        ("Amazon Kinesis Data Firehose Agent/1.0", "Amazon Kinesis Data Firehose Agent", "1.0"),
        ("something (linux/amd64)", "something", ""),
        ("", "", ""),
    ],
)
def test_a_user_agent_names_a_product_and_its_version(agent, product, version):
    assert (sender(agent).product, sender(agent).version) == (product, version)


def test_a_new_sender_is_told_at_once_and_the_next_requests_after_a_minute(counts, table):
    for second in (0.0, 1.0, 59.0, 60.0, 61.0):
        counts.count(sender(), 100.0 + second)
    assert table.told == [Seen(sender(), 1, 100.0, 100.0), Seen(sender(), 3, 101.0, 160.0)]


def test_a_failure_is_told_and_loses_no_count(counts, table, warnings):
    table.fails = True
    counts.count(sender(), 0.0)
    counts.count(sender(), 30.0)
    assert warnings == ["no answer"]  # and not a second time within the minute
    table.fails = False
    counts.count(sender(), 60.0)
    assert table.told == [Seen(sender(), 3, 0.0, 60.0)]


def test_a_flood_of_names_is_told_in_pieces_and_bounded(counts, table):
    counts.count(sender(), 0.0)
    for number in range(3 * MAX_SENDERS):
        counts.count(sender(f"made-up/{number}"), 1.0)
    counts.count(sender(), 60.0)
    assert len(table.told) == 1 + MAX_TOLD
    for second in range(61, 61 + MAX_SENDERS):
        counts.count(sender(), float(second))
    counts.count(sender(), 1_000.0)
    assert len({seen.sender for seen in table.told}) <= MAX_SENDERS + 2
    assert any(seen.sender.user_agent == OTHERS for seen in table.told)
    assert table.requests() == 3 * MAX_SENDERS + 3 + MAX_SENDERS


def test_a_long_name_is_cut(counts, table):
    counts.count(sender("x" * 5_000), 0.0)
    assert len(table.told[0].sender.user_agent) == 200
