"""KPI: the rollup reads telemetry and writes rows; the query and the series write nothing."""

from tests.unit.stacks.promises import GET, PUT, QUERY, READ_KEY, UPDATE, WRITE_KEY, Promises

PROMISES = Promises(
    may={
        "kpi_rollup": {
            "Telemetry": {QUERY, GET},
            "Segments/*": {"s3:GetObject"},
            "Kpi": {PUT, QUERY, GET, UPDATE, "dynamodb:BatchGetItem"},
            "Bus": {"events:PutEvents"},
            "Key": WRITE_KEY,
        },
        "kpi_query": {
            "Telemetry": {QUERY, GET},
            "Segments/*": {"s3:GetObject"},
            "Kpi": {QUERY, GET, "dynamodb:BatchGetItem"},
            "Access": {GET},
            "Key": READ_KEY,
        },
        "kpi_series": {
            "Telemetry": {QUERY, GET},
            "Segments/*": {"s3:GetObject"},
            "Kpi": {QUERY, GET, "dynamodb:BatchGetItem"},
            "Access": {GET},
            "Key": READ_KEY,
        },
    },
    routes=frozenset(
        {
            "GET /v1/services",
            "GET /v1/kpis",
            "GET /v1/kpis/series",
            "GET /v1/kpis/heatmap",
            "GET /v1/kpis/operations",
            "GET /v1/kpis/metrics",
        }
    ),
    started_by={"kpi_rollup": {"cron(2 * * * ? *)", "cron(10 0 * * ? *)", "telemetry.late_data_folded"}},
)
