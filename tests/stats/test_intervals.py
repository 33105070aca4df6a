"""Intervals over patients: closed forms, coverage on simulated studies, independence of order."""

import math

import numpy as np
import pytest
from scipy import stats

from vstain_bench.base.randomness import seed_of
from vstain_bench.stats.intervals import BLOCKS, bootstrap_mean, clustering, deal_blocks, jackknife, jackknife_error


def study(
    random: np.random.Generator, groups: int, tiles: int, between: float, within: float
) -> tuple[np.ndarray, np.ndarray]:
    """Values around 0 of ``tiles`` tiles in each of ``groups`` patients."""
    effects = random.normal(0, between, groups)
    values = np.repeat(effects, tiles) + random.normal(0, within, groups * tiles)
    return values, np.repeat([f"p{group:03d}" for group in range(groups)], tiles)


@pytest.mark.parametrize(("groups", "least"), [(5, 0.90), (17, 0.92), (50, 0.92)])
def test_the_bootstrap_covers_the_true_mean(groups: int, least: float) -> None:
    """300 simulated studies; the standard error of the coverage is 0.013. An interval over tiles would cover 0.5."""
    random = np.random.default_rng(groups)
    hits = 0
    for number in range(300):
        values, names = study(random, groups, 6, between=1.0, within=1.0)
        interval = bootstrap_mean(values, names, number)
        assert interval is not None
        hits += interval.low <= 0 <= interval.high
    assert least <= hits / 300 <= 0.985


def test_tiles_of_one_patient_are_not_independent() -> None:
    values, names = study(np.random.default_rng(1), 10, 30, between=1.0, within=0.3)
    by_patient = bootstrap_mean(values, names, 0)
    by_tile = bootstrap_mean(values, np.arange(len(values)).astype(str), 0)
    assert by_patient is not None
    assert by_tile is not None
    assert (by_patient.high - by_patient.low) > 2.5 * (by_tile.high - by_tile.low)


def test_the_interval_does_not_depend_on_the_order_of_tiles() -> None:
    values, names = study(np.random.default_rng(2), 8, 5, 1.0, 1.0)
    order = np.random.default_rng(3).permutation(len(values))
    one, other = bootstrap_mean(values, names, 4), bootstrap_mean(values[order], names[order], 4)
    assert one is not None
    assert other is not None
    assert (one.low, one.high) == (pytest.approx(other.low, abs=1e-12), pytest.approx(other.high, abs=1e-12))
    assert bootstrap_mean(values, names, 5) != one, "the seed matters"


def test_one_group_has_no_interval_and_equal_values_a_point() -> None:
    assert bootstrap_mean(np.array([1.0, 2.0]), np.array(["a", "a"]), 0) is None
    point = bootstrap_mean(np.array([0.5, 0.5]), np.array(["a", "b"]), 0)
    assert point is not None
    assert (point.low, point.high) == (0.5, 0.5)


def _means_without(rows: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    return np.array([rows[blocks != block].mean() for block in range(blocks.max() + 1)])


def test_the_jackknife_of_a_mean_of_equal_groups_is_the_t_interval_of_group_means() -> None:
    values, names = study(np.random.default_rng(4), 9, 4, 1.0, 1.0)
    interval = jackknife(values.mean(), values[:, None], names, _means_without)
    means = values.reshape(9, 4).mean(axis=1)
    reach = stats.t.ppf(0.975, 8) * means.std(ddof=1) / 3
    assert interval is not None
    assert interval.low == pytest.approx(values.mean() - reach, abs=1e-12)
    assert interval.high == pytest.approx(values.mean() + reach, abs=1e-12)


def test_the_jackknife_counts_unequal_groups_by_what_they_do() -> None:
    """By hand: without a the mean is 10, without b it is 2; a has three times as many tiles."""
    values, names = np.array([1.0, 2.0, 3.0, 10.0]), np.array(["a", "a", "a", "b"])
    interval = jackknife(4.0, values[:, None], names, _means_without)
    error = math.sqrt((16.0 + 16.0) / 2)
    assert interval is not None
    assert interval.high - 4.0 == pytest.approx(stats.t.ppf(0.975, 1) * error)


def test_the_jackknife_of_a_mean_is_the_cluster_robust_error_of_a_regression() -> None:
    """On a constant, groups deleted through the hat matrix (Bell, McCaffrey 2002), never by leaving tiles out."""
    random = np.random.default_rng(8)
    names = np.repeat([f"p{number}" for number in range(7)], random.integers(1, 12, 7))
    values = random.normal(size=len(names)) + np.repeat(random.normal(size=7), np.unique(names, return_counts=True)[1])
    residuals, tiles, moved = values - values.mean(), len(names), []
    for name in np.unique(names):
        own = np.ones((int((names == name).sum()), 1))
        adjusted = np.linalg.solve(np.eye(len(own)) - own @ own.T / tiles, residuals[names == name])
        moved.append(float((own.T @ adjusted)[0]) / tiles)
    _, index = np.unique(names, return_inverse=True)
    expected = math.sqrt(6 / 7 * np.sum((np.array(moved) - np.mean(moved)) ** 2))
    assert jackknife_error(_means_without(values[:, None], index)) == pytest.approx(expected, abs=1e-10)


def test_more_groups_than_blocks_are_dealt_whole() -> None:
    names = np.repeat([f"p{number}" for number in range(55)], 3)
    blocks = deal_blocks(names)
    assert blocks.max() + 1 == BLOCKS
    assert all(len(set(blocks[names == name])) == 1 for name in set(names.tolist()))
    assert set(np.bincount(blocks)) <= {6, 9}, "blocks are as equal as whole groups allow"


@pytest.mark.parametrize(("between", "within"), [(0.0, 1.0), (1.0, 1.0), (2.0, 0.5)])
def test_icc_recovers_the_variance_components(between: float, within: float) -> None:
    values, names = study(np.random.default_rng(6), 400, 8, between, within)
    found = clustering(values, names)
    expected = between**2 / (between**2 + within**2)
    assert found is not None
    assert found.icc == pytest.approx(expected, abs=0.05)
    assert found.effective_tiles == pytest.approx(3200 / (1 + 7 * max(found.icc, 0)), rel=1e-9)


def test_icc_is_that_of_an_analysis_of_variance_by_projections() -> None:
    """Unequal groups, by matrices: what is left of the sums of squares, and the trace that says what they hold.

    With variance w within groups and b between them, y' P y is expected to be w rank(P) + b trace(Z' P Z)
    with Z the groups' indicators: solved for both (Searle, Casella, McCulloch 1992, Variance Components, section 3.6).
    """
    random = np.random.default_rng(9)
    counts = np.array([1, 2, 3, 5, 8, 13])
    indicators = np.repeat(np.eye(len(counts)), counts, axis=0)
    values = random.normal(size=counts.sum()) + indicators @ random.normal(size=len(counts))
    own = indicators @ np.linalg.pinv(indicators)
    overall = np.full(own.shape, 1 / len(own))
    projections = (own - overall, np.eye(len(own)) - own)
    expectations = [[np.trace(each), np.trace(indicators.T @ each @ indicators)] for each in projections]
    within, between = np.linalg.solve(expectations, [values @ each @ values for each in projections])
    found = clustering(values, np.repeat([f"p{place}" for place in range(len(counts))], counts))
    assert found is not None
    assert found.icc == pytest.approx(between / (within + between), abs=1e-10)
    alike = np.where(indicators @ indicators.T, found.icc, 0.0)
    np.fill_diagonal(alike, 1.0)
    assert found.effective_tiles == pytest.approx(len(alike) ** 2 / alike.sum(), rel=1e-10), "the variance of a mean"


@pytest.mark.parametrize("names", [["a", "a", "a"], ["a", "b", "c"]])
def test_icc_needs_groups_of_several_tiles(names: list[str]) -> None:
    assert clustering(np.array([1.0, 2.0, 4.0]), np.array(names)) is None


def test_seeds_depend_on_their_parts_alone() -> None:
    assert seed_of("interval", 0, "ssim") == seed_of("interval", 0, "ssim")
    assert len({seed_of("a", 1), seed_of("a", 2), seed_of("a1"), seed_of("a", "1", "")}) == 4
