"""Step-down max-T against a plain enumeration, closed forms and the sign-flip test of one row."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from vstain_bench.stats.family import adjust_pairs, max_t, pairwise, told_apart
from vstain_bench.stats.significance import holm, sign_flip


def rows(tests: int, groups: int, seed: int = 0, shift: float = 0.5) -> np.ndarray:
    """Correlated differences, some of them away from 0."""
    random = np.random.default_rng(seed)
    shared = random.normal(size=groups)
    return np.stack([shift * each + shared + random.normal(size=groups) for each in range(tests)])


def by_enumeration(differences: np.ndarray, alternative: str) -> np.ndarray:
    """Westfall and Young's algorithm 2.8 as it stands, with scipy's t, one assignment at a time."""

    def statistic(values: np.ndarray) -> float:
        t = float(stats.ttest_1samp(values[np.isfinite(values)], 0.0).statistic)
        return abs(t) if alternative == "two-sided" else t

    observed = [statistic(row) for row in differences]
    order = sorted(range(len(observed)), key=lambda place: -observed[place])
    counts = np.zeros(len(observed))
    assignments = list(itertools.product([1.0, -1.0], repeat=differences.shape[1]))
    for signs in assignments:
        highest = -math.inf
        for step in range(len(order) - 1, -1, -1):
            highest = max(highest, statistic(differences[order[step]] * np.array(signs)))
            counts[step] += highest >= observed[order[step]] - 1e-9
    adjusted, so_far = np.empty(len(observed)), 0.0
    for step, place in enumerate(order):
        so_far = max(so_far, counts[step] / len(assignments))
        adjusted[place] = so_far
    return adjusted


@pytest.mark.parametrize("alternative", ["two-sided", "greater"])
@pytest.mark.parametrize(("tests", "groups", "seed"), [(1, 6, 0), (4, 7, 1), (5, 8, 2), (3, 5, 3)])
def test_max_t_equals_a_plain_enumeration(tests: int, groups: int, seed: int, alternative: str) -> None:
    differences = rows(tests, groups, seed)
    found = max_t(differences, 0, alternative=alternative)  # type: ignore[arg-type]  # the two
    assert [each.p for each in found] == pytest.approx(by_enumeration(differences, alternative), abs=1e-10)


def test_a_test_may_lack_patients() -> None:
    differences = rows(3, 7, 4)
    differences[1, 2:4] = np.nan
    found = max_t(differences, 0)
    assert [each.p for each in found] == pytest.approx(by_enumeration(differences, "two-sided"), abs=1e-10)
    assert [each.smallest for each in found] == [2.0**-6, 2.0**-4, 2.0**-6]


@pytest.mark.parametrize("seed", range(4))
def test_one_test_is_the_sign_flip_test(seed: int) -> None:
    """|t| and |sum| order the assignments alike."""
    differences = np.random.default_rng(seed).normal(0.4, 1.0, 11)
    found = max_t(differences[None], 0)[0]
    assert found.p == pytest.approx(sign_flip(differences, 0).p, abs=1e-15)
    assert found.method == "max-T over 1 tests, all 2048 sign flips"


@pytest.mark.parametrize("tests", [1, 18, 300])
def test_the_smallest_p_does_not_depend_on_the_family(tests: int) -> None:
    """Every patient agrees on every test: all and none flipped alone are as extreme. Holm would say tests / 32."""
    differences = np.abs(rows(tests, 6, 0)) + 3.0
    assert {each.p for each in max_t(differences, 0)} == {1 / 32}
    assert {each.p for each in max_t(differences, 0, alternative="greater")} == {1 / 64}
    assert max_t(differences, 0)[0].smallest == 1 / 32
    assert not max_t(differences, 0)[0].powerless
    assert max_t(differences[:, :5], 0)[0].powerless


def test_equal_differences_and_none_at_all() -> None:
    found = max_t(np.stack([np.full(8, 0.1), np.zeros(8), np.full(8, 7.0)]), 0)
    assert [each.p for each in found] == [1 / 128, 1.0, 1 / 128]


def test_it_lies_between_no_correction_and_holm() -> None:
    differences = rows(6, 10, 5)
    plain = [sign_flip(row, 0).p for row in differences]
    adjusted = [each.p for each in max_t(differences, 0)]
    assert all(one <= two + 1e-12 for one, two in zip(plain, adjusted, strict=True))
    assert np.mean(adjusted) <= np.mean(holm(plain))


def test_drawn_flips_come_close_to_all_of_them_and_follow_the_seed() -> None:
    differences = rows(4, 12, 6)
    exact = [each.p for each in max_t(differences, 0)]
    drawn = max_t(differences, 1, draws=2000)
    assert [each.p for each in drawn] == pytest.approx(exact, abs=4 * math.sqrt(0.25 / 2000))
    assert drawn == max_t(differences, 1, draws=2000)
    assert drawn != max_t(differences, 2, draws=2000)
    assert drawn[0].method == "max-T over 4 tests, 2000 drawn sign flips"
    assert drawn[0].smallest == 1 / 2001


def test_the_order_of_tests_and_of_patients_changes_nothing() -> None:
    differences = rows(5, 9, 7)
    expected = [each.p for each in max_t(differences, 0)]
    assert [each.p for each in max_t(differences[::-1], 0)] == pytest.approx(expected[::-1], abs=1e-15)
    assert [each.p for each in max_t(differences[:, ::-1], 0)] == pytest.approx(expected, abs=1e-15)
    assert [each.p for each in max_t(1000 * differences, 0)] == pytest.approx(expected, abs=1e-15)


def test_any_false_finding_is_as_rare_as_promised() -> None:
    """600 studies of 12 correlated tests of 8 patients, all of them null."""
    random = np.random.default_rng(8)
    wrong = 0
    for _ in range(600):
        differences = random.normal(size=8) + random.normal(size=(12, 8))
        wrong += min(each.p for each in max_t(differences, 0)) <= 0.05
    assert 0.02 <= wrong / 600 <= 0.075


def test_pairs_of_models() -> None:
    random = np.random.default_rng(9)
    shared = random.normal(0, 5, 8)
    means = np.stack([shared + offset + random.normal(0, 0.1, 8) for offset in (0.0, 0.01, 2.0)])
    p_values = pairwise(means, 0)
    differences = np.stack([means[0] - means[1], means[0] - means[2], means[1] - means[2]])
    expected = [each.p for each in max_t(differences, 0)]
    assert [p_values[0, 1], p_values[0, 2], p_values[1, 2]] == expected
    assert np.array_equal(p_values, p_values.T)
    assert np.diagonal(p_values).tolist() == [1.0] * 3
    assert told_apart(p_values).tolist() == [[False, False, True], [False, False, True], [True, True, False]]
    assert np.array_equal(adjust_pairs(differences, 3, 0), p_values)
    assert pairwise(means[:1], 0).tolist() == [[1.0]]
