"""A divided request holds exactly the items of the whole, each with its resource and scope."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop.errors import TooLargeError
from opsloop.telemetry import split
from opsloop.telemetry.payload import read_payload
from opsloop.telemetry.record import ship
from opsloop.telemetry.split import divide
from opsloop.telemetry.wire import validate
from tests.unit.telemetry.otlp_messages import REQUESTS, items, messages

SIGNALS = ("traces", "metrics", "logs")


def shop(spans=200, resources=1, name_bytes=20):
    request = REQUESTS["traces"]()
    for place in range(resources):
        resource = request.resource_spans.add(schema_url="https://example.org/1")
        resource.resource.attributes.add(key="service.name").value.string_value = f"web-{place}"
        scope = resource.scope_spans.add()
        scope.scope.name = "shop"
        for number in range(spans):
            scope.spans.add(
                trace_id=number.to_bytes(15, "big") + b"\1",
                span_id=b"spanspan",
                name="n" * name_bytes,
                start_time_unix_nano=1 + number,
            )
    return request.SerializeToString()


def joined(parts):
    return b"".join(part.protobuf for part in parts)


@pytest.mark.parametrize("signal", SIGNALS)
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_the_parts_put_together_hold_the_same_items_in_order(signal, data):
    request = data.draw(messages(signal)).SerializeToString()
    limit = data.draw(st.integers(20, 400))
    division = divide(request, signal, limit)
    for part in (*division.parts, *division.refused):
        validate(part.protobuf, signal)
        assert part.is_oversize == (len(part.protobuf) > limit)
        assert part.items == len(items(signal, part.protobuf))
    good, bad = items(signal, joined(division.parts)), items(signal, joined(division.refused))
    assert sorted(good + bad) == sorted(items(signal, request))
    rest = iter(items(signal, request))
    assert all(item in rest for item in good)  # in the order in which they were sent
    assert division.reasons.total() == len(bad)


@pytest.mark.parametrize("body", [shop(spans=8, resources=1), b"\x0a\x00" * 10, b"\x0a\x12" + b"\x12\x00" * 9])
def test_more_items_and_containers_than_allowed_are_too_large(body, monkeypatch):
    monkeypatch.setattr(split, "MAX_MESSAGES", 10)
    divide(body, "traces", 1_000)
    monkeypatch.setattr(split, "MAX_MESSAGES", 9)
    with pytest.raises(TooLargeError, match="send smaller batches"):
        divide(body, "traces", 1_000)


def test_a_request_within_the_limit_is_left_byte_for_byte_as_it_was():
    request = shop()
    [part] = divide(request, "traces", len(request)).parts
    assert part.protobuf == request
    assert len(divide(request, "traces", len(request) - 1).parts) == 2


def test_a_large_request_becomes_parts_that_are_almost_full_and_never_above_the_limit():
    request = shop(spans=2_000, resources=3)
    division = divide(request, "traces", 10_000)
    sizes = [len(part.protobuf) for part in division.parts]
    assert max(sizes) <= 10_000
    assert min(sizes[:-1]) > 9_500
    assert division.items == 6_000
    assert items("traces", joined(division.parts)) == items("traces", request)


def test_many_small_resources_share_a_part():
    request = shop(spans=1, resources=300)
    assert len(divide(request, "traces", len(request) // 2).parts) == 3


def test_the_headers_of_the_resources_in_a_part_count_too():
    request = REQUESTS["traces"].FromString(shop(spans=1, resources=100))
    for resource in request.resource_spans:
        resource.resource.attributes.add(key="k").value.string_value = "x" * 300
    division = divide(request.SerializeToString(), "traces", 1_200)
    assert max(len(part.protobuf) for part in division.parts) <= 1_200
    assert not any(part.is_oversize for part in division.parts)
    assert division.items == 100


def test_the_points_of_one_metric_may_go_to_several_parts():
    request = REQUESTS["metrics"]()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="queue.depth", unit="1")
    metric.sum.is_monotonic = True
    metric.sum.aggregation_temporality = 1
    for place in range(500):
        metric.sum.data_points.add(time_unix_nano=1 + place, as_int=place)
    body = request.SerializeToString()
    division = divide(body, "metrics", 2_000)
    assert len(division.parts) > 5
    for part in division.parts:
        [piece] = REQUESTS["metrics"].FromString(part.protobuf).resource_metrics[0].scope_metrics[0].metrics
        assert (piece.name, piece.sum.is_monotonic, piece.sum.aggregation_temporality) == ("queue.depth", True, 1)
    assert items("metrics", joined(division.parts)) == items("metrics", body)


def test_a_resource_too_large_to_be_repeated_stays_whole():
    request = REQUESTS["traces"].FromString(shop(spans=50))
    request.resource_spans[0].resource.attributes.add(key="k").value.string_value = "x" * 6_000
    [part] = divide(request.SerializeToString(), "traces", 8_000).parts
    assert part.items == 50
    assert part.is_oversize


def test_no_items_make_no_parts():
    assert divide(b"", "traces", 100).parts == ()
    assert divide(shop(spans=0), "traces", 100).parts == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"trace_id": b"short"}, "trace_id"),
        ({"trace_id": bytes(16)}, "trace_id"),
        ({"span_id": b""}, "span_id"),
        ({"start_time_unix_nano": 0}, "start_time_unix_nano"),
    ],
)
def test_a_span_that_the_data_model_calls_invalid_is_refused_alone(change, reason):
    request = REQUESTS["traces"].FromString(shop(spans=3))
    bad = request.resource_spans[0].scope_spans[0].spans[1]
    for field, value in change.items():
        setattr(bad, field, value)
    body = request.SerializeToString()
    division = divide(body, "traces", 1_000_000)
    whole = items("traces", body)
    assert items("traces", joined(division.parts)) == [whole[0], whole[2]]
    assert items("traces", joined(division.refused)) == [whole[1]]
    [(said, count)] = division.reasons.items()
    assert reason in said
    assert count == 1


def test_a_log_record_with_a_bad_trace_id_is_kept_and_a_point_without_time_is_not():
    logs = REQUESTS["logs"]()
    logs.resource_logs.add().scope_logs.add().log_records.add(trace_id=b"short", time_unix_nano=5)
    assert divide(logs.SerializeToString(), "logs", 1_000).items == 1
    metrics = REQUESTS["metrics"]()
    gauge = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="m").gauge
    gauge.data_points.add(as_int=1)
    gauge.data_points.add(as_int=2, time_unix_nano=5)
    division = divide(metrics.SerializeToString(), "metrics", 1_000)
    assert (division.items, division.reasons.total()) == (1, 1)


def test_a_resend_gives_the_same_records_with_the_same_keys():
    request = shop(spans=3_000)
    first, again = ship(request, "traces", 20_000), ship(bytes(request), "traces", 20_000)
    assert first.records == again.records
    assert len({record.partition_key for record in first.records}) == len(first.records) > 5


def test_equal_parts_of_one_body_are_not_taken_for_a_resend():
    request = REQUESTS["logs"]()
    records = request.resource_logs.add().scope_logs.add().log_records
    for _ in range(4_000):
        records.add(severity_number=9).body.string_value = "heartbeat"
    body = request.SerializeToString()
    shipment = ship(body, "logs", 10_000)
    assert len({record.partition_key for record in shipment.records}) == len(shipment.records) > 5
    payloads = [read_payload(record.data, record.partition_key, max_bytes=10**6) for record in shipment.records]
    assert len({payload.fingerprint for payload in payloads}) == len(payloads)
    assert items("logs", b"".join(payload.protobuf for payload in payloads)) == items("logs", body)


def test_one_item_above_the_limit_goes_alone_if_it_fits_compressed_and_is_refused_otherwise(random_text):
    request = REQUESTS["logs"]()
    records = request.resource_logs.add().scope_logs.add().log_records
    for text in ("small", "y" * 30_000, random_text(30_000), "last"):
        records.add(time_unix_nano=5).body.string_value = text
    shipment = ship(request.SerializeToString(), "logs", 10_000)
    assert (shipment.items, shipment.rejected) == (3, 1)
    assert all(len(record.data) <= 10_000 for record in shipment.records)
    assert [part.items for part in shipment.refused] == [1]
    assert "larger than 10000 bytes" in next(iter(shipment.reasons))


@pytest.fixture
def random_text():
    import random

    generator = random.Random(3)
    return lambda size: "".join(generator.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=size))
