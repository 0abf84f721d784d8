"""What a replay makes of an object, without a cloud: encodings, hints, arrival, age."""

import gzip
import json
import zlib
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from backports import zstd
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from opsloop.catalog import Catalog, Service
from opsloop.telemetry.model import LOG_START
from opsloop.telemetry.quarantined import Listed, Quarantined
from opsloop.telemetry.replay import Reread, Result, committed, form_of, position_after, reread, services_of
from tests.unit.telemetry.otlp_messages import to_otlp_dict

SAMPLE = (Path(__file__).parents[2] / "data" / "otlp" / "shop-traces-0.pb").read_bytes()
REQUEST = ExportTraceServiceRequest.FromString(SAMPLE)
SPANS = [span for one in REQUEST.resource_spans for scope in one.scope_spans for span in scope.spans]
ARRIVED = datetime.fromtimestamp(max(span.end_time_unix_nano for span in SPANS) // 10**9 + 5, UTC)
CATALOG = Catalog({}, Service("", 4, "", "", "", (), 2_000, 0.05))


def kept(data: bytes, arrived: datetime = ARRIVED, **facts: str) -> Quarantined:
    key = f"telemetry_receive/{arrived:%Y-%m-%d}/{sha256(data).hexdigest()}"
    named = {name.replace("_", "-"): text for name, text in facts.items()}
    return Quarantined(Listed(key, len(data), arrived), arrived, "broken", "malformed", named)


def read(found: Quarantined, data: bytes, *, now: datetime = ARRIVED, tip: str = LOG_START) -> Reread:
    return reread(found, data, tip, CATALOG, now, max_bytes=1_000_000, block_days=35)


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


ENCODED = {
    "plain": SAMPLE,
    "JSON": json.dumps(to_otlp_dict(REQUEST)).encode(),
    "gzip": gzip.compress(SAMPLE),
    "deflate, which is zlib": zlib.compress(SAMPLE),
    "deflate, bare": deflated(SAMPLE),
    "zstd": zstd.compress(SAMPLE),
    "gzip that was cut off": gzip.compress(SAMPLE)[:-8],
}


@pytest.mark.parametrize("name", sorted(ENCODED))
def test_a_body_is_read_in_every_encoding_that_it_may_have_come_in(name: str):
    data = ENCODED[name]
    today = read(kept(data, signal="traces", content_encoding=name), data)
    assert (today.result, today.segment.items) == (Result.REPLAYED, len(SPANS))
    assert sum(services_of(today.segment).values()) == len(SPANS)
    assert form_of(kept(data), data, max_bytes=1_000_000)[1] == ["traces"]


def test_the_path_tells_what_no_item_tells_and_yields_to_what_items_tell():
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(status={"code": 2})  # no time, no kind, no name
    data = request.SerializeToString()
    assert read(kept(data), data).result is Result.STILL_UNREADABLE
    assert read(kept(data, signal="traces"), data).segment.items == 1
    assert read(kept(SAMPLE, signal="metrics"), SAMPLE).segment.items == len(SPANS)


def test_what_cannot_be_read_says_why_and_is_whole():
    data = b"\n\xff\xff"
    today = read(kept(data), data)
    assert today.result is Result.STILL_UNREADABLE
    assert today.reason != ""
    assert today.left_over(sha256(data).hexdigest()) == []


def test_of_a_request_that_is_cut_off_the_rest_is_left_over():
    data = SAMPLE[:-10]
    today = read(kept(data), data)
    assert today.result is Result.PARTLY_REPLAYED
    assert 0 < today.segment.items < len(SPANS)
    (left,) = today.left_over(sha256(data).hexdigest())
    assert 0 < len(left.data) < len(data)


def test_of_mended_bytes_the_whole_is_left_over_if_it_is_refused_beside_something_good():
    data = SAMPLE[:-10]
    today = read(kept(data), data)
    assert len(today.left_over(sha256(today.refused[0].data).hexdigest())) == len(today.refused) - 1


def test_items_are_judged_by_the_arrival_of_the_object_and_reach_the_log_at_the_replay():
    later = ARRIVED + timedelta(days=20)
    today = read(kept(SAMPLE), SAMPLE, now=later)
    assert (today.result, today.segment.clamped) == (Result.REPLAYED, 0)
    written = committed(today.segment, later)
    assert (written.first_arrival_s, written.last_arrival_s) == (ARRIVED.timestamp(), later.timestamp())
    assert written.fingerprints == ()


@pytest.mark.parametrize(("days", "result"), [(33, Result.REPLAYED), (35, Result.TOO_OLD)])
def test_an_hour_takes_no_replay_from_a_day_before_its_minutes_are_gone(days: int, result: Result):
    assert read(kept(SAMPLE), SAMPLE, now=ARRIVED + timedelta(days=days)).result is result


def test_positions_count_up_in_the_order_of_text():
    positions = [LOG_START]
    for _ in range(120):
        positions.append(position_after(positions[-1]))
    assert positions == sorted(positions)
    assert len({len(one) for one in positions}) == 1
    today = read(kept(SAMPLE), SAMPLE, tip=positions[-2])
    assert (today.segment.start, today.segment.end) == (positions[-2], positions[-1])
