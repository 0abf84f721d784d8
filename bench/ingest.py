"""Ingest against the obvious implementation, in one process: ``python -m bench.ingest``.

Measured from the bytes of a Kinesis event to the finished body of a segment, as CPU time, the two in turn. The ratio is
what carries over to another machine; the rates are this machine's. The results of both are compared first.
"""

import base64
import json
import random
import statistics
import time
from collections.abc import Callable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench import obvious
from opsloop.catalog import Catalog, Service
from opsloop.histogram import SCALE
from opsloop.telemetry.ingest import plan
from opsloop.telemetry.segment import Segment, StreamRecord, encode_body
from opsloop.telemetry.shard_log import ShardLog, padded

RECORDS, SPANS_PER_RECORD, ROUNDS = 480, 20, 7
START_NS = 1_763_712_000 * 1_000_000_000
CATALOG = Catalog({}, Service("", 4, "", "", "", (), 2_000, 0.05, is_declared=False))


def make_event(*, seed: int) -> str:
    """Return the text of a Kinesis event: spans of five services with eight attributes each, over two minutes."""
    chance = random.Random(seed)
    records = []
    for number in range(RECORDS):
        request = ExportTraceServiceRequest()
        spans = request.resource_spans.add()
        spans.resource.attributes.add(key="service.name").value.string_value = f"service-{chance.randrange(5)}"
        for _ in range(SPANS_PER_RECORD):
            _add_span(spans.scope_spans.add() if not spans.scope_spans else spans.scope_spans[0], chance)
        data = base64.b64encode(request.SerializeToString()).decode()
        kinesis = {
            "partitionKey": f"key-{number}",
            "sequenceNumber": str(number + 1),
            "data": data,
            "approximateArrivalTimestamp": START_NS / 1e9 + 120,
        }
        records.append({"kinesis": kinesis, "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/bench"})
    return json.dumps({"Records": records})


def _add_span(scope: object, chance: random.Random) -> None:
    route = chance.randrange(6)
    start = START_NS + chance.randrange(120_000_000_000)
    span = scope.spans.add(  # type: ignore[attr-defined]
        trace_id=chance.randbytes(16),
        span_id=chance.randbytes(8),
        parent_span_id=chance.randbytes(8),
        name=f"GET /route-{route}/{{id}}",
        kind=chance.choice([2, 2, 3, 1]),
        start_time_unix_nano=start,
        end_time_unix_nano=start + int(chance.lognormvariate(17, 1)) + 1,
    )
    for key in ("http.request.method", "url.path", "server.address", "user_agent.original", "net.peer.name", "tenant"):
        span.attributes.add(key=key).value.string_value = f"{key}-{chance.randrange(50)}"
    span.attributes.add(key="http.response.status_code").value.int_value = chance.choice([200, 200, 200, 404, 503])
    span.attributes.add(key="http.route").value.string_value = f"/route-{route}/{{id}}"


def ingest(event_text: str) -> tuple[Segment, bytes]:
    """Return the segment of a Kinesis event, and its body as it is stored."""
    records = [
        StreamRecord(
            padded(record["kinesis"]["sequenceNumber"]),
            record["kinesis"]["partitionKey"],
            base64.b64decode(record["kinesis"]["data"]),
            record["kinesis"]["approximateArrivalTimestamp"],
        )
        for record in json.loads(event_text)["Records"]
    ]
    segment = plan(records, ShardLog("bench", 900), CATALOG, max_bytes=64 << 20)
    if segment is None:
        raise AssertionError("a fresh log took in nothing")
    return segment, encode_body(segment.cells, segment.shares)


def check_equal(segment: Segment, cells: dict[obvious.Key, obvious.Cell]) -> None:
    """Raise ``AssertionError`` unless the segment says what the obvious implementation says."""
    aggregate = segment.cells
    assert len(aggregate) == len(cells), (len(aggregate), len(cells))
    for i in range(len(aggregate)):
        series = aggregate.series[aggregate.series_index[i]]
        cell = cells[(series.service, series.operation, series.kind, int(aggregate.minute[i]))]
        ours = (aggregate.count[i], aggregate.errors[i], aggregate.total[i], aggregate.minimum[i], aggregate.maximum[i])
        assert ours == (cell.count, cell.errors, cell.total, cell.minimum, cell.maximum), series
        at = slice(aggregate.bucket_start[i], aggregate.bucket_start[i + 1])
        buckets = dict(zip(aggregate.bucket_key[at].tolist(), aggregate.bucket_count[at].tolist(), strict=True))
        assert buckets == dict(cell.buckets), (SCALE, series)


def cpu_s(work: Callable[[], object]) -> float:
    """Return the CPU seconds that ``work`` takes."""
    before = time.process_time()
    work()
    return time.process_time() - before


def main() -> None:
    """Compare results, then time both and print rates and their ratio."""
    event_text = make_event(seed=1)
    check_equal(ingest(event_text)[0], obvious.ingest(event_text))
    pairs = [(cpu_s(lambda: ingest(event_text)), cpu_s(lambda: obvious.ingest(event_text))) for _ in range(ROUNDS)]
    spans = RECORDS * SPANS_PER_RECORD
    ours, plain = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(slow / fast for fast, slow in pairs)
    print(f"{len(event_text) / 1e6:.1f} MB event, {spans:,} spans, results equal, median of {ROUNDS} rounds")
    print(f"ours {spans / ours:,.0f} spans/s; obvious {spans / plain:,.0f} spans/s; ratio {ratio:.1f}")


if __name__ == "__main__":
    main()
