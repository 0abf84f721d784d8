"""Anomaly: the detector writes what it remembers and what it found; the query writes what people say of it."""

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
        "anomaly_query": {
            "Access": {GET},
            "Anomaly": {GET, PUT, QUERY, "dynamodb:BatchGetItem", "dynamodb:DeleteItem"},
            "Telemetry": {QUERY},
            "Segments/*": {"s3:GetObject", "s3:PutObject"},
            "Log": {QUERY},
            "Logs/*": {"s3:GetObject"},
            "Key": WRITE_KEY,
        },
    },
    routes=frozenset(
        {
            "GET /v1/anomalies",
            "GET /v1/anomalies/bands",
            "GET /v1/anomalies/{id}",
            "POST /v1/anomalies/{id}/feedback",
            "GET /v1/anomalies/exclusions",
            "POST /v1/anomalies/exclusions",
            "DELETE /v1/anomalies/exclusions/{id}",
            "POST /v1/anomalies/backtest",
        }
    ),
    started_by={"anomaly_detect": {"cron(1/5 * * * ? *)"}},
)
