"""``detect`` and three usual detectors on NAB and the KPI set: ``python -m bench.anomaly [--data DIR] [--json FILE]``.

Rules: ``bench.anomaly_nab``, ``bench.anomaly_kpi``. One configuration, and one threshold for all files of a set, the
best on these files. "other half" is what the threshold of one half of the files gives on the other half, in the mean
over 20 random halvings. The usual detectors get the same alarm rule as ``detect`` (one alarm per episode) wherever that
is better for them than none, with the level from which they alarm chosen for them.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench import anomaly_kpi as kpi
from bench import anomaly_nab as nab
from bench.anomaly_baselines import BASELINES
from opsloop.anomaly.alarm import alarms
from opsloop.anomaly.detect import detect

Floats = NDArray[np.float64]
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "anomaly"
STANDARD = nab.PROFILES["standard"]
TAILS = np.geomspace(0.0005, 0.05, 10)
"""Shares of all rows that the level of a usual detector may let through, to choose from."""
MARK_US = 10.0


class Scored(NamedTuple):
    """Per file of a set the raw scores and those that alarm; and CPU time."""

    raw: list[Floats]
    alarm: list[Floats]
    cpu_s: float


def run(name: str, files: list[Any], warmups: list[int]) -> Scored:
    """Return the scores of a detector on ``files``; those of a usual one still without the alarm rule."""
    raw, alarm, started = [], [], time.process_time()
    for file, warmup in zip(files, warmups, strict=True):
        if name == "detect":
            both = detect(file.timestamps, file.values, warmup)
            raw.append(both[0])
            alarm.append(both[1])
        else:
            raw.append(BASELINES[name](file.timestamps, file.values))
    return Scored(raw, alarm or raw, time.process_time() - started)


def with_rule(raw: list[Floats], warmups: list[int], tail: float) -> list[Floats]:
    """Return the alarms of a usual detector whose level lets the share ``tail`` of all rows through."""
    level = float(np.quantile(np.concatenate(raw), 1.0 - tail))
    odds = (1.0 - level) / max(level, 1e-9)  # makes a score of 0.5 of the level, from which the rule alarms
    return [
        alarms(one * odds / (one * odds + 1.0 - one + 1e-12), warmup) for one, warmup in zip(raw, warmups, strict=True)
    ]


def on_nab(name: str, files: list[nab.Labelled]) -> dict[str, Any]:
    """Return the row of the table of NAB for one detector, with the alarms behind it."""
    warmups = [file.warmup for file in files]
    scored = run(name, files, warmups)
    tried = [scored.alarm]
    if name != "detect":
        tried += [with_rule(scored.raw, warmups, tail) for tail in TAILS]
    alarm = max(tried, key=lambda each: nab.best(files, each, STANDARD).score)
    return {
        "detector": name,
        **{profile: nab.best(files, alarm, cost).score for profile, cost in nab.PROFILES.items()},
        "threshold": nab.best(files, alarm, STANDARD).threshold,
        "other half": nab.cross_validated(files, alarm, STANDARD),
        "us per row": scored.cpu_s / sum(len(file.values) for file in files) * 1e6,
        "alarm": alarm,
    }


def on_kpi(name: str, files: list[kpi.Labelled]) -> dict[str, Any]:
    """Return the row of the table of the KPI set for one detector."""
    warmups = [0] * len(files)
    scored = run(name, files, warmups)
    tried = [scored.alarm]
    if name != "detect":
        tried += [with_rule(scored.raw, warmups, tail) for tail in TAILS]
    alarm = max(tried, key=lambda each: kpi.best_events(files, each)[1].f1)
    threshold, found = kpi.best_events(files, alarm)
    return {
        "detector": name,
        "event F1": found.f1,
        **found._asdict(),
        "threshold": threshold,
        "other half": kpi.cross_validated(files, alarm),
        "VUS-PR": kpi.mean_vus_pr(files, scored.raw),
        "row F1": kpi.best_row_f1(files, scored.raw),
        "us per row": scored.cpu_s / sum(len(file.values) for file in files) * 1e6,
    }


def by_category(files: list[nab.Labelled], alarm: list[Floats], threshold: float) -> dict[str, float]:
    """Return NAB's standard score of each category at the common threshold; NaN for one without windows."""
    answer = {}
    for name in sorted({file.name.partition("/")[0] for file in files}):
        places = [i for i, file in enumerate(files) if file.name.startswith(name + "/")]
        chosen = [files[i] for i in places]
        has_windows = any(file.windows for file in chosen)
        scores = [alarm[i] for i in places]
        answer[name] = nab.score_at(chosen, scores, STANDARD, threshold) if has_windows else float("nan")
    return answer


def loop_us(rows: int = 1_000_000) -> float:
    """Return the microseconds of CPU that a plain loop takes per row, to compare machines by."""
    values, total = [1.0] * rows, 0.0
    started = time.process_time()
    for value in values:
        total += value
    return (time.process_time() - started) / rows * 1e6


def table(rows: list[dict[str, Any]]) -> str:
    """Return ``rows`` as a Markdown table."""
    names = [name for name in rows[0] if name != "alarm"]
    lines = ["| " + " | ".join(names) + " |", "| --- " + "| ---: " * (len(names) - 1) + "|"]
    lines += ["| " + " | ".join(_text(row[name]) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def _text(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.1f}" if value >= 2.0 else f"{value:.3f}"


def main(arguments: list[str] | None = None) -> None:
    """Score all detectors, print the tables, and write them to ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help="the folder with nab/ and kpi/")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if not (options.data / "nab").is_dir() or not (options.data / "kpi").is_dir():
        print(f"no benchmark data in {options.data}: nothing measured")
        return
    nab_files, kpi_files = nab.read(options.data / "nab"), kpi.read(options.data / "kpi")
    nab_rows = [on_nab(name, nab_files) for name in ("detect", *BASELINES)]
    kpi_rows = [on_kpi(name, kpi_files) for name in ("detect", *BASELINES)]
    categories = by_category(nab_files, nab_rows[0]["alarm"], nab_rows[0]["threshold"])
    rows = sum(len(file.values) for file in nab_files) + sum(len(file.values) for file in kpi_files)
    print(f"NAB: {len(nab_files)} files, {sum(len(file.windows) for file in nab_files)} windows\n{table(nab_rows)}\n")
    print("detect by category:", ", ".join(f"{name} {score:.0f}" for name, score in categories.items()))
    print(f"\nKPI set: {len(kpi_files)} series\n{table(kpi_rows)}\n")
    plain = loop_us()
    slowest = max(nab_rows[0]["us per row"], kpi_rows[0]["us per row"])
    print(f"{rows:,} rows; a plain loop takes {plain:.3f} us per row here: detect {slowest / plain:.0f} times as long")
    print(f"mark: at most {MARK_US:.0f} us per row, {'met' if slowest <= MARK_US else 'not met'}")
    if options.json:
        kept = [{key: value for key, value in row.items() if key != "alarm"} for row in nab_rows]
        content = {"nab": kept, "kpi": kpi_rows, "categories": categories, "loop_us": plain}
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
