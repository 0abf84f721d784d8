"""Health: the probe looks at every table and writes its findings alone; the answer reads these alone."""

from tests.tables import TABLES
from tests.unit.stacks.promises import GET, PUT, QUERY, READ_KEY, WRITE_KEY, Promises

DESCRIBE = "dynamodb:DescribeTable"

PROMISES = Promises(
    may={
        "health_probe": {
            **{word.capitalize(): {DESCRIBE} for word in TABLES},
            "Telemetry": {DESCRIBE, GET, QUERY},
            "Kpi": {DESCRIBE, GET},
            "Alert": {DESCRIBE, QUERY},
            "Health": {DESCRIBE, GET, PUT},
            "Stream": {"kinesis:DescribeStreamSummary"},
            "Segments": {"s3:ListBucket"},
            "Quarantine": {"s3:ListBucket"},
            "Log": {DESCRIBE, QUERY},
            "Logs": {"s3:ListBucket"},
            "Bus": {"events:DescribeEventBus"},
            "Key": WRITE_KEY,
        },
        "health_check": {"Health": {GET}, "Key": READ_KEY},
    },
    routes=frozenset({"GET /health/live", "GET /health/ready"}),
    started_by={"health_probe": {"rate(1 minute)"}},
)
