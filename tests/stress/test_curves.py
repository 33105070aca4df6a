"""Statistics on response curves against closed forms."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from vstain_bench.errors import Undefined
from vstain_bench.judge.stress.curves import (
    Reach,
    Responses,
    closeness,
    crossing,
    equivalent,
    half_life,
    monotonicity,
    response_curve,
    responses,
)
from vstain_bench.judge.stress.rates import ordering_rate, rank_flip_rate

SEVERITIES = np.array([0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0])


def _answers(curve: np.ndarray, spread: float = 0.05, groups: int = 8) -> Responses:
    """Tiles around a mean curve (value at 0 first), offsets that sum to zero, two tiles a group."""
    offset = np.linspace(-spread, spread, 2 * groups)
    return Responses(
        severities=SEVERITIES,
        clean=curve[0] + offset,
        values=curve[1:] + offset[:, None],
        tiles=np.array([f"t{n}" for n in range(2 * groups)]),
        groups=np.array([f"g{n % groups}" for n in range(2 * groups)]),
    )


def _table(values: dict[tuple[str, float, int], float]) -> pd.DataFrame:
    rows = [
        {"metric": "ssim", "perturbation": "blur", "tile": tile, "group": f"group {tile}", "severity": severity,
         "seed": seed, "value": value}
        for (tile, severity, seed), value in values.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_seeds_are_averaged_within_a_tile_and_order_does_not_matter() -> None:
    table = _table(
        {("a", 0, 0): 1.0, ("a", 1.0, 0): 0.8, ("a", 1.0, 1): 0.6, ("b", 0, 0): 1.0, ("b", 1.0, 0): 0.5}
        | {("b", 1.0, 1): 0.5, ("a", 2.0, 0): 0.1, ("b", 2.0, 0): 0.2}
    )
    answers = responses(table.sample(frac=1, random_state=1), "ssim", "blur")
    assert answers.severities.tolist() == [1.0, 2.0]
    assert answers.tiles.tolist() == ["a", "b"]
    assert answers.groups.tolist() == ["group a", "group b"]
    assert answers.values == pytest.approx(np.array([[0.7, 0.1], [0.5, 0.2]]))
    assert answers.mean == pytest.approx([1.0, 0.6, 0.15])


@pytest.mark.parametrize("gap", [math.nan, math.inf, None])
def test_a_tile_with_a_gap_is_left_out_of_the_whole_curve_and_counted(gap: float | None) -> None:
    values = {("a", 0.0, 0): 1.0, ("a", 1.0, 0): 0.9, ("a", 1.0, 1): gap, ("b", 0.0, 0): 0.5, ("b", 1.0, 0): 0.4}
    if gap is None:
        values = {key: value for key, value in values.items() if key[:2] != ("a", 1.0)}
    answers = responses(_table(values), "ssim", "blur")  # type: ignore[arg-type]
    assert (answers.tiles.tolist(), answers.left_out) == (["b"], 1)
    assert answers.mean == pytest.approx([0.5, 0.4])


def test_no_values_are_a_reason_not_a_number() -> None:
    with pytest.raises(Undefined, match="no values at severity 0"):
        responses(_table({("a", 1.0, 0): 1.0}), "ssim", "blur")
    with pytest.raises(Undefined, match="no tile has a finite value"):
        responses(_table({("a", 0.0, 0): 1.0, ("a", 1.0, 0): math.nan}), "ssim", "blur")


def test_the_curve_has_the_mean_and_an_interval_over_groups() -> None:
    curve = np.linspace(1, 0.3, 8)
    points = response_curve(_answers(curve), seed=1)
    assert [point.value for point in points] == pytest.approx(curve.tolist())
    assert [point.severity for point in points] == [0, *SEVERITIES]
    for point in points:
        assert point.interval is not None
        assert point.interval.low < point.value < point.interval.high
    assert response_curve(_answers(curve, groups=1), seed=1)[0].interval is None


CROSSINGS = [  # severities, values, level, scale, where
    ([0, 1, 2], [1.0, 0.6, 0.2], 0.4, "linear", 1.5),
    ([0, 1, 4], [1.0, 0.6, 0.2], 0.4, "log", 2.0),  # half way from 1 to 4 on a log scale
    ([0, 1, 4], [1.0, 0.6, 0.2], 0.8, "log", 0.5),  # before the first level: linear, as 0 has no logarithm
    ([0, 1, 2], [1.0, 0.6, 0.2], 0.2, "linear", 2.0),  # reached exactly
    ([0, 1, 2], [1.0, 0.6, 0.2], 0.1, "linear", math.inf),  # never
    ([0, 1, 2], [0.0, 4.0, 8.0], 6.0, "linear", 1.5),  # a metric that grows
    ([0, 1, 2, 3], [1.0, 0.4, 0.9, 0.1], 0.5, "linear", 5 / 6),  # the first time counts
    ([0, 1, 2], [math.inf, 30.0, 20.0], 25.0, "linear", 1.5),  # PSNR
    ([0, 1, 2], [math.inf, 30.0, 20.0], 40.0, "linear", 1.0),  # from infinity nothing is interpolated
]


@pytest.mark.parametrize(("severities", "values", "level", "scale", "where"), CROSSINGS)
def test_crossings(severities: list[float], values: list[float], level: float, scale: str, where: float) -> None:
    found = crossing(np.array(severities, dtype=float), np.array(values), level, scale)  # type: ignore[arg-type]
    assert found == pytest.approx(where)


def test_half_life_of_an_exponential_is_its_half_life() -> None:
    """1 - half of what is left per 2 µm, floor 0: exact, since 2 is a level."""
    curve = np.concatenate([[1.0], 0.5 ** (SEVERITIES / 2.0)])
    reach = half_life(_answers(curve), floor=0.0, seed=0)
    assert reach.severity == pytest.approx(2.0, rel=1e-9)
    assert reach.interval is not None
    assert reach.interval.low <= 2.0 <= reach.interval.high
    assert not reach.beyond
    floored = half_life(_answers(0.4 + 0.6 * curve), floor=0.4, seed=0)
    assert floored.severity == pytest.approx(2.0, rel=1e-9)
    growing = half_life(_answers(-curve), floor=0.0, seed=0)  # a metric for which lower is better
    assert growing.severity == pytest.approx(2.0, rel=1e-9)


def test_half_life_beyond_the_largest_level_is_told_in_both_places() -> None:
    reach = half_life(_answers(np.concatenate([[1.0], 1 - SEVERITIES / 40])), floor=0.0, seed=0)
    assert reach.beyond
    assert reach.largest == 8.0
    assert reach.interval is not None
    assert math.isinf(reach.interval.high)


def test_half_life_needs_a_range() -> None:
    with pytest.raises(Undefined, match="the clean value is the floor"):
        half_life(_answers(np.linspace(1, 0, 8)), floor=1.0, seed=0)
    with pytest.raises(Undefined, match="infinite"):
        half_life(_answers(np.array([math.inf, *range(7)])), floor=0.0, seed=0)


def _cost(value: float, spread: float = 0.05) -> Responses:
    """Another perturbation with one severity, of the same tiles in another order."""
    flat = _answers(np.full(8, value), spread)
    return replace(flat, severities=np.array([50.0]), values=flat.values[:, :1]).only(flat.tiles[::-1])


def test_equivalents_are_read_off_the_reference() -> None:
    shifts = _answers(np.array([1.0, 0.95, 0.9, 0.7, 0.5, 0.45, 0.44, 0.43]))

    def cost(value: float, **kind: object) -> Reach:
        return equivalent(shifts, _cost(value), 50.0, 0, better="higher", **kind)  # type: ignore[arg-type]

    found = cost(0.8)
    assert found.severity == pytest.approx(0.375)
    assert found.interval is not None
    ends = (found.interval.low, found.interval.high)
    assert ends == pytest.approx((0.375, 0.375)), "the same tiles differ alike"
    assert cost(1.0).severity == cost(1.1).severity == 0.0
    assert cost(0.2).beyond
    errors = _answers(np.array([0.0, 1, 2, 4, 8, 16, 32, 64.0]))
    assert equivalent(errors, _cost(6.0), 50.0, 0, better="lower").severity == pytest.approx(0.75)
    bias = _answers(-np.array([0.0, 1, 2, 4, 8, 16, 32, 64.0]), spread=0.0)
    too_much = equivalent(bias, _cost(6.0, 0.0), 50.0, 0, better="target", perfect=0.0)
    assert too_much.severity == pytest.approx(0.75), "6 too much is as bad as 6 too little"
    with pytest.raises(Undefined, match="no tile has answers to both at 20"):
        equivalent(shifts, _cost(0.8), 20.0, 0, better="higher")


def test_some_tiles_keep_the_order_that_is_asked_for() -> None:
    shifts = _answers(np.linspace(1, 0, 8))
    first = shifts.only(shifts.tiles[[3, 0]])
    assert first.tiles.tolist() == ["t3", "t0"]
    assert first.clean.tolist() == shifts.clean[[3, 0]].tolist()


def test_monotonicity() -> None:
    falling = monotonicity(_answers(np.linspace(1, 0, 8)), better="higher")
    assert (falling.spearman, falling.steps) == (pytest.approx(1), 1.0)
    praised = monotonicity(_answers(np.linspace(1, 0, 8)), better="lower")
    assert (praised.spearman, praised.steps) == (pytest.approx(-1), 0.0)
    blind = monotonicity(_answers(np.ones(8), spread=0.0), better="higher")
    assert math.isnan(blind.spearman)
    assert blind.steps == 0.5
    bump = np.array([1.0, 0.9, 0.8, 0.85, 0.7, 0.6, 0.5, 0.4])  # one step of seven the wrong way
    assert monotonicity(_answers(bump), better="higher").steps == pytest.approx(6 / 7)


GROUPS = np.array(["p", "p", "q", "q"])
ORDERINGS = [  # right, wrong, better, rate
    ([[0.9], [0.9], [0.9], [0.9]], [[0.5], [0.5], [0.5], [0.5]], "higher", 1.0),
    ([[0.9], [0.9], [0.9], [0.9]], [[0.5], [0.5], [0.5], [0.5]], "lower", 0.0),
    ([[0.5], [0.5], [0.9], [0.1]], [[0.5], [0.5], [0.5], [0.5]], "higher", 0.5),  # ties count half
    ([[0.9, 0.1], [0.9, 0.1], [0.9, 0.9], [0.9, 0.9]], [[0.5], [0.5], [0.5], [0.5]], "higher", 0.75),
    ([[math.nan, 0.9], [0.9, 0.9], [0.9, 0.9], [math.nan] * 2], [[0.5]] * 4, "higher", 1.0),
    ([[math.inf], [40.0], [30.0], [20.0]], [[math.inf], [30.0], [40.0], [10.0]], "higher", 0.625),
    ([[0.1], [-0.1], [0.2], [-0.2]], [[0.3], [-0.3], [-0.1], [-0.2]], "target", 0.625),
]


@pytest.mark.parametrize(("right", "wrong", "better", "rate"), ORDERINGS)
def test_ordering_rates(right: list[list[float]], wrong: list[list[float]], better: str, rate: float) -> None:
    found = ordering_rate(np.array(right), np.array(wrong), GROUPS, better=better, perfect=0.0)  # type: ignore[arg-type]
    assert found.value == pytest.approx(rate)
    assert found.interval is not None
    assert found.interval.low <= found.value <= found.interval.high


def test_ordering_counts_what_it_rests_on() -> None:
    found = ordering_rate(np.array([[math.nan, 1.0], [math.nan] * 2]), np.zeros((2, 3)), GROUPS[1:3], better="higher")
    assert (found.tiles, found.pairs, found.interval) == (1, 3, None)
    with pytest.raises(Undefined, match="no pair"):
        ordering_rate(np.full((4, 1), math.nan), np.zeros((4, 1)), GROUPS, better="higher")
    with pytest.raises(Undefined, match="target"):
        closeness(np.zeros(3), "target", None)


def test_rank_flips() -> None:
    clean = np.array([[0.9, 0.9, 0.9, 0.5], [0.8, 0.8, 0.8, 0.5]])
    displaced = np.array([[0.5, 0.4, 0.3, 0.9], [0.4, 0.5, 0.3, 0.1]])  # kept, flipped, tied, was tied
    found = rank_flip_rate(clean, displaced, GROUPS, better="higher")
    assert (found.value, found.tiles, found.pairs) == (pytest.approx(0.5), 3, 3)
    assert rank_flip_rate(clean, clean, GROUPS, better="lower").value == 0.0
    three = np.array([[3.0], [2.0], [1.0]])
    assert rank_flip_rate(three, three[::-1], GROUPS[:1], better="higher").value == 1.0
    twice = np.stack([three, three[[1, 0, 2]]], axis=-1)  # one of three pairs flips in one of two displacements
    assert rank_flip_rate(three, twice, GROUPS[:1], better="higher").value == pytest.approx(1 / 6)


def test_a_rate_that_every_tile_agrees_on_is_no_point() -> None:
    """A bootstrap of six patients calls a rate of 1 certain, and covers 0.99 in a third of studies."""
    right, wrong = np.ones((12, 1)), np.zeros((12, 1))
    found = ordering_rate(right, wrong, np.repeat(list("abcdef"), 2), better="higher")
    assert found.value == 1.0
    assert found.interval is not None
    assert found.interval.low == pytest.approx(6 / (6 + 1.959963984540054**2), abs=1e-12)  # Wilson, six of six
    assert found.interval.high == 1.0


def test_patients_count_alike_in_a_rate() -> None:
    right = np.array([[1.0]] * 8 + [[0.0]])  # eight tiles of one patient, one of another
    found = ordering_rate(right, np.full((9, 1), 0.5), np.array(["a"] * 8 + ["b"]), better="higher")
    assert found.value == 0.5
