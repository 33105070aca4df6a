"""Many tests of patients at once: step-down max-T, whose smallest p-value does not depend on how many tests there are.

Signs of whole patients are flipped, the same for all tests, so that what the tests share is kept::

    T_k = |mean_k| / (s_k / sqrt(G_k)),  in the order T_1 >= T_2 >= ... >= T_m
    p_k = share of flips whose max(T*_k, ..., T*_m) >= T_k,  made to rise with k

(Westfall, Young 1993, algorithm 2.8.) The chance of any false finding is at most 5 %. The smallest adjusted p is
2^(1 - G) two-sided, 2^-G one-sided, whatever the family: 6 patients can show something on 18 metrics, where Holm's
smallest is 0.56. Exact for differences that are symmetric about 0, as those of interchangeable models are; of strongly
skewed ones (``means.skewed``) 12 to 25 % of families hold a false finding. An effect of 2 SD on one of 18 metrics is
found in 30 / 80 / 99 % with 6 / 8 / 12 patients, by Holm in 0 / 0 / 98 % (benchmarks/statistics).

A Fréchet distance has no row of differences: its swap (``distances.swap_test``) joins a family by Holm.

``max_t`` tests a family of metrics or models against one reference, ``pairwise`` every pair of models for ranks.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from vstain_bench.arrays import Values
from vstain_bench.stats.significance import ALPHA, DRAWS, Comparisons, Test

_CHUNK = 4_096
_TIE = 1e-8
"""Statistics that differ by less than this part are equal but for rounding."""
_LEAST_SPREAD = 1e-6
"""Least part of a row's mean square that is spread: beyond it t is as good as infinite, and rounding decides."""

Alternative = Literal["two-sided", "greater"]
Square = Float[np.ndarray, "m m"]
"""One number for each pair of models; symmetric."""
Apart = Bool[np.ndarray, "m m"]
"""Whether two models are told apart; symmetric."""


def max_t(
    differences: Comparisons, seed: int, *, alternative: Alternative = "two-sided", draws: int = DRAWS
) -> list[Test]:
    """Return the tests of several rows of differences, adjusted together by step-down max-T.

    All assignments of signs are counted where they are at most ``draws`` + 1 but for their mirror images (17 patients
    at 99,999); else so many are drawn and p = (1 + as extreme) / (1 + drawn).

    Args:
        differences: One row per test, one column per patient, shape (t, g); NaN where a test lacks a patient.
        seed: Of the drawn signs.
        alternative: ``greater`` asks only whether means are above 0.
        draws: Most assignments of signs.
    """
    tests, groups = differences.shape
    known = np.isfinite(differences)
    rows, counts = np.where(known, differences, 0.0), known.sum(axis=1)
    squares = np.square(rows).sum(axis=1)
    observed = _statistics(rows.sum(axis=1)[None], squares, counts, alternative)[0]
    order = np.argsort(-observed, kind="stable")
    reached = observed[order] - _TIE * np.abs(observed[order])
    exact = 2 ** (groups - 1) <= draws + 1
    extreme, total = np.zeros(tests), 0
    for signs in _all_signs(groups) if exact else _drawn_signs(groups, draws, seed):
        sums = signs @ rows[order].T
        for mirrored in (sums,) if alternative == "two-sided" else (sums, -sums):
            flipped = _statistics(mirrored, squares[order], counts[order], alternative)
            least = np.maximum.accumulate(flipped[:, ::-1], axis=1)[:, ::-1]  # over this test and all below it
            extreme += np.count_nonzero(least >= reached, axis=0)
            total += len(signs)
    stepped = extreme / total if exact else (1 + extreme) / (1 + total)
    adjusted = np.empty(tests)
    adjusted[order] = np.maximum.accumulate(stepped)
    method = f"max-T over {tests} tests, {f'all {2**groups}' if exact else f'{draws} drawn'} sign flips"
    return [Test(float(p), method, _smallest(int(count), alternative, exact, total))
            for p, count in zip(adjusted, counts, strict=True)]  # fmt: skip


def pairwise(means: Float[np.ndarray, "m g"], seed: int, *, draws: int = DRAWS) -> Square:
    """Return p-values of all pairs of models, adjusted together by step-down max-T; 1 on the diagonal.

    Args:
        means: The mean of each model's tiles of each patient, shape (m, g).
        seed: Of the drawn signs.
        draws: As in ``max_t``.
    """
    first, second = np.triu_indices(len(means), 1)
    return adjust_pairs(means[first] - means[second], len(means), seed, draws=draws)


def adjust_pairs(differences: Comparisons, models: int, seed: int, *, draws: int = DRAWS) -> Square:
    """Return p-values of all pairs of models from one row of differences, or of swap shares, a pair.

    Args:
        differences: Of the pairs (0, 1), (0, 2), ..., (1, 2), ... in the order of ``itertools.combinations``, shape
            (pairs, g).
        models: Number of models, m (m - 1) / 2 pairs.
        seed: Of the drawn signs.
        draws: As in ``max_t``.
    """
    p_values = np.ones((models, models))
    if len(differences):
        place = np.triu_indices(models, 1)
        p_values[place] = p_values.T[place] = [each.p for each in max_t(differences, seed, draws=draws)]
    return np.asarray(p_values)


def told_apart(p_values: Square) -> Apart:
    """Return which pairs of models are told apart at the 5 % level."""
    return np.asarray(p_values <= ALPHA)


def _statistics(
    sums: Float[np.ndarray, "f t"], squares: Values, counts: np.ndarray, alternative: Alternative
) -> Float[np.ndarray, "f t"]:
    """Return t, or its size, of rows whose sums are given: flips of signs leave the sum of squares as it is."""
    whole = counts * squares
    share = np.divide(np.square(sums), whole, out=np.zeros_like(sums), where=whole > 0)
    size = np.sqrt((counts - 1) * share / np.maximum(1 - share, _LEAST_SPREAD))
    return np.asarray(size if alternative == "two-sided" else np.copysign(size, sums))


def _all_signs(groups: int) -> Iterator[Float[np.ndarray, "f g"]]:
    """Yield every assignment of signs with a positive first one; the others are their mirror images."""
    for start in range(0, 2 ** (groups - 1), _CHUNK):
        numbers = np.arange(start, min(start + _CHUNK, 2 ** (groups - 1)))
        bits = (numbers[:, None] >> np.arange(groups - 1)) & 1
        yield np.concatenate([np.ones((len(numbers), 1)), 1.0 - 2.0 * bits], axis=1)


def _drawn_signs(groups: int, draws: int, seed: int) -> Iterator[Float[np.ndarray, "f g"]]:
    random = np.random.default_rng(seed)
    for start in range(0, draws, _CHUNK):
        shape = (min(_CHUNK, draws - start), groups)
        yield (random.integers(0, 2, size=shape, dtype=np.int8) * 2 - 1).astype(float)


def _smallest(groups: int, alternative: Alternative, exact: bool, total: int) -> float:
    least = 1.0 if groups < 2 else 2.0 ** (1 - groups if alternative == "two-sided" else -groups)
    return least if exact else max(least, 1 / (1 + total))
