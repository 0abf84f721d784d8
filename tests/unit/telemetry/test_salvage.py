"""What of a faulty request is kept, and what is refused: bytes are broken on purpose, protobuf says what was there."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsloop.telemetry.fault import MALFORMED, TRUNCATED
from opsloop.telemetry.otlp_json import encode
from opsloop.telemetry.payload import fingerprint, read_record
from opsloop.telemetry.salvage import salvage
from opsloop.telemetry.wire import validate
from tests.unit.telemetry.otlp_messages import REQUESTS, canonical, captured, items, to_otlp_dict

SIGNALS = ("traces", "metrics", "logs")
_LISTS = {"traces": "spans", "metrics": "metrics", "logs": "log_records"}


def leaves(signal, request):
    """Yield the items of a parsed request: spans, log records, data points."""
    for group in getattr(request, {"traces": "resource_spans"}.get(signal, f"resource_{signal}")):
        for scope in getattr(group, {"traces": "scope_spans"}.get(signal, f"scope_{signal}")):
            for item in getattr(scope, _LISTS[signal]):
                if signal == "metrics":
                    yield from getattr(item, item.WhichOneof("data")).data_points
                else:
                    yield item


def owners(signal, request):
    """Yield what is whole or not: spans, log records, metrics; a point means nothing without its temporality."""
    for group in getattr(request, {"traces": "resource_spans"}.get(signal, f"resource_{signal}")):
        for scope in getattr(group, {"traces": "scope_spans"}.get(signal, f"scope_{signal}")):
            yield from getattr(scope, _LISTS[signal])


def break_item(signal, number):
    """Return a captured request whose item ``number`` has a string that is not UTF-8, and the bytes of that item."""
    request = REQUESTS[signal].FromString(captured(signal))
    item = list(leaves(signal, request))[number]
    item.attributes.add(key="@@broken@@").value.string_value = "x"
    whole, part = request.SerializeToString(), item.SerializeToString()
    broken = part.replace(b"@@broken@@", b"\xff" * 10)
    assert whole.count(part) == 1
    return whole.replace(part, broken), broken


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("number", [0, 7, -1])
def test_one_broken_item_is_refused_and_every_other_is_kept(signal, number):
    body, broken = break_item(signal, number)
    good, (refusal,) = salvage(body, signal)
    expected = items(signal, captured(signal))
    del expected[number]
    validate(good, signal)
    assert items(signal, good) == expected
    assert refusal.kind == MALFORMED
    assert broken in refusal.data
    assert "string is not UTF-8" in refusal.reason
    at = body.index(b"\xff" * 10)
    assert f"at byte {at}" in refusal.reason


@pytest.mark.parametrize("signal", SIGNALS)
def test_what_is_refused_is_a_request_of_its_own_that_can_be_fixed(signal):
    body, _ = break_item(signal, 7)
    _, (refusal,) = salvage(body, signal)
    fixed = refusal.data.replace(b"\xff" * 10, b"@@broken@@")
    ((*around, item),) = items(signal, fixed)
    original = items(signal, captured(signal))[7]
    assert tuple(around) == original[:-1]
    assert b"@@broken@@" in item


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_good_request_that_another_reader_refuses_is_refused_whole(signal):
    body = captured(signal)
    good, (refusal,) = salvage(body, signal)
    assert (good, refusal.data) == (b"", body)


def test_a_broken_resource_takes_its_items_with_it_and_no_others():
    request = REQUESTS["logs"]()
    for name in ("one", "two", "three"):
        group = request.resource_logs.add()
        group.resource.attributes.add(key="service.name").value.string_value = name
        group.scope_logs.add().log_records.add(severity_number=9, severity_text=name)
    body = request.SerializeToString()
    broken = body.replace(b"\x0a\x03two", b"\x0a\x03\xff\xff\xff", 1)
    good, (refusal,) = salvage(broken, "logs")
    assert [
        one.resource.attributes[0].value.string_value for one in REQUESTS["logs"].FromString(good).resource_logs
    ] == [
        "one",
        "three",
    ]
    assert b"\xff\xff\xff" in refusal.data
    assert b"one" not in refusal.data
    assert b"three" not in refusal.data
    assert refusal.reason.startswith("resource_logs[1].resource")


def test_points_are_not_kept_without_the_temporality_that_stands_after_them():
    request = REQUESTS["metrics"]()
    scope = request.resource_metrics.add().scope_metrics.add()
    scope.metrics.add(name="level").gauge.data_points.add(as_double=1.0, time_unix_nano=5)
    total = scope.metrics.add(name="total").sum
    total.aggregation_temporality, total.is_monotonic = 2, True
    total.data_points.add(as_double=7.0, time_unix_nano=5)
    body = request.SerializeToString()
    assert body.count(b"\x10\x02\x18\x01") == 1
    good, (refusal,) = salvage(body.replace(b"\x10\x02\x18\x01", b"\x17\x02\x18\x01"), "metrics")
    assert [one[2] for one in items("metrics", good)] == [items("metrics", body)[0][2]]
    assert b"total" in refusal.data


def test_items_are_not_kept_without_the_resource_that_stands_after_them():
    request = REQUESTS["logs"]()
    request.resource_logs.add().scope_logs.add().log_records.add(severity_number=9)
    group = request.resource_logs[0].SerializeToString() + b"\n\x7fabc"  # a resource longer than what is around it
    body = captured("logs") + b"\n" + bytes((len(group),)) + group + captured("logs")
    good, (refusal,) = salvage(body, "logs")
    assert items("logs", good) == items("logs", captured("logs") * 2)
    assert refusal.data == b"\n" + bytes((len(group),)) + group


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_request_that_is_cut_off_keeps_the_whole_items_before_the_cut(signal):
    body = captured(signal)
    whole = items(signal, body)
    request = REQUESTS[signal].FromString(body)
    ends, at = [], 0
    for item in owners(signal, request):
        part = item.SerializeToString()
        at = body.index(part, at) + len(part)
        points = getattr(item, item.WhichOneof("data")).data_points if signal == "metrics" else [item]
        ends += [at] * len(points)
    for cut in range(40, len(body), 97):
        good, refused = salvage(body[:cut], signal)
        kept = sum(end <= cut for end in ends)
        assert items(signal, good) == whole[:kept], cut
        assert [one.kind for one in refused] == [TRUNCATED], cut
        if kept:
            assert len(refused[0].data) < cut


def test_a_cut_between_two_items_is_still_told():
    body = captured("traces")
    first = next(leaves("traces", REQUESTS["traces"].FromString(body))).SerializeToString()
    cut = body.index(first) + len(first)
    good, (refusal,) = salvage(body[:cut], "traces")
    assert len(items("traces", good)) == 1
    assert f"cut off between two items, at byte {cut}" in refusal.reason
    assert items("traces", refusal.data) == []


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(SIGNALS), st.data())
def test_any_damage_leaves_a_valid_request_of_items_that_were_there(signal, data):
    body = bytearray(captured(signal))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    good, refused = salvage(bytes(body), signal)
    assert refused
    validate(good, signal)
    for one in refused:
        assert one.reason
        assert len(one.data) <= len(body) * 3
    if good:
        again, _ = salvage(good, signal)  # ends: what was good once is not cut again and again
        assert again == b""


class TestJson:
    @pytest.mark.parametrize("signal", SIGNALS)
    @pytest.mark.parametrize("number", [0, 7, -1])
    def test_one_broken_item_is_refused_and_every_other_is_kept(self, signal, number):
        request = REQUESTS[signal].FromString(captured(signal))
        list(leaves(signal, request))[number].attributes.add(key="@@broken@@").value.string_value = "x"
        document = to_otlp_dict(request)
        text = json.dumps(document).replace('"@@broken@@"', "5")
        reading = read_record(text.encode(), "", max_bytes=1 << 24)
        expected = items(signal, captured(signal))
        del expected[number]
        (payload,) = reading.payloads
        assert (reading.form, payload.signal) == ("otlp_json", signal)
        assert items(signal, payload.protobuf) == expected
        assert payload.fingerprint == fingerprint(text.encode())
        (refusal,) = reading.refused
        assert "expected a string, got 5" in refusal.reason
        fixed = json.loads(refusal.data.replace(b'"key":5', b'"key":"@@broken@@"'))
        assert len(items(signal, encode(fixed, signal))) == 1

    def test_what_has_no_good_item_is_refused_whole(self):
        reading = read_record(b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":5}]}]}]}', "", max_bytes=1000)
        assert (reading.payloads, len(reading.refused)) == ((), 1)
        assert "resourceSpans[0].scopeSpans[0].spans[0].name: expected a string, got 5" in reading.refused[0].reason

    def test_a_broken_resource_takes_its_items_with_it_and_no_others(self):
        good, bad = ({"resource": {"attributes": one}, "scopeSpans": [{"spans": [{"kind": 2}]}]} for one in ([], 5))
        reading = read_record(json.dumps({"resourceSpans": [bad, good]}).encode(), "", max_bytes=1000)
        assert len(items("traces", reading.payloads[0].protobuf)) == 1
        assert json.loads(reading.refused[0].data) == {"resourceSpans": [bad]}

    def test_a_good_request_is_read_without_a_refusal(self):
        for signal in SIGNALS:
            text = json.dumps(to_otlp_dict(REQUESTS[signal].FromString(captured(signal))))
            reading = read_record(text.encode(), "", max_bytes=1 << 24)
            assert reading.refused == ()
            assert canonical(signal, reading.payloads[0].protobuf) == canonical(signal, captured(signal))
