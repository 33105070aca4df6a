"""The rules that were replaced: what tables, comparisons, boards, gates and stress tests did before."""

import math
from functools import cache

import numpy as np
from scipy import stats

CONFIDENCE, ALPHA, DRAWS = 0.95, 0.05, 2000


@cache
def draw_weights(patients: int) -> np.ndarray:
    """Return how often each patient is drawn, shape (2,000, g), the same for all studies."""
    random = np.random.default_rng(patients)
    return random.multinomial(patients, np.full(patients, 1 / patients), size=DRAWS).astype(float)


def bootstrap_interval(means: np.ndarray, tiles: np.ndarray) -> tuple[float, float]:
    """Return the percentile interval of the mean over tiles under draws of whole patients, widened for few of them."""
    number = len(means)
    weights = draw_weights(number)
    drawn = (weights @ (means * tiles)) / (weights @ tiles)
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, number - 1)
    tail = max(float(stats.norm.cdf(-math.sqrt(number / (number - 1)) * quantile)), 0.5 / DRAWS)
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def rank_intervals(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return percentile intervals of each model's rank, lowest first, over draws of patients; means (m, g)."""
    number = means.shape[1]
    weights = draw_weights(number) / number
    centre = means.mean(axis=1)
    upper = (1 + CONFIDENCE) / 2
    widening = math.sqrt(number / (number - 1)) * stats.t.ppf(upper, number - 1) / stats.norm.ppf(upper)
    ranks = stats.rankdata(centre + (weights @ means.T - centre) * widening, axis=1)
    return (
        np.percentile(ranks, 2.5, axis=0, method="lower"),
        np.percentile(ranks, 97.5, axis=0, method="higher"),
    )


def places(estimates: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """Return 1 + the number of better models (lower is better) that are told apart."""
    return 1 + ((estimates[None] < estimates[:, None]) & apart).sum(axis=1)
