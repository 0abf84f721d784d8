"""telemetry_import on a mocked AWS: an object version counts once, for ever, whatever interrupts it."""

import base64
import gzip
import json
from pathlib import Path
from urllib.parse import unquote

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from opsloop.errors import ConflictError, DependencyUnavailableError, InvalidInputError, NotFoundError
from opsloop.telemetry import importing
from opsloop.telemetry.model import LOG_START

SAMPLES = Path(__file__).parents[1] / "data" / "otlp"
AT_NS = 1_795_212_907_000_000_000  # 22:15:07 of the sample event's day


@pytest.fixture
def importer(aws, load_handler):
    return load_handler("telemetry_import")


@pytest.fixture
def stored(aws, event):
    """Store an object; return the event that tells of it."""

    def stored(body, key="import/a.bin", version=True):
        told = event("telemetry_import/object_created")
        answer = aws.client("s3").put_object(Bucket=aws.names["IMPORT_BUCKET"], Key=key, Body=body)
        told["detail"]["object"] |= {"key": key, "size": len(body)}
        if version and "VersionId" in answer:
            told["detail"]["object"]["version-id"] = answer["VersionId"]
        return told

    return stored


@pytest.fixture
def _versions(aws):
    aws.client("s3").put_bucket_versioning(
        Bucket=aws.names["IMPORT_BUCKET"], VersioningConfiguration={"Status": "Enabled"}
    )


def spans(*names, service="web"):
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = service
    scope = resource.scope_spans.add()
    for number, name in enumerate(names):
        ids = {"trace_id": b"t" * 16, "span_id": (number + 1).to_bytes(8, "big")}
        scope.spans.add(name=name, kind=2, start_time_unix_nano=AT_NS, end_time_unix_nano=AT_NS + 1_000, **ids)
    return request.SerializeToString()


def delimited(*requests):
    def varint(number):
        return bytes([number & 0x7F | 0x80]) + varint(number >> 7) if number > 0x7F else bytes([number])

    return b"".join(varint(len(request)) + request for request in requests)


def committed(importer):
    """Return every committed segment of the logs of imports."""
    found = []
    for name in importer.log.shards():
        found += importer.log.read(name, LOG_START, 1_000)
    return found


def counted(importer):
    return sum(int(segment.cells.count.sum()) for segment in committed(importer))


def test_an_object_is_counted_and_told_again_changes_nothing(importer, stored, context):
    told = stored(gzip.compress(delimited(spans("a"), spans("b", "c"))))
    assert importer.lambda_handler(told, context) == {"items": 3, "requests": 2, "refused": 0}
    assert importer.lambda_handler(told, context) == {"items": 0, "requests": 2, "refused": 0}
    assert counted(importer) == 3


def test_equal_requests_in_one_object_are_two_things_that_happened(importer, stored, context):
    importer.lambda_handler(stored(delimited(spans("a"), spans("a"))), context)
    assert counted(importer) == 2


@pytest.mark.usefixtures("_versions")
def test_two_versions_of_a_key_are_two_objects_and_each_counts_once(importer, stored, context):
    first, second = stored(spans("a", "b")), stored(spans("c"))
    for told in (second, first, first, second):
        importer.lambda_handler(told, context)
    assert counted(importer) == 3


@pytest.mark.usefixtures("_versions")
def test_an_event_without_a_version_means_the_last_one(importer, stored, context):
    told, again = stored(spans("a"), version=False), stored(spans("a"))
    importer.lambda_handler(told, context)
    importer.lambda_handler(again, context)  # the version that the first one read
    assert counted(importer) == 1


def test_the_same_content_under_two_keys_counts_twice(importer, stored, context):
    for key in ("import/a", "import/b"):
        importer.lambda_handler(stored(spans("a"), key), context)
    assert counted(importer) == 2


def test_a_crash_between_two_pieces_is_made_good_by_the_next_start(importer, stored, context, monkeypatch):
    monkeypatch.setattr(importing, "PIECE_REQUESTS", 2)
    told = stored(delimited(*(spans(str(number)) for number in range(5))))
    append = importer.log.append

    def failing(name, segment, **options):
        if counted(importer) >= 2:
            raise DependencyUnavailableError("telemetry table: gone")
        append(name, segment, **options)

    monkeypatch.setattr(importer.log, "append", failing)
    with pytest.raises(DependencyUnavailableError):
        importer.lambda_handler(told, context)
    assert counted(importer) == 2
    monkeypatch.setattr(importer.log, "append", append)
    assert importer.lambda_handler(told, context)["items"] == 3
    assert counted(importer) == 5


def test_a_write_that_landed_although_it_seemed_lost_counts_once(importer, stored, context, monkeypatch):
    append = importer.log.append

    def lost_answer(name, segment, **options):
        append(name, segment, **options)
        raise ConflictError("the answer did not come, and the second attempt met the first")

    monkeypatch.setattr(importer.log, "append", lost_answer)
    importer.lambda_handler(stored(spans("a", "b")), context)
    assert counted(importer) == 2


def test_another_import_that_is_first_is_waited_for_and_both_count(importer, stored, context, monkeypatch):
    monkeypatch.setattr(importing, "LOGS", 1)
    append, other = importer.log.append, stored(spans("other"), "import/other")
    told, raced = stored(spans("a", "b")), []

    def raced_append(name, segment, **options):
        if not raced:
            raced.append(name)
            importer.lambda_handler(other, context)
        append(name, segment, **options)

    monkeypatch.setattr(importer.log, "append", raced_append)
    assert importer.lambda_handler(told, context)["items"] == 2
    assert counted(importer) == 3
    ends = [(segment.start, segment.end) for segment in committed(importer)]
    assert [int(end) for _, end in ends] == [1, 2]


def test_what_cannot_be_read_is_kept_whole_and_the_rest_counts(importer, stored, aws, context):
    told = stored(delimited(spans("a")) + b"\x05\xff\xff\xff\xff\xff")
    answer = importer.lambda_handler(told, context)
    assert answer["refused"] >= 1
    kept = b"".join(aws.objects("QUARANTINE_BUCKET").values())
    assert b"\xff\xff\xff\xff\xff" in kept
    key = next(iter(aws.objects("QUARANTINE_BUCKET")))
    about = aws.client("s3").head_object(Bucket=aws.names["QUARANTINE_BUCKET"], Key=key)["Metadata"]
    assert unquote(about["object"]).startswith("s3://opsloop-test-import/import/a.bin")


def test_an_object_above_the_limit_is_named_in_quarantine_and_left_where_it_is(load_handler, stored, aws, context):
    importer = load_handler("telemetry_import", MAX_OBJECT_BYTES="10")
    answer = importer.lambda_handler(stored(spans("a"), "import/large"), context)
    assert answer == {"items": 0, "requests": 0, "refused": 1}
    [reference] = aws.objects("QUARANTINE_BUCKET").values()
    assert json.loads(reference)["object"] == "s3://opsloop-test-import/import/large"
    assert "import/large" in aws.objects("IMPORT_BUCKET")


def test_an_object_that_inflates_above_the_limit_is_kept_as_it_came(load_handler, stored, aws, context):
    importer = load_handler("telemetry_import", MAX_INFLATED_BYTES="1000")
    body = gzip.compress(spans(*(["x" * 100] * 100)))
    importer.lambda_handler(stored(body), context)
    assert list(aws.objects("QUARANTINE_BUCKET").values()) == [body]
    assert committed(importer) == []


def test_an_object_that_is_gone_is_an_error_for_the_queue(importer, event, context):
    with pytest.raises(NotFoundError):
        importer.lambda_handler(event("telemetry_import/object_created"), context)


def test_another_event_is_refused_with_what_was_expected(importer, context):
    with pytest.raises(InvalidInputError, match="Object Created"):
        importer.lambda_handler({"detail": {}, "time": "2026-11-20T22:15:07Z"}, context)


def test_what_firehose_could_not_deliver_is_read_from_its_backup(importer, stored, aws, context):
    about = {"attemptsMade": 4, "arrivalTimestamp": 1_795_212_907_000, "errorCode": "HttpEndpoint.DestinationException"}
    lines = [
        json.dumps({**about, "rawData": base64.b64encode(record).decode()}, separators=(",", ":"))
        for record in (gzip.compress(spans("a")), delimited(spans("b"), spans("c")))
    ]
    lines.append('{"attemptsMade":4,"rawData":"?"}')
    told = stored("\n".join(lines).encode(), "import/http-endpoint-failed/2026/11/20/22/a")
    assert importer.lambda_handler(told, context) == {"items": 3, "requests": 3, "refused": 1}
    assert counted(importer) == 3
    assert list(aws.objects("QUARANTINE_BUCKET").values()) == [lines[-1].encode()]


@pytest.mark.parametrize("name", ["cloudwatch-otel1.bin", "cloudwatch-json.ndjson"])
def test_the_sample_deliveries_of_a_metric_stream_are_counted_to_the_last_measurement(importer, stored, context, name):
    importer.lambda_handler(stored((SAMPLES / name).read_bytes(), f"import/{name}"), context)
    truth = [json.loads(line)["value"] for line in (SAMPLES / "cloudwatch-json.ndjson").read_text().splitlines()]
    assert counted(importer) == sum(value["count"] for value in truth)
    total = sum(float(segment.cells.total.sum()) for segment in committed(importer))
    assert total == pytest.approx(sum(value["sum"] for value in truth))
