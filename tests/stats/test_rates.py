"""Rates over patients: Wilson of statsmodels on the effective number, no points, patients alike."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from vstain_bench.stats.paired import share_interval
from vstain_bench.stats.rates import rate_over_patients

SHRINK = (stats.norm.ppf(0.975) / stats.t.ppf(0.975, 5)) ** 2


def test_the_effective_number_by_hand() -> None:
    """Six patients of 8 tiles whose rates are 8, 6, 7, 4, 8, 8 in eight."""
    outcomes = np.concatenate([np.repeat([1.0, 0.0], [right, 8 - right]) for right in (8, 6, 7, 4, 8, 8)])
    groups = np.repeat(list("abcdef"), 8)
    rates = np.array([8, 6, 7, 4, 8, 8]) / 8
    value = rates.mean()
    trials = value * (1 - value) * 6 / rates.var(ddof=1) * SHRINK
    low, high = proportion_confint(value * trials, trials, method="wilson")
    found = rate_over_patients(outcomes, groups)
    assert found.interval is not None
    assert (found.value, found.trials) == (pytest.approx(value, abs=1e-12), pytest.approx(trials, abs=1e-10))
    assert (found.interval.low, found.interval.high) == (pytest.approx(low, abs=1e-10), pytest.approx(high, abs=1e-10))
    tiles = share_interval(outcomes, groups)
    assert tiles is not None
    assert tiles.low == pytest.approx(low, abs=1e-10), "of equal patients it is the interval over tiles"


def test_patients_count_alike() -> None:
    outcomes, groups = np.array([1.0] * 98 + [0.0, 1.0]), np.array(["a"] * 98 + ["b", "b"])
    assert rate_over_patients(outcomes, groups).value == 0.75


@pytest.mark.parametrize("value", [0.0, 1.0, 0.5])
def test_a_rate_that_every_tile_agrees_on_is_no_point(value: float) -> None:
    found = rate_over_patients(np.full(24, value), np.repeat(list("abcdef"), 4))
    low, high = proportion_confint(6 * value, 6, method="wilson")
    assert found.trials == 6
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == (pytest.approx(low, abs=1e-10), pytest.approx(high, abs=1e-10))


def test_equal_rates_are_worth_no_more_than_the_tiles() -> None:
    """Every patient has a rate of one half: 6² / (6 / 4) = 24 tiles."""
    found = rate_over_patients(np.tile([1.0, 0.0], 12), np.repeat(list("abcdef"), 4))
    assert found.trials == pytest.approx(24 * SHRINK, abs=1e-10)
    uneven = rate_over_patients(np.array([1.0, 0.0] * 6), np.repeat(list("ab"), [2, 10]))
    assert uneven.trials == pytest.approx(
        4 / (1 / 2 + 1 / 10) * (stats.norm.ppf(0.975) / stats.t.ppf(0.975, 1)) ** 2, abs=1e-10
    )


def test_one_patient_has_no_interval() -> None:
    found = rate_over_patients(np.array([1.0, 0.0]), np.array(["a", "a"]))
    assert (found.value, found.interval, found.trials, found.groups, found.tiles) == (0.5, None, None, 1, 2)
