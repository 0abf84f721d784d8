"""The KPI set's scores on cases worked by hand."""

import numpy as np
import pytest

from bench import anomaly_kpi
from bench.anomaly_kpi import (
    Events,
    Labelled,
    all_events,
    best_events,
    best_row_f1,
    cross_validated,
    events,
    faded,
    pages,
    runs,
    vus_pr,
)

ROWS = 300
MINUTES = np.datetime64("2026-01-01", "s") + np.arange(ROWS) * np.timedelta64(60, "s")


def one_file(*spans):
    labels = np.zeros(ROWS, dtype=bool)
    for first, behind in spans:
        labels[first:behind] = True
    return Labelled("x", MINUTES, np.zeros(ROWS), labels)


def flags(*rows):
    scores = np.zeros(ROWS)
    scores[list(rows)] = 1.0
    return scores


def test_a_run_of_labels_is_one_event():
    assert runs(one_file((0, 2), (5, 6), (298, 300)).labels).tolist() == [[0, 2], [5, 6], [298, 300]]
    assert runs(one_file().labels).tolist() == []


def test_a_pager_is_silent_for_an_hour_after_each_page():
    assert pages(np.array([0, 60, 3599])) == 1
    assert pages(np.array([0, 3600])) == 2
    assert pages(np.array([0, 3599, 3660, 7000])) == 2  # the page at 0, the one at 3,660
    assert pages(np.array([], dtype=np.int64)) == 0


def test_one_row_finds_an_event_and_nothing_else_is_adjusted():
    file = one_file((100, 110), (200, 203))
    assert events(file, flags(109), 1.0) == Events(found=1, missed=1, false_pages=0)
    assert events(file, flags(99, 110), 1.0) == Events(found=0, missed=2, false_pages=1)


def test_false_rows_within_an_hour_are_one_page():
    file = one_file((100, 110))
    assert events(file, flags(10, 30, 69, 105), 1.0) == Events(1, 0, 1)
    assert events(file, flags(10, 70, 105), 1.0) == Events(1, 0, 2)


def test_f1_is_that_of_the_sums_over_all_files():
    files = [one_file((100, 110)), one_file((50, 60), (200, 210))]
    found = all_events(files, [flags(100, 290), flags(55)], 1.0)
    assert found == Events(found=2, missed=1, false_pages=1)
    assert found.f1 == pytest.approx(2 / 3)  # precision 2/3, recall 2/3


def test_silence_has_an_f1_of_zero():
    assert events(one_file((100, 110)), flags(), 1.0).f1 == 0.0


def test_the_best_threshold_is_found():
    scores = flags(105)
    scores[[10, 150, 250]] = 0.5
    threshold, found = best_events([one_file((100, 110))], [scores])
    assert (threshold, found.f1) == (1.0, 1.0)


def test_the_other_half_is_scored_with_the_threshold_of_the_first():
    files = [one_file((100, 110)), one_file((100, 110))]
    assert cross_validated(files, [flags(105), flags(105)]) == 1.0
    assert cross_validated(files, [flags(105), flags(105) * 0.5]) == 0.5  # 1.0 finds nothing at 0.5; 0.5 finds both


def test_the_best_f1_by_row_counts_rows():
    scores = np.zeros(ROWS)
    scores[100:105], scores[200] = 0.9, 0.9
    assert best_row_f1([one_file((100, 110))], [scores]) == pytest.approx(2 * 5 / (6 + 10))


def test_labels_fade_out_on_both_sides():
    soft = faded(one_file((100, 102)).labels, 4)
    assert soft[97:105].tolist() == pytest.approx(
        [0, np.sqrt(0.5), np.sqrt(0.75), 1, 1, np.sqrt(0.75), np.sqrt(0.5), 0]
    )
    assert faded(one_file((0, 2)).labels, 0).sum() == 2


def test_without_a_buffer_the_volume_is_the_average_precision(monkeypatch):
    monkeypatch.setattr(anomaly_kpi, "BUFFERS", 1)
    monkeypatch.setattr(anomaly_kpi, "CURVE_POINTS", ROWS)
    file = one_file((100, 101), (200, 201))
    scores = np.linspace(0.0, 0.5, ROWS)
    scores[100], scores[150], scores[200] = 0.9, 0.8, 0.7
    # events found: 1 of 2 at precision 1/1 (recall 1/2 x 1/2), both at 2/3 (recall 1 x 1)
    assert vus_pr(file.labels, scores) == pytest.approx(0.25 * 1.0 + 0.75 * 2 / 3)


def test_perfect_scores_have_a_greater_volume_than_noise_and_noise_than_the_opposite():
    labels = one_file((100, 120), (200, 210)).labels
    chance = np.random.default_rng(5).random(ROWS)
    volumes = [vus_pr(labels, scores) for scores in (labels + 0.01 * chance, chance, -1.0 * labels)]
    assert volumes == sorted(volumes, reverse=True)
    assert volumes[0] > 0.8
