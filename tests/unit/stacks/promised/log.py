"""Log: keeping reads telemetry and writes documents; the index is filled from these alone."""

from tests.unit.stacks.promises import GET, PUT, QUERY, WRITE_KEY, Promises

PROMISES = Promises(
    may={
        "log_keep": {
            "Telemetry": {QUERY},
            "Log": {GET, QUERY, PUT, "dynamodb:BatchGetItem"},
            "Logs/*": {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"},
            "Quarantine/*": {"s3:PutObject"},
            "Key": WRITE_KEY,
        },
        "log_index": {
            "Log": {GET, QUERY, PUT, "dynamodb:BatchWriteItem"},
            "Logs/*": {"s3:GetObject"},
            "SearchDomain": {f"es:ESHttp{verb}" for verb in ("Delete", "Get", "Post", "Put")},
            "Key": WRITE_KEY,
        },
        "log_rebuild": {"Access": {GET}, "Log": {GET, QUERY, PUT}, "Key": WRITE_KEY},
    },
    routes=frozenset({"GET /v1/search/rebuild", "POST /v1/search/rebuild"}),
    started_by={
        "log_keep": {"rate(1 minute)", "Logs/raw/*"},
        "log_index": {"rate(1 minute)", "Logs/logs/*"},
    },
)
