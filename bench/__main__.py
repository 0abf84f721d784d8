"""``make bench``: every measurement, one after the other."""

from bench import cold, cost, ingest

for module in (ingest, cold, cost):
    print(f"\n## python -m {module.__name__}\n")
    module.main()
