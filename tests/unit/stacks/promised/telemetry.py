"""Telemetry: the receiver reaches the stream alone, ingest decides by the logs alone, nobody deletes anything."""

from tests.unit.stacks.promises import CHECK, GET, PUT, QUERY, READ_KEY, UPDATE, WRITE_KEY, Promises

PROMISES = Promises(
    may={
        "telemetry_receive": {
            "Stream": {"kinesis:PutRecords", "kinesis:DescribeStreamSummary"},
            "Access": {GET},
            "Telemetry": {GET, QUERY, UPDATE},
            "Quarantine/*": {"s3:PutObject"},
            "Key": WRITE_KEY,
        },
        "telemetry_ingest": {
            "Telemetry": {PUT, QUERY, CHECK},
            "Segments/*": {"s3:GetObject", "s3:PutObject"},
            "Quarantine/*": {"s3:PutObject"},
            "Logs/*": {"s3:PutObject"},
            "Key": WRITE_KEY,
            "Stream": {
                "kinesis:DescribeStream",
                "kinesis:DescribeStreamConsumer",
                "kinesis:DescribeStreamSummary",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
                "kinesis:ListStreams",
                "kinesis:SubscribeToShard",
            },
        },
        "telemetry_quarantine": {
            "Telemetry": {PUT, QUERY},
            "Access": {GET},
            "Segments/*": {"s3:PutObject"},
            "Quarantine": {"s3:ListBucket"},
            "Quarantine/*": {"s3:GetObject", "s3:PutObject"},
            "Logs/*": {"s3:PutObject"},
            "Key": WRITE_KEY,
        },
        "telemetry_watch": {
            "Stream": {
                "kinesis:DescribeStreamSummary",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
            },
            "Telemetry": {PUT, QUERY},
            "Segments/*": {"s3:PutObject"},
            "Key": WRITE_KEY,
        },
        "telemetry_import": {
            "Telemetry": {PUT, QUERY},
            "Import/*": {"s3:GetObject", "s3:GetObjectVersion"},
            "Segments/*": {"s3:PutObject"},
            "Quarantine/*": {"s3:PutObject"},
            "Logs/*": {"s3:PutObject"},
            "Key": WRITE_KEY,
        },
        "telemetry_fold": {
            "Telemetry": {PUT, QUERY, GET, UPDATE},
            "Segments/*": {"s3:GetObject", "s3:PutObject"},
            "Bus": {"events:PutEvents"},
            "Key": WRITE_KEY,
        },
        "telemetry_describe": {
            "Telemetry": {GET},
            "Access": {GET},
            "Segments/*": {"s3:GetObject"},
            "Key": READ_KEY,
        },
        "telemetry_graph": {"Telemetry": {QUERY}, "Access": {GET}, "Key": READ_KEY},
    },
    routes=frozenset(
        {
            "POST /v1/traces",
            "POST /v1/metrics",
            "POST /v1/logs",
            "POST /v1/firehose",
            "POST /v1/prometheus/write",
            "POST /api/v1/write",
            "GET /v1/senders",
            "GET /v1/quarantine",
            "GET /v1/quarantine/item",
            "GET /v1/quarantine/body",
            "POST /v1/quarantine/replay",
            "GET /v1/telemetry/cardinality",
            "GET /v1/graph",
        }
    ),
    started_by={
        "telemetry_fold": {"rate(1 minute)"},
        "telemetry_watch": {"rate(1 minute)"},
        "telemetry_import": {"Import/import/*"},
    },
    consumers=frozenset({"telemetry_ingest"}),
)
