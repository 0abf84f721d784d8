"""Every way in keeps its log records: as documents, with patterns counted, once."""

import gzip
import json
from base64 import b64encode
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from opsloop.adapters import log_table
from opsloop.adapters.log_bucket import LogBucket
from opsloop.adapters.log_objects import ObjectTable
from opsloop.adapters.log_patterns import PatternTable
from opsloop.adapters.log_pending import PendingTable
from opsloop.adapters.log_table import LogTable
from opsloop.adapters.segment_store import SegmentStore
from opsloop.adapters.telemetry_log import TelemetryLog
from opsloop.clock import parse_time
from opsloop.errors import DependencyUnavailableError
from opsloop.log.bloom import may_hold
from opsloop.log.document import read_line
from opsloop.log.keep import lines_of
from opsloop.log.model import LogRecord
from opsloop.telemetry.model import LOG_RECORDS
from tests.conftest import EVENTS

DATA = Path(__file__).parents[1] / "data" / "otlp"
NS_PER_MINUTE = 60_000_000_000


class Plane:
    """What was kept, as readers see it."""

    def __init__(self, aws: Any) -> None:
        self.aws = aws
        self.bucket = LogBucket(aws.names["LOG_BUCKET"])
        self.table = LogTable(aws.names["LOG_TABLE"], self.bucket)
        self.index = ObjectTable(aws.names["LOG_TABLE"])
        self.patterns = PatternTable(aws.names["LOG_TABLE"], self.bucket)
        self.pending = PendingTable(aws.names["LOG_TABLE"])
        self.log = TelemetryLog(aws.names["TELEMETRY_TABLE"], SegmentStore(aws.names["SEGMENT_BUCKET"]))

    def records(self) -> list[LogRecord]:
        """Return the documents that the object index names."""
        found = []
        for service in self.index.services():
            days = {key.split("/")[2] for key in self.aws.objects("LOG_BUCKET") if key.startswith("logs/")}
            for day in sorted(days):
                for one in self.index.objects(service, day):
                    records = [read_line(line) for line in lines_of(self.bucket.get(one.key))]
                    assert len(records) == one.records
                    assert Counter(record.severity for record in records) == one.severities
                    assert {one.first_ns, one.last_ns} <= {record.time_ns for record in records}
                    assert all(may_hold(one.trace_bloom, record.trace_id) for record in records if record.trace_id)
                    found += records
        return found

    def counted(self) -> Counter[tuple[str, int]]:
        """Return what telemetry counted of log records, by service and minute."""
        found: Counter[tuple[str, int]] = Counter()
        for log in self.log.shards():
            for one in self.log.read(log, "0", 1000):
                cells = one.cells
                columns = (cells.series_index.tolist(), cells.minute.tolist(), cells.count.tolist())
                for place, minute, count in zip(*columns, strict=True):
                    if cells.series[place].metric == LOG_RECORDS:
                        found[cells.series[place].service, minute] += count
        return found

    def counted_patterns(self) -> Counter[tuple[str, int, str]]:
        """Return the pattern counts by service, minute and pattern."""
        found: Counter[tuple[str, int, str]] = Counter()
        for service in self.index.services():
            for hour in self.patterns.hours(service, 0, 1 << 25):
                for name, minutes in hour.counts.items():
                    assert hour.templates[name]
                    found.update({(service, hour.hour + at, name): n for at, n in enumerate(minutes) if n})
        return found

    def check(self) -> list[LogRecord]:
        """Raise unless documents, patterns and telemetry agree; return the documents."""
        records = self.records()
        assert Counter((one.service, one.time_ns // NS_PER_MINUTE) for one in records) == self.counted()
        by_pattern = Counter((one.service, one.time_ns // NS_PER_MINUTE, one.template) for one in records)
        assert by_pattern == self.counted_patterns()
        assert len({one.doc_id for one in records}) == len(records)
        return records


@pytest.fixture
def plane(aws: Any) -> Plane:
    return Plane(aws)


@pytest.fixture
def ingest(aws: Any, load_handler: Any) -> ModuleType:
    return load_handler("telemetry_ingest")


@pytest.fixture
def keep(aws: Any, load_handler: Any, context: Any) -> ModuleType:
    context.remaining_ms = 250_000
    return load_handler("log_keep")


def stream_event(aws: Any, *bodies: bytes, first: int = 1, shard: int = 0) -> dict[str, Any]:
    """Return a batch of Kinesis with these records."""
    name = aws.names["STREAM_NAME"]
    created = aws.client("kinesis").describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    arrival = created["StreamCreationTimestamp"].timestamp() + 3600
    return {
        "Records": [
            {
                "kinesis": {
                    "sequenceNumber": str(number),
                    "partitionKey": "k",
                    "data": b64encode(body).decode(),
                    "approximateArrivalTimestamp": arrival,
                },
                "eventID": f"shardId-{shard:012}:{number}",
                "eventSourceARN": f"arn:aws:kinesis:us-east-1:123456789012:stream/{name}",
            }
            for number, body in enumerate(bodies, first)
        ]
    }


def sample(name: str) -> bytes:
    return (DATA / name).read_bytes()


def schedule(event: Any) -> dict[str, Any]:
    found: dict[str, Any] = event("log_keep/schedule")
    return found


def test_what_the_stream_brings_is_kept_as_counted(aws, plane, ingest, keep, event, context) -> None:
    ingest.lambda_handler(stream_event(aws, sample("shop-logs-0.pb"), sample("shop-traces-0.pb")), context)
    ingest.lambda_handler(stream_event(aws, sample("shop-logs-1.pb"), shard=1), context)
    found = keep.lambda_handler(schedule(event), context)
    records = plane.check()
    assert found["records"] == len(records) > 20
    assert {one.key for one in plane.pending.oldest(100)} == {
        key for key in aws.objects("LOG_BUCKET") if key.startswith("logs/")
    }
    assert keep.lambda_handler(schedule(event), context)["records"] == 0
    assert len(plane.check()) == len(records)


def test_lines_are_plain_json_that_any_tool_reads(aws, plane, ingest, keep, event, context) -> None:
    ingest.lambda_handler(stream_event(aws, sample("shop-logs-0.pb")), context)
    keep.lambda_handler(schedule(event), context)
    bodies = [body for key, body in aws.objects("LOG_BUCKET").items() if key.startswith("logs/shop-web/")]
    lines = [json.loads(line) for body in bodies for line in gzip.decompress(body).splitlines()]
    assert lines
    assert all({"id", "time", "time_ns", "service", "severity", "body", "template"} <= line.keys() for line in lines)


def test_the_object_of_a_batch_wakes_the_function_for_its_log_alone(aws, plane, ingest, keep, event, context) -> None:
    ingest.lambda_handler(stream_event(aws, sample("shop-logs-0.pb")), context)
    ingest.lambda_handler(stream_event(aws, sample("shop-logs-1.pb"), shard=1), context)
    (key,) = [key for key in aws.objects("LOG_BUCKET") if key.endswith("shardId-000000000001/0-1.zst")]
    told = event("log_keep/raw_object")
    (message,) = told["Records"]
    body = json.loads(message["body"])
    body["detail"]["object"]["key"] = key
    message["body"] = json.dumps(body)
    told["Records"].append(message)  # queues may hand the same over twice
    first = keep.lambda_handler(told, context)["records"]
    assert first > 0
    assert set(plane.table.kept()) == {key.split("/")[1].replace("!23", "#")}
    assert keep.lambda_handler(told, context)["records"] == 0
    assert keep.lambda_handler(schedule(event), context)["records"] > 0
    assert len(plane.check()) > first


def test_a_batch_that_was_never_committed_is_ignored(aws, plane, ingest, keep, event, context, monkeypatch) -> None:
    told = event("log_keep/raw_object")  # its log has no items
    monkeypatch.setattr(keep.time, "sleep", lambda _: None)
    assert keep.lambda_handler(told, context) == {"records": 0, "objects": 0, "lost": 0}
    ingest.log._raw.put("log#x", "0", "1", [(1.0, sample("shop-logs-0.pb"))])
    assert keep.lambda_handler(schedule(event), context)["records"] == 0
    assert plane.records() == []


def test_imports_and_replays_keep_their_logs(
    aws, plane, keep, event, context, load_handler, tokens, http_event
) -> None:
    aws.client("s3").put_object(Bucket=aws.names["IMPORT_BUCKET"], Key="import/logs.bin", Body=sample("shop-logs-0.pb"))
    told = event("telemetry_import/object_created")
    told["detail"]["object"] = {"key": "import/logs.bin", "size": 10}
    told["detail"]["bucket"]["name"] = aws.names["IMPORT_BUCKET"]
    assert load_handler("telemetry_import").lambda_handler(told, context)["items"] > 0
    quarantine = load_handler("telemetry_quarantine")
    now = parse_time(event("log_keep/schedule")["time"], name="time")
    facts = {"kind": "malformed"}
    key = quarantine.quarantine.put("telemetry_ingest", sample("shop-logs-1.pb"), reason="r", now=now, facts=facts)
    body = json.dumps({"keys": [key]})
    answer = quarantine.lambda_handler(
        http_event(
            "POST",
            "/v1/quarantine/replay",
            body=body,
            token=tokens["admin"],
            headers={"content-type": "application/json"},
        ),
        context,
    )
    assert json.loads(answer["body"])["counts"] == {"replayed": 1}
    keep.lambda_handler(schedule(event), context)
    logs = {log.rpartition("#")[0] or log for log in plane.table.kept()}
    assert {"log#import", "log"} <= logs
    assert len(plane.check()) > 20


def test_a_raw_object_that_is_gone_or_broken_is_told_and_holds_nothing_up(
    aws, plane, ingest, keep, event, context, capsys, caplog
) -> None:
    for number, name in enumerate(("shop-logs-0.pb", "shop-logs-1.pb", "shop-collector-style-logs-0.json"), 1):
        ingest.lambda_handler(stream_event(aws, sample(name), first=number), context)
    gone, broken, _ = sorted(aws.objects("LOG_BUCKET"))
    aws.client("s3").delete_object(Bucket=aws.names["LOG_BUCKET"], Key=gone)
    aws.client("s3").put_object(Bucket=aws.names["LOG_BUCKET"], Key=broken, Body=b"garbled")
    capsys.readouterr()
    found = keep.lambda_handler(schedule(event), context)
    assert found["lost"] == 2
    assert found["records"] == len(plane.records()) > 0
    assert caplog.messages.count("committed log records could not be kept") == 2
    assert '"LogBatchesLost":[2.0]' in capsys.readouterr().out
    kept = aws.objects("QUARANTINE_BUCKET")
    assert {key.split("/")[0] for key in kept} == {"log_keep"}
    assert b"garbled" in kept.values()


def test_a_run_short_of_time_leaves_the_rest_and_says_how_long_it_waits(
    aws, plane, ingest, keep, event, context, capsys
) -> None:
    for number, name in enumerate(("shop-logs-0.pb", "shop-logs-1.pb"), 1):
        ingest.lambda_handler(stream_event(aws, sample(name), first=number), context)
    context.remaining_ms = 20_000
    now = schedule(event)
    (*_, last) = plane.log.tail(*plane.log.shards(), 0.0)
    now["time"] = str(last.last_arrival_s + 90)
    capsys.readouterr()
    first = keep.lambda_handler(now, context)["records"]
    assert '"KeepLagSeconds":[90.0]' in capsys.readouterr().out
    second = keep.lambda_handler(now, context)["records"]
    assert (first > 0, second > 0, len(plane.check())) == (True, True, first + second)


def test_a_store_that_does_not_answer_fails_the_run_and_the_next_goes_on(
    aws, plane, ingest, keep, event, context, monkeypatch
) -> None:
    ingest.lambda_handler(stream_event(aws, sample("shop-logs-0.pb")), context)
    real = keep.table.commit

    def refuse(*_: Any, **__: Any) -> None:
        raise DependencyUnavailableError("log table")

    monkeypatch.setattr(keep.table, "commit", refuse)
    with pytest.raises(DependencyUnavailableError):
        keep.lambda_handler(schedule(event), context)
    assert plane.records() == []
    monkeypatch.setattr(keep.table, "commit", real)
    keep.lambda_handler(schedule(event), context)
    assert plane.check()


def test_states_too_large_for_an_item_go_to_the_bucket_and_old_ones_away(
    aws, plane, ingest, keep, event, context, monkeypatch
) -> None:
    monkeypatch.setattr(log_table, "MAX_BODY_BYTES", 10)
    ingest.lambda_handler(stream_event(aws, sample("shop-logs-0.pb")), context)
    keep.lambda_handler(schedule(event), context)
    ingest.lambda_handler(stream_event(aws, sample("shop-logs-1.pb"), first=2), context)
    keep.lambda_handler(schedule(event), context)
    plane.check()
    services = plane.index.services()
    assert len([key for key in aws.objects("LOG_BUCKET") if key.startswith("state/")]) == len(services)


def test_there_are_samples_of_both_triggers() -> None:
    assert {path.stem for path in (EVENTS / "log_keep").glob("*.json")} == {"raw_object", "schedule"}
