"""Distances between sets: closed forms of the logarithm's jackknife, swaps by enumeration, equal numbers of tiles."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from vstain_bench.metrics.frechet import frechet_distance
from vstain_bench.stats.distances import at_common_size, distance, distance_ratio, swap_pairs, swap_test
from vstain_bench.stats.significance import holm

WITHOUT = np.array([2.0, 2.5, 1.8, 3.0, 2.2])


def frechet(rows: np.ndarray) -> float:
    half = rows.shape[1] // 2
    return frechet_distance(rows[:, :half], rows[:, half:])


def models(offsets: list[float], patients: int, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """Rows of models over the same real tiles, and the patients."""
    random = np.random.default_rng(seed)
    groups = np.repeat([f"p{each:02d}" for each in range(patients)], 6)
    real = random.normal(size=(len(groups), 3)) + np.repeat(random.normal(size=(patients, 3)), 6, axis=0)
    found = [np.concatenate([real + offset + random.normal(0, 0.4, real.shape), real], axis=1) for offset in offsets]
    return found, groups


def test_the_interval_of_a_logarithm_by_hand() -> None:
    found = distance(2.4, WITHOUT)
    error = math.sqrt(4 / 5 * np.sum((np.log(WITHOUT) - np.log(WITHOUT).mean()) ** 2))
    reach = stats.t.ppf(0.975, 4) * error
    assert found.interval is not None
    assert found.interval.low == pytest.approx(2.4 * math.exp(-reach), abs=1e-10)
    assert found.interval.high == pytest.approx(2.4 * math.exp(reach), abs=1e-10)
    assert found.bias == pytest.approx(4 * (2.3 - 2.4), abs=1e-12)
    assert found.bias_share == pytest.approx(-0.4 / 2.4, abs=1e-12)
    assert found.biased


def test_a_unit_changes_the_interval_as_it_changes_the_distance() -> None:
    one, other = distance(2.4, WITHOUT), distance(2400.0, 1000 * WITHOUT)
    assert one.interval is not None
    assert other.interval is not None
    assert other.interval.low == pytest.approx(1000 * one.interval.low, abs=1e-9)
    assert one.bias_share == pytest.approx(other.bias_share or 0, abs=1e-12)
    assert one.interval.low > 0


def test_a_small_share_of_bias_is_not_told() -> None:
    assert not distance(10.0, np.array([10.1, 10.2, 10.3])).biased
    assert distance(10.0, np.array([10.4, 10.6, 10.8])).biased


@pytest.mark.parametrize(
    ("estimate", "without", "missing"),
    [(2.0, [], "one-patient"), (2.0, [2.0], "one-patient"), (0.0, [0.1, 0.2], "zero-distance"),
     (0.1, [0.0, 0.2], "zero-distance")],
)  # fmt: skip
def test_why_there_is_no_interval(estimate: float, without: list[float], missing: str) -> None:
    found = distance(estimate, np.array(without))
    assert (found.interval, found.missing) == (None, missing)
    assert distance_ratio(estimate, np.array(without), 1.0, np.ones(len(without))).missing == missing


def test_the_ratio_of_two_models_that_share_their_patients() -> None:
    """One is 1.5 times the other whoever is left out: nothing is uncertain about the ratio."""
    found = distance_ratio(3.6, 1.5 * WITHOUT, 2.4, WITHOUT)
    assert found.interval is not None
    assert (found.value, found.interval.low, found.interval.high) == pytest.approx((1.5, 1.5, 1.5), abs=1e-10)
    other = distance_ratio(2.4, WITHOUT, 2.0, np.full(5, 2.0))
    single = distance(1.2, WITHOUT / 2)
    assert other.interval is not None
    assert single.interval is not None
    assert other.interval.high == pytest.approx(single.interval.high, abs=1e-10)
    assert math.isinf(distance_ratio(1.0, WITHOUT, 0.0, WITHOUT).value)
    assert math.isnan(distance_ratio(0.0, WITHOUT, 0.0, WITHOUT).value)


@pytest.mark.parametrize("patients", [3, 6])
def test_swaps_equal_a_plain_enumeration(patients: int) -> None:
    (first, second), groups = models([0.2, 0.5], patients)
    index = np.unique(groups, return_inverse=True)[1]

    def statistic(assignment: tuple[bool, ...]) -> float:
        swapped = np.array(assignment)[index][:, None]
        ours, theirs = np.where(swapped, second, first), np.where(swapped, first, second)
        return abs(math.log(frechet(ours) / frechet(theirs)))

    every = [statistic(each) for each in itertools.product([False, True], repeat=patients)]
    expected = np.mean(np.array(every) >= every[0] - 1e-9)
    found = swap_test(frechet, first, second, groups, 0)
    assert found.p == pytest.approx(expected, abs=1e-12)
    assert found.smallest == 2.0 ** (1 - patients)
    assert found.method == f"swap of patients, all {2**patients}"


def test_clear_models_reach_the_smallest_p_and_equal_ones_one() -> None:
    (first, second), groups = models([0.0, 2.0], 6)
    assert swap_test(frechet, first, second, groups, 0).p == 1 / 32
    assert swap_test(frechet, first, first, groups, 0).p == 1.0
    assert swap_test(lambda _: 0.0, first, second, groups, 0).p == 1.0
    perfect = np.concatenate([first[:, 3:], first[:, 3:]], axis=1)
    found = swap_test(lambda rows: float((rows[:, :3] != rows[:, 3:]).any()), perfect, second, groups, 0)
    assert found.p == 1 / 32, "a distance of 0 is infinitely far from any other"


def test_many_patients_are_drawn_with_a_seed() -> None:
    (first, second), groups = models([0.1, 0.15], 12)
    exact = swap_test(frechet, first, second, groups, 0, draws=2**11)
    drawn = swap_test(frechet, first, second, groups, 1, draws=400)
    assert exact.method == "swap of patients, all 4096"
    assert drawn.method == "swap of patients, 400 drawn"
    assert abs(drawn.p - exact.p) < 4 * math.sqrt(exact.p * (1 - exact.p) / 400) + 1 / 401
    assert drawn == swap_test(frechet, first, second, groups, 1, draws=400)
    assert drawn.smallest == pytest.approx(1 / 401)


def test_pairs_are_corrected_by_holm() -> None:
    rows, groups = models([0.0, 0.05, 1.5], 6)
    found = swap_pairs(frechet, rows, groups, 0)
    plain = [swap_test(frechet, rows[i], rows[j], groups, 0).p for i, j in ((0, 1), (0, 2), (1, 2))]
    assert [found[0, 1], found[0, 2], found[1, 2]] == holm(plain)
    assert np.array_equal(found, found.T)
    assert np.diagonal(found).tolist() == [1.0] * 3


def test_labels_are_scored_at_the_smallest_number_of_tiles() -> None:
    random = np.random.default_rng(0)
    every = {label: random.normal(size=(tiles, 24)) for label, tiles in (("0", 30), ("1+", 300), ("2+", 600))}
    whole = {label: frechet(rows) for label, rows in every.items()}
    assert whole["0"] > 3 * whole["2+"], "fewer tiles, larger distance"
    smallest, found = at_common_size(frechet, every, 0)
    assert smallest == 30
    assert found["0"] == whole["0"]
    assert found["2+"] == pytest.approx(found["1+"], rel=0.15)
    assert found["2+"] == pytest.approx(whole["0"], rel=0.35)
    assert at_common_size(frechet, {key: every[key] for key in ("2+", "0")}, 0)[1]["2+"] == found["2+"]
    assert at_common_size(frechet, {}, 0) == (0, {})
