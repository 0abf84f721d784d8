"""Log patterns: ``python -m bench.logs [--data DIR] [--json FILE]``.

Accuracy and speed of the pattern miner on each system's CSV (columns Content and EventTemplate) of a folder, one
configuration for all, beside masking digits and, where it is installed, drain3 with the masks of its own example.
CPU time of one core, from nothing learnt and nothing remembered; the least of three rounds taken in turn.
"""

import argparse
import csv
import importlib
import importlib.util
import json
import logging
import re
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.logs_score import Score, mean, score
from opsloop.log import patterns, tokens
from opsloop.log.patterns import mine

Miner = Callable[[list[str]], list[tuple[int, str]]]
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "logs"
ROUNDS = 3
MARK_GA, MARK_LINES_S = 0.90, 40_000
DIGITS = re.compile(r"\d+")
# Of drain3's examples/drain3.ini: its authors' own choice of masks.
DRAIN3_MASKS = {
    "ID": r"((?<=[^A-Za-z0-9])|^)(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))((?=[^A-Za-z0-9])|$)",
    "IP": r"((?<=[^A-Za-z0-9])|^)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})((?=[^A-Za-z0-9])|$)",
    "SEQ": r"((?<=[^A-Za-z0-9])|^)([0-9a-f]{6,} ?){3,}((?=[^A-Za-z0-9])|$)",
    "HEX": r"((?<=[^A-Za-z0-9])|^)(0x[a-f0-9A-F]+)((?=[^A-Za-z0-9])|$)",
    "NUM": r"((?<=[^A-Za-z0-9])|^)([\-\+]?\d+)((?=[^A-Za-z0-9])|$)",
}


def mine_afresh(lines: list[str]) -> list[tuple[int, str]]:
    """Return what ``mine`` answers when no word is remembered from before."""
    tokens._words.clear()
    return mine(lines)


def mask_digits(lines: list[str]) -> list[tuple[int, str]]:
    """Return one group per line with its digits masked: the least that a miner must beat."""
    masked = [DIGITS.sub("<*>", line) for line in lines]
    groups = {template: number for number, template in enumerate(dict.fromkeys(masked))}
    return [(groups[template], template) for template in masked]


def drain3_miner() -> Miner | None:
    """Return drain3 with its defaults and example masks; None where it is not installed."""
    if importlib.util.find_spec("drain3") is None:
        return None
    drain3: Any = importlib.import_module("drain3")
    config: Any = importlib.import_module("drain3.template_miner_config")
    masking: Any = importlib.import_module("drain3.masking")
    logging.getLogger("drain3").setLevel(logging.ERROR)

    def mine_drain3(lines: list[str]) -> list[tuple[int, str]]:
        settings = config.TemplateMinerConfig()
        settings.profiling_enabled = False
        settings.masking_instructions = [
            masking.MaskingInstruction(pattern, name) for name, pattern in DRAIN3_MASKS.items()
        ]
        miner = drain3.TemplateMiner(config=settings)
        ids = [miner.add_log_message(line)["cluster_id"] for line in lines]
        templates = {one.cluster_id: one.get_template() for one in miner.drain.clusters}
        return [(id_, templates[id_]) for id_ in ids]

    return mine_drain3


def read_system(path: Path) -> tuple[list[str], list[str]]:
    """Return the lines of a system and their true templates."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["Content"] for row in rows], [row["EventTemplate"] for row in rows]


def lines_again_s(path: Path) -> float:
    """Return the seconds for the lines of a system that the miner has seen before, as nearly all lines of a service
    are."""
    lines, _ = read_system(path)
    miner = patterns.Miner()
    miner.add(lines)
    started = time.process_time()
    miner.add(lines)
    return time.process_time() - started


def measure(miners: dict[str, Miner], path: Path) -> dict[str, tuple[Score, float]]:
    """Return score and seconds of each miner on one system; the rounds are taken in turn."""
    lines, truth = read_system(path)
    results: dict[str, tuple[Score, float]] = {}
    for _ in range(ROUNDS):
        for name, miner in miners.items():
            started = time.process_time()
            answers = miner(lines)
            spent_s = time.process_time() - started
            if name in results:
                results[name] = results[name][0], min(spent_s, results[name][1])
            else:
                results[name] = score(answers, truth), spent_s
    return results


def main(arguments: list[str] | None = None) -> None:
    """Measure every miner on every system and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    systems = sorted(options.data.glob("*.csv"))
    if not systems:
        print(f"no *.csv in {options.data}: name the folder of the samples with --data")
        return
    miners: dict[str, Miner] = {"opsloop": mine_afresh, "digits masked": mask_digits}
    drain3 = drain3_miner()
    if drain3:
        miners["drain3"] = drain3
    else:
        print("drain3: not installed")
    results = {path.stem: measure(miners, path) for path in systems}
    lines = {path.stem: len(read_system(path)[0]) for path in systems}
    rows = []
    print(f"{'system':12} {'miner':14} {'GA':>6} {'FGA':>6} {'PA':>6} {'FTA':>6} {'NE':>6} {'lines/s':>10}")
    for name in miners:
        scores = {system: result[name][0] for system, result in results.items()}
        spent = {system: result[name][1] for system, result in results.items()}
        table = [(system, scores[system], lines[system] / spent[system]) for system in scores]
        table.append(("mean", mean(list(scores.values())), sum(lines.values()) / sum(spent.values())))
        for system, one, lines_s in table:
            shares = " ".join(f"{share:6.3f}" for share in asdict(one).values())
            print(f"{system:12} {name:14} {shares} {lines_s:10,.0f}")
            rows.append({"system": system, "miner": name, **asdict(one), "lines_s": round(lines_s)})
    ours = next(row for row in rows if row["system"] == "mean" and row["miner"] == "opsloop")
    for other in [row for row in rows if row["system"] == "mean" and row["miner"] != "opsloop"]:
        print(f"opsloop is {ours['lines_s'] / other['lines_s']:.2f} times as fast as {other['miner']}")
    again = sum(lines.values()) / sum(min(lines_again_s(path) for _ in range(ROUNDS)) for path in systems)
    print(f"opsloop, lines seen before: {again:,.0f} lines/s")
    print(f"marks: mean GA {MARK_GA}, {MARK_LINES_S:,} lines/s")
    if options.json:
        options.json.write_text(
            json.dumps({"rows": rows, "again_lines_s": round(again)}, indent=1) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
