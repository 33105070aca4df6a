"""Two models on the same tiles: differences tile by tile, summed up patient by patient."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from vstain_bench.arrays import Values
from vstain_bench.stats.intervals import CONFIDENCE, Interval, jackknife_error


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


def win_rate(gains: Values, groups: np.ndarray) -> WinRate:
    """Return how often gains are positive.

    Args:
        gains: By how much the model is better on each tile, negative where it is worse, shape (n,).
        groups: The group of each tile, shape (n,).
    """
    by_group = group_means(gains, groups).means
    wins = (np.sign(gains) + 1) / 2
    interval = share_interval(wins, groups)
    return WinRate(float(wins.mean()), interval, int((by_group > 0).sum()), int((by_group == 0).sum()))


def share_interval(wins: Values, groups: np.ndarray) -> Interval | None:
    """Return the 95 % interval of a share over groups, or None with fewer than two groups.

    Wilson's score interval with the number of independent trials that the tiles are worth: the trials whose binomial
    variance is that of the group jackknife, at most the tiles, times (z / t)^2 for the few groups that it was found
    from (Korn, Graubard 1998, Survey Methodology 24:193). Where every tile is won, or every one lost, nothing shows
    how alike the tiles of a group are, and each group counts as one trial. A bootstrap would call that [1, 1].

    Args:
        wins: 1, 0, or 0.5 for a tie, of each tile, shape (n,).
        groups: The group of each tile, shape (n,).
    """
    _, index = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(index, weights=wins), np.bincount(index)
    share, number = float(wins.mean()), len(sizes)
    if number < 2:
        return None
    if np.ptp(wins) == 0:
        return Interval(0.5, 0.5, "equal on every tile") if share == 0.5 else wilson(share, number)
    variance = jackknife_error((sums.sum() - sums) / (len(wins) - sizes)) ** 2
    trials = min(float(len(wins)), share * (1 - share) / variance) if variance > 0 else float(len(wins))
    upper = (1 + CONFIDENCE) / 2
    return wilson(share, trials * float(stats.norm.ppf(upper) / stats.t.ppf(upper, number - 1)) ** 2)


def wilson(share: float, trials: float) -> Interval:
    """Return Wilson's 95 % score interval of a share of so many independent trials (Wilson 1927, JASA 22:209)."""
    quantile = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
    load = quantile**2 / trials
    middle = (share + load / 2) / (1 + load)
    reach = quantile / (1 + load) * math.sqrt(share * (1 - share) / trials + load / (4 * trials))
    return Interval(max(0.0, middle - reach), min(1.0, middle + reach), f"Wilson, {trials:.3g} independent tiles")
