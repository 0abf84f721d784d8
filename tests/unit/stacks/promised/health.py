"""Health: the probe looks at every table and writes its findings alone; the answer reads these alone. What measures
the platform looks at all that is named like ours, changes nothing but its own items, and its answer reads these."""

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
        "health_measure": {
            **{word.capitalize(): {DESCRIBE} for word in TABLES},
            "Health": {DESCRIBE, GET, PUT, "dynamodb:BatchGetItem"},
            "Stream": {"kinesis:DescribeStreamSummary"},
            "Key": WRITE_KEY,
        },
        "health_platform": {"Access": {GET}, "Health": {GET}, "Key": READ_KEY},
    },
    beyond={"health_measure": {"lambda:GetFunctionConfiguration"}},
    everywhere={"health_measure": {"cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:ListMetrics"}},
    routes=frozenset({"GET /health/live", "GET /health/ready", "GET /v1/platform"}),
    started_by={"health_probe": {"rate(1 minute)"}, "health_measure": {"rate(5 minutes)"}},
)
