"""telemetry_watch on a mocked AWS: how far ingest is behind is measured, told to senders, and kept as a KPI."""

import base64
import json
from datetime import UTC, datetime

import pytest

from opsloop.adapters.pressure_table import PressureTable
from opsloop.adapters.stream_backlog import StreamBacklog
from opsloop.errors import DependencyUnavailableError
from opsloop.telemetry.model import LOG_START
from opsloop.telemetry.pressure import Pressure

SECONDS = 1_000


@pytest.fixture
def watch(aws, load_handler):
    return load_handler("telemetry_watch")


@pytest.fixture
def stored(aws):
    return PressureTable(aws.names["TELEMETRY_TABLE"], aws.names["STREAM_NAME"]).get


def sent(aws, *keys):
    """Put one record per partition key on the stream; return what Lambda would deliver of them."""
    for key in keys:
        aws.client("kinesis").put_record(StreamName=aws.names["STREAM_NAME"], Data=b"{}", PartitionKey=key)
    return aws.records()


def ingested(aws, load_handler, context, records):
    events = [
        {
            "eventID": f"shardId-000000000000:{record['SequenceNumber']}",
            "eventSourceARN": f"arn:aws:kinesis:us-east-1:123456789012:stream/{aws.names['STREAM_NAME']}",
            "kinesis": {
                "partitionKey": record["PartitionKey"],
                "sequenceNumber": record["SequenceNumber"],
                "data": base64.b64encode(record["Data"]).decode(),
                "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
            },
        }
        for record in records
    ]
    load_handler("telemetry_ingest").lambda_handler({"Records": events}, context)


@pytest.fixture
def one_shard(aws):
    kinesis, name = aws.client("kinesis"), aws.names["STREAM_NAME"]
    kinesis.delete_stream(StreamName=name)
    kinesis.create_stream(StreamName=name, ShardCount=1)


def after(records, seconds):
    """Return the event of a schedule that many seconds after the first of ``records`` arrived."""
    first = min(record["ApproximateArrivalTimestamp"].timestamp() for record in records)
    moment = datetime.fromtimestamp(first + seconds, UTC)
    return {"id": "b7d2c1e4", "time": moment.isoformat()}


def test_an_empty_stream_has_no_backlog(watch, stored, event, context):
    assert watch.lambda_handler(event("telemetry_watch/every_minute"), context) == {"age_s": 0.0, "shards": 2}
    assert stored().age_s == 0.0


def test_the_age_is_that_of_the_oldest_record_of_the_shard_that_is_furthest_behind(watch, stored, aws, context):
    records = sent(aws, *"abcdefgh")
    answer = watch.lambda_handler(after(records, SECONDS), context)
    assert answer["age_s"] == pytest.approx(SECONDS, abs=1e-3)
    assert stored().age_s == answer["age_s"]


@pytest.mark.usefixtures("one_shard")
def test_what_ingest_has_committed_is_no_backlog_and_what_it_has_not_is(watch, aws, load_handler, context):
    records = sent(aws, *"abc")
    ingested(aws, load_handler, context, records[:2])
    third = records[2]["ApproximateArrivalTimestamp"].timestamp()
    first = records[0]["ApproximateArrivalTimestamp"].timestamp()
    answer = watch.lambda_handler(after(records, SECONDS), context)
    assert answer["age_s"] == pytest.approx(SECONDS - (third - first), abs=1e-3)
    ingested(aws, load_handler, context, records[2:])
    assert watch.lambda_handler(after(records, SECONDS + 60), context)["age_s"] == 0.0


@pytest.mark.usefixtures("one_shard")
def test_senders_wait_while_the_watch_sees_a_backlog_and_come_in_when_it_is_gone(
    watch, aws, tokens, load_handler, http_event, context
):
    records = sent(aws, "a")
    first = records[0]["ApproximateArrivalTimestamp"].timestamp()

    def answered(seconds):
        moment = datetime.fromtimestamp(first + seconds, UTC)
        json_type = {"content-type": "application/json"}
        asked = http_event("POST", "/v1/logs", headers=json_type, body="{}", token=tokens["ingest"], now=moment)
        return load_handler("telemetry_receive").lambda_handler(asked, context)["statusCode"]

    assert answered(1_000) == 200  # nobody has measured
    watch.lambda_handler(after(records, 1_000), context)
    assert answered(1_010) == 429
    ingested(aws, load_handler, context, records)
    watch.lambda_handler(after(records, 1_060), context)
    assert answered(1_070) == 200


def test_the_measurement_is_kept_once_a_minute_in_a_log_of_its_own(watch, aws, event, context):
    for _ in range(2):
        watch.lambda_handler(event("telemetry_watch/every_minute"), context)
    watch.ends.clear()  # as in another environment
    watch.lambda_handler(event("telemetry_watch/every_minute"), context)
    kept = watch.log.read("log#watch", LOG_START, 10)
    assert len(kept) == 1
    [series] = kept[0].cells.series
    assert (series.service, series.metric, series.unit) == ("opsloop", "opsloop.ingest.oldest_record_age", "s")
    assert "log#watch" in watch.log.shards()
    assert aws.records() == []


def test_an_older_measurement_does_not_replace_a_newer_one(watch, aws, stored, event, context):
    sample = event("telemetry_watch/every_minute")
    newer = Pressure(7.0, datetime.fromisoformat(sample["time"]).timestamp() + 60)
    PressureTable(aws.names["TELEMETRY_TABLE"], aws.names["STREAM_NAME"]).put(newer)
    watch.lambda_handler(sample, context)
    assert stored() == newer


def test_the_metric_names_the_stream(watch, event, context, capsys, aws):
    watch.lambda_handler(event("telemetry_watch/every_minute"), context)
    [line] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "OldestRecordAgeSeconds" in line]
    assert line["stream"] == aws.names["STREAM_NAME"]
    assert [set(names) for names in line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]] == [{"service", "stream"}]


def test_a_stream_that_does_not_answer_leaves_no_measurement(watch, aws, stored, event, context):
    aws.client("kinesis").delete_stream(StreamName=aws.names["STREAM_NAME"])
    with pytest.raises(DependencyUnavailableError):
        watch.lambda_handler(event("telemetry_watch/every_minute"), context)
    assert stored() is None


class Kinesis:
    """Answers with what it is told to, one after the other."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def call(self, operation, arguments):
        self.asked.append((operation, arguments))
        if operation == "GetShardIterator":
            return {"ShardIterator": "first"}
        if operation == "DescribeStreamSummary":
            return {"StreamDescriptionSummary": {"StreamARN": "arn:aws:kinesis:us-east-1:123456789012:stream/stream"}}
        return self.answers.pop(0)


def test_an_empty_answer_of_a_shard_that_has_more_is_followed(aws, monkeypatch):
    backlog = StreamBacklog("stream", aws.names["TELEMETRY_TABLE"])
    kinesis = Kinesis(
        {"Records": [], "NextShardIterator": "second", "MillisBehindLatest": 5_000},
        {"Records": [{"ApproximateArrivalTimestamp": 12.5}], "NextShardIterator": "third"},
    )
    monkeypatch.setattr(backlog, "_kinesis", kinesis)
    assert backlog.oldest_arrival_s("shardId-000000000000", "log#none") == 12.5
    assert kinesis.asked[-1][1]["ShardIterator"] == "second"
