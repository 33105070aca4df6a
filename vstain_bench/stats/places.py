"""Places of models from which pairs are told apart: monotone in the value, with ranks that hold for all models jointly.

For models sorted best first, with m of them::

    L_i = 1 + number of better models told apart from i      U_i = m - number of worse models told apart from i
    place_i = min L_j over j no better than i                last_i = max U_j over j no worse than i

"1 + number of better models told apart" alone is a lower bound and no place: a noisy model that nothing is told apart
from gets 1 although better ones stand at 2 (58 % of boards of 8 unlike models and 12 patients). With pairs told apart
at a joint error of 5 % (``family.pairwise``) all ranks from ``place`` to ``last`` hold together in at least 95 %
(Mogstad, Romano, Shaikh, Wilhelm 2024, Review of Economic Studies 91:476, for such sets before they are made monotone).

Use, for one metric and models scored on the same tiles of the same patients::

    apart = told_apart(pairwise(means, seed))                      # a mean over patients, means of shape (m, g)
    apart = told_apart(swap_pairs(score, rows, groups, seed))      # a distance between sets (``distances``)
    if apart.any(): positions(means.mean(axis=1), apart, better="higher")

Where no pair is told apart there are no places: say so once, with the number of patients.
"""

import string
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from vstain_bench.arrays import Values
from vstain_bench.stats.family import Apart
from vstain_bench.stats.intervals import jackknife_error
from vstain_bench.stats.significance import ALPHA, holm, jackknife_test


@dataclass(frozen=True)
class Position:
    """Where one model stands.

    Attributes:
        rank: Rank of its value, from 1; equal values share the better rank.
        place: Its place, the best rank that is not excluded; never better than that of a better value.
        shared: Whether another model has the same place, shown as "=".
        last: The worst rank that is not excluded.
        leads: Whether it is shown in bold (``leaders``).
        letters: Its compact letters (``compact_letters``).
    """

    rank: int
    place: int
    shared: bool
    last: int
    leads: bool
    letters: tuple[str, ...]


def positions(estimates: Values, apart: Apart, *, better: Literal["higher", "lower"]) -> list[Position]:
    """Return the position of each model, in the order given.

    Args:
        estimates: The value of each model, shape (m,).
        apart: Which pairs are told apart, shape (m, m), symmetric.
        better: The metric's direction; for a metric with a target give distances from it, and "lower".
    """
    losses = _losses(estimates, better)
    ahead = losses[None] < losses[:, None]  # [i, j]: j is better than i
    least = 1 + (ahead & apart).sum(axis=1)
    most = len(losses) - (ahead.T & apart).sum(axis=1)
    place = np.array([least[losses >= own].min() for own in losses], dtype=int)
    last = np.array([most[losses <= own].max() for own in losses], dtype=int)
    leads, letters = leaders(estimates, apart, better=better), compact_letters(estimates, apart, better=better)
    taken = place.tolist()
    return [
        Position(
            rank=1 + int(ahead[model].sum()),
            place=taken[model],
            shared=taken.count(taken[model]) > 1,
            last=int(last[model]),
            leads=leads[model],
            letters=letters[model],
        )
        for model in range(len(losses))
    ]


def leaders(estimates: Values, apart: Apart, *, better: Literal["higher", "lower"]) -> tuple[bool, ...]:
    """Return which models are shown in bold: those not told apart from the best value; none where that is all of them.

    Arguments as in ``positions``. Of equal best values a model must be told apart from one to be out. As with places, a
    noisy model does not lead where a better one is out: bold is monotone in the value.
    """
    losses = _losses(estimates, better)
    out = apart[losses == losses.min()].any(axis=0)
    within = np.array([not out[losses <= own].any() for own in losses])
    return tuple(bool(each) and not bool(within.all()) for each in within)


def compact_letters(estimates: Values, apart: Apart, *, better: Literal["higher", "lower"]) -> list[tuple[str, ...]]:
    """Return each model's letters: two models share one if and only if they are not told apart.

    Arguments as in ``positions``; "a" goes to the best value. Each letter is a largest set of models of which no two
    are told apart; found by insertion and absorption (Piepho 2004, Journal of Computational and Graphical
    Statistics 13:456).
    """
    losses = _losses(estimates, better)
    order = np.argsort(losses, kind="stable")
    columns: list[frozenset[int]] = [frozenset(range(len(losses)))]
    for one, two in zip(*np.nonzero(np.triu(apart)), strict=True):
        split = [column - {each} for column in columns for each in (one, two) if {one, two} <= column]
        kept = [column for column in columns if not {one, two} <= column]
        columns = _absorbed(kept + split)
    columns.sort(key=lambda column: [place for place, model in enumerate(order) if model in column])
    return [
        tuple(_letter(number) for number, column in enumerate(columns) if model in column)
        for model in range(len(losses))
    ]


def _absorbed(columns: list[frozenset[int]]) -> list[frozenset[int]]:
    """Return the sets that lie in no other, each once."""
    distinct = list(dict.fromkeys(columns))
    return [column for column in distinct if not any(column < other for other in distinct)]


def _letter(number: int) -> str:
    """Return a, b, ..., z, then a2, b2, ..."""
    turn, place = divmod(number, len(string.ascii_lowercase))
    return string.ascii_lowercase[place] + (str(turn + 1) if turn else "")


def _losses(estimates: Values, better: Literal["higher", "lower"]) -> Values:
    return np.asarray(estimates, dtype=float) * (-1 if better == "higher" else 1)


def apart_by_jackknife(estimates: Values, without: Float[np.ndarray, "m blocks"]) -> Apart:
    """Return which scores of whole sets differ by more than the jackknife error of the difference, Holm over pairs.

    Args:
        estimates: The score of each model, shape (m,).
        without: The same without each block of whole patients, shape (m, blocks).
    """
    first, second = np.triu_indices(len(estimates), 1)
    p_values = [
        jackknife_test(
            float(estimates[one] - estimates[two]), jackknife_error(without[one] - without[two]), without.shape[1]
        ).p
        for one, two in zip(first, second, strict=True)
    ]
    apart = np.zeros((len(estimates), len(estimates)), dtype=bool)
    apart[first, second] = np.array(holm(p_values)) <= ALPHA
    return np.asarray(apart | apart.T)
