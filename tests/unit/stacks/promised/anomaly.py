"""Anomaly: the detector reads telemetry and log patterns, and writes what it remembers and what it found."""

from tests.unit.stacks.promises import GET, PUT, QUERY, WRITE_KEY, Promises

PROMISES = Promises(
    may={
        "anomaly_detect": {
            "Telemetry": {QUERY, GET},
            "Segments/*": {"s3:GetObject", "s3:PutObject"},
            "Log": {QUERY},
            "Logs/*": {"s3:GetObject"},
            "Anomaly": {GET, PUT, QUERY},
            "Bus": {"events:PutEvents"},
            "Key": WRITE_KEY,
        },
    },
    started_by={"anomaly_detect": {"cron(1/5 * * * ? *)"}},
)
