"""Interaction of model and label: exact permutations by enumeration, both designs, type I error."""

import itertools
import math

import numpy as np
import pytest

from vstain_bench.stats.interaction import interaction


def between(values: np.ndarray, labels: np.ndarray) -> float:
    return sum(
        float((labels == label).sum() * (values[labels == label].mean() - values.mean()) ** 2)
        for label in np.unique(labels)
    )


def test_labels_are_exchanged_between_patients_of_one_label_each() -> None:
    """All 20 ways to give three of six patients the label, one tile or more each."""
    groups, labels = np.array(list("aabcdeef")), np.array(["1", "1", "1", "1", "2", "2", "2", "2"])
    values = np.array([1.0, 3.0, 1.5, 0.5, 3.0, 2.5, 1.9, 4.0])
    means = np.array([values[groups == name].mean() for name in "abcdef"])
    own = np.array(["1", "1", "1", "2", "2", "2"])
    every = [between(means, np.where(np.isin(np.arange(6), c), "1", "2")) for c in itertools.combinations(range(6), 3)]
    exact = np.mean(np.array(every) >= between(means, own) - 1e-12)
    found = interaction(values, groups, labels, 0)
    assert found.p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 9999) + 1e-4)
    assert (found.design, found.left_out, found.missing) == ("between", 0, None)
    assert found.by_label == pytest.approx({"1": means[:3].mean(), "2": means[3:].mean()}, abs=1e-12)
    assert found.patients == {"1": 3, "2": 3}


def test_labels_are_exchanged_within_patients_of_several() -> None:
    """Of two labels that is flipping the signs of the patients' differences of differences."""
    random = np.random.default_rng(1)
    own = random.normal(0.5, 1.0, 7)
    groups = np.array([*"abcdefg", *"abcdefg", "z"])
    labels = np.array(["1"] * 7 + ["2"] * 7 + ["1"])
    values = np.concatenate([random.normal(0, 9, 7), np.zeros(7), [50.0]])
    values[7:14] = values[:7] + own
    sizes = [abs(sum(s * d for s, d in zip(signs, own, strict=True))) for signs in itertools.product([1, -1], repeat=7)]
    exact = np.mean(np.array(sizes) >= sizes[0] - 1e-12)
    found = interaction(values, groups, labels, 0)
    assert found.p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 9999) + 1e-4)
    assert (found.design, found.left_out) == ("within", 1)
    assert found.patients == {"1": 8, "2": 7}


def test_three_labels_of_unlike_numbers_of_patients() -> None:
    """All 105 ways to give one, two and four of seven patients a label."""
    values, own = np.array([2.0, 0.4, 0.9, -0.3, 0.1, -0.8, 0.2]), np.array(["1", "2", "2", "3", "3", "3", "3"])
    every = [between(values, np.array(each)) for each in set(itertools.permutations(own))]
    exact = np.mean(np.array(every) >= between(values, own) - 1e-12)
    found = interaction(values, np.array(list("abcdefg")), own, 0)
    assert len(every) == 105
    assert found.p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 9999) + 1e-4)


def test_a_clear_interaction_and_the_seed() -> None:
    groups = np.array([f"p{each:02d}" for each in range(16)])
    labels = np.repeat(["2+", "3+"], 8)
    values = np.where(labels == "3+", 2.0, 0.0) + np.random.default_rng(2).normal(0, 0.3, 16)
    found = interaction(values, groups, labels, 0)
    assert found.p is not None
    assert found.p < 0.002
    assert found == interaction(values, groups, labels, 0)
    assert interaction(values, groups, labels, 0, draws=99).p == 0.01, "no drawn permutation is as extreme"
    assert found == interaction(values[::-1], groups[::-1], labels[::-1], 0)


@pytest.mark.parametrize(
    ("groups", "labels", "missing"),
    [(["a", "b"], ["1", "1"], "one-label"), (["a", "b"], ["1", "2"], "one-patient-per-label")],
)
def test_why_there_is_no_test(groups: list[str], labels: list[str], missing: str) -> None:
    found = interaction(np.array([1.0, 2.0]), np.array(groups), np.array(labels), 0)
    assert (found.p, found.missing) == (None, missing)


@pytest.mark.parametrize("several", [False, True])
def test_a_true_null_is_rejected_as_often_as_promised(several: bool) -> None:
    """400 studies of 12 patients whose differences do not depend on the label."""
    random, rejected = np.random.default_rng(3), 0
    for _ in range(400):
        groups = np.repeat([f"p{each:02d}" for each in range(12)], 4)
        labels = np.tile(["1", "1", "2", "2"], 12) if several else np.repeat(["1", "2"], 24)
        values = np.repeat(random.normal(size=12), 4) + random.normal(size=48)
        found = interaction(values, groups, labels, 0, draws=199)
        rejected += found.p is not None and found.p <= 0.05
    assert 0.025 <= rejected / 400 <= 0.08
