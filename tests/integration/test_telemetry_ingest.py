"""telemetry_ingest on a mocked AWS: each sample event, and stores that fail."""

import gzip
import json
from base64 import b64encode
from binascii import a2b_base64
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from opsloop.errors import ConflictError, DependencyUnavailableError
from opsloop.telemetry.segment import decode_body

SAMPLES = Path(__file__).resolve().parents[1] / "data/otlp"
FIRST = "49590338271490256608559692538361571095921575989136588898"


@pytest.fixture
def handler(aws, load_handler):
    return load_handler("telemetry_ingest")


def logged(aws):
    """Return the log items, by the order of their keys."""
    items = [item for item in aws.items("TELEMETRY_TABLE") if item["pk"]["S"].startswith("log#")]
    return sorted(items, key=lambda item: item["sk"]["S"])


def numbers(item):
    return {name: float(value["N"]) for name, value in item.items() if "N" in value}


def counts(item):
    """Return what the segment of a log item counts, per metric and kind of span or log record."""
    cells, _, _ = decode_body(item["body"]["B"])
    found = {}
    for i, count in zip(cells.series_index.tolist(), cells.count.tolist(), strict=True):
        one = cells.series[i]
        if one.metric in ("span.duration", "log.records"):
            found[one.metric, one.kind] = found.get((one.metric, one.kind), 0) + count
    return found


def points():
    """Return how many data points the sample of metrics has, as protobuf's own parser sees it."""
    message = ExportMetricsServiceRequest.FromString((SAMPLES / "shop-metrics-0.pb").read_bytes())
    return sum(
        len(getattr(metric, metric.WhichOneof("data")).data_points)
        for group in message.resource_metrics
        for scope in group.scope_metrics
        for metric in scope.metrics
    )


def test_a_batch_of_our_receiver_becomes_one_item_of_its_shards_log(handler, aws, event, context, capsys):
    handler.lambda_handler(event("telemetry_ingest/receiver_batch"), context)
    (item,) = logged(aws)
    created = aws.client("kinesis").describe_stream_summary(StreamName="opsloop-test-stream")
    seconds = int(created["StreamDescriptionSummary"]["StreamCreationTimestamp"].timestamp())
    assert item["pk"]["S"] == f"log#opsloop-test-stream#{seconds}#shardId-000000000000"
    assert item["sk"]["S"] == "0" * 64
    assert item["to"]["S"] == str(int(FIRST) + 2).zfill(64)
    assert numbers(item) | {"expires_at": 0, "min_minute": 0, "max_minute": 0} == {
        "records": 3,
        "items": 20 + 20 + points(),  # spans and log records as the samples' README says
        "quarantined": 0,
        "duplicates": 0,
        "first_arrival": 1795212830.783,
        "last_arrival": 1795212830.983,
        "expires_at": 0,
        "min_minute": 0,
        "max_minute": 0,
    }
    assert numbers(item)["expires_at"] == 1795212830 + 9 * 86_400
    assert len(item["fingerprints"]["B"]) == 3 * 8
    assert sum(count for (metric, _), count in counts(item).items() if metric == "span.duration") == 20
    assert sum(count for (metric, _), count in counts(item).items() if metric == "log.records") == 20
    registry = [item for item in aws.items("TELEMETRY_TABLE") if item["pk"]["S"] == "shards"]
    assert [(one["sk"], one["folded_to"]["S"]) for one in registry] == [(item["pk"], "0" * 64)]
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["RecordsIngested"], line["ItemsIngested"], line["RecordsQuarantined"]) == (3, 40 + points(), 0)
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Opsloop"
    assert line["correlation_id"] == context.aws_request_id
    named = {metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert named <= line.keys()


@pytest.mark.parametrize("sample", ["collector_unterminated_gzip", "zstd_record"])
def test_a_compressed_record_is_read_an_older_collectors_unterminated_stream_too(handler, aws, event, context, sample):
    handler.lambda_handler(event(f"telemetry_ingest/{sample}"), context)
    (item,) = logged(aws)
    assert numbers(item)["quarantined"] == 0
    assert numbers(item)["items"] == 20


def test_garbled_records_lie_in_quarantine_and_what_is_good_counts(handler, aws, event, context, capsys):
    batch = event("telemetry_ingest/one_good_one_garbled")
    handler.lambda_handler(batch, context)
    (item,) = logged(aws)
    good, cut, _ = (a2b_base64(record["kinesis"]["data"]) for record in batch["Records"])
    spans = [
        span
        for group in ExportTraceServiceRequest.FromString(good).resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]
    whole = sum(span.SerializeToString() in cut for span in spans)  # of the record that breaks off in the middle
    assert len(spans) == 20
    assert whole
    assert (numbers(item)["records"], numbers(item)["quarantined"], numbers(item)["items"]) == (3, 2, 20 + whole)
    kept = aws.objects("QUARANTINE_BUCKET")
    assert b"not telemetry at all" in kept.values()
    assert all(key.startswith("telemetry_ingest/2026-11-20/") for key in kept)
    assert len(kept) == 2
    garbled = next(key for key, body in kept.items() if body != b"not telemetry at all")
    metadata = aws.client("s3").head_object(Bucket="opsloop-test-quarantine", Key=garbled)["Metadata"]
    assert "past the end" in metadata["reason"]
    assert metadata["sequence"] == str(int(FIRST) + 21)
    counts, *by_kind = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert counts["RecordsQuarantined"] == 2
    assert {line["kind"]: line["RecordsQuarantined"] for line in by_kind} == {"truncated": 1, "unsupported_format": 1}
    assert {line["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0][1] for line in by_kind} == {"kind"}


def test_a_record_that_is_sent_twice_counts_once(handler, aws, event, context):
    handler.lambda_handler(event("telemetry_ingest/sent_twice"), context)
    (item,) = logged(aws)
    assert (numbers(item)["records"], numbers(item)["duplicates"], numbers(item)["items"]) == (2, 1, 20)


def test_outside_the_window_the_same_bytes_are_new_data(handler, aws, event, context):
    batch = event("telemetry_ingest/sent_twice")
    first, second = ({"Records": [record]} for record in batch["Records"])
    second["Records"][0]["kinesis"]["approximateArrivalTimestamp"] += 901
    handler.lambda_handler(first, context)
    handler.lambda_handler(second, context)
    assert [numbers(item)["duplicates"] for item in logged(aws)] == [0, 0]


def test_a_cold_start_knows_the_re_sent_record_from_the_log(handler, aws, event, context, load_handler):
    batch = event("telemetry_ingest/sent_twice")
    first, second = ({"Records": [record]} for record in batch["Records"])
    handler.lambda_handler(first, context)
    load_handler("telemetry_ingest").lambda_handler(second, context)
    assert [numbers(item)["duplicates"] for item in logged(aws)] == [0, 1]


@pytest.mark.parametrize("is_cold", [False, True])
def test_a_redelivered_batch_adds_nothing(handler, aws, event, context, load_handler, is_cold):
    handler.lambda_handler(event("telemetry_ingest/receiver_batch"), context)
    before = aws.items("TELEMETRY_TABLE")
    again = load_handler("telemetry_ingest") if is_cold else handler
    again.lambda_handler(event("telemetry_ingest/receiver_batch"), context)
    assert aws.items("TELEMETRY_TABLE") == before


def test_two_writers_of_one_shard_do_not_count_a_record_twice(handler, aws, event, context, load_handler):
    batch = event("telemetry_ingest/receiver_batch")
    other = load_handler("telemetry_ingest")
    (shard, records), *_ = other.by_shard(batch["Records"]).items()
    other.open_shard(shard, records)  # it has read the empty log, then the first writer commits
    handler.lambda_handler({"Records": batch["Records"][:2]}, context)
    other.lambda_handler(batch, context)
    assert [numbers(item)["records"] for item in logged(aws)] == [2, 1]


def test_a_stream_that_was_made_again_begins_a_new_log(handler, aws, event, context):
    handler.lambda_handler(event("telemetry_ingest/receiver_batch"), context)
    (stream,) = handler.streams.values()
    stream.created_s = lambda: 1_700_000_000  # before these records arrived, not when moto made the stream
    handler.lambda_handler(event("telemetry_ingest/receiver_batch"), context)
    assert len({item["pk"]["S"] for item in logged(aws)}) == 2


def test_a_batch_too_large_for_an_item_becomes_several_that_follow_one_another(
    handler, aws, event, context, monkeypatch
):
    monkeypatch.setattr("opsloop.adapters.telemetry_log.MAX_ITEM_BYTES", 1_000)
    records = event("telemetry_ingest/receiver_batch")["Records"]
    again = [json.loads(json.dumps(record)) for record in records for _ in range(4)]
    for number, record in enumerate(again):
        record["kinesis"]["sequenceNumber"] = str(int(FIRST) + number)
        plain = gzip.decompress(a2b_base64(record["kinesis"]["data"]))
        record["kinesis"]["data"] = b64encode(plain + b"\xc2\x3e\x01%d" % (number % 4)).decode()  # an unknown field
    handler.lambda_handler({"Records": again}, context)
    items = logged(aws)
    assert len(items) > 1
    assert [item["sk"]["S"] for item in items[1:]] == [item["to"]["S"] for item in items[:-1]]
    assert sum(numbers(item)["records"] for item in items) == 12
    assert sum(numbers(item)["items"] for item in items) == 4 * (20 + 20 + points())
    assert all("body" in item or numbers(item)["records"] == 1 for item in items)


def test_what_one_record_alone_makes_too_large_lies_in_the_segment_bucket(handler, aws, event, context, monkeypatch):
    monkeypatch.setattr("opsloop.adapters.telemetry_log.MAX_ITEM_BYTES", 7)  # less than one fingerprint
    batch = event("telemetry_ingest/sent_twice")
    first, second = ({"Records": [record]} for record in batch["Records"])
    handler.lambda_handler(first, context)
    (item,) = logged(aws)
    assert item.keys().isdisjoint({"body", "fingerprints"})
    objects = aws.objects("SEGMENT_BUCKET")
    assert sum(decode_body(objects[item["body_key"]["S"]])[0].count) == 20
    assert len(objects[item["fingerprints_key"]["S"]]) == 8
    handler.opened.clear()
    handler.lambda_handler(second, context)
    assert [numbers(item)["duplicates"] for item in logged(aws)] == [0, 1]  # told from the object


def test_two_streams_have_two_logs_and_each_its_own_window(handler, aws, event, context, monkeypatch):
    aws.client("kinesis").create_stream(StreamName="raw", ShardCount=1)
    monkeypatch.setattr(handler, "catalog", replace(handler.catalog, streams={"raw": 0}))
    batch = event("telemetry_ingest/sent_twice")
    raw = json.loads(json.dumps(batch["Records"]).replace("stream/opsloop-test-stream", "stream/raw"))
    handler.lambda_handler({"Records": batch["Records"] + raw}, context)
    found = {item["pk"]["S"].split("#")[1]: numbers(item) for item in logged(aws)}
    assert {name: (one["duplicates"], one["items"]) for name, one in found.items()} == {
        "opsloop-test-stream": (1, 20),
        "raw": (0, 40),
    }


def test_a_request_sent_again_after_a_split_counts_once(handler, aws, event, context, load_handler):
    handler.lambda_handler({"Records": event("telemetry_ingest/sent_twice")["Records"][:1]}, context)
    kinesis, name = aws.client("kinesis"), "opsloop-test-stream"
    shards = kinesis.list_shards(StreamName=name)["Shards"]
    middle = int(shards[0]["HashKeyRange"]["EndingHashKey"]) // 2
    kinesis.split_shard(StreamName=name, ShardToSplit=shards[0]["ShardId"], NewStartingHashKey=str(middle))
    child = kinesis.list_shards(StreamName=name)["Shards"][-1]
    assert child["ParentShardId"] == shards[0]["ShardId"]
    again = event("telemetry_ingest/sent_twice")["Records"][1]
    again["eventID"] = f"{child['ShardId']}:{again['kinesis']['sequenceNumber']}"
    for environment in (handler, load_handler("telemetry_ingest")):  # and a cold one finds nothing left to do
        environment.lambda_handler({"Records": [again]}, context)
    by_log = {}
    for item in logged(aws):
        by_log.setdefault(item["pk"]["S"].split("#")[3], []).append(numbers(item))
    parent, own = by_log[shards[0]["ShardId"]], by_log[child["ShardId"]]
    assert [(one["records"], one["items"]) for one in parent] == [(1, 20), (0, 0)]  # the second: the child began
    assert [(one["records"], one["duplicates"], one["items"]) for one in own] == [(1, 1, 0)]


def test_an_attempt_that_outlived_its_stream_writes_to_the_log_of_its_time(handler, aws, event, context):
    batch = event("telemetry_ingest/receiver_batch")
    handler.lambda_handler(batch, context)
    (stream,) = handler.streams.values()
    before = aws.items("TELEMETRY_TABLE")
    stream.created_s = lambda: 1_900_000_000  # made again since
    (pk,) = {item["pk"]["S"] for item in logged(aws)}
    old = pk.split("#")[2]
    handler.opened.clear()
    for record in batch["Records"]:
        record["kinesis"]["approximateArrivalTimestamp"] = int(old) + 1.0
    handler.lambda_handler(batch, context)
    assert aws.items("TELEMETRY_TABLE") == before


class Failing:
    """A store that does not answer."""

    def __getattr__(self, name):
        def fail(*_args, **_kwargs):
            raise DependencyUnavailableError("telemetry table: ProvisionedThroughputExceededException")

        return fail


@pytest.mark.parametrize("part", ["log", "quarantine", "stream"])
def test_a_store_that_does_not_answer_gets_the_batch_delivered_again(handler, aws, event, context, monkeypatch, part):
    if part == "stream":
        monkeypatch.setattr(handler, "StreamIdentity", lambda _: Failing())
    else:
        monkeypatch.setattr(handler, part, Failing())
    with pytest.raises(DependencyUnavailableError):
        handler.lambda_handler(event("telemetry_ingest/one_good_one_garbled"), context)
    assert logged(aws) == []


def test_a_writer_that_always_comes_second_gives_up_and_raises(handler, aws, event, context, monkeypatch):
    def conflict(*_args, **_kwargs):
        raise ConflictError("somebody else was first")

    monkeypatch.setattr(handler.log, "append", conflict)
    with pytest.raises(ConflictError, match="20 times"):
        handler.lambda_handler(event("telemetry_ingest/receiver_batch"), context)


def test_the_quarantine_is_written_before_the_log(handler, aws, event, context, monkeypatch):
    def crash(*_args, **_kwargs):
        raise DependencyUnavailableError("telemetry table: away")

    monkeypatch.setattr(handler.log, "append", crash)
    with pytest.raises(DependencyUnavailableError):
        handler.lambda_handler(event("telemetry_ingest/one_good_one_garbled"), context)
    assert len(aws.objects("QUARANTINE_BUCKET")) == 2


def test_arrivals_of_the_sample_are_what_its_clock_said(event):
    arrival = event("telemetry_ingest/receiver_batch")["Records"][0]["kinesis"]["approximateArrivalTimestamp"]
    assert datetime.fromtimestamp(arrival, UTC).isoformat().startswith("2026-11-20T22:13:50")
