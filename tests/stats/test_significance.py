"""Tests of differences against scipy, statsmodels and plain enumeration; what few groups can and cannot show."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from vstain_bench.stats.significance import (
    DRAWS,
    EXACT_GROUPS,
    benjamini_hochberg,
    holm,
    jackknife_test,
    least_groups,
    paired_test,
    sign_flip,
    sign_flips,
    wilcoxon,
)


def differences(number: int, seed: int, shift: float = 0.4) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1.0, number)


@pytest.mark.parametrize("number", [2, 5, 9, 13])
@pytest.mark.parametrize("seed", range(3))
def test_sign_flips_equal_scipys_exact_permutation(number: int, seed: int) -> None:
    values = differences(number, seed)
    reference = stats.permutation_test(
        (values,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    found = sign_flip(values, 0)
    assert found.p == pytest.approx(float(reference.pvalue), abs=1e-10)
    assert found.method == f"sign-flip permutation, all {2**number}"


CLOSED_FORMS = [
    # all of one sign: only all plus and all minus are as extreme
    ([1.0, 2.0, 3.0, 4.0, 5.0], 2 / 32),
    ([-0.1] * 6, 2 / 64),
    # 1 - 1 = 0: every assignment is as extreme
    ([1.0, -1.0], 1.0),
    # |1 + 2 - 4| = 1: 1 2 -4 and its mirror, and no other, reach 1 exactly, all others exceed it
    ([1.0, 2.0, -4.0], 1.0),
    # |4 + 2 - 1| = 5: +4 +2 ±1 and mirrors
    ([4.0, 2.0, -1.0], 4 / 8),
    # no difference anywhere
    ([0.0, 0.0, 0.0], 1.0),
    # equal but for rounding: 0.1 + 0.2 - 0.3 must count as 0
    ([0.1, 0.2, -0.3], 1.0),
    ([0.7], 1.0),
]


@pytest.mark.parametrize(("values", "p"), CLOSED_FORMS)
def test_sign_flips_that_can_be_counted_by_hand(values: list[float], p: float) -> None:
    assert sign_flip(np.array(values), 0).p == pytest.approx(p, abs=1e-15)


def test_the_limit_of_counting_is_still_exact() -> None:
    """Equal differences: the sum's size is binomial."""
    values = np.where(np.arange(EXACT_GROUPS) < 15, 1.0, -1.0)
    expected = float(stats.binomtest(15, EXACT_GROUPS).pvalue)
    assert sign_flip(values, 0).p == pytest.approx(expected, abs=1e-12)


def test_beyond_it_signs_are_drawn_with_a_seed() -> None:
    values = np.where(np.arange(30) < 20, 1.0, -1.0)
    exact = float(stats.binomtest(20, 30).pvalue)
    found = sign_flip(values, 1)
    spread = math.sqrt(exact * (1 - exact) / DRAWS)
    assert abs(found.p - exact) < 4 * spread
    assert found == sign_flip(values, 1)
    assert found.p != sign_flip(values, 2).p
    assert found.method == "sign-flip permutation, 99999 drawn"
    clear = sign_flip(np.full(30, 1.0), 1)
    assert clear.p == pytest.approx(1 / 100_000), "never 0: the data are one of the assignments"


@pytest.mark.parametrize("number", [7, 25])
def test_many_comparisons_at_once_equal_each_alone(number: int) -> None:
    rows = np.stack([differences(number, seed) for seed in range(4)])
    assert sign_flips(rows, 3) == [sign_flip(row, 3) for row in rows]


@pytest.mark.parametrize("number", [1, 3, 6, 10])
@pytest.mark.parametrize("seed", range(3))
def test_wilcoxon_equals_plain_enumeration(number: int, seed: int) -> None:
    values = differences(number, 10 + seed)
    ranks = stats.rankdata(np.abs(values))
    sums = [sum(chosen) for chosen in itertools.product(*((0.0, rank) for rank in ranks))]
    own, middle = float(ranks[values > 0].sum()), ranks.sum() / 2
    expected = sum(abs(each - middle) >= abs(own - middle) - 1e-9 for each in sums) / len(sums)
    assert wilcoxon(values).p == pytest.approx(expected, abs=1e-10)


def test_wilcoxon_leaves_out_groups_without_a_difference() -> None:
    assert wilcoxon(np.array([0.0, 0.3, 0.2, -0.1])).p == wilcoxon(np.array([0.3, 0.2, -0.1])).p
    assert wilcoxon(np.zeros(4)).p == 1.0


@pytest.mark.parametrize("name", ["sign-flip", "wilcoxon"])
@pytest.mark.parametrize(("number", "smallest"), [(2, 0.5), (5, 0.0625), (6, 0.03125), (17, 2.0**-16)])
def test_few_groups_bound_the_p_value(name: str, number: int, smallest: float) -> None:
    """The strongest data that there can be reach the bound and no less."""
    found = paired_test(np.arange(1.0, number + 1), name, 0)  # type: ignore[arg-type]  # the two names
    assert found.smallest == smallest
    assert found.p == pytest.approx(smallest, abs=1e-15)
    assert found.powerless == (number < 6)


def test_a_true_null_is_rejected_as_often_as_promised() -> None:
    """1,000 studies of 9 patients; the test is exact, so its rate is at most 5 % and close to it."""
    random = np.random.default_rng(5)
    rejected = sum(sign_flip(random.normal(size=9), 0).p <= 0.05 for _ in range(1000))
    assert 0.03 <= rejected / 1000 <= 0.07


def test_the_jackknife_test_is_students() -> None:
    values = differences(8, 3)
    error = float(values.std(ddof=1)) / math.sqrt(8)
    reference = stats.ttest_1samp(values, 0.0)
    assert jackknife_test(float(values.mean()), error, 8).p == pytest.approx(float(reference.pvalue), abs=1e-10)
    assert jackknife_test(0.0, 0.0, 8).p == 1.0


P_VALUES = [
    [0.01, 0.04, 0.03, 0.005],
    [0.2],
    [1.0, 1.0],
    [0.049, 0.05, 0.05, 0.9, 1e-9],
    np.random.default_rng(0).uniform(size=40).tolist(),
    (np.random.default_rng(1).uniform(size=300) ** 3).tolist(),
]


@pytest.mark.parametrize("values", P_VALUES, ids=len)
def test_corrections_equal_statsmodels(values: list[float]) -> None:
    assert holm(values) == pytest.approx(multipletests(values, method="holm")[1], abs=1e-10)
    assert benjamini_hochberg(values) == pytest.approx(multipletests(values, method="fdr_bh")[1], abs=1e-10)


def test_corrections_of_nothing_are_nothing() -> None:
    assert holm([]) == []
    assert benjamini_hochberg([]) == []


@pytest.mark.parametrize("tests", [1, 3, 7, 40])
def test_the_groups_that_holm_needs(tests: int) -> None:
    number = least_groups(tests)
    assert holm([2.0 ** (1 - number)] * tests)[0] <= 0.05
    assert holm([2.0 ** (2 - number)] * tests)[0] > 0.05
