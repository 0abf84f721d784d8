"""``make bench``: every measurement, one after the other."""

from bench import cold, cost, fold, ingest, memory, query, spans_cost

for module in (ingest, memory, query, fold, cold, spans_cost, cost):
    print(f"\n## python -m {module.__name__}\n")
    module.main()
