"""Kernel distances between patients: by loops over tiles, by leaving patients out, against swaps, without bias."""

import itertools

import numpy as np
import pytest
from scipy import stats

from vstain_bench.metrics.kernel import kernel_distance
from vstain_bench.stats.family import max_t
from vstain_bench.stats.kernel_between import between_patients, cubic, patient_pairs, swap_shares


def sides(patients: int, seed: int = 0, shift: float = 0.3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of both sides and the patient of each tile; patients of 1 to 5 tiles, in no order."""
    random = np.random.default_rng(seed)
    groups = np.repeat([f"p{each}" for each in range(patients)], random.integers(1, 6, patients))
    random.shuffle(groups)
    effects = random.normal(size=(patients, 4))[np.unique(groups, return_inverse=True)[1]]
    real = effects + random.normal(size=(len(groups), 4))
    return effects + shift + random.normal(size=real.shape), real, groups


def kernel(one: np.ndarray, two: np.ndarray) -> float:
    return float((one @ two / len(one) + 1) ** 3)


def by_loops(generated: np.ndarray, real: np.ndarray, groups: np.ndarray) -> float:
    """Every pair of tiles of different patients, weighted so that pairs of patients count alike."""
    names = np.unique(groups)
    total = 0.0
    for one, two in itertools.permutations(names, 2):
        tiles = [(i, j) for i in np.flatnonzero(groups == one) for j in np.flatnonzero(groups == two)]
        each = [
            kernel(generated[i], generated[j]) + kernel(real[i], real[j]) - 2 * kernel(generated[i], real[j])
            for i, j in tiles
        ]
        total += float(np.mean(each))
    return total / (len(names) * (len(names) - 1))


@pytest.mark.parametrize(("patients", "seed"), [(2, 0), (5, 1), (8, 2)])
def test_it_is_the_mean_over_pairs_of_different_patients(patients: int, seed: int) -> None:
    generated, real, groups = sides(patients, seed)
    found = between_patients(patient_pairs(generated, real, groups))
    assert found.value == pytest.approx(by_loops(generated, real, groups), abs=1e-10)
    assert found.groups == patients


def test_of_one_tile_a_patient_it_is_the_unbiased_distance_but_for_the_tile_itself() -> None:
    random = np.random.default_rng(3)
    generated, real = random.normal(size=(2, 9, 4))
    found = between_patients(patient_pairs(generated, real, np.arange(9).astype(str)))
    own = sum(kernel(one, two) for one, two in zip(generated, real, strict=True))
    every = float(cubic(generated, real).sum())
    expected = kernel_distance(generated, real) + 2 * every / 81 - 2 * (every - own) / 72
    assert found.value == pytest.approx(expected, abs=1e-10)


def test_the_interval_leaves_whole_patients_out() -> None:
    generated, real, groups = sides(7, 4)
    found = between_patients(patient_pairs(generated, real, groups))
    left = [
        by_loops(generated[groups != name], real[groups != name], groups[groups != name]) for name in np.unique(groups)
    ]
    error = np.sqrt(6 / 7 * np.sum((np.array(left) - np.mean(left)) ** 2))
    assert found.interval is not None
    assert found.value is not None
    assert found.without == pytest.approx(left, abs=1e-10)
    assert found.interval.high - found.value == pytest.approx(stats.t.ppf(0.975, 6) * error, abs=1e-10)


def test_the_difference_of_two_models_comes_from_the_difference_of_their_pairs() -> None:
    first, real, groups = sides(6, 5)
    second = first + 0.1
    pairs = patient_pairs(first, real, groups) - patient_pairs(second, real, groups)
    difference = by_loops(first, real, groups) - by_loops(second, real, groups)
    assert between_patients(pairs).value == pytest.approx(difference, abs=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_flipping_shares_is_exchanging_models_in_whole_patients(seed: int) -> None:
    """Every assignment gives the same difference, not the same p-value alone."""
    first, real, groups = sides(5, seed)
    second = first + np.random.default_rng(seed).normal(0.0, 0.5, first.shape)
    names, index = np.unique(groups, return_inverse=True)
    shares = swap_shares(first, second, real, groups)
    differences = []
    for assignment in itertools.product([1.0, -1.0], repeat=len(names)):
        swapped = np.array(assignment)[index][:, None] < 0
        ours, theirs = np.where(swapped, second, first), np.where(swapped, first, second)
        differences.append(by_loops(ours, real, groups) - by_loops(theirs, real, groups))
        assert np.mean(shares * assignment) == pytest.approx(differences[-1], abs=1e-10)
    sizes = np.abs(differences)
    assert max_t(shares[None], 0)[0].p == np.mean(sizes >= sizes[0] - 1e-12)


def test_what_is_missing_says_why() -> None:
    generated, real, groups = sides(2, 7)
    one = between_patients(patient_pairs(generated, real, np.full(len(groups), "a")))
    assert (one.value, one.interval, one.missing) == (None, None, "one-patient")
    two = between_patients(patient_pairs(generated, real, groups))
    assert two.value is not None
    assert (two.interval, two.missing) == (None, "two-patients")


def test_tiles_of_a_patient_do_not_bias_it() -> None:
    """Equal distributions, 12 patients of 10 tiles, intraclass correlation 0.5: KID says 0.16, this 0."""
    random, plain, between = np.random.default_rng(8), [], []
    groups = np.repeat([f"p{each:02d}" for each in range(12)], 10)
    for _ in range(300):
        generated, real = (
            np.repeat(random.normal(0, 0.5**0.5, (12, 8)), 10, axis=0) + random.normal(0, 0.5**0.5, (120, 8))
            for _ in range(2)
        )
        plain.append(kernel_distance(generated, real))
        between.append(between_patients(patient_pairs(generated, real, groups)).value)
    error = np.std(between) / np.sqrt(300)
    assert abs(np.mean(between)) < 3 * error
    assert np.mean(plain) > 8 * error


def test_the_order_of_tiles_does_not_matter() -> None:
    generated, real, groups = sides(5, 9)
    order = np.random.default_rng(0).permutation(len(groups))
    again = patient_pairs(generated[order], real[order], groups[order])
    assert again == pytest.approx(patient_pairs(generated, real, groups), abs=1e-12)
