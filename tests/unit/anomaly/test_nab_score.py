"""NAB's score on cases worked by hand: a window of the rows 100 to 110 in a file of 200 rows, 30 of them not scored."""

import numpy as np
import pytest

from bench.anomaly_nab import PROFILES, Labelled, best, cross_validated, score_at, warmup_rows, worth

FIRST, LAST, ROWS = 100, 110, 200
TIMES = np.datetime64("2026-01-01", "s") + np.arange(ROWS) * np.timedelta64(300, "s")
STANDARD, LOW_FALSE_ALARMS, LOW_MISSES = PROFILES.values()


def one_file(windows=((FIRST, LAST),), name="a/b.csv"):
    return Labelled(name, TIMES, np.zeros(ROWS), list(windows))


def detections(*rows):
    scores = np.zeros(ROWS)
    scores[list(rows)] = 0.9
    return scores


def reached(*rows, profile=STANDARD, windows=((FIRST, LAST),)):
    return score_at([one_file(windows)], [detections(*rows)], profile, 0.9)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_a_detection_at_the_left_edge_is_perfect_and_silence_is_zero(profile):
    assert reached(FIRST, profile=profile) == pytest.approx(100.0)
    assert reached(profile=profile) == pytest.approx(0.0)


def test_a_detection_in_the_middle_is_worth_what_the_sigmoid_says():
    # row 105: y = -6/11, 2/(1+exp(-30/11)) - 1 = 0.877225; the left edge 2/(1+exp(-5)) - 1 = 0.986614
    assert reached(105) == pytest.approx(100 * (0.877225 / 0.986614 + 1) / 2, abs=1e-3)


def test_a_detection_at_the_right_edge_is_worth_little():
    # row 110: y = -1/11, 2/(1+exp(-5/11)) - 1 = 0.223435
    assert reached(LAST) == pytest.approx(100 * (0.223435 / 0.986614 + 1) / 2, abs=1e-3)


def test_only_the_earliest_detection_in_a_window_counts():
    assert reached(105, 106, 107, 108) == reached(105) < reached(104)


def test_a_detection_just_behind_a_window_costs_less_than_a_distant_one():
    # row 111: y = 1/10, 2/(1+exp(0.5)) - 1 = -0.244919; from row 141 on y > 3: the whole 0.11
    assert reached(FIRST, 111) == pytest.approx(100 * (2 - 0.11 * 0.244919) / 2, abs=1e-3)
    assert reached(FIRST, 150) == pytest.approx(100 * (2 - 0.11) / 2)
    assert reached(FIRST, 150, profile=LOW_FALSE_ALARMS) == pytest.approx(100 * (2 - 0.22) / 2)


def test_each_row_outside_windows_is_a_false_alarm_of_its_own():
    assert reached(FIRST, 40, 41, 42) == pytest.approx(100 * (2 - 0.33) / 2)


def test_a_missed_window_costs_one_and_two_to_those_who_fear_misses():
    windows = ((50, 60), (FIRST, LAST))
    assert reached(50, windows=windows) == pytest.approx(100 * (1 - 1 + 2) / 4)
    assert reached(50, windows=windows, profile=LOW_MISSES) == pytest.approx(100 * (1 - 2 + 4) / 6)


def test_the_first_rows_are_not_scored():
    assert (warmup_rows(ROWS), warmup_rows(4032), warmup_rows(18_050)) == (30, 604, 750)
    assert reached(FIRST, 3, 29) == pytest.approx(100.0)
    assert reached(FIRST, 30) < 100.0


def test_a_file_without_windows_can_only_cost():
    files = [one_file(), one_file((), "a/c.csv")]
    assert score_at(files, [detections(FIRST), detections()], STANDARD, 0.9) == pytest.approx(100.0)
    assert score_at(files, [detections(FIRST), detections(99)], STANDARD, 0.9) == pytest.approx(100 * (2 - 0.11) / 2)


def test_one_threshold_holds_for_all_files_and_the_best_is_found():
    first, second = detections(FIRST), detections(FIRST) * 0.5  # 0.45 in the second file
    first[40:44] = 0.6
    files = [one_file(), one_file(name="a/c.csv")]
    tried = [score_at(files, [first, second], STANDARD, level) for level in (0.9, 0.6, 0.45)]
    assert tried == pytest.approx([50.0, 100 * (1 - 0.44 - 1 + 2) / 4, 100 * (2 - 0.44 + 2) / 4])
    outcome = best(files, [first, second], STANDARD)
    assert (outcome.threshold, outcome.score) == (0.45, pytest.approx(max(tried)))


def test_a_threshold_between_two_scores_is_that_of_the_next_higher_score():
    scores = detections(FIRST)
    scores[40] = 0.3
    assert score_at([one_file()], [scores], STANDARD, 0.31) == pytest.approx(100.0)
    assert score_at([one_file()], [scores], STANDARD, 0.3) < 100.0
    assert score_at([one_file()], [scores], STANDARD, 0.95) == pytest.approx(0.0)


def test_the_best_of_any_scores_is_what_trying_every_threshold_gives():
    chance = np.random.default_rng(3)
    files = [one_file(), one_file(((60, 64), (120, 150)), "a/c.csv")]
    scores = [np.round(chance.random(ROWS), 2) for _ in files]
    for profile in PROFILES.values():
        tried = [plain_score(files, scores, profile, level) for level in np.unique(np.concatenate(scores))]
        assert best(files, scores, profile).score == pytest.approx(max(*tried, 0.0))


def plain_score(files, scores, profile, threshold):
    """Return the score of one threshold, row by row."""
    raw, count = 0.0, 0
    for file, each in zip(files, scores, strict=True):
        found, behind = {}, None
        for row in range(file.warmup, ROWS):
            inside = next((window for window in file.windows if window[0] <= row <= window[1]), None)
            behind = max((window for window in file.windows if window[1] < row), default=None)
            if each[row] < threshold:
                continue
            if inside:
                width = inside[1] - inside[0] + 1
                position = np.array([-(inside[1] - row + 1) / width])
                found.setdefault(inside, float(worth(position)[0]) / 0.9866142981514305)
            else:
                position = np.array([(row - behind[1]) / (behind[1] - behind[0]) if behind else 9.0])
                raw += profile.false_alarm * float(worth(position)[0])
        raw += sum(found.values()) - profile.miss * (len(file.windows) - len(found))
        count += len(file.windows)
    return 100 * (raw + profile.miss * count) / (count * (1 + profile.miss))


def test_the_other_half_is_scored_with_the_threshold_of_the_first():
    files = [one_file(name=f"a/{number}.csv") for number in range(2)]
    same, lower = detections(FIRST), detections(FIRST) * 0.5
    assert cross_validated(files, [same, same], STANDARD) == pytest.approx(100.0)
    assert cross_validated(files, [same, lower], STANDARD) == pytest.approx(50.0)  # 0.9 finds nothing in the other
