"""Log: keeping reads telemetry and writes documents; the index is filled from these alone."""

from tests.unit.stacks.promises import GET, PUT, QUERY, READ_KEY, WRITE_KEY, Promises

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
        "log_query": {
            "Access": {GET},
            "Log": {GET, QUERY, "dynamodb:BatchGetItem"},
            "Logs/*": {"s3:GetObject"},
            "SearchDomain": {"es:ESHttpGet", "es:ESHttpPost"},
            "Key": READ_KEY,
        },
        "log_restore": {
            "Access": {GET},
            "Log": {GET, QUERY, PUT, "dynamodb:BatchWriteItem"},
            "Logs": {"s3:ListBucket"},
            "Logs/*": {"s3:GetObject", "s3:RestoreObject"},
            "SearchDomain": {f"es:ESHttp{verb}" for verb in ("Delete", "Get", "Post", "Put")},
            "Key": WRITE_KEY,
        },
    },
    routes=frozenset(
        {
            "GET /v1/search/rebuild",
            "POST /v1/search/rebuild",
            "GET /v1/logs",
            "GET /v1/logs/tail",
            "GET /v1/logs/patterns",
            "GET /v1/logs/trace/{trace_id}",
            "GET /v1/search",
            "POST /v1/logs/restore",
            "GET /v1/logs/restores",
        }
    ),
    started_by={
        "log_keep": {"rate(1 minute)"},
        "log_index": {"rate(1 minute)"},
        "log_restore": {"rate(15 minutes)"},
    },
    fed_with={"log_keep": {"Logs/raw/*"}, "log_index": {"Logs/logs/*"}},
)
