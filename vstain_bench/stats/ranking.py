"""Ranks of several models on the same tiles, with what chance leaves open: intervals of ranks and shared places.

How to use it, for one metric and models scored on the same tiles::

    draws = bootstrap_draws(values, groups, seed)               # a metric with a value per tile
    draws = jackknife_draws(estimates, without, seed)           # a metric of whole sets (FID, KID)
    apart = apart_by_groups(values, groups, seed)               # or apart_by_jackknife(estimates, without)
    standings = rank_models(estimates, draws, apart, better="higher")

Models are rows in every array. All models share their draws of patients, so ranks are paired: a difficult patient
lowers all of them together and moves no rank.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

from vstain_bench.errors import UsageError
from vstain_bench.stats.intervals import CONFIDENCE, DRAWS, jackknife_error
from vstain_bench.stats.paired import group_means
from vstain_bench.stats.significance import ALPHA, TestName, holm, jackknife_test, paired_tests

Scores = Float[np.ndarray, "m n"]
"""One row of values per model."""
Estimates = Float[np.ndarray, " m"]
"""The score of each model."""
WithoutBlocks = Float[np.ndarray, "m blocks"]
"""Its score without each block."""
Draws = Float[np.ndarray, "draws m"]
"""One row of scores per draw, a column per model."""
Apart = Bool[np.ndarray, "m m"]
"""Whether two models differ by more than chance; symmetric."""


@dataclass(frozen=True)
class Standing:
    """Where one model stands.

    Attributes:
        rank: Rank of its estimate, from 1; equal estimates share the better rank.
        place: 1 + the number of models that are better and told apart from it: models that nothing tells apart from
            the best share place 1.
        low: Lower end of the 95 % interval of its rank over draws of patients.
        high: Upper end.
        shares: How often it takes each rank, 1 first; ties split. They sum to 1.
    """

    rank: int
    place: int
    low: int
    high: int
    shares: tuple[float, ...]


def bootstrap_draws(values: Scores, groups: np.ndarray, seed: int) -> Draws:
    """Return means over tiles under 2,000 draws of whole groups with replacement, the same draws for all models.

    Deviations are widened for few groups as the intervals are (``stats/intervals.py``).

    Args:
        values: One finite value per model and tile, shape (m, n).
        groups: The group of each tile, shape (n,).
        seed: Of the resampling.

    Raises:
        UsageError: fewer than two groups.
    """
    names, index = np.unique(groups, return_inverse=True)
    number = len(names)
    _require_two(number)
    counts = np.bincount(index).astype(float)
    sums = np.stack([np.bincount(index, weights=row) for row in values])
    weights = np.random.default_rng(seed).multinomial(number, np.full(number, 1 / number), size=DRAWS).astype(float)
    means = (weights @ sums.T) / (weights @ counts)[:, None]
    centre = values.mean(axis=1)
    return np.asarray(centre + (means - centre) * _widening(number))


def jackknife_draws(estimates: Estimates, without: WithoutBlocks, seed: int) -> Draws:
    """Return 2,000 draws of scores around the estimates with their jackknife covariance, as Student's t.

    A bootstrap would draw tiles twice and bias a distance between sets, hence this.

    Args:
        estimates: The score of each model, shape (m,).
        without: The same without each block of groups, shape (m, blocks).
        seed: Of the draws.

    Raises:
        UsageError: fewer than two blocks.
    """
    blocks = without.shape[1]
    _require_two(blocks)
    parts = (without - without.mean(axis=1, keepdims=True)) * np.sqrt((blocks - 1) / blocks)
    random, freedom = np.random.default_rng(seed), blocks - 1
    # parts @ parts.T is the covariance, so weighing the parts by normal numbers draws from it, singular or not.
    normal = random.standard_normal((DRAWS, blocks))
    stretch = np.sqrt(freedom / random.chisquare(freedom, size=(DRAWS, 1)))
    return np.asarray(estimates + (normal @ parts.T) * stretch)


def apart_by_groups(values: Scores, groups: np.ndarray, seed: int, test: TestName = "sign-flip") -> Apart:
    """Return which models the patients tell apart: a paired test of group means, Holm over all pairs of models.

    Arguments as in ``bootstrap_draws``.
    """
    means = np.stack([group_means(row, groups).means for row in values])
    first, second = np.triu_indices(len(values), 1)
    return _apart(len(values), [each.p for each in paired_tests(means[first] - means[second], test, seed)])


def apart_by_jackknife(estimates: Estimates, without: WithoutBlocks) -> Apart:
    """Return which models differ by more than the jackknife error of their difference, Holm over all pairs.

    Arguments as in ``jackknife_draws``.
    """
    p_values = []
    for one, two in zip(*np.triu_indices(len(estimates), 1), strict=True):
        difference = float(estimates[one] - estimates[two])
        error = jackknife_error(without[one] - without[two])
        p_values.append(jackknife_test(difference, error, without.shape[1]).p)
    return _apart(len(estimates), p_values)


def _apart(models: int, p_values: Sequence[float]) -> Apart:
    apart = np.zeros((models, models), dtype=bool)
    apart[np.triu_indices(models, 1)] = np.array(holm(p_values)) <= ALPHA
    return np.asarray(apart | apart.T)


def rank_models(
    estimates: Estimates, draws: Draws, apart: Apart, *, better: Literal["higher", "lower"]
) -> list[Standing]:
    """Return the standing of each model, in the order given.

    Args:
        estimates: The score of each model, shape (m,).
        draws: Scores under draws of patients, shape (draws, m).
        apart: Which pairs are told apart, shape (m, m).
        better: The metric's direction; for a metric with a target give distances from it, and "lower".
    """
    sign = -1 if better == "higher" else 1
    ordered = sign * np.asarray(estimates, dtype=float)
    lowest = stats.rankdata(sign * draws, method="min", axis=1).astype(int)
    highest = stats.rankdata(sign * draws, method="max", axis=1).astype(int)
    tail = 100 * (1 - CONFIDENCE) / 2
    standings = []
    for model, own in enumerate(ordered):
        leading = (ordered < own) & apart[model]
        standings.append(
            Standing(
                rank=1 + int((ordered < own).sum()),
                place=1 + int(leading.sum()),
                low=int(np.percentile(lowest[:, model], tail, method="lower")),
                high=int(np.percentile(highest[:, model], 100 - tail, method="higher")),
                shares=_shares(lowest[:, model], highest[:, model], len(ordered)),
            )
        )
    return standings


def _shares(lowest: np.ndarray, highest: np.ndarray, models: int) -> tuple[float, ...]:
    """Return how often each rank is taken when ties split evenly over the ranks that they span."""
    portion = 1.0 / (highest - lowest + 1)
    change = np.zeros(models + 1)
    np.add.at(change, lowest - 1, portion)
    np.add.at(change, highest, -portion)
    shares = np.cumsum(change[:-1]) / len(lowest)
    return tuple(float(share) for share in shares.clip(0.0, 1.0))


def _widening(groups: int) -> float:
    """Return the factor from the spread of bootstrap means to Student's t (Hesterberg 2015)."""
    upper = (1 + CONFIDENCE) / 2
    return float(np.sqrt(groups / (groups - 1)) * stats.t.ppf(upper, groups - 1) / stats.norm.ppf(upper))


def _require_two(number: int) -> None:
    if number < 2:
        raise UsageError(
            where="ranks",
            found=f"{number} group",
            expected="at least two patients or slides: ranks over one say nothing of another",
        )
