"""What a metric's answers to perturbations say about it: pure statistics of response curves.

They read a tidy table with one row per measurement and the columns ``metric, perturbation, severity, seed, tile,
group, value``; severity 0 is the clean tile (with any one seed). Seeds are averaged within a tile first, and what is
resampled is the group (patient or slide), so more seeds or tiles of one patient do not narrow an interval by
themselves. A perturbed value that is missing or not finite leaves its tile out of the whole curve: means over
different tiles are different numbers. How many were left out is part of the result. A clean value may be infinite
(PSNR of identical tiles): such a curve has no half-life, and the rest holds.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vstain_bench.errors import Undefined
from vstain_bench.phantom.noise import Array
from vstain_bench.stats.intervals import DRAWS, Interval, bootstrap_mean, expanded_tail
from vstain_bench.types import Direction, Values

if TYPE_CHECKING:
    import pandas as pd

Scale = Literal["linear", "log"]


@dataclass(frozen=True)
class Responses:
    """One metric's values of one perturbation, seeds averaged.

    Attributes:
        severities: Ascending, without 0, shape (k,).
        clean: The value of each unperturbed tile, shape (n,).
        values: Its value at each severity, shape (n, k).
        tiles: Tile ids, shape (n,).
        groups: The group of each tile, shape (n,).
        left_out: Tiles without a finite value at every severity.
    """

    severities: Array
    clean: Values
    values: Array
    tiles: NDArray[np.str_]
    groups: NDArray[np.str_]
    left_out: int = 0

    @property
    def mean(self) -> Array:
        """Mean over tiles at 0 and every severity, shape (k + 1,)."""
        return np.concatenate([[self.clean.mean()], self.values.mean(axis=0)])

    @property
    def steps(self) -> Array:
        """0 and every severity, shape (k + 1,)."""
        return np.concatenate([[0.0], self.severities])

    def only(self, tiles: NDArray[np.str_]) -> "Responses":
        """Return the same for some of the tiles, so that two curves can be compared over the same ones."""
        kept = np.isin(self.tiles, tiles)
        return replace(
            self, clean=self.clean[kept], values=self.values[kept], tiles=self.tiles[kept], groups=self.groups[kept]
        )


def responses(table: "pd.DataFrame", metric: str, perturbation: str) -> Responses:
    """Return one metric's answers to one perturbation.

    Clean values are those of the perturbation's own rows at severity 0.

    Raises:
        Undefined: No tile has a finite value at every severity.
    """
    chosen = table[(table["metric"] == metric) & (table["perturbation"] == perturbation)]
    # A missing seed is a missing value: mean() of pandas would skip it.
    usable = np.isfinite(chosen["value"]) | (np.isinf(chosen["value"]) & (chosen["severity"] == 0))
    finite = chosen.assign(value=chosen["value"].where(usable, np.nan))
    wide = finite.pivot_table(
        index="tile", columns="severity", values="value", aggfunc=lambda each: each.mean(skipna=False), dropna=False
    ).sort_index(axis=1)
    if 0 not in wide.columns or len(wide.columns) < 2:
        raise Undefined(f"no values at severity 0 and above for {perturbation}")
    complete = wide.dropna()
    if complete.empty:
        raise Undefined(f"no tile has a finite value at every severity of {perturbation}")
    group = chosen.drop_duplicates("tile").set_index("tile")["group"]
    return Responses(
        severities=np.array(complete.columns[1:], dtype=float),
        clean=complete[0].to_numpy(dtype=float),
        values=complete.iloc[:, 1:].to_numpy(dtype=float),
        tiles=complete.index.to_numpy().astype(str),
        groups=group[complete.index].to_numpy().astype(str),
        left_out=len(wide) - len(complete),
    )


@dataclass(frozen=True)
class Point:
    """A metric's mean over tiles at one severity, with its interval (None with fewer than two groups)."""

    severity: float
    value: float
    interval: Interval | None


def response_curve(answers: Responses, seed: int) -> tuple[Point, ...]:
    """Return the mean at 0 and at every severity with its cluster-bootstrap interval."""
    columns = np.column_stack([answers.clean, answers.values])
    return tuple(
        Point(
            float(severity),
            float(column.mean()),
            bootstrap_mean(column, answers.groups, seed) if np.isfinite(column).all() else None,
        )
        for severity, column in zip(answers.steps, columns.T, strict=True)
    )


def crossing(severities: Array, values: Array, level: float, scale: Scale = "linear") -> float:
    """Return the severity at which a curve first reaches a level, infinity where it never does.

    The curve is straight between its points, over the severity or its logarithm; between 0 and the first severity it
    is straight over the severity itself, since 0 has no logarithm. From an infinite value (PSNR of identical tiles)
    nothing can be interpolated: the severity is the first that is as far.

    Args:
        severities: Ascending from 0, shape (k + 1,).
        values: Shape (k + 1,).
        level: What is to be reached, from the side of the first value.
        scale: What is interpolated.
    """
    side = np.sign(values - level)
    if side[0] == 0:
        return 0.0
    reached = np.flatnonzero(side != side[0])
    if not len(reached):
        return math.inf
    after = int(reached[0])
    low, high = float(severities[after - 1]), float(severities[after])
    if not math.isfinite(values[after - 1]):
        return high
    part = float((level - values[after - 1]) / (values[after] - values[after - 1]))
    return float(low * (high / low) ** part) if scale == "log" and low > 0 else low + part * (high - low)


@dataclass(frozen=True)
class Reach:
    """A severity read off a curve; infinity, in an end of the interval too, stands for beyond the largest level."""

    severity: float
    interval: Interval | None
    largest: float

    @property
    def beyond(self) -> bool:
        """Whether the curve never gets there."""
        return math.isinf(self.severity)


def _resampled(answers: Responses, seed: int, read: Callable[[Array], float]) -> Interval | None:
    """Return the percentile interval of what is read off the mean curve, over draws of whole groups."""
    names, index = np.unique(answers.groups, return_inverse=True)
    if len(names) < 2:
        return None
    columns = np.column_stack([answers.clean, answers.values])
    sums = np.stack([np.bincount(index, weights=column) for column in columns.T], axis=1)
    counts = np.bincount(index)
    drawn = np.random.default_rng(seed).integers(len(names), size=(DRAWS, len(names)))
    found = np.array([read(sums[each].sum(axis=0) / counts[each].sum()) for each in drawn])
    tail = max(expanded_tail(len(names)), 0.5 / DRAWS)
    # Order statistics, since infinities cannot be interpolated.
    low, high = np.quantile(found, [tail, 1 - tail], method="inverted_cdf")
    return Interval(float(low), float(high), "bootstrap over groups")


def half_life(answers: Responses, floor: float, seed: int, scale: Scale = "linear") -> Reach:
    """Return the severity at which half of what lies between the clean value and the floor is lost.

    Args:
        answers: Of the metric.
        floor: The metric's value where nothing is right, such as its best control row's.
        seed: Of the bootstrap.
        scale: What is interpolated between levels.

    Raises:
        Undefined: The clean value is the floor, so there is nothing to lose, or one of them is infinite.
    """
    if not (math.isfinite(answers.mean[0]) and math.isfinite(floor)):
        raise Undefined("the clean value or the floor is infinite: the range between them has no half")
    if math.isclose(answers.mean[0], floor, rel_tol=1e-9, abs_tol=1e-12):
        raise Undefined("the clean value is the floor: there is no range to lose half of")

    def read(values: Array) -> float:
        return crossing(answers.steps, values, (float(values[0]) + floor) / 2, scale)

    return Reach(read(answers.mean), _resampled(answers, seed, read), float(answers.severities[-1]))


def closeness(values: Array, better: Direction, perfect: float | None) -> Array:
    """Return values turned so that more is better: as they are, negated, or minus the distance to the target."""
    if better == "target":
        if perfect is None:
            raise Undefined("a metric with a target needs to say which")
        return -np.abs(values - perfect)
    return values if better == "higher" else -values


def equivalent(
    reference: Responses, value: float, *, better: Direction, perfect: float | None = None, scale: Scale = "linear"
) -> float:
    """Return the severity of a reference perturbation that costs a metric as much as another perturbation does.

    0 where the other costs nothing, infinity where it costs more than the reference's largest level. A curve that
    turns is read at the first severity that is as bad.

    Args:
        reference: The metric's answers to the reference, such as a translation in µm; see `Responses.only`.
        value: The metric's mean under the other perturbation, over the same tiles.
        better: The metric's direction.
        perfect: Its target, where the direction is a target.
        scale: What is interpolated between levels.
    """
    means = closeness(reference.mean, better, perfect)
    level = float(closeness(np.array([value]), better, perfect)[0])
    return 0.0 if level >= means[0] else crossing(reference.steps, means, level, scale)


@dataclass(frozen=True)
class Monotonicity:
    """Whether more of a defect is worse.

    Attributes:
        spearman: Rank correlation of severity and loss over the mean curve, 0 included: 1 is strictly worse at every
            level; NaN where the metric does not answer at all.
        steps: Share of all steps of all tiles from one level to the next that make it worse; a tie counts half.
        interval: Of that share.
    """

    spearman: float
    steps: float
    interval: Interval | None


def monotonicity(answers: Responses, seed: int, *, better: Direction, perfect: float | None = None) -> Monotonicity:
    """Return how monotone a metric's answer is."""
    loss = -closeness(np.column_stack([answers.clean, answers.values]), better, perfect)
    mean = loss.mean(axis=0)
    spearman = float(stats.spearmanr(answers.steps, mean).statistic) if np.ptp(mean) > 0 else math.nan
    share = (0.5 + 0.5 * np.sign(np.diff(loss, axis=1))).mean(axis=1)
    return Monotonicity(spearman, float(share.mean()), bootstrap_mean(share, answers.groups, seed))


@dataclass(frozen=True)
class Rate:
    """A share of pairs in [0, 1] with its interval over groups, and the tiles and pairs that it rests on."""

    value: float
    interval: Interval | None
    tiles: int
    pairs: int


def _rate(outcome: Array, groups: NDArray[np.str_], seed: int) -> Rate:
    """Return the mean over tiles of each tile's mean outcome, shape (n, pairs), NaN for a pair without one."""
    counted = np.isfinite(outcome)
    present = counted.any(axis=1)
    if not present.any():
        raise Undefined("no pair can be compared")
    each = np.where(counted, outcome, 0).sum(axis=1)[present] / counted.sum(axis=1)[present]
    return Rate(float(each.mean()), bootstrap_mean(each, groups[present], seed), int(present.sum()), int(counted.sum()))


def ordering_rate(
    right: Array,
    wrong: Array,
    groups: NDArray[np.str_],
    seed: int,
    *,
    better: Direction,
    perfect: float | None = None,
) -> Rate:
    """Return how often a right tile that is displaced outranks a wrong one that is aligned; a tie counts half.

    Every right value of a tile meets every wrong value of the same tile; tiles count alike.

    Args:
        right: Values under misalignment, shape (n, r): r displacements and seeds; NaN where there is none.
        wrong: Values under a defect, shape (n, w).
        groups: The group of each tile, shape (n,).
        seed: Of the bootstrap.
        better: The metric's direction.
        perfect: Its target, where the direction is a target.
    """
    upper, lower = (closeness(np.asarray(each, dtype=float), better, perfect) for each in (right, wrong))
    upper, lower = upper[:, :, None], lower[:, None, :]
    wins = np.where(upper > lower, 1.0, np.where(upper == lower, 0.5, 0.0))
    wins[np.isnan(upper) | np.isnan(lower)] = np.nan
    return _rate(wins.reshape(len(wins), -1), groups, seed)


def rank_flip_rate(
    clean: Array,
    displaced: Array,
    groups: NDArray[np.str_],
    seed: int,
    *,
    better: Direction,
    perfect: float | None = None,
) -> Rate:
    """Return how often two models change places on a tile when both are displaced alike.

    Pairs that tie when clean have no order to lose and are left out; a tie after displacement counts half.

    Args:
        clean: Values of the models, shape (m, n).
        displaced: The same under displacement, shape (m, n), or (m, n, s) for several.
        groups: The group of each tile, shape (n,).
        seed: Of the bootstrap.
        better: The metric's direction.
        perfect: Its target, where the direction is a target.
    """
    before = closeness(np.asarray(clean, dtype=float), better, perfect)[:, :, None]
    after = closeness(np.asarray(displaced, dtype=float), better, perfect)
    after = after[:, :, None] if after.ndim == 2 else after
    first, second = np.triu_indices(len(before), k=1)
    order, now = _order(before[first], before[second]), _order(after[first], after[second])
    flips = np.where((order == 0) | np.isnan(order) | np.isnan(now), np.nan, (1 - order * now) / 2)
    return _rate(np.moveaxis(flips, 1, 0).reshape(flips.shape[1], -1), groups, seed)


def _order(first: Array, second: Array) -> Array:
    """Return 1, 0 or -1 as the first is above, level with or below the second; NaN where one is missing."""
    order = (first > second).astype(float) - (first < second)
    order[np.isnan(first) | np.isnan(second)] = np.nan
    return order
