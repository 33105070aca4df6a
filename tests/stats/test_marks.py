"""Marks of controls: shown better, not shown, shown worse, all controls together."""

import numpy as np

from vstain_bench.stats.family import max_t
from vstain_bench.stats.marks import control_marks


def test_three_findings() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, (3, 8))
    gains = np.array([[1.0], [0.0], [-1.0]]) + noise
    assert control_marks(gains, 0) == ["beaten", "not told apart", "better"]
    assert control_marks(-gains, 0) == ["better", "not told apart", "beaten"]
    assert control_marks(np.empty((0, 8)), 0) == []


def test_controls_are_one_family() -> None:
    gains = np.random.default_rng(3).normal(0.6, 1.0, (4, 9))
    gains[1, :2] = np.nan
    shown = [test.p <= 0.05 for test in max_t(gains, 0)]
    assert [mark != "not told apart" for mark in control_marks(gains, 0)] == shown


def test_a_control_that_lacks_patients() -> None:
    gains = np.full((2, 8), 1.0) + np.random.default_rng(0).normal(0, 0.1, (2, 8))
    gains[0, 0] = np.nan
    assert control_marks(gains, 0) == ["beaten", "beaten"]


def test_five_patients_beat_nobody() -> None:
    assert control_marks(np.full((2, 5), 9.0), 0) == ["not told apart", "not told apart"]
