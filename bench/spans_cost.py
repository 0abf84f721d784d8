"""What 10^9 spans cost on AWS, by the way they are sent: ``python -m bench.spans_cost`` (docs/performance.md).

A span is 461 bytes (the shop's, see bench.ingest). Rates of one core come from ``bench.ingest``; a Lambda core is taken
to be as fast as that one. Shards are filled to 70 %, batches to Lambda's 6 MB, and the stream is as busy all day.
"""

import math
from dataclasses import dataclass

from bench.prices import PUT_UNIT_BYTES, USD

SPANS = 1_000_000_000
SPAN_BYTES = 461
GZIP_RATIO = {20: 4.49, 800: 7.35}  # gzip level 1, by spans per record; measured, bench.ingest's events
SHARD_BYTES_S = 700_000
EVENT_BYTES = 6_000_000 * 3 / 4  # base64 takes a quarter of Lambda's 6 MB
PUT_S = 0.008  # waiting for DynamoDB's answer
MEMORY_GB = 1.769
SEGMENT_BYTES = 9_000
FOLD_READS_PER_SEGMENT = 1
RECEIVE_S, RECEIVE_GB = {20: 0.004, 800: 0.045}, 1.0  # of one request, by its spans


@dataclass(frozen=True)
class Design:
    """A way of sending. ``spans_per_s``: what one core of telemetry_ingest takes in."""

    name: str
    spans_per_record: int
    is_gzipped: bool
    is_over_http: bool
    spans_per_s: float


DESIGNS = (
    Design("obvious code, Kinesis, raw, 20 spans a record", 20, False, False, 43_000),
    Design("Kinesis, raw, 20 spans a record", 20, False, False, 430_000),
    Design("Kinesis, gzip, 20 spans a record", 20, True, False, 390_000),
    Design("Kinesis, gzip, 800 spans a record", 800, True, False, 540_000),
    Design("OTLP/HTTP, gzip, 800 spans a request", 800, True, True, 540_000),
    Design("OTLP/HTTP, gzip, 20 spans a request", 20, True, True, 390_000),
)


def bill(design: Design) -> dict[str, float]:
    """Return the cost in USD of ``SPANS`` spans, by service."""
    record_bytes = float(design.spans_per_record * SPAN_BYTES)
    if design.is_gzipped:
        record_bytes /= GZIP_RATIO[design.spans_per_record]
    records = SPANS / design.spans_per_record
    sent_bytes = records * record_bytes
    batches = max(sent_bytes / EVENT_BYTES, records / 10_000)
    segment_units = math.ceil(SEGMENT_BYTES / 1024)
    busy_s = SPANS / design.spans_per_s + batches * PUT_S
    lines = {
        "Kinesis": sent_bytes / SHARD_BYTES_S / 3600 * USD["Kinesis shard-hour"]
        + records * math.ceil(record_bytes / PUT_UNIT_BYTES) * USD["Kinesis put unit of 25 KB"],
        "Lambda": busy_s * MEMORY_GB * USD["Lambda arm64 GB-second"] + batches * USD["Lambda request"],
        "DynamoDB": batches
        * (
            segment_units * USD["DynamoDB write unit"]
            + FOLD_READS_PER_SEGMENT * math.ceil(SEGMENT_BYTES / 4096) * USD["DynamoDB read unit"]
        ),
        "HTTP API": 0.0,
    }
    if design.is_over_http:
        lines["HTTP API"] = records * USD["HTTP API request"]
        seconds = records * RECEIVE_S[design.spans_per_record]
        lines["Lambda"] += seconds * RECEIVE_GB * USD["Lambda arm64 GB-second"] + records * USD["Lambda request"]
    return lines


def main() -> None:
    """Print one row per design as a Markdown table."""
    names = ("Kinesis", "Lambda", "DynamoDB", "HTTP API")
    print("| USD per 10^9 spans | " + " | ".join(names) + " | together |")
    print("| --- |" + " ---: |" * (len(names) + 1))
    for design in DESIGNS:
        lines = bill(design)
        cells = " | ".join(f"{lines[name]:.2f}" for name in names)
        print(f"| {design.name} | {cells} | **{sum(lines.values()):.2f}** |")


if __name__ == "__main__":
    main()
