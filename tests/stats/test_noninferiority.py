"""Losses against a margin: scipy's one-sided t, max-T over numbers, and what one patient can say."""

import numpy as np
import pytest
from scipy import stats

from vstain_bench.stats.family import max_t
from vstain_bench.stats.noninferiority import judge_losses


def judged(losses: list[float], margin: float):  # type: ignore[no-untyped-def]  # a Loss
    return judge_losses(np.array([losses]), np.array([margin]), 0)[0]


def test_one_number_is_students_one_sided_test() -> None:
    losses = np.random.default_rng(0).normal(0.03, 0.02, 9)
    found = judge_losses(losses[None], np.array([0.02]), 0)[0]
    assert found.p == pytest.approx(float(stats.ttest_1samp(losses, 0.02, alternative="greater").pvalue), abs=1e-10)
    low = stats.ttest_1samp(losses, 0.0, alternative="greater").confidence_interval(0.95).low
    high = stats.ttest_1samp(losses, 0.0, alternative="less").confidence_interval(0.95).high
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-10), pytest.approx(high, abs=1e-10))


CASES = [
    # losses of the patients, margin, finding, passes, passes strictly
    ([0.10, 0.11, 0.09, 0.10, 0.12], 0.05, "worse", False, False),
    ([0.00, 0.01, -0.01, 0.00, 0.01], 0.05, "within", True, True),
    ([0.00, 0.20, -0.10, 0.10, 0.00], 0.05, "open", True, False),
    ([-0.10, -0.11, -0.09, -0.10], 0.0, "within", True, True),
    # nothing changed at all: the very same numbers, even at a margin of 0
    ([0.0, 0.0, 0.0], 0.0, "same", True, True),
    ([0.0], 0.0, "same", True, True),
    # every patient loses the same amount: as sure as equal signs can be
    ([0.1] * 5, 0.05, "worse", False, False),
    ([0.1] * 4, 0.05, "open", True, False),
    # one patient says nothing of others
    ([0.9], 0.05, "undefined", False, False),
]


@pytest.mark.parametrize(("losses", "margin", "finding", "passes", "strictly"), CASES)
def test_findings(losses: list[float], margin: float, finding: str, passes: bool, strictly: bool) -> None:
    found = judged(losses, margin)
    assert (found.finding, found.passes(), found.passes(strict=True)) == (finding, passes, strictly)
    assert found.groups == len(losses)
    assert found.p is None or 0 < found.p <= 1


def test_several_numbers_are_judged_together() -> None:
    losses = np.random.default_rng(1).normal(0.01, 0.02, (6, 8))
    losses[2] += 0.05
    losses[4, 3] = np.nan
    margins = np.array([0.0, 0.01, 0.0, 0.02, 0.0, 0.05])
    found = judge_losses(losses, margins, 0)
    expected = max_t(losses - margins[:, None], 0, alternative="greater")
    assert [each.p for each in found] == [each.p for each in expected]
    assert [each.finding == "worse" for each in found] == [each.p <= 0.05 for each in expected]
    assert found[2].finding == "worse"
    assert found[4].groups == 7
    assert found[4].value == pytest.approx(np.nanmean(losses[4]), abs=1e-12)


def test_a_number_that_no_patient_has_is_undefined() -> None:
    found = judge_losses(np.array([[0.1] * 6, [np.nan] * 6]), np.array([0.0, 0.0]), 0)
    assert [each.finding for each in found] == ["worse", "undefined"]
    assert (found[1].groups, found[1].p) == (0, None)


def test_the_gate_cries_wolf_as_rarely_as_promised() -> None:
    """400 runs of 10 numbers of 8 patients that lose exactly the margin on average."""
    random, cried = np.random.default_rng(2), 0
    for _ in range(400):
        losses = 0.02 + 0.02 * (random.normal(size=8) + random.normal(size=(10, 8)))
        cried += any(each.finding == "worse" for each in judge_losses(losses, np.full(10, 0.02), 0))
    assert 0.02 <= cried / 400 <= 0.08
