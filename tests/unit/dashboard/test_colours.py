"""The console's palette: readable in both themes, and told apart by colour-blind eyes."""

from itertools import combinations
from pathlib import Path

import pytest

from tests.unit.dashboard.colours import SEEN, contrast, distance, themes

ROOT = Path(__file__).parents[3]
PALETTE = themes(ROOT / "layers" / "dashboard" / "src" / "styles" / "tokens.css")
TEXT_CONTRAST, SHAPE_CONTRAST = 4.5, 3.0  # WCAG 2.2, 1.4.3 (AA) and 1.4.11
APART = 12.0  # some six just noticeable differences
GROUNDS = ("--bg", "--surface", "--raised", "--sunken", "--hover")
TEXTS = ("--text", "--text-2", "--text-3", "--accent")
STATES = ("--healthy", "--degraded", "--anomalous", "--unknown")
SERIES = tuple(f"--series-{number}" for number in range(1, 9))


def unreadable(palette: dict[str, str]) -> list[str]:
    """Return the pairs of ``palette`` whose contrast is too low, with their ratio."""
    pairs = [(text, ground) for text in (*TEXTS, *STATES) for ground in GROUNDS]
    pairs += [(name, f"{name}-weak") for name in (*STATES, "--accent")] + [("--on-accent", "--accent")]
    wanted = dict.fromkeys(pairs, TEXT_CONTRAST)
    wanted |= {(name, ground): SHAPE_CONTRAST for name in (*SERIES, "--focus") for ground in ("--bg", "--surface")}
    ratios = {pair: contrast(palette[pair[0]], palette[pair[1]]) for pair in wanted}
    return [
        f"{one} on {other}: {ratios[one, other]:.2f}"
        for one, other in wanted
        if ratios[one, other] < wanted[one, other]
    ]


def alike(palette: dict[str, str], names: tuple[str, ...], seen_by: str) -> list[str]:
    """Return the pairs of ``names`` that look alike to eyes of that kind, with their distance."""
    found = {(one, other): distance(palette[one], palette[other], seen_by) for one, other in combinations(names, 2)}
    return [f"{one} and {other}: {far:.0f}" for (one, other), far in found.items() if far < APART]


def test_black_on_white_has_the_greatest_contrast_there_is():
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)  # by definition: 1.05 / 0.05
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # the well-known grey that just fails


def test_black_and_white_are_a_hundred_apart_for_every_eye():
    for seen_by in SEEN:
        assert distance("#000000", "#ffffff", seen_by) == pytest.approx(100.0, abs=0.1)  # L* runs from 0 to 100


def test_red_and_green_are_alike_for_those_who_lack_a_cone_for_them():
    assert distance("#c83c3c", "#3c8c3c") > 90
    assert distance("#c83c3c", "#3c8c3c", "deuteranopia") < APART
    assert distance("#c83c3c", "#3c8c3c", "tritanopia") > 90


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_and_every_line_stands_out_from_what_it_is_on(theme: str):
    assert unreadable(PALETTE[theme]) == []


@pytest.mark.parametrize("seen_by", SEEN)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_states_are_told_apart_by_every_eye(theme: str, seen_by: str):
    assert alike(PALETTE[theme], STATES, seen_by) == []


@pytest.mark.parametrize("seen_by", SEEN)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_lines_of_one_chart_are_told_apart_by_every_eye(theme: str, seen_by: str):
    assert alike(PALETTE[theme], SERIES, seen_by) == []


def test_the_check_finds_a_palette_that_is_hard_to_read():
    assert "--text-3 on --bg: 1.07" in unreadable(PALETTE["light"] | {"--text-3": "#ffffff"})


def test_the_check_finds_states_that_only_some_eyes_tell_apart():
    planted = PALETTE["light"] | {"--healthy": "#3c8c3c", "--anomalous": "#c83c3c"}
    assert alike(planted, STATES, "trichromacy") == []
    assert [one for one in alike(planted, STATES, "deuteranopia") if "--healthy and --anomalous" in one]
