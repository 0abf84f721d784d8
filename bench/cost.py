"""Estimate what opsloop costs on AWS per month: ``python -m bench.cost`` prints the table of docs/deploying.md.

Every assumption is a name below; prices and their sources are in ``bench.prices``.
"""

import math
from dataclasses import dataclass

from bench.prices import PUT_UNIT_BYTES, USD

SECONDS_PER_MONTH = 730 * 3600
MINUTES_PER_MONTH = SECONDS_PER_MONTH / 60

SPANS_PER_REQUEST = 5
LOGS_PER_REQUEST = 2
SPAN_BYTES, LOG_BYTES = 461, 195
GZIP_RATIO = 4.5
REQUESTS_PER_INSTANCE_S = 100  # one application process serves this many requests per second
EXPORT_INTERVAL_S = 5  # OpenTelemetry SDK default for spans; logs alike
ITEMS_PER_EXPORT = 512  # ... or when this many wait
BATCH_WINDOW_S = 5  # of the Kinesis mapping
SHARD_BYTES_S = 700_000  # a shard filled to 70 %
SEGMENT_BYTES_AT_LEAST, SEGMENT_BYTES_PER_SERIES_MINUTE = 1_500, 60
SERIES_PER_SERVICE = 40
BLOCK_BYTES_PER_SERIES_MINUTE = 60
SERVICES = {1: 3, 100: 10, 10_000: 100}
METRICS, ALARMS, KMS_KEYS = 40, 92, 1
METRIC_REQUESTS = 201 * 730 * 2  # the platform's own figures, every half hour: docs/domains/health.md
LOG_LINE_BYTES = 800
RECEIVE_GB_S, INGEST_GB_S, FOLD_GB_S_PER_BLOCK = 0.03 * 0.5, 0.10 * 1.77, 0.02 * 1.0  # seconds x GB of one invocation
OPERATIONS_PER_SERVICE = 20
WRITES_PER_ROW = 4  # a page is written again with each of its rows


@dataclass(frozen=True)
class Line:
    """One line of the bill."""

    what: str
    usd: float


def monthly_bill(requests_s: int) -> list[Line]:
    """Return the estimated lines of a month's bill for an application serving ``requests_s`` requests per second."""
    services = SERVICES[requests_s]
    instances = max(services, math.ceil(requests_s / REQUESTS_PER_INSTANCE_S))
    exports_s = sum(
        max(min(instances / EXPORT_INTERVAL_S, requests_s * per_request), requests_s * per_request / ITEMS_PER_EXPORT)
        for per_request in (SPANS_PER_REQUEST, LOGS_PER_REQUEST)
    )
    exports = (exports_s + instances / 60) * SECONDS_PER_MONTH  # metrics go once a minute
    bytes_s = requests_s * (SPANS_PER_REQUEST * SPAN_BYTES + LOGS_PER_REQUEST * LOG_BYTES) / GZIP_RATIO
    shards = max(1, math.ceil(bytes_s / SHARD_BYTES_S))
    batches = shards * SECONDS_PER_MONTH / BATCH_WINDOW_S
    segment_bytes = max(
        SEGMENT_BYTES_AT_LEAST, services * SERIES_PER_SERVICE * SEGMENT_BYTES_PER_SERIES_MINUTE / shards
    )
    blocks = services * MINUTES_PER_MONTH
    block_bytes = SERIES_PER_SERVICE * 30 * BLOCK_BYTES_PER_SERIES_MINUTE
    invocations = exports + batches + 3 * MINUTES_PER_MONTH
    rows = services * OPERATIONS_PER_SERVICE * 730
    put_units = max(exports, bytes_s * SECONDS_PER_MONTH / PUT_UNIT_BYTES)
    return [
        Line("HTTP API", exports * USD["HTTP API request"]),
        Line(
            "Lambda",
            invocations * USD["Lambda request"]
            + (exports * RECEIVE_GB_S + batches * INGEST_GB_S + blocks * FOLD_GB_S_PER_BLOCK)
            * USD["Lambda arm64 GB-second"],
        ),
        Line(
            "Kinesis",
            shards * 730 * USD["Kinesis shard-hour"] + put_units * USD["Kinesis put unit of 25 KB"],
        ),
        Line(
            "DynamoDB",
            (batches * math.ceil(segment_bytes / 1024) + blocks * 2 + rows * WRITES_PER_ROW)
            * USD["DynamoDB write unit"]
            + (batches * math.ceil(segment_bytes / 4096) + blocks) * USD["DynamoDB read unit"],
        ),
        Line(
            "S3 (blocks)",
            blocks * (USD["S3 put"] + USD["S3 get"]) + blocks * block_bytes / 1e9 * 35 / 30 * USD["S3 GB-month"],
        ),
        Line("CloudWatch Logs", invocations * LOG_LINE_BYTES / 1e9 * USD["CloudWatch Logs GB"]),
        Line(
            "CloudWatch metrics and alarms",
            METRICS * USD["CloudWatch metric-month"]
            + ALARMS * USD["CloudWatch alarm-month"]
            + METRIC_REQUESTS * USD["CloudWatch metric request"],
        ),
        Line("KMS", KMS_KEYS * USD["KMS key-month"] + (blocks + batches) * 0.1 * USD["KMS request"]),
    ]


def main() -> None:
    """Print the bill for 1, 100 and 10,000 requests per second as a Markdown table."""
    bills = {requests_s: monthly_bill(requests_s) for requests_s in SERVICES}
    print("| USD per month | " + " | ".join(f"{requests_s:,} requests/s" for requests_s in bills) + " |")
    print("| --- |" + " ---: |" * len(bills))
    for lines in zip(*bills.values(), strict=True):
        print(f"| {lines[0].what} | " + " | ".join(f"{line.usd:,.0f}" for line in lines) + " |")
    print(
        "| **together** | " + " | ".join(f"**{sum(line.usd for line in bill):,.0f}**" for bill in bills.values()) + " |"
    )


if __name__ == "__main__":
    main()
