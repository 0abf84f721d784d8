"""``make bench``: every measurement, one after the other."""

from bench import cost, ingest

for module in (ingest, cost):
    print(f"\n## python -m {module.__name__}\n")
    module.main()
