"""Presets: each threshold at its edge, and only where a team switched it on."""

import numpy as np
import pytest

from opsloop.anomaly.policy import PRESETS, policy_from, rules
from opsloop.anomaly.presets import CRITICAL, NONE, WARNING, crossed
from opsloop.anomaly.series import Key

ERRORS, P95, SILENCE = Key("web", "error_ratio"), Key("web", "p95"), Key("web", "silence")
POOL = Key("web", "saturation", "db.client.connection.count")
DISK = Key("web", "saturation", "system.filesystem.utilization")
CPU = Key("web", "saturation", "system.cpu.utilization")


def level(preset, key, value, *, expected=np.nan, weight=1_000.0, known=True):
    policy = policy_from({"presets": [preset] if preset else []})
    one = rules([key], {"web": policy})
    levels, which = crossed(
        one, np.array([value]), np.array([weight]), np.array([expected]), is_known=np.array([known])
    )
    assert not levels[0] or PRESETS[which[0]] == preset
    return int(levels[0])


@pytest.mark.parametrize(
    ("preset", "key", "expected", "edges"),
    [
        ("error_rate", ERRORS, 0.01, [(0.0499, NONE), (0.0501, WARNING), (0.2499, WARNING), (0.2501, CRITICAL)]),
        ("p95", P95, 100.0, [(149.0, NONE), (150.0, WARNING), (299.0, WARNING), (300.0, CRITICAL)]),
        ("pool", POOL, np.nan, [(0.79, NONE), (0.8, WARNING), (0.89, WARNING), (0.9, CRITICAL)]),
        ("disk", DISK, np.nan, [(0.89, NONE), (0.9, WARNING), (1.0, WARNING)]),
        ("service_down", ERRORS, np.nan, [(0.99, NONE), (1.0, CRITICAL)]),
        ("service_down", SILENCE, np.nan, [(1.0, NONE), (0.0, CRITICAL)]),
    ],
    ids=["error_rate", "p95", "pool", "disk", "all fail", "silent"],
)
def test_each_preset_warns_and_is_critical_at_its_edges(preset, key, expected, edges):
    assert [level(preset, key, value, expected=expected) for value, _ in edges] == [said for _, said in edges]


@pytest.mark.parametrize(("key", "value"), [(ERRORS, 1.0), (P95, 1e6), (POOL, 1.0), (DISK, 1.0), (SILENCE, 0.0)])
def test_nothing_is_crossed_where_nothing_is_switched_on(key, value):
    assert level("", key, value, expected=0.001) == NONE


@pytest.mark.parametrize("preset", ["error_rate", "p95"])
def test_what_compares_with_the_usual_needs_to_know_it(preset):
    key, value, usual = (ERRORS, 0.9, 0.01) if preset == "error_rate" else (P95, 900.0, 100.0)
    assert level(preset, key, value, expected=usual, known=False) == NONE
    assert level(preset, key, value, expected=usual, weight=5.0) == NONE


def test_a_preset_is_of_its_own_metrics_alone():
    assert level("pool", CPU, 0.95) == level("disk", POOL, 0.95) == NONE


def test_five_times_nothing_is_nothing():
    assert level("error_rate", ERRORS, 0.001, expected=0.0) == NONE
    assert level("error_rate", ERRORS, 0.03, expected=0.0) == CRITICAL


def test_floors_of_the_catalog_are_taken_field_by_field():
    policy = policy_from({"floors": {"p95": {"absolute": 100}}, "operations": 3})
    assert (policy.floors["p95"].absolute, policy.floors["p95"].relative, policy.operations) == (100, 0.5, 3)
    assert policy.floors["rate"] == policy_from({}).floors["rate"]
