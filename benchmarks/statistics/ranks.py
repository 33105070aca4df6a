"""Ranks: places that are monotone in the value, ranks that hold for all models together, and bold that is no noise.

``python benchmarks/statistics/ranks.py [--studies N]`` prints ranks.md.
"""

from collections.abc import Iterator

import numpy as np
from before import places, rank_intervals
from scipy import stats
from studies import percent, run, seeded, table

from vstain_bench.stats.family import pairwise, told_apart
from vstain_bench.stats.places import positions
from vstain_bench.stats.significance import ALPHA, holm, sign_flips

MODELS = 8
DRAWS = 1_999


def draw_board(random: np.random.Generator, patients: int) -> tuple[np.ndarray, np.ndarray]:
    """Return true values of eight unlike models and their means of each patient, shape (8,) and (8, g).

    Models lie 0.4 apart on average; their own noise over patients differs by a factor of up to 10.
    """
    truth = np.sort(random.uniform(0, 0.4 * MODELS, MODELS))
    noise = np.exp(random.uniform(np.log(0.2), np.log(2.0), MODELS))
    shared = random.normal(size=patients)
    return truth, truth[:, None] + shared + noise[:, None] * random.normal(size=(MODELS, patients))


def holm_apart(means: np.ndarray) -> np.ndarray:
    """Return which pairs Holm over sign flips tells apart, as boards did."""
    first, second = np.triu_indices(len(means), 1)
    differences = means[first] - means[second]
    if means.shape[1] <= 12:
        p_values = [each.p for each in sign_flips(differences, 0)]
    else:  # Student's, near enough where flips take too long
        t = differences.mean(axis=1) / (differences.std(axis=1, ddof=1) / means.shape[1] ** 0.5)
        p_values = list(2 * stats.t.sf(np.abs(t), means.shape[1] - 1))
    apart = np.zeros((len(means), len(means)), dtype=bool)
    apart[first, second] = apart[second, first] = np.array(holm(p_values)) <= ALPHA
    return apart


def boards(studies: int) -> Iterator[str]:
    """Yield places of eight unlike models, before and after."""
    columns = []
    for patients in (12, 17, 50):
        random = seeded(21, patients)
        crossed = {"before": 0, "after": 0}
        distinct = {"before": 0, "after": 0}
        wrong, alone, led, none, joint, sure = 0, 0, 0, 0, 0, 0
        for _ in range(studies):
            truth, means = draw_board(random, patients)
            values = means.mean(axis=1)
            order = np.argsort(values)
            old = places(values, holm_apart(means))
            found = positions(values, told_apart(pairwise(means, 0, draws=DRAWS)), better="lower")
            new = np.array([each.place for each in found])
            for rule, taken in (("before", old), ("after", new)):
                crossed[rule] += bool((np.diff(taken[order]) < 0).any())
                distinct[rule] += len(set(taken.tolist()))
            bold = [each.leads for each in found]
            none += not any(bold)
            led += sum(bold)
            sure += any(bold)
            alone += int(np.argmin(values)) != int(np.argmin(truth))
            wrong += any(bold) and not bold[int(np.argmin(truth))]
            true_ranks = np.argsort(np.argsort(truth)) + 1
            joint += all(each.place <= rank <= each.last for each, rank in zip(found, true_ranks, strict=True))
        columns.append(
            [percent(crossed["before"] / studies), percent(crossed["after"] / studies),
             f"{distinct['before'] / studies:.1f}", f"{distinct['after'] / studies:.1f}", percent(joint / studies),
             percent(none / studies), percent(alone / studies), f"{led / max(1, sure):.1f}", percent(wrong / studies)]
        )  # fmt: skip
    names = (
        "boards with a place better than that of a better value, before, %",
        "the same, after, %",
        "distinct places of 8, before",
        "distinct places of 8, after",
        "true ranks of all models within place to last, %",
        "boards without bold (nothing told apart from the best), %",
        "best value in bold is not the truly best model, before, %",
        "models in bold where there is bold",
        "boards with bold whose truly best model is not among it, %",
    )
    rows = [[name, *(column[place] for column in columns)] for place, name in enumerate(names)]
    yield from table(("eight unlike models, patients:", "12", "17", "50"), rows)


def near_ties(studies: int) -> Iterator[str]:
    """Yield how often the ranks of ten models that lie 0.01 SD apart are all held by their intervals."""
    columns = []
    for patients in (12, 17, 50):
        random, before, after = seeded(22, patients), 0, 0
        truth = 0.01 * np.arange(10)
        ranks = np.arange(1, 11)
        for _ in range(studies):
            means = truth[:, None] + random.normal(size=patients) + 0.5 * random.normal(size=(10, patients))
            low, high = rank_intervals(means)
            before += bool(((low <= ranks) & (ranks <= high)).all())
            found = positions(means.mean(axis=1), told_apart(pairwise(means, 0, draws=DRAWS)), better="lower")
            after += all(each.place <= rank <= each.last for each, rank in zip(found, ranks, strict=True))
        columns.append((percent(before / studies), percent(after / studies)))
    rows = [["bootstrap intervals of ranks (before)", *(each[0] for each in columns)],
            ["place to last (after)", *(each[1] for each in columns)]]  # fmt: skip
    yield from table(("ten near-ties, all true ranks held in %, patients:", "12", "17", "50"), rows)


def lines(studies: int) -> Iterator[str]:
    """Yield the page."""
    yield from boards(studies)
    yield from near_ties(studies)


if __name__ == "__main__":
    run("Places and ranks", lines, studies=500)
