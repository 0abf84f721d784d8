"""A runbook as a test reads it: its commands word for word, and what the page says that each prints.

A block of ``sh`` is run by bash; a block of ``text`` right behind it is what it prints, on both streams. Figures of the
page stand for any figure, ``...`` for anything (alone on a line: for any lines), and a name of the page's settings for
the value that the test gives it.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```(?P<info>sh|sh settings|text)\n(?P<text>.*?)^```$", re.M | re.S)
SETTING = re.compile(r'^export (?P<name>\w+)=(?:"(?P<quoted>[^"]*)"|(?P<plain>\S+))', re.M)
SPAN = r"\d[\d.]* (?:s|min|h|d)(?: \d+ (?:s|min|h))?"
SIZE = r"\d[\d.,]* (?:bytes|[kMGT]B)"
FIGURES = (  # what differs from run to run, the longest first
    (re.compile(r"\d{4}-\d\d-\d\d[ T][\d:]+(?:Z|\+00)?"), r"\d{4}-\d\d-\d\d[ T][\d:.]+(?:Z|\+00)?"),
    (re.compile(r"-\d{8}T\d{6}Z"), r"-\d{8}T\d{6}Z"),
    (re.compile(SIZE), SIZE),
    (re.compile(SPAN), SPAN),
    (re.compile(r"\d[\d.,]*"), r"\d[\d.,]*"),
    (re.compile(r"[─-]{3,}"), r"[─-]+"),
    (re.compile(r"\.\.\."), r".*"),
    (re.compile(r"[ \t]+"), r"[ \t]+"),
)


@dataclass(frozen=True)
class Step:
    """One block of commands and what it prints; ``line`` is where it stands in the page, None where nothing is said."""

    line: int
    commands: str
    printed: str | None


class DiffersError(AssertionError):
    """A command failed, or printed otherwise than the page shows."""


def settings_of(page: str) -> dict[str, str]:
    """Return what the reader is told to set: name -> the page's example."""
    blocks = [found["text"] for found in BLOCK.finditer(page) if found["info"] == "sh settings"]
    return {found["name"]: found["quoted"] or found["plain"] for text in blocks for found in SETTING.finditer(text)}


def steps_of(page: str) -> Iterator[Step]:
    """Yield every block of commands, in the page's order."""
    blocks = list(BLOCK.finditer(page))
    for number, found in enumerate(blocks):
        if found["info"] != "sh":
            continue
        after = blocks[number + 1] if number + 1 < len(blocks) else None
        is_shown = after is not None and after["info"] == "text" and not page[found.end() : after.start()].strip()
        yield Step(page.count("\n", 0, found.start()) + 2, found["text"], after["text"] if after and is_shown else None)


def run(step: Step, settings: Mapping[str, str], examples: Mapping[str, str], folder: Path) -> None:
    """Run one block; raise ``DiffersError`` unless it ends well and prints what the page shows."""
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", step.commands],
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "TZ": "UTC", **settings},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    shown = f"line {step.line}:\n{step.commands}\nprinted:\n{done.stdout}"
    if done.returncode:
        raise DiffersError(f"exit code {done.returncode}, {shown}")
    if step.printed is not None and not matches(step.printed, done.stdout, examples):
        raise DiffersError(f"{shown}\nnot:\n{step.printed}")


def matches(expected: str, printed: str, examples: Mapping[str, str]) -> bool:
    """Return whether ``printed`` is what the page shows, but for figures; ``examples``: page word -> pattern."""
    lines = expected.rstrip().splitlines()
    patterns = [r"(?:[ \t]*\n.*)*?" if line == "..." else rf"\s*\n{_pattern(line, examples)}" for line in lines]
    return re.fullmatch("".join(patterns), f"\n{printed.rstrip()}") is not None


def _pattern(line: str, examples: Mapping[str, str]) -> str:
    parts, rest = [], line.rstrip()
    while rest:
        rules = [*((re.compile(re.escape(word)), pattern) for word, pattern in examples.items()), *FIGURES]
        found = [(match, pattern) for rule, pattern in rules if (match := rule.match(rest))]
        if found:
            match, pattern = found[0]
            parts.append(pattern)
            rest = rest[match.end() :]
        else:
            parts.append(re.escape(rest[0]))
            rest = rest[1:]
    return "".join(parts)
