"""Two models on the same tiles: differences tile by tile, summed up patient by patient."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from vstain_bench.stats.intervals import CONFIDENCE, Interval, bootstrap_mean
from vstain_bench.types import Values


@dataclass(frozen=True)
class GroupMeans:
    """The mean of each group: names in their order, means and numbers of tiles, each of shape (g,)."""

    names: tuple[str, ...]
    means: Values
    tiles: np.ndarray


@dataclass(frozen=True)
class WinRate:
    """How often a model is better than its reference.

    Attributes:
        value: Share of tiles on which it is better; an equal tile counts half.
        interval: Its 95 % interval over groups, None with fewer than two.
        groups: Groups whose mean is better.
        ties: Groups whose means are equal.
    """

    value: float
    interval: Interval | None
    groups: int
    ties: int


def group_means(values: Values, groups: np.ndarray) -> GroupMeans:
    """Return the mean of the values of each group.

    Args:
        values: One finite value per tile, shape (n,).
        groups: The group of each tile, shape (n,).
    """
    names, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return GroupMeans(tuple(map(str, names)), np.bincount(index, weights=values) / counts, counts)


def standardised_difference(differences: Values) -> float | None:
    """Return Cohen's d_z: the mean of the groups' differences over their standard deviation (n - 1).

    0.2 is called small, 0.5 medium, 0.8 large (Cohen 1988, section 2.3.5). None where no spread can be known: fewer
    than two groups, or all differences equal.
    """
    if len(differences) < 2 or np.ptp(differences) == 0:
        return None
    return float(differences.mean() / differences.std(ddof=1))


def win_rate(gains: Values, groups: np.ndarray, seed: int) -> WinRate:
    """Return how often gains are positive.

    The interval is the bootstrap over groups. Where every tile is won, or every one lost, a bootstrap knows nothing of
    what was not seen: then it is Wilson's interval of as many trials as there are groups.

    Args:
        gains: By how much the model is better on each tile, negative where it is worse, shape (n,).
        groups: The group of each tile, shape (n,).
        seed: Of the resampling.
    """
    by_group = group_means(gains, groups).means
    wins = (np.sign(gains) + 1) / 2
    interval = bootstrap_mean(wins, groups, seed)
    if interval is not None and np.ptp(wins) == 0 and wins[0] != 0.5:
        interval = wilson(float(wins[0]) * len(by_group), len(by_group))
    if interval is not None:
        interval = Interval(max(interval.low, 0.0), min(interval.high, 1.0), interval.method)
    return WinRate(float(wins.mean()), interval, int((by_group > 0).sum()), int((by_group == 0).sum()))


def wilson(successes: float, trials: int) -> Interval:
    """Return Wilson's 95 % score interval of a share (Wilson 1927, JASA 22:209)."""
    quantile = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
    share, load = successes / trials, quantile**2 / trials
    middle = (share + load / 2) / (1 + load)
    reach = quantile / (1 + load) * math.sqrt(share * (1 - share) / trials + load / (4 * trials))
    return Interval(max(0.0, middle - reach), min(1.0, middle + reach), "Wilson over groups")
