"""Paired differences: laws, closed forms, statsmodels and scipy."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from vstain_bench.stats.paired import group_means, share_interval, standardised_difference, wilson, win_rate


def test_group_means_are_those_of_pandas_in_the_order_of_names() -> None:
    found = group_means(np.array([1.0, 5.0, 3.0, 10.0]), np.array(["b", "a", "b", "c"]))
    assert found.names == ("a", "b", "c")
    assert found.means.tolist() == [5.0, 2.0, 10.0]
    assert found.tiles.tolist() == [1, 2, 1]


def test_the_effect_size_is_t_over_the_root_of_n() -> None:
    values = np.random.default_rng(0).normal(0.5, 1.0, 11)
    found = standardised_difference(values)
    assert found == pytest.approx(float(stats.ttest_1samp(values, 0).statistic) / math.sqrt(11), abs=1e-10)
    assert standardised_difference(-values) == pytest.approx(-float(found or 0), abs=1e-12)


@pytest.mark.parametrize("values", [[0.3], [0.5, 0.5, 0.5]])
def test_without_spread_there_is_no_effect_size(values: list[float]) -> None:
    assert standardised_difference(np.array(values)) is None


def test_wins_count_ties_half_and_groups_by_their_mean() -> None:
    gains = np.array([1.0, -3.0, 2.0, 0.0, 1.0, -1.0])
    groups = np.array(["a", "a", "b", "b", "c", "c"])
    found = win_rate(gains, groups)
    assert found.value == pytest.approx((3 + 0.5) / 6)
    assert (found.groups, found.ties) == (1, 1)
    mirrored = win_rate(-gains, groups)
    assert mirrored.value == pytest.approx(1 - found.value)
    assert found.interval is not None
    assert 0 <= found.interval.low <= found.value <= found.interval.high <= 1


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_clean_sweep_is_as_sure_as_its_groups_are_many(sign: float) -> None:
    """A bootstrap of ones would say [1, 1] after three patients."""
    found = win_rate(np.full(12, sign), np.repeat(["a", "b", "c"], 4))
    assert found.interval is not None
    width = found.interval.high - found.interval.low
    assert width == pytest.approx(wilson(1.0, 3).high - wilson(1.0, 3).low)
    assert width > 0.5
    assert win_rate(np.full(4, sign), np.array(["a"] * 4)).interval is None


def test_tiles_that_are_all_alike_within_a_patient_count_as_one_each() -> None:
    """Equal groups, each won or lost as a whole: the variance is that of six coins, at five degrees of freedom."""
    wins = np.repeat([1.0, 0.0, 1.0, 1.0, 0.0, 1.0], 8)
    found = share_interval(wins, np.repeat(list("abcdef"), 8))
    share, number = 4 / 6, 6
    variance = np.var([1, 0, 1, 1, 0, 1], ddof=1) / number
    trials = share * (1 - share) / variance * (stats.norm.ppf(0.975) / stats.t.ppf(0.975, 5)) ** 2
    low, high = proportion_confint(share * trials, trials, method="wilson")
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-10), pytest.approx(high, abs=1e-10))


def test_the_trials_are_never_more_than_the_tiles() -> None:
    """Every patient has the same share, less variance than chance would give."""
    found = share_interval(np.tile([1.0, 0.0], 12), np.repeat(list("abcdef"), 4))
    low, _ = proportion_confint(12, 24, method="wilson")
    assert found is not None
    assert found.low < low


def test_equal_models_win_half_without_doubt() -> None:
    found = win_rate(np.zeros(6), np.array(["a", "a", "b", "b", "c", "c"]))
    assert (found.value, found.groups, found.ties) == (0.5, 0, 3)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == (0.5, 0.5)


@pytest.mark.parametrize(("successes", "trials"), [(0, 5), (3, 3), (4, 17), (25, 50)])
def test_wilsons_interval_equals_statsmodels(successes: int, trials: int) -> None:
    low, high = proportion_confint(successes, trials, method="wilson")
    found = wilson(successes / trials, trials)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-10), pytest.approx(high, abs=1e-10))
