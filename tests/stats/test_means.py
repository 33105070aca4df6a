"""Means over patients and tiles: closed forms, scipy, a regression of statsmodels, cautions row by row."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from vstain_bench.stats.means import (
    Caution,
    actual_coverage,
    effective_groups,
    effective_tiles,
    mean_over_patients,
    mean_over_tiles,
    skewed,
    student_interval,
)


def unequal(number: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Values of patients with 1 to 9 tiles each."""
    random = np.random.default_rng(seed)
    groups = np.repeat([f"p{each:02d}" for each in range(number)], random.integers(1, 10, number))
    return random.normal(size=len(groups)) + np.unique(groups, return_inverse=True)[1] / 5, groups


def test_the_mean_over_patients_is_students_of_their_means() -> None:
    values, groups = unequal()
    means = np.array([values[groups == name].mean() for name in np.unique(groups)])
    reference = stats.ttest_1samp(means, 0.0)
    low, high = reference.confidence_interval(0.95)
    found = mean_over_patients(values, groups)
    assert found.interval is not None
    assert found.value == pytest.approx(means.mean(), abs=1e-12)
    assert (found.interval.low, found.interval.high) == (pytest.approx(low, abs=1e-10), pytest.approx(high, abs=1e-10))
    assert found.value / (found.error or 0) == pytest.approx(float(reference.statistic), abs=1e-10)
    assert (found.sd, found.groups, found.tiles) == (pytest.approx(np.std(means, ddof=1), abs=1e-12), 12, len(values))


def test_two_patients_by_hand() -> None:
    """Means 2 and 4: s = sqrt 2, so the reach is t(1), which is tan(0.475 pi)."""
    found = mean_over_patients(np.array([1.0, 3.0, 4.0]), np.array(["a", "a", "b"]))
    assert found.interval is not None
    assert found.value == 3.0
    assert found.interval.high - 3.0 == pytest.approx(math.tan(0.475 * math.pi), abs=1e-10)
    assert found.effective_groups == pytest.approx(9 / 5, abs=1e-12)


def test_the_mean_over_tiles_has_the_cluster_robust_error_of_a_regression() -> None:
    """Of equal patients statsmodels' cluster-robust error, corrected by G / (G - 1) alone, is the jackknife's."""
    groups = np.repeat(np.arange(9), 4)
    values = np.random.default_rng(1).normal(size=36) + groups
    fit = sm.OLS(values, np.ones(36)).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "df_correction": True}, use_t=True
    )
    error = float(fit.bse[0])  # its other factor, (n - 1) / (n - k), is 1 for a mean
    found = mean_over_tiles(values, groups.astype(str))
    assert found.interval is not None
    assert (found.interval.high - found.interval.low) / 2 == pytest.approx(stats.t.ppf(0.975, 8) * error, abs=1e-10)
    macro = mean_over_patients(values, groups.astype(str))
    assert macro.interval is not None
    assert (found.interval.low, found.interval.high) == (
        pytest.approx(macro.interval.low, abs=1e-10),
        pytest.approx(macro.interval.high, abs=1e-10),
    ), "of equal patients the two are one"


def test_without_patients_tiles_are_taken_as_independent() -> None:
    values, groups = unequal()
    low, high = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    found = mean_over_tiles(values, None)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == (pytest.approx(low, abs=1e-10), pytest.approx(high, abs=1e-10))
    assert found.cautions == ("patients-unknown",)
    assert found.sd == pytest.approx(np.std(values, ddof=1), abs=1e-12)
    assert mean_over_tiles(values, groups).value == found.value


def test_why_there_is_no_interval() -> None:
    one = mean_over_patients(np.array([1.0, 2.0]), np.array(["a", "a"]))
    assert (one.value, one.interval, one.missing, one.sd, one.error) == (1.5, None, "one-patient", None, None)
    assert one.cautions == ("one-patient",)
    tile = mean_over_tiles(np.array([1.0]), None)
    assert (tile.interval, tile.missing, tile.sd) == (None, "one-tile", None)
    assert mean_over_tiles(np.array([1.0, 2.0]), np.array(["a", "a"])).missing == "one-patient"
    assert student_interval(np.array([1.0])) is None


def test_the_order_of_tiles_does_not_matter_and_patients_weigh_alike() -> None:
    values, groups = unequal()
    order = np.random.default_rng(5).permutation(len(values))
    one, other = mean_over_patients(values, groups), mean_over_patients(values[order], groups[order])
    assert one.value == pytest.approx(other.value, abs=1e-12)
    again = mean_over_patients(np.repeat(values, 3), np.repeat(groups, 3))
    assert (again.value, again.sd) == (pytest.approx(one.value, abs=1e-12), pytest.approx(one.sd or 0, abs=1e-12))


SMOOTH = stats.norm.ppf((np.arange(1, 13) - 0.5) / 12)
CAUTIONS: list[tuple[list[float], list[int], tuple[Caution, ...]]] = [
    # means of the patients, their tiles, what is said
    (SMOOTH.tolist(), [5] * 12, ()),
    (SMOOTH[1:-1].tolist(), [5] * 10, ()),
    (SMOOTH[:9].tolist(), [5] * 9, ("few-patients",)),
    # (66 + 11)² / (36 · 11 + 121) = 11.5 patients; with 40 tiles of one it is 5.6
    (SMOOTH.tolist(), [6] * 11 + [11], ()),
    (SMOOTH.tolist(), [6] * 11 + [40], ("uneven-patients",)),
    (SMOOTH.tolist(), [6] * 11 + [67], ("uneven-patients", "dominating-patient")),
    # half of the tiles exactly is no more than half
    ([1.0, 2.0], [5, 5], ("few-patients",)),
    (np.exp(2 * SMOOTH).tolist(), [5] * 12, ("skewed-patients",)),
    ((-np.exp(2 * SMOOTH)).tolist(), [5] * 12, ("skewed-patients",)),
    ([7.0] * 12, [5] * 12, ()),
]


@pytest.mark.parametrize(("means", "tiles", "expected"), CAUTIONS)
def test_cautions(means: list[float], tiles: list[int], expected: tuple[Caution, ...]) -> None:
    groups = np.repeat([f"p{each:02d}" for each in range(len(means))], tiles)
    assert mean_over_patients(np.repeat(means, tiles), groups).cautions == expected


def test_equal_patients_count_in_full_and_unequal_ones_less() -> None:
    assert effective_groups(np.array([4, 4, 4])) == pytest.approx(3.0, abs=1e-12)
    assert effective_groups(np.array([1, 1, 1000])) == pytest.approx(1.004, abs=1e-3)


def test_skewness_is_told_beyond_two_standard_errors() -> None:
    """0 to 15 and an outlier: G1 is 0.89 of two standard errors at 25, 1.004 at 26."""
    assert not skewed(np.array([*range(16), 25.0]))
    assert skewed(np.array([*range(16), 26.0]))


def test_normal_means_are_called_skewed_as_rarely_as_promised() -> None:
    random = np.random.default_rng(3)
    assert 0.02 <= np.mean([skewed(random.normal(size=17)) for _ in range(2000)]) <= 0.07
    assert np.mean([skewed(random.lognormal(size=17)) for _ in range(500)]) > 0.6
    assert not any(skewed(random.lognormal(sigma=3, size=4)) for _ in range(200))


def test_what_tiles_of_unknown_patients_are_worth() -> None:
    """5,980 tiles of five slides at an intraclass correlation of 0.2 are worth 25 (facts/evaluation.md)."""
    assert effective_tiles(5980, per_patient=5980 / 5, icc=0.2) == pytest.approx(25, abs=0.2)
    assert effective_tiles(100, per_patient=1, icc=0.7) == 100
    assert actual_coverage(per_patient=1, icc=0.5) == pytest.approx(0.95, abs=1e-12)
    assert actual_coverage(per_patient=16, icc=0.2) == pytest.approx(2 * stats.norm.cdf(1.959963985 / 2) - 1, abs=1e-8)
