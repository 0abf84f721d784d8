"""Histogram keys, scales and quantiles against OpenTelemetry's definition and numpy's exact quantiles."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop.errors import InvalidInputError
from opsloop.histogram import ZERO_KEY, bucket_keys, downscale, quantiles, relative_error
from tests.unit.telemetry.plain_decoder import coarser, key

NORMAL = st.floats(2.2250738585072014e-308, 1.7e308)


@given(st.lists(NORMAL | NORMAL.map(lambda value: -value) | st.just(0.0), min_size=1, max_size=20))
def test_each_value_lies_in_the_bucket_of_the_definition(values):
    assert bucket_keys(np.array(values)).tolist() == [key(value) for value in values]


def test_powers_of_two_close_their_bucket():
    powers = np.exp2(np.arange(-1022, 1024, dtype=np.float64))
    expected = np.arange(-1022, 1024) * 64 - 1
    assert (bucket_keys(powers) == expected).all()
    assert (bucket_keys(np.nextafter(powers, np.inf)) == expected + 1).all()


def test_the_values_beside_each_bucket_boundary_fall_on_its_two_sides():
    around = [np.nextafter(2.0 ** (k / 64), side) for k in range(1, 64) for side in (0, 3)]
    assert bucket_keys(np.array(around)).tolist() == [key(value) for value in around]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=30))
def test_keys_sort_as_values_do(values):
    keys = bucket_keys(np.sort(np.array(values)))
    assert (np.diff(keys) >= 0).all()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20), st.integers(0, 16))
def test_a_coarser_scale_of_keys_is_the_keys_at_the_coarser_scale(values, by):
    keys = bucket_keys(np.array(values))
    assert downscale(keys, by).tolist() == [coarser(one, by) for one in keys.tolist()]
    assert bucket_keys(np.array(values), 6 - by).tolist() == downscale(keys, by).tolist()


@pytest.mark.parametrize("scale", [6, 3, 0])
def test_quantiles_are_within_the_documented_error_of_the_exact_ones(scale):
    values = np.random.default_rng(7).lognormal(12, 2.5, 5_000)
    keys, counts = np.unique(bucket_keys(values, scale), return_counts=True)
    wanted = [0.0, 0.01, 0.07, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0]
    exact = np.quantile(values, wanted, method="inverted_cdf")
    found = quantiles(keys, counts, wanted, scale=scale)
    assert np.abs(found / exact - 1).max() <= relative_error(scale) * (1 + 1e-12)
    assert np.abs(found / exact - 1).max() > relative_error(scale) / 10  # else this would check nothing


def test_the_error_at_scale_6_is_the_one_that_the_documents_promise():
    assert relative_error(6) == pytest.approx(0.005415, abs=1e-6)
    assert relative_error(5) == pytest.approx(0.01083, abs=1e-5)
    assert relative_error(0) == pytest.approx(1 / 3)


def test_no_quantile_lies_outside_minimum_and_maximum():
    keys, counts = np.unique(bucket_keys(np.array([100.0, 100.0, 200.0])), return_counts=True)
    assert quantiles(keys, counts, [0.0, 1.0]) == pytest.approx([100.0, 200.0], rel=0.0055)
    assert quantiles(keys, counts, [0.0, 1.0]).tolist() != [100.0, 200.0]
    assert quantiles(keys, counts, [0.5], maximum=100.0).tolist() == [100.0]
    assert quantiles(keys, counts, [1.0], minimum=201.0).tolist() == [201.0]


def test_ranks_are_nearest_ranks_also_where_the_product_is_whole():
    keys = bucket_keys(np.arange(1.0, 101.0) ** 3)
    found = quantiles(keys, np.ones(100, dtype=np.int64), [0.07, 0.29, 0.58])  # 0.07 * 100 is 7.000000000000001
    assert np.round(np.cbrt(found)).tolist() == [7, 29, 58]


def test_negative_values_and_zeros_have_quantiles():
    values = np.array([-1000.0, -10.0, 0.0, 0.0, 10.0, 1000.0])
    keys, counts = np.unique(bucket_keys(values), return_counts=True)
    assert ZERO_KEY in keys
    found = quantiles(keys, counts, [0.1, 0.3, 0.6, 0.8, 1.0])
    assert found == pytest.approx([-1000, -10, 0, 10, 1000], rel=0.0055)


def test_an_empty_histogram_has_no_quantiles():
    none = np.empty(0, dtype=np.int32)
    assert all(math.isnan(one) for one in quantiles(none, none.astype(np.int64), [0.5, 0.99]))


@pytest.mark.parametrize("values", [[math.nan], [math.inf], [1.0, -math.inf]])
def test_a_value_that_is_not_finite_is_refused(values):
    with pytest.raises(InvalidInputError, match="finite"):
        bucket_keys(np.array(values))


def test_scales_finer_than_ours_and_probabilities_outside_0_to_1_are_refused():
    with pytest.raises(InvalidInputError, match="scale 7"):
        bucket_keys(np.array([1.0]), 7)
    with pytest.raises(InvalidInputError, match="probabilities"):
        quantiles(np.array([1], dtype=np.int32), np.array([1]), [1.1])
