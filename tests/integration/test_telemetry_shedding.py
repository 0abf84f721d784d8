"""Senders are turned away while ingest is behind, in the words of each protocol, and let in again after."""

import json

import pytest
from google.rpc.status_pb2 import Status

from opsloop.adapters.pressure_table import PressureTable
from opsloop.telemetry.pressure import Pressure
from tests.conftest import NOW
from tests.integration.described import as_described


@pytest.fixture
def handler(aws, tokens, load_handler):
    return load_handler("telemetry_receive")


@pytest.fixture
def measured(aws):
    table = PressureTable(aws.names["TELEMETRY_TABLE"], aws.names["STREAM_NAME"])

    def measured(age_s, ago_s=30.0):
        table.put(Pressure(age_s, NOW.timestamp() - ago_s))

    return measured


def test_otlp_is_answered_429_with_the_time_to_wait_and_nothing_is_written(handler, measured, aws, event, context):
    measured(901.0)
    answer = handler.lambda_handler(event("telemetry_receive/traces_protobuf"), context)
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (429, "30")
    assert Status.FromString(as_described("POST", "/v1/traces", answer)).code == 8
    assert aws.records() == []


def test_firehose_is_answered_429_in_its_own_words(handler, measured, aws, event, context):
    measured(901.0)
    answer = handler.lambda_handler(event("telemetry_receive/firehose_metric_stream"), context)
    assert answer["statusCode"] == 429
    assert "behind" in as_described("POST", "/v1/firehose", answer)["errorMessage"]
    assert aws.records() == []


@pytest.mark.parametrize(("age_s", "ago_s"), [(900.0, 30.0), (86_400.0, 180.0)], ids=["caught up", "old news"])
def test_senders_are_let_in_when_ingest_has_caught_up_or_the_measurement_is_old(
    handler, measured, aws, event, context, age_s, ago_s
):
    measured(age_s, ago_s)
    assert handler.lambda_handler(event("telemetry_receive/traces_protobuf"), context)["statusCode"] == 200
    assert len(aws.records()) == 1


def test_a_refusal_is_counted(handler, measured, event, context, capsys):
    measured(901.0)
    handler.lambda_handler(event("telemetry_receive/traces_protobuf"), context)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["RequestsShed"] for line in lines if "RequestsShed" in line] == [[1.0]]


def test_a_table_that_does_not_answer_stops_nobody(handler, aws, event, context, caplog):
    aws.client("dynamodb").delete_table(TableName=aws.names["TELEMETRY_TABLE"])
    assert handler.lambda_handler(event("telemetry_receive/traces_protobuf"), context)["statusCode"] == 200
    assert {"pressure unknown, request let in", "senders not told"} <= set(caplog.messages)


def test_who_sends_is_listed_with_product_and_version(handler, event, context, http_event, tokens):
    for case in ("traces_protobuf", "traces_gzip", "metrics_json", "firehose_metric_stream"):
        assert handler.lambda_handler(event(f"telemetry_receive/{case}"), context)["statusCode"] == 200
    later = json.loads(json.dumps(event("telemetry_receive/traces_protobuf")))
    later["requestContext"]["timeEpoch"] += 60_000
    handler.lambda_handler(later, context)
    listed = as_described("GET", "/v1/senders", handler.lambda_handler(event("telemetry_receive/senders"), context))[
        "senders"
    ]
    assert {(one["signal"], one["form"], one["encoding"], one["requests"]) for one in listed} == {
        ("traces", "protobuf", "identity", 2),
        ("traces", "protobuf", "gzip", 1),
        ("metrics", "json", "identity", 1),
        ("mixed", "firehose", "identity", 1),
    }
    assert {one["key_id"] for one in listed} == {"c" * 12}
    [firehose] = [one for one in listed if one["form"] == "firehose"]
    assert (firehose["product"], firehose["version"]) == ("Amazon Kinesis Data Firehose Agent", "1.0")
    asked = http_event("GET", "/v1/senders", query="signal=metrics&limit=1", token=tokens["read"])
    page = as_described("GET", "/v1/senders", handler.lambda_handler(asked, context))
    assert ([one["signal"] for one in page["senders"]], page["next"]) == (["metrics"], None)


def test_senders_are_for_those_who_may_read_and_refusals_are_problems(handler, http_event, context, tokens):
    answer = handler.lambda_handler(http_event("GET", "/v1/senders", token=tokens["ingest"]), context)
    assert answer["statusCode"] == 403
    assert as_described("GET", "/v1/senders", answer)["title"] == "Forbidden"
    asked = http_event("GET", "/v1/senders", query="signal=profiles", token=tokens["read"])
    assert handler.lambda_handler(asked, context)["statusCode"] == 400
