"""Log records read one by one are those that telemetry counts, and hold what was sent."""

import base64
import random
import struct
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from opsloop.catalog import Catalog, Service
from opsloop.log.model import SEVERITIES as LOG_SEVERITIES
from opsloop.telemetry.any_value import MAX_DEPTH
from opsloop.telemetry.ingest import plan
from opsloop.telemetry.log_records import read_records
from opsloop.telemetry.model import LOG_RECORDS, SEVERITIES
from opsloop.telemetry.segment import Segment, StreamRecord
from opsloop.telemetry.shard_log import ShardLog, padded

DATA = Path(__file__).parents[2] / "data" / "otlp"
UNDECLARED = Service("", 4, "", "", "", (), 2_000, 0.05, is_declared=False)
OPENED = replace(UNDECLARED, name="old", backfill_from="2026-11-01")
CATALOG = Catalog({"old": OPENED}, UNDECLARED)
ARRIVAL_S = 1_795_249_800.75  # 2026-11-21T08:30:00.75Z
NS = 1_000_000_000
DAY_NS = 86_400 * NS


def planned(bodies: list[bytes]) -> Segment:
    records = [StreamRecord(padded(str(place)), "k", body, ARRIVAL_S) for place, body in enumerate(bodies, 1)]
    segment = plan(records, ShardLog("log#s#1#0", 0.0), CATALOG, max_bytes=64 << 20)
    assert segment is not None
    return segment


def counted(segment: Segment) -> Counter[tuple[str, int, str]]:
    """Return what telemetry counts of log records, by service, minute and severity class."""
    found: Counter[tuple[str, int, str]] = Counter()
    cells = segment.cells
    for place, minute, count in zip(
        cells.series_index.tolist(), cells.minute.tolist(), cells.count.tolist(), strict=True
    ):
        series = cells.series[place]
        if series.metric == LOG_RECORDS:
            found[series.service, minute, series.kind] += count
    return found


def read(segment: Segment) -> Counter[tuple[str, int, str]]:
    records = [one for arrival, body in segment.log_requests for one in read_records(arrival, body, CATALOG)]
    return Counter((one.service, one.time_ns // (60 * NS), one.severity) for one in records)


def request(*times: tuple[int, int], service: str = "web", severity: int = 9) -> ExportLogsServiceRequest:
    sent = ExportLogsServiceRequest()
    logs = sent.resource_logs.add()
    logs.resource.attributes.add(key="service.name", value=AnyValue(string_value=service))
    scope = logs.scope_logs.add()
    for time_ns, observed_ns in times:
        scope.log_records.add(time_unix_nano=time_ns, observed_time_unix_nano=observed_ns, severity_number=severity)
    return sent


def only(sent: ExportLogsServiceRequest):
    (record,) = read_records(ARRIVAL_S, sent.SerializeToString(), CATALOG)
    return record


@pytest.mark.parametrize(
    "name", ["shop-logs-0.pb", "shop-logs-1.pb", "shop-collector-style-logs-0.json", "shop-pyexporter-logs-0.json"]
)
def test_real_exports_are_counted_and_read_alike(name: str) -> None:
    segment = planned([(DATA / name).read_bytes()])
    assert segment.items > 10
    assert read(segment) == counted(segment)


def random_request(chance: random.Random) -> bytes:
    sent = ExportLogsServiceRequest()
    now_ns = int(ARRIVAL_S) * NS
    for _ in range(chance.randrange(4)):
        logs = sent.resource_logs.add()
        for key in chance.sample(["service.name", "host.name", "k8s.pod.name", "x"], chance.randrange(4)):
            value = chance.choice([AnyValue(string_value=chance.choice("ab")), AnyValue(int_value=7), AnyValue()])
            logs.resource.attributes.append(KeyValue(key=key, value=value))
        for _ in range(chance.randrange(3)):
            scope = logs.scope_logs.add()
            for _ in range(chance.randrange(5)):
                spread = chance.choice([60 * NS, 9 * DAY_NS])
                time_ns = chance.choice([0, 1, (1 << 64) - 1, now_ns + chance.randrange(-spread, spread)])
                scope.log_records.add(
                    time_unix_nano=time_ns,
                    observed_time_unix_nano=chance.choice([0, now_ns - chance.randrange(spread)]),
                    severity_number=chance.choice([-1, 0, 1, 4, 5, 17, 24, 25, 1 << 30]),
                    body=AnyValue(string_value="x" * chance.randrange(300)),
                )
    return sent.SerializeToString()


@pytest.mark.parametrize("seed", range(40))
def test_random_records_are_counted_and_read_alike(seed: int) -> None:
    chance = random.Random(seed)
    bodies = [body for body in (random_request(chance) for _ in range(12)) if body]
    segment = planned(bodies)
    assert read(segment) == counted(segment)


def test_of_a_request_with_a_fault_the_good_part_is_read() -> None:
    good = request((int(ARRIVAL_S) * NS, 0), (int(ARRIVAL_S) * NS, 0)).SerializeToString()
    bad = request((int(ARRIVAL_S) * NS, 0), service="other").SerializeToString()
    broken = good + bad[:-1]
    segment = planned([broken, good])
    assert segment.unreadable
    assert read(segment) == counted(segment)
    assert sum(read(segment).values()) == 4


def test_a_repetition_is_kept_once() -> None:
    body = (DATA / "shop-logs-0.pb").read_bytes()
    records = [StreamRecord(padded(str(place)), "k", body, ARRIVAL_S) for place in (1, 2)]
    segment = plan(records, ShardLog("log#s#1#0", 900.0), CATALOG, max_bytes=64 << 20)
    assert segment is not None
    assert segment.duplicates == 1
    assert len(segment.log_requests) == 1
    assert sum(read(segment).values()) == segment.items


def test_traces_and_metrics_have_no_log_requests() -> None:
    bodies = [(DATA / name).read_bytes() for name in ("shop-traces-0.pb", "shop-metrics-0.pb", "shop-logs-0.pb")]
    assert [body for _, body in planned(bodies).log_requests] == bodies[2:]


def test_severities_are_named_alike() -> None:
    assert LOG_SEVERITIES == SEVERITIES


def test_a_time_that_cannot_be_right_is_that_of_arrival_and_stays_known() -> None:
    arrival_ns = int(ARRIVAL_S) * NS + 750_000_000
    old = arrival_ns - 8 * DAY_NS
    for sent_ns in (old, arrival_ns + 20 * 60 * NS):
        record = only(request((sent_ns, 5)))
        assert (record.time_ns, record.sent_ns, record.observed_ns) == (arrival_ns, sent_ns, 5)
    assert (only(request((old, 0), service="old")).time_ns, only(request((0, arrival_ns - 1))).time_ns) == (
        old,
        arrival_ns - 1,
    )


def test_a_record_holds_what_was_sent() -> None:
    sent = request((int(ARRIVAL_S) * NS + 123_456_789, 17), severity=18)
    logs = sent.resource_logs[0]
    logs.resource.attributes.add(key="host.name", value=AnyValue(string_value="h1"))
    logs.scope_logs[0].scope.name = "shop.cart"
    record = logs.scope_logs[0].log_records[0]
    record.severity_text, record.event_name = "ERROR2", "cart.failed"
    record.trace_id, record.span_id = bytes(range(16)), bytes(range(8, 16))
    record.body.string_value = "cart ü failed\nat line 2"
    record.attributes.add(key="n", value=AnyValue(int_value=-(1 << 62)))
    found = only(sent)
    assert (found.severity, found.severity_number, found.severity_text) == ("error", 18, "ERROR2")
    assert (found.body, found.structure, found.event_name) == ("cart ü failed\nat line 2", None, "cart.failed")
    assert (found.trace_id, found.span_id) == (bytes(range(16)).hex(), bytes(range(8, 16)).hex())
    assert (found.attributes, found.resource) == ({"n": -(1 << 62)}, {"service.name": "web", "host.name": "h1"})
    assert (found.scope, found.time_ns, found.sent_ns) == ("shop.cart", int(ARRIVAL_S) * NS + 123_456_789, 0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (AnyValue(string_value="x"), "x"),
        (AnyValue(bool_value=False), False),
        (AnyValue(int_value=-5), -5),
        (AnyValue(double_value=0.5), 0.5),
        (AnyValue(double_value=float("nan")), "NaN"),
        (AnyValue(double_value=float("-inf")), "-Infinity"),
        (AnyValue(bytes_value=b"\x00\xff"), base64.b64encode(b"\x00\xff").decode()),
        (AnyValue(), None),
        (AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1), AnyValue()])), [1, None]),
        (
            AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="a", value=AnyValue(string_value="b"))])),
            {"a": "b"},
        ),
    ],
    ids=["text", "false", "integer", "fraction", "nan", "infinite", "bytes", "empty", "list", "map"],
)
def test_every_kind_of_value_has_a_form(value: AnyValue, expected: object) -> None:
    sent = request((int(ARRIVAL_S) * NS, 0))
    sent.resource_logs[0].scope_logs[0].log_records[0].attributes.add(key="k", value=value)
    assert only(sent).attributes == {"k": expected}


def test_a_structured_body_stays_structured_and_has_a_text() -> None:
    pairs = [
        KeyValue(key="message", value=AnyValue(string_value="paid")),
        KeyValue(key="n", value=AnyValue(int_value=3)),
    ]
    sent = request((int(ARRIVAL_S) * NS, 0))
    record = sent.resource_logs[0].scope_logs[0].log_records[0]
    record.body.kvlist_value.values.extend(pairs)
    assert (only(sent).body, only(sent).structure) == ("paid", {"message": "paid", "n": 3})
    del record.body.kvlist_value.values[0]
    assert (only(sent).body, only(sent).structure) == ('{"n":3}', {"n": 3})


def test_what_is_nested_too_deeply_is_kept_as_its_bytes() -> None:
    value = AnyValue(string_value="x")
    for _ in range(MAX_DEPTH + 5):
        value = AnyValue(array_value=ArrayValue(values=[value]))
    sent = request((int(ARRIVAL_S) * NS, 0))
    sent.resource_logs[0].scope_logs[0].log_records[0].body.CopyFrom(value)
    found, depth = only(sent).structure, 0
    while isinstance(found, list):
        (found,), depth = found, depth + 1
    assert depth == MAX_DEPTH
    assert AnyValue.FromString(base64.b64decode(found["unreadable"])).WhichOneof("value") == "array_value"


def test_bytes_that_are_no_text_and_bodies_that_are_no_value_harm_no_record() -> None:
    record = struct.pack("<BQ", 0x09, int(ARRIVAL_S) * NS) + b"\x2a\x04\x0a\x02\xff\xfe"  # a body that is not UTF-8
    garbled = struct.pack("<BQ", 0x09, int(ARRIVAL_S) * NS) + b"\x2a\x02\x0a\x09"  # a body that breaks off
    scope = b"".join(b"\x12" + bytes([len(one)]) + one for one in (record, garbled))
    logs = b"\x12" + bytes([len(scope)]) + scope
    segment = planned([b"\x0a" + bytes([len(logs)]) + logs])
    found = [one for arrival, body in segment.log_requests for one in read_records(arrival, body, CATALOG)]
    assert [one.body for one in found] == ["\ufffd\ufffd", '{"unreadable":"Cgk="}']
    assert read(segment) == counted(segment)
