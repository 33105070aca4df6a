"""Equivalence against statsmodels' TOST, and what few patients cannot show."""

import numpy as np
import pytest
from statsmodels.stats.weightstats import ttost_paired

from vstain_bench.stats.equivalence import judge_equivalence


@pytest.mark.parametrize("seed", range(4))
def test_two_one_sided_tests_equal_statsmodels(seed: int) -> None:
    differences = np.random.default_rng(seed).normal(0.1, 0.5, 9)
    found = judge_equivalence(differences, 0.6)
    p, _, _ = ttost_paired(differences, np.zeros(9), -0.6, 0.6)
    assert found.p == pytest.approx(float(p), abs=1e-10)
    assert found.interval is not None
    inside = found.interval.low > -0.6 and found.interval.high < 0.6
    assert (found.finding == "equivalent") == inside


CASES = [
    # differences, margin, finding
    ([0.01, -0.01, 0.02, 0.0, -0.02], 0.1, "equivalent"),
    ([0.51, 0.49, 0.5, 0.52, 0.48], 0.1, "different"),
    ([-0.51, -0.49, -0.5, -0.52, -0.48], 0.1, "different"),
    ([0.3, -0.3, 0.2, -0.1, 0.1], 0.1, "open"),
    ([0.0], 0.1, "open"),
    # no spread is not certainty: five patients say 1/32, four 1/16
    ([0.0] * 5, 0.1, "equivalent"),
    ([0.0] * 4, 0.1, "open"),
    ([0.2] * 6, 0.1, "different"),
]


@pytest.mark.parametrize(("differences", "margin", "finding"), CASES)
def test_findings(differences: list[float], margin: float, finding: str) -> None:
    found = judge_equivalence(np.array(differences), margin)
    assert (found.finding, found.groups) == (finding, len(differences))
    assert found.p is None or 0 < found.p <= 1
    mirrored = judge_equivalence(-np.array(differences), margin)
    assert (mirrored.finding, mirrored.p) == (finding, found.p)


@pytest.mark.parametrize("margin", [0.0, -0.1, float("nan")])
def test_a_margin_must_leave_room(margin: float) -> None:
    with pytest.raises(ValueError, match="leaves nothing"):
        judge_equivalence(np.zeros(3), margin)


def test_models_that_differ_by_the_margin_are_called_equivalent_in_five_percent() -> None:
    random = np.random.default_rng(5)
    wrong = [judge_equivalence(random.normal(0.5, 0.3, 10), 0.5).finding == "equivalent" for _ in range(2000)]
    assert 0.035 <= np.mean(wrong) <= 0.065
