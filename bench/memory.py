"""Peak memory of one 6 MB event: ``python -m bench.memory [--json FILE]``.

``telemetry_ingest`` in a fresh process with its layers, against an empty cloud: the greatest resident set that the
process had, interpreter, numpy and the event's own text included.
"""

import argparse
import json
import tempfile
from pathlib import Path

from bench.events import CASES, make_event
from bench.fresh import empty_cloud, run_fresh
from stacks.generate_docs import read_functions

MARK_MB = 180.0
FUNCTION = "telemetry_ingest"


def main(arguments: list[str] | None = None) -> None:
    """Run one event in a fresh process and print its peak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    (one,) = [each for each in read_functions() if each.name == FUNCTION]
    event = json.loads(make_event(CASES[0]))
    for record in event["Records"]:
        record["eventID"] = f"shardId-000000000000:{record['kinesis']['sequenceNumber']}"
    with tempfile.TemporaryDirectory(prefix="opsloop-bench-") as folder, empty_cloud() as cloud:
        sample = Path(folder) / "event.json"
        sample.write_text(json.dumps(event), encoding="utf-8")
        size_mb = sample.stat().st_size / 1e6
        found, _ = run_fresh(one, cloud=cloud, order={"samples": [str(sample)]})
    row = {
        "case": f"{FUNCTION}, {size_mb:.1f} MB event",
        "peak_rss_mb": round(found["peak_rss_mb"], 1),
        "import_rss_mb": round(found["import_rss_mb"], 1),
        "mark_mb": MARK_MB,
    }
    print(f"{row['case']}: peak {row['peak_rss_mb']} MB, {row['import_rss_mb']} of it after import; mark {MARK_MB:.0f}")
    if options.json:
        options.json.write_text(json.dumps({"rows": [row]}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
