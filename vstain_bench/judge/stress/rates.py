"""How often one of two outcomes outranks another: rates of tiles within patients, with Wilson's interval."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vstain_bench.errors import Undefined
from vstain_bench.judge.stress.curves import closeness
from vstain_bench.phantom.noise import Array
from vstain_bench.stats.intervals import Interval
from vstain_bench.stats.rates import rate_over_patients
from vstain_bench.words import Direction


@dataclass(frozen=True)
class Rate:
    """A share of pairs in [0, 1] with its interval over groups, and the tiles and pairs that it rests on."""

    value: float
    interval: Interval | None
    tiles: int
    pairs: int


def _rate(outcome: Array, groups: NDArray[np.str_]) -> Rate:
    """Return the rate over patients of each tile's mean outcome, shape (n, pairs), NaN for a pair without one."""
    counted = np.isfinite(outcome)
    present = counted.any(axis=1)
    if not present.any():
        raise Undefined("no pair can be compared")
    each = np.where(counted, outcome, 0).sum(axis=1)[present] / counted.sum(axis=1)[present]
    found = rate_over_patients(each, groups[present])
    return Rate(found.value, found.interval, found.tiles, int(counted.sum()))


def ordering_rate(
    right: Array,
    wrong: Array,
    groups: NDArray[np.str_],
    *,
    better: Direction,
    perfect: float | None = None,
) -> Rate:
    """Return how often a right tile that is displaced outranks a wrong one that is aligned; a tie counts half.

    Every right value of a tile meets every wrong value of the same tile; patients count alike.

    Args:
        right: Values under misalignment, shape (n, r): r displacements and seeds; NaN where there is none.
        wrong: Values under a defect, shape (n, w).
        groups: The group of each tile, shape (n,).
        better: The metric's direction.
        perfect: Its target, where the direction is a target.
    """
    upper, lower = (closeness(np.asarray(each, dtype=float), better, perfect) for each in (right, wrong))
    upper, lower = upper[:, :, None], lower[:, None, :]
    wins = np.where(upper > lower, 1.0, np.where(upper == lower, 0.5, 0.0))
    wins[np.isnan(upper) | np.isnan(lower)] = np.nan
    return _rate(wins.reshape(len(wins), -1), groups)


def rank_flip_rate(
    clean: Array,
    displaced: Array,
    groups: NDArray[np.str_],
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
        better: The metric's direction.
        perfect: Its target, where the direction is a target.
    """
    before = closeness(np.asarray(clean, dtype=float), better, perfect)[:, :, None]
    after = closeness(np.asarray(displaced, dtype=float), better, perfect)
    after = after[:, :, None] if after.ndim == 2 else after
    first, second = np.triu_indices(len(before), k=1)
    order, now = _order(before[first], before[second]), _order(after[first], after[second])
    flips = np.where((order == 0) | np.isnan(order) | np.isnan(now), np.nan, (1 - order * now) / 2)
    return _rate(np.moveaxis(flips, 1, 0).reshape(flips.shape[1], -1), groups)


def _order(first: Array, second: Array) -> Array:
    """Return 1, 0 or -1 as the first is above, level with or below the second; NaN where one is missing."""
    order = (first > second).astype(float) - (first < second)
    order[np.isnan(first) | np.isnan(second)] = np.nan
    return order
