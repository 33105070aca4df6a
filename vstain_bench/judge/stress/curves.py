"""What a metric's answers to perturbations say about it: pure statistics of response curves.

They read a tidy table with one row per measurement and the columns ``metric, perturbation, severity, seed, tile,
group, value``; severity 0 is the clean tile (with any one seed). Seeds are averaged within a tile first, and what is
resampled is the group (patient or slide), so more seeds or tiles of one patient do not narrow an interval by
themselves. A perturbed value that is missing or not finite leaves its tile out of the whole curve: means over
different tiles are different numbers. How many were left out is part of the result. A clean value may be infinite
(PSNR of identical tiles): such a curve has no half-life, and the rest holds.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vstain_bench.arrays import Values
from vstain_bench.errors import Undefined
from vstain_bench.phantom.noise import Array
from vstain_bench.stats.intervals import DRAWS, Interval, bootstrap_mean, expanded_tail
from vstain_bench.stats.rates import rate_over_patients
from vstain_bench.words import Direction

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
        """Return the same for some of the tiles in their order, so that two curves are compared over the same ones."""
        place = {tile: number for number, tile in enumerate(self.tiles)}
        kept = np.array([place[tile] for tile in tiles], dtype=int)
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
    usable = np.isfinite(chosen["value"]) | (np.isinf(chosen["value"]) & (chosen["severity"] == 0))
    seeds = chosen.assign(value=chosen["value"].where(usable, np.nan)).groupby(["tile", "severity"])["value"]
    # A missing seed is a missing value: mean() of pandas would skip it.
    mean = seeds.mean().where(seeds.count() == seeds.size())
    wide = mean.unstack("severity").sort_index(axis=1)
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


def crossings(severities: Array, values: Array, levels: Array, scale: Scale = "linear") -> Array:
    """Return the severity at which each of several curves first reaches its level, infinity where it never does.

    A curve is straight between its points, over the severity or its logarithm; between 0 and the first severity it
    is straight over the severity itself, since 0 has no logarithm. From an infinite value (PSNR of identical tiles)
    nothing can be interpolated: the severity is the first that is as far.

    Args:
        severities: Ascending from 0, shape (k + 1,).
        values: One curve a row, shape (m, k + 1).
        levels: What is to be reached, from the side of each curve's first value, shape (m,).
        scale: What is interpolated.
    """
    side = np.sign(values - levels[:, None])
    reached = side != side[:, :1]
    after = np.argmax(reached, axis=1)
    rows = np.arange(len(values))
    before = np.maximum(after - 1, 0)
    low, high = severities[before], severities[after]
    start, end = values[rows, before], values[rows, after]
    finite = np.isfinite(start)
    steep = finite & (end != start)
    part = np.ones(len(values))
    part[steep] = (levels[steep] - start[steep]) / (end[steep] - start[steep])
    found: Array = low + part * (high - low)
    if scale == "log":
        along = low > 0
        found[along] = low[along] * (high[along] / low[along]) ** part[along]
    found[~finite] = high[~finite]
    found[~reached.any(axis=1)] = np.inf
    found[side[:, 0] == 0] = 0.0
    return found


def crossing(severities: Array, values: Array, level: float, scale: Scale = "linear") -> float:
    """Return where one curve, shape (k + 1,), first reaches a level; see `crossings`."""
    return float(crossings(severities, values[None], np.array([level]), scale)[0])


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


def _drawn_means(columns: Array, groups: NDArray[np.str_], seed: int) -> Array | None:
    """Return the mean of each column over draws of whole groups, (draws, c), or None with fewer than two groups."""
    names, index = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        return None
    sums = np.stack([np.bincount(index, weights=column) for column in columns.T], axis=1)
    counts = np.bincount(index)
    drawn = np.random.default_rng(seed).integers(len(names), size=(DRAWS, len(names)))
    means: Array = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)[:, None]
    return means


def _ends(found: Array, groups: NDArray[np.str_]) -> Interval:
    """Return the percentile interval of what was read off each draw."""
    tail = max(expanded_tail(len(np.unique(groups))), 0.5 / DRAWS)
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

    def read(means: Array) -> Array:
        return crossings(answers.steps, means, (means[:, 0] + floor) / 2, scale)

    drawn = _drawn_means(np.column_stack([answers.clean, answers.values]), answers.groups, seed)
    interval = None if drawn is None else _ends(read(drawn), answers.groups)
    return Reach(float(read(answers.mean[None])[0]), interval, float(answers.severities[-1]))


def closeness(values: Array, better: Direction, perfect: float | None) -> Array:
    """Return values turned so that more is better: as they are, negated, or minus the distance to the target."""
    if better == "target":
        if perfect is None:
            raise Undefined("a metric with a target needs to say which")
        return -np.abs(values - perfect)
    return values if better == "higher" else -values


def equivalent(
    reference: Responses,
    other: Responses,
    severity: float,
    seed: int,
    *,
    better: Direction,
    perfect: float | None = None,
    scale: Scale = "linear",
) -> Reach:
    """Return the severity of a reference perturbation that costs a metric as much as another perturbation does.

    Both over the tiles that they share. 0 where the other costs nothing, infinity where it costs more than the
    reference's largest level. A curve that turns is read at the first severity that is as bad.

    Args:
        reference: The metric's answers to the reference, such as a translation in µm.
        other: Its answers to the other perturbation.
        severity: Which of the other's severities.
        seed: Of the bootstrap.
        better: The metric's direction.
        perfect: Its target, where the direction is a target.
        scale: What is interpolated between levels of the reference.

    Raises:
        Undefined: They share no tile, or the other has no such severity.
    """
    shared = np.intersect1d(reference.tiles, other.tiles)
    if not len(shared) or severity not in other.severities:
        raise Undefined(f"no tile has answers to both at {severity:g}")
    own, told = reference.only(shared), other.only(shared)
    cost = told.values[:, list(told.severities).index(severity)]
    columns = np.column_stack([own.clean, own.values, cost])

    def read(means: Array) -> Array:
        turned = closeness(means, better, perfect)
        found = crossings(own.steps, turned[:, :-1], turned[:, -1], scale)
        return np.where(turned[:, -1] >= turned[:, 0], 0.0, found)

    drawn = _drawn_means(columns, own.groups, seed)
    interval = None if drawn is None else _ends(read(drawn), own.groups)
    return Reach(float(read(columns.mean(axis=0)[None])[0]), interval, float(own.severities[-1]))


@dataclass(frozen=True)
class Monotonicity:
    """Whether more of a defect is worse.

    Attributes:
        spearman: Rank correlation of severity and loss over the mean curve, 0 included: 1 is strictly worse at every
            level; NaN where the metric does not answer at all.
        steps: Share of steps from one level to the next that make it worse, the mean over patients; a tie counts half.
        interval: Of that share.
    """

    spearman: float
    steps: float
    interval: Interval | None


def monotonicity(answers: Responses, *, better: Direction, perfect: float | None = None) -> Monotonicity:
    """Return how monotone a metric's answer is."""
    loss = -closeness(np.column_stack([answers.clean, answers.values]), better, perfect)
    mean = loss.mean(axis=0)
    spearman = float(stats.spearmanr(answers.steps, mean).statistic) if np.ptp(mean) > 0 else math.nan
    share = (0.5 + 0.5 * np.sign(np.diff(loss, axis=1))).mean(axis=1)
    steps = rate_over_patients(share, answers.groups)
    return Monotonicity(spearman, steps.value, steps.interval)
