"""Recipes trained several times: by hand, Welch's test as a limit, and what one training cannot say."""

import numpy as np
import pytest
from scipy import stats

from vstain_bench.stats.trainings import compare_recipes


def test_the_variance_and_its_degrees_of_freedom_by_hand() -> None:
    first = np.array([[1.0, 2.0, 3.0], [2.0, 3.0, 5.0]])
    second = np.array([[0.0, 1.0, 1.0], [1.0, 1.0, 2.0], [0.0, 0.0, 1.0]])
    differences = np.array([1.5 - 1 / 3, 2.5 - 2 / 3, 4.0 - 4 / 3])
    by_patient = np.var(differences, ddof=1) / 3
    one = np.var([2.0, 10 / 3], ddof=1) / 2
    two = np.var([2 / 3, 4 / 3, 1 / 3], ddof=1) / 3
    variance = by_patient + one + two
    freedom = variance**2 / (by_patient**2 / 2 + one**2 / 1 + two**2 / 2)
    found = compare_recipes(first, second)
    assert found.interval is not None
    assert found.value == pytest.approx(differences.mean(), abs=1e-12)
    assert found.freedom == pytest.approx(freedom, abs=1e-10)
    assert found.patients_variance == pytest.approx(by_patient, abs=1e-12)
    assert found.trainings_variance == pytest.approx(one + two, abs=1e-12)
    reach = stats.t.ppf(0.975, freedom) * np.sqrt(variance)
    assert found.interval.high - found.value == pytest.approx(reach, abs=1e-10)
    assert found.p == pytest.approx(2 * stats.t.sf(found.value / np.sqrt(variance), freedom), abs=1e-10)
    assert (found.groups, found.trainings) == (3, (2, 3))


def test_patients_that_all_agree_leave_welchs_test_of_trainings() -> None:
    random = np.random.default_rng(0)
    ours, theirs = random.normal(0.3, 1.0, 4), random.normal(0.0, 2.0, 6)
    found = compare_recipes(np.repeat(ours[:, None], 5, axis=1), np.repeat(theirs[:, None], 5, axis=1))
    welch = stats.ttest_ind(ours, theirs, equal_var=False)
    assert found.p == pytest.approx(float(welch.pvalue), abs=1e-10)
    assert found.freedom == pytest.approx(float(welch.df), abs=1e-10)


@pytest.mark.parametrize(
    ("first", "second", "missing"),
    [((1, 5), (3, 5), "one-training"), ((3, 5), (1, 5), "one-training"), ((3, 1), (3, 1), "one-patient")],
)
def test_why_there_is_no_test(first: tuple[int, int], second: tuple[int, int], missing: str) -> None:
    random = np.random.default_rng(1)
    found = compare_recipes(random.normal(size=first), random.normal(size=second))
    assert (found.interval, found.p, found.missing) == (None, None, missing)
    assert np.isfinite(found.value)


def test_trainings_that_are_all_equal_show_no_spread() -> None:
    assert compare_recipes(np.ones((2, 3)), np.zeros((2, 3))).missing == "no-spread"
