"""``make bench``: every measurement, one after the other."""

from bench import (
    anomaly,
    anomaly_run,
    backup,
    cold,
    console,
    cost,
    fold,
    ingest,
    logs,
    memory,
    query,
    search,
    spans_cost,
)

for module in (
    ingest,
    memory,
    query,
    fold,
    cold,
    logs,
    anomaly,
    anomaly_run,
    search,
    spans_cost,
    cost,
    console,
    backup,
):
    print(f"\n## python -m {module.__name__}\n")
    module.main()
