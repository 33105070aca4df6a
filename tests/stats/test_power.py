"""Power against statsmodels, the table of detectable differences, and a pilot's own uncertainty."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from vstain_bench.stats.power import careful_spread, detectable, patients_needed, plan, power

REFERENCE = TTestPower()


@pytest.mark.parametrize(("effect", "groups"), [(0.3, 17), (1.0, 6), (2.0, 4), (0.1, 50), (0.0, 9), (2.4, 8)])
def test_power_equals_statsmodels(effect: float, groups: int) -> None:
    expected = REFERENCE.power(effect, groups, 0.05, alternative="two-sided")
    assert power(2 * effect, 2.0, groups) == pytest.approx(float(expected), abs=1e-10)
    assert power(-effect, 1.0, groups) == power(effect, 1.0, groups)


@pytest.mark.parametrize(("groups", "told"), [(6, 1.43), (8, 1.16), (17, 0.72), (50, 0.40)])
def test_what_can_be_detected_with_so_many_patients(groups: int, told: float) -> None:
    """(t.975 + t.8) / sqrt(G) is the shorthand, within 0.01 of it."""
    found = detectable(1.0, groups)
    assert power(found, 1.0, groups) == pytest.approx(0.8, abs=1e-10)
    assert found == pytest.approx(told, abs=0.006)
    quantiles = stats.t.ppf(0.975, groups - 1) + stats.t.ppf(0.8, groups - 1)
    assert quantiles / np.sqrt(groups) == pytest.approx(found, abs=0.01)
    assert detectable(3.0, groups) == pytest.approx(3 * found, abs=1e-10)


@pytest.mark.parametrize("effect", [0.2, 0.5, 1.0, 3.0])
def test_patients_needed_are_the_fewest(effect: float) -> None:
    number = patients_needed(effect, 1.0)
    assert number is not None
    assert power(effect, 1.0, number) >= 0.8
    assert number == 2 or power(effect, 1.0, number - 1) < 0.8
    assert number == int(np.ceil(REFERENCE.solve_power(effect, power=0.8, alpha=0.05)))


def test_what_no_study_detects() -> None:
    assert patients_needed(0.0, 1.0) is None
    assert patients_needed(0.001, 1.0) is None


def test_a_pilot_of_six() -> None:
    differences = np.array([0.1, 0.3, 0.2, -0.1, 0.4, 0.1])
    found = plan(differences, 0.2)
    assert found is not None
    assert found.sd == pytest.approx(np.std(differences, ddof=1), abs=1e-12)
    assert found.careful_sd == pytest.approx(found.sd * np.sqrt(5 / stats.chi2.ppf(0.2, 5)), abs=1e-12)
    assert found.needed == patients_needed(0.2, found.sd)
    assert found.careful is not None
    assert found.needed is not None
    assert found.careful > found.needed
    assert found.detectable == pytest.approx(detectable(found.sd, 6), abs=1e-12)
    assert plan(np.array([0.1]), 0.2) is None
    assert plan(np.array([0.1, 0.1]), 0.2) is None


def test_the_careful_spread_is_large_enough_in_four_of_five_pilots() -> None:
    random = np.random.default_rng(0)
    enough = [careful_spread(float(random.normal(size=6).std(ddof=1)), 6) >= 1.0 for _ in range(4000)]
    assert np.mean(enough) == pytest.approx(0.8, abs=0.02)
