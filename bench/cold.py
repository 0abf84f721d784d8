"""Cold starts: ``python -m bench.cold [--json FILE] [FUNCTION...]``.

CPU time of importing each handler in a fresh process, the interpreter's own start left out, with its layers as they are
shipped (compiled, merged into one folder) and the environment that its stack sets; and what its first call costs beyond
the second one, so that nothing is gained by putting an import off. Beside it, a plain ``import numpy`` as pip installs
it, in turns with the handler, which is what machines and minutes are compared by; and what the time goes to.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.fresh import empty_cloud, run_fresh
from stacks.constructs.layer_build import ROOT
from stacks.constructs.layers import layer_environment
from stacks.generate_docs import Function, read_functions

ROUNDS = 5
MARKS_MS = {"telemetry_ingest": 70.0}
USUAL_MARK_MS = 150.0
SAMPLE = {"telemetry_ingest": "receiver_batch"}  # a batch in which everything is right; the others: their first sample
IMPORT_TIME = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")
GROUPS = {"opsloop": "ours", "handler": "ours", "aws_lambda_powertools": "powertools", "numpy": "numpy"}
AWS = ("boto3", "botocore", "s3transfer", "urllib3", "pynamodb", "dateutil", "six", "jmespath")


def measure(one: Function, cloud: str) -> dict[str, Any]:
    """Return the row of one function: medians over ``ROUNDS`` fresh processes."""
    name = SAMPLE.get(one.name, one.samples[0])
    sample = str(ROOT / "events" / one.name / f"{name}.json")
    runs, numpy_ms = [], []
    for _ in range(ROUNDS):
        runs.append(run_fresh(one, cloud=cloud, order={"samples": [sample] * 3})[0])
        numpy_ms.append(plain_numpy_ms())
    imports = [run["import_ms"] for run in runs]
    _, trace = run_fresh(one, cloud=cloud, order={}, profile=True)
    return {
        "function": one.name,
        "import_ms": round(statistics.median(imports), 1),
        "least_ms": round(min(imports), 1),
        "of_numpy": round(statistics.median(imports) / statistics.median(numpy_ms), 2),
        "mark_ms": MARKS_MS.get(one.name, USUAL_MARK_MS),
        "first_call_extra_ms": round(
            statistics.median(run["calls_ms"][0] - min(run["calls_ms"][1:]) for run in runs), 1
        ),
        "loaded_by_first_call": len(runs[0]["loaded_by_calls"]),
        "rss_mb": round(statistics.median(run["import_rss_mb"] for run in runs), 1),
        "modules": runs[0]["modules"],
        "spent_on": spent_on(trace),
    }


def spent_on(trace: str) -> dict[str, float]:
    """Return the share of import time per group of packages, from ``-X importtime``."""
    spent: dict[str, float] = {}
    for own_us, module in IMPORT_TIME.findall(trace):
        top = module.partition(".")[0]
        group = GROUPS.get(top) or ("aws clients" if top in AWS else "standard library")
        spent[group] = spent.get(group, 0.0) + int(own_us)
    total = sum(spent.values())
    return {group: round(own / total, 2) for group, own in sorted(spent.items(), key=lambda pair: -pair[1])}


def plain_numpy_ms() -> float:
    """Return the CPU time of importing numpy, all of it and with one BLAS thread, in a fresh process."""
    spec = find_spec("numpy")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("numpy")
    lines = f"import sys, time; sys.path.insert(0, {str(Path(spec.origin).parents[1])!r}); before = time.process_time()"
    lines += "; import numpy; print(time.process_time() - before)"
    command = [sys.executable, "-I", "-S", "-c", lines]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=layer_environment("telemetry_ingest")
    )
    return float(done.stdout) * 1e3


def plain_loop_ms() -> float:
    """Return the CPU time of a fixed loop on this machine as it is now: what the other times are to be read against."""
    started = time.process_time()
    total = 0
    for number in range(1_000_000):
        total += number & 7
    return (time.process_time() - started) * 1e3


def main(arguments: list[str] | None = None) -> None:
    """Measure every function, or those named, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("functions", nargs="*")
    options = parser.parse_args(arguments)
    with empty_cloud() as cloud:
        rows = [
            measure(one, cloud) for one in read_functions() if not options.functions or one.name in options.functions
        ]
    loop_ms = plain_loop_ms()
    head = f"{'import ms':>9} {'least':>6} {'mark':>5} {'of numpy':>8} {'1st call +':>10} {'RSS MB':>7}"
    print(f"{'function':20} {head}  spent on")
    for row in rows:
        shares = ", ".join(f"{group} {share:.0%}" for group, share in row["spent_on"].items())
        numbers = f"{row['import_ms']:9.1f} {row['least_ms']:6.1f} {row['mark_ms']:5.0f} {row['of_numpy']:8.2f}"
        print(f"{row['function']:20} {numbers} {row['first_call_extra_ms']:10.1f} {row['rss_mb']:7.1f}  {shares}")
    print(f"medians of {ROUNDS} processes; a loop of 1 M additions takes {loop_ms:.1f} ms now")
    if options.json:
        document = {"rows": rows, "plain_loop_ms": round(loop_ms, 1)}
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
