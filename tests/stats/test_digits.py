"""Digits from the interval: the worked examples of the rule, and its edges."""

import math

import pytest

from vstain_bench.stats.digits import column_decimals, decimals, rounded

CASES = [
    # low, high, decimals, why
    (0.4, 8.7, 0),  # half-width 4.15: one figure
    (0.8102, 0.8360, 3),  # 0.0129: two figures
    (-1.0, 1.0, 1),  # 1.0
    (-3.54, 3.54, 1),  # 35 still has two
    (-3.56, 3.56, 0),  # 36 has one
    (-0.00996, 0.00996, 3),  # 9.96: one figure, shown as 0.010
    (1000.0, 1090.0, -1),  # 45: tens
    (100.0, 800.0, -1),  # 350: two figures
    (-0.036, 0.036, 2),
]


@pytest.mark.parametrize(("low", "high", "expected"), CASES)
def test_decimals(low: float, high: float, expected: int) -> None:
    assert decimals(low, high) == expected
    assert decimals(low / 100, high / 100) == expected + 2, "the unit changes nothing else"


@pytest.mark.parametrize(("low", "high"), [(0.5, 0.5), (0.0, math.inf), (math.nan, 1.0), (1.0, 0.0)])
def test_an_interval_without_width_says_nothing_of_digits(low: float, high: float) -> None:
    assert decimals(low, high) is None


def test_a_column_has_the_digits_of_most_of_it() -> None:
    assert column_decimals([(0.4, 8.7), (0.22, 0.24), (0.16, 0.18)]) == 3
    assert column_decimals([(0.4, 8.7), (0.22, 0.24)]) == 0
    assert column_decimals([(1.0, 1.0), (0.22, 0.24)]) == 3
    assert column_decimals([(1.0, 1.0)]) is None
    assert column_decimals([]) is None


def test_a_demo_number_as_it_is_shown() -> None:
    places = decimals(0.4, 8.7)
    assert places is not None
    assert [f"{rounded(value, places):.0f}" for value in (4.52, 0.4, 8.7)] == ["5", "0", "9"]
    assert f"{rounded(-0.004, 2):.2f}" == "0.00"
    assert rounded(1234.0, -2) == 1200.0
