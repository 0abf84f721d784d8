"""From records to a segment: what is skipped, suppressed, set aside, counted; and that no bytes can stop it."""

import gzip
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from opsloop.catalog import Catalog, Service
from opsloop.telemetry import ingest
from opsloop.telemetry.encoding import encode
from opsloop.telemetry.ingest import plan
from opsloop.telemetry.segment import Mark, StreamRecord, decode_body, encode_body
from opsloop.telemetry.shard_log import ShardLog, log_name, padded

SAMPLES = Path(__file__).resolve().parents[2] / "data/otlp"
TRACES, METRICS, LOGS = ((SAMPLES / f"shop-{signal}-0.pb").read_bytes() for signal in ("traces", "metrics", "logs"))
CATALOG = Catalog({}, Service("", 4, "", "", "", (), 2000, 0.05))
ARRIVAL_S = 1_795_212_831.0
MAX_BYTES = 1 << 24


def record(number, data, arrival_s=ARRIVAL_S, key=""):
    return StreamRecord(f"{number:064}", key, data, arrival_s)


def planned(records, log=None, catalog=CATALOG):
    return plan(records, log or ShardLog("log", 900), catalog, max_bytes=MAX_BYTES)


def request(operation="op", spans=1, service="web", minute=0):
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = service
    for number in range(spans):
        start = (int(ARRIVAL_S) - 60 * minute) * 10**9 + number
        group.scope_spans.add().spans.add(name=operation, start_time_unix_nano=start, end_time_unix_nano=start + 7)
    return message.SerializeToString()


def test_records_at_or_below_the_tip_are_skipped():
    log = ShardLog("log", 900, tip=f"{2:064}")
    found = planned([record(number, request(f"op{number}")) for number in range(1, 5)], log)
    assert (found.start, found.end, found.records) == (f"{2:064}", f"{4:064}", 2)
    assert [one.operation for one in found.cells.series] == ["op3", "op4"]
    assert planned([record(1, TRACES), record(2, LOGS)], log) is None


def test_what_the_segment_holds_is_said_per_service_and_hour():
    records = [
        record(1, request("a", spans=3, minute=0)),
        record(2, request("b", spans=2, minute=0)),
        record(3, request("b", spans=5, minute=60)),
        record(4, request("b", spans=7, service="pay")),
    ]
    found = planned(records)
    hour = int(ARRIVAL_S) // 3600 * 60
    assert [(one.service, one.hour - hour, one.records, one.items) for one in found.shares] == [
        ("pay", 0, 1, 7),
        ("web", -60, 1, 5),
        ("web", 0, 2, 5),
    ]
    assert found.items == 17


def test_a_record_with_several_kinds_of_points_is_one_record_of_its_share():
    found = planned([record(1, METRICS)])
    assert [(one.records, one.items) for one in found.shares] == [(1, 34)]


def test_how_the_records_are_cut_into_batches_changes_nothing_but_the_cut():
    bodies = [request(f"op{number % 5}", spans=number % 3 + 1, minute=number) for number in range(40)]
    whole = planned([record(number + 1, body) for number, body in enumerate(bodies)])
    log, parts = ShardLog("log", 900), []
    for first in range(0, 40, 7):
        batch = [record(number + 1, bodies[number]) for number in range(first, min(first + 7, 40))]
        parts.append(planned(batch, log))
        log.tip = parts[-1].end
    assert encode(ingest.merge(part.cells for part in parts)) == encode(whole.cells)


def test_chunks_of_a_batch_add_up(monkeypatch):
    records = [record(number + 1, request(f"op{number % 4}", spans=2)) for number in range(30)]
    whole = planned(records)
    monkeypatch.setattr(ingest, "CHUNK_RECORDS", 3)
    assert encode(planned(records).cells) == encode(whole.cells)
    monkeypatch.setattr(ingest, "CHUNK_BYTES", 1)
    assert encode(planned(records).cells) == encode(whole.cells)


def test_a_batch_of_garbage_alone_still_moves_the_log():
    found = planned([record(1, b"\xff\xfe"), record(2, b"")])
    assert (found.end, len(found.cells), len(found.unreadable), found.fingerprints) == (f"{2:064}", 0, 2, ())


def test_a_malformed_item_is_set_aside_with_the_place_and_the_rest_of_its_record_goes_on():
    good = request("op", spans=2)
    at = good.rindex(b"\x2a\x02op")
    broken = good[: at + 1] + b"\x7f" + good[at + 2 :]  # the second span's name reaches past the end of the span
    found = planned([record(1, TRACES), record(2, broken), record(3, LOGS)])
    (bad,) = found.unreadable
    assert bad.record.data == broken
    assert b"\x2a\x7fop" in bad.data
    assert "resource_spans[0].scope_spans[1].spans[0].name: length 127" in bad.reason
    assert f"at byte {at}" in bad.reason
    assert found.items == 41  # of 20 spans, 2 spans and 20 log records one is refused


def test_a_decoder_that_fails_on_one_record_sets_that_one_aside(monkeypatch):
    real = ingest._READERS["traces"]

    def fragile(bodies, catalog):
        if any(b"poison" in body for body in bodies):
            raise ZeroDivisionError("a bug of ours")
        return real(bodies, catalog)

    monkeypatch.setitem(ingest._READERS, "traces", fragile)
    found = planned([record(1, request("a")), record(2, request("poison")), record(3, request("b"))])
    assert [one.reason for one in found.unreadable] == ["unexpected ZeroDivisionError: a bug of ours"]
    assert [one.operation for one in found.cells.series] == ["a", "b"]


@pytest.mark.parametrize("body", [TRACES, METRICS, LOGS], ids=["traces", "metrics", "logs"])
def test_mutated_requests_never_raise_and_never_disturb_their_neighbours(body):
    chance = random.Random(11)
    neighbour = request("neighbour", spans=3)
    signal = {TRACES: "traces", METRICS: "metrics", LOGS: "logs"}[body]
    for number in range(150):
        bad = bytearray(body)
        for _ in range(chance.randint(1, 6)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        found = planned([record(1, bytes(bad), key=f"{signal}:{number}"), record(2, neighbour)])
        of_neighbour = [one.operation == "neighbour" for one in found.cells.series]
        assert found.cells.count[np.array(of_neighbour)[found.cells.series_index]].sum() == 3
        assert not [one.reason for one in found.unreadable if one.reason.startswith("unexpected")]


def test_series_over_the_limit_are_counted_in_one_that_says_so():
    few = Catalog({}, replace(CATALOG.undeclared, series_limit=10))
    found = planned(
        [record(number + 1, request(f"op{number:03}", spans=number % 9 + 1)) for number in range(60)], None, few
    )
    over = [one for one in found.cells.series if one.attributes == (("otel.metric.overflow", "true"),)]
    assert len(found.cells.series) == 11
    assert [one.operation for one in over] == ["otel.metric.overflow"]
    assert found.cells.count.sum() == sum(number % 9 + 1 for number in range(60))
    assert found.cells.bucket_count.sum() == found.cells.count.sum()


def test_a_body_comes_back_with_its_lineage():
    found = planned([record(1, TRACES), record(2, METRICS)])
    cells, shares, _ = decode_body(encode_body(found.cells, found.shares))
    assert encode(cells) == encode(found.cells)
    assert shares == found.shares


def test_a_duplicate_is_known_within_the_window_and_forgotten_after():
    log = ShardLog("log", 900)
    first = planned([record(1, TRACES)], log)
    log.extend([ingest_mark(first)])
    assert planned([record(2, TRACES, ARRIVAL_S + 900)], log).duplicates == 1
    assert planned([record(2, TRACES, ARRIVAL_S + 901)], log).duplicates == 0
    second = planned([record(2, LOGS, ARRIVAL_S + 901)], log)
    log.extend([ingest_mark(second)])
    assert list(log.seen) == list(second.fingerprints)


def ingest_mark(segment):
    return Mark(segment.end, segment.last_arrival_s, segment.fingerprints)


def test_the_same_payload_in_another_compression_is_the_same_record():
    found = planned([record(1, TRACES), record(2, gzip.compress(TRACES))])
    assert (found.duplicates, found.items) == (1, 20)


def test_logs_are_named_by_the_life_of_their_stream_and_numbers_sort_as_text():
    assert log_name("s", 17, "shardId-0") == "log#s#17#shardId-0"
    numbers = [5, 10**30, 10**55 + 1, 99]
    assert sorted(padded(str(number)) for number in numbers) == [padded(str(number)) for number in sorted(numbers)]


@pytest.mark.parametrize("body", [TRACES, METRICS, LOGS], ids=["traces", "metrics", "logs"])
def test_a_request_read_in_pieces_counts_as_one_read_whole(body, monkeypatch):
    whole = planned([record(1, body * 3), record(2, body)])
    cut = []
    real = ingest._pieces
    monkeypatch.setattr(ingest, "PIECE_BYTES", len(body) // 2)
    monkeypatch.setattr(ingest, "_pieces", lambda payload: cut.append(real(payload)) or cut[-1])
    found = planned([record(1, body * 3), record(2, body)])
    assert [len(one) > 1 for one in cut] == [True, True]
    assert encode_body(found.cells, found.shares, found.exemplars) == encode_body(
        whole.cells, whole.shares, whole.exemplars
    )
    assert replace(found, cells=whole.cells, log_requests=()) == replace(whole, log_requests=())


def test_what_is_broken_in_a_large_request_is_refused_alone(monkeypatch):
    broken = TRACES + b"\x0a\x7f\x12"
    whole = planned([record(1, broken)])
    monkeypatch.setattr(ingest, "PIECE_BYTES", 1_000)
    found = planned([record(1, broken)])
    assert (found.items, len(found.unreadable)) == (whole.items, 1) == (20, 1)
