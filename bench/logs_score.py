"""Scores of a log template miner against lines whose templates people wrote.

Group accuracy and template accuracy as in Khan et al., "Guidelines for Assessing the Accuracy of Log Message Template
Identification Techniques", ICSE 2022, and Zhu et al., "Tools and Benchmarks for Automated Log Parsing", ICSE-SEIP 2019.
"""

import re
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, fields

PLACEHOLDER = re.compile(r"<(?:\*|[A-Za-z_]\w*)>")
RUN = re.compile(r"<\*>(?:\s*<\*>)+")


@dataclass(frozen=True)
class Score:
    """Shares from 0 to 1, except ``ne``, which is 0 at best."""

    ga: float  # lines in a group of exactly the right lines
    fga: float  # F1 over groups
    pa: float  # lines with the right template
    fta: float  # F1 over groups that are right and carry the right template
    ne: float  # |groups - true groups| / true groups


def plain(template: str) -> str:
    """Return ``template`` with one space between words, each ``<name>`` as ``<*>``, and runs of these as one."""
    return RUN.sub("<*>", PLACEHOLDER.sub("<*>", " ".join(template.split())))


def score(answers: Sequence[tuple[Hashable, str]], truth: Sequence[str]) -> Score:
    """Return the scores of ``answers`` (group, template), one for each line, against the true template of each line."""
    if len(answers) != len(truth) or not truth:
        raise ValueError(f"{len(answers)} answers for {len(truth)} lines")
    templates, expected = [plain(template) for _, template in answers], [plain(template) for template in truth]
    groups = _lines_by([group for group, _ in answers])
    true_groups = {tuple(lines) for lines in _lines_by(expected).values()}
    right = [lines for lines in groups.values() if tuple(lines) in true_groups]
    told = [lines for lines in right if templates[lines[0]] == expected[lines[0]]]
    both = len(groups) + len(true_groups)
    return Score(
        ga=sum(map(len, right)) / len(truth),
        fga=2 * len(right) / both,
        pa=sum(one == other for one, other in zip(templates, expected, strict=True)) / len(truth),
        fta=2 * len(told) / both,
        ne=abs(len(groups) - len(true_groups)) / len(true_groups),
    )


def mean(scores: Sequence[Score]) -> Score:
    """Return the mean of each score, every system with the same weight."""
    return Score(*(sum(getattr(one, field.name) for one in scores) / len(scores) for field in fields(Score)))


def _lines_by(keys: Sequence[Hashable]) -> dict[Hashable, list[int]]:
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for number, key in enumerate(keys):
        groups[key].append(number)
    return groups
