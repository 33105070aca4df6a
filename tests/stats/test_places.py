"""Places: the rule by hand, laws on random boards, letters against networkx, joint coverage of the ranks."""

import networkx as nx
import numpy as np
import pytest

from vstain_bench.stats.family import pairwise, told_apart
from vstain_bench.stats.places import Position, apart_by_jackknife, compact_letters, leaders, positions


def board(models: int, pairs: list[tuple[int, int]]) -> np.ndarray:
    apart = np.zeros((models, models), dtype=bool)
    for one, two in pairs:
        apart[one, two] = apart[two, one] = True
    return apart


def test_a_noisy_worst_model_takes_no_first_place() -> None:
    """0.17 and 0.23 differ, and 4.52 is told apart from nobody: alone "1 + better ones apart" would put it first."""
    estimates, apart = np.array([4.52, 0.23, 0.17]), board(3, [(1, 2)])
    assert positions(estimates, apart, better="lower") == [
        Position(rank=3, place=1, shared=True, last=3, leads=False, letters=("a", "b")),
        Position(rank=2, place=1, shared=True, last=3, leads=False, letters=("b",)),
        Position(rank=1, place=1, shared=True, last=2, leads=True, letters=("a",)),
    ]


def test_models_that_are_all_apart_stand_in_their_order() -> None:
    apart = ~np.eye(4, dtype=bool)
    found = positions(np.array([0.2, 0.9, 0.5, 0.7]), apart, better="higher")
    assert [(each.place, each.last, each.rank, each.shared, "".join(each.letters)) for each in found] == [
        (4, 4, 4, False, "d"),
        (1, 1, 1, False, "a"),
        (3, 3, 3, False, "c"),
        (2, 2, 2, False, "b"),
    ]
    assert [each.leads for each in found] == [False, True, False, False]


def test_nothing_told_apart_has_no_bold() -> None:
    found = positions(np.array([1.0, 2.0, 3.0]), board(3, []), better="lower")
    assert [(each.place, each.last, each.leads, "".join(each.letters)) for each in found] == [(1, 3, False, "a")] * 3


def test_the_spec_by_hand() -> None:
    """Best first A B C D; apart: A-C, A-D, B-D. L = 1 1 2 3, U = 2 3 4 4, all monotone already."""
    found = positions(np.array([1.0, 2.0, 3.0, 4.0]), board(4, [(0, 2), (0, 3), (1, 3)]), better="lower")
    assert [(each.place, each.last) for each in found] == [(1, 2), (1, 3), (2, 4), (3, 4)]
    assert ["".join(each.letters) for each in found] == ["a", "ab", "bc", "c"]
    assert [each.leads for each in found] == [True, True, False, False]
    assert [each.shared for each in found] == [True, True, False, False]


def test_equal_values_stand_together() -> None:
    """Two equal values of which one alone is told apart from a better model."""
    found = positions(np.array([1.0, 2.0, 2.0]), board(3, [(0, 1)]), better="lower")
    assert [(each.rank, each.place, each.last) for each in found] == [(1, 1, 2), (2, 1, 3), (2, 1, 3)]
    best = leaders(np.array([1.0, 1.0, 2.0]), board(3, [(1, 2)]), better="lower")
    assert best == (True, True, False)


@pytest.mark.parametrize("seed", range(40))
def test_laws_on_random_boards(seed: int) -> None:
    random = np.random.default_rng(seed)
    models = int(random.integers(1, 9))
    apart = np.triu(random.uniform(size=(models, models)) < random.uniform(), 1)
    apart |= apart.T
    estimates = random.integers(0, 6, models).astype(float)
    apart &= estimates[:, None] != estimates
    found = positions(estimates, apart, better="lower")
    for one in range(models):
        better_and_apart = int(((estimates < estimates[one]) & apart[one]).sum())
        assert found[one].place <= 1 + better_and_apart, "no more liberal than the lower bound"
        assert found[one].place <= found[one].rank <= found[one].last
        for two in range(models):
            if estimates[one] < estimates[two]:
                assert found[one].place <= found[two].place
                assert found[one].last <= found[two].last
            shares = bool(set(found[one].letters) & set(found[two].letters))
            assert shares == (not apart[one, two])
    order = random.permutation(models)
    moved = positions(estimates[order], apart[np.ix_(order, order)], better="lower")
    assert [(each.place, each.last, each.leads) for each in moved] == [
        (found[model].place, found[model].last, found[model].leads) for model in order
    ]
    assert [each.place for each in positions(-estimates, apart, better="higher")] == [each.place for each in found]


@pytest.mark.parametrize("seed", range(10))
def test_letters_are_the_maximal_cliques_of_models_not_told_apart(seed: int) -> None:
    random = np.random.default_rng(seed)
    apart = np.triu(random.uniform(size=(9, 9)) < 0.5, 1)
    apart |= apart.T
    letters = compact_letters(np.arange(9.0), apart, better="lower")
    sets = {frozenset(model for model in range(9) if each in letters[model]) for each in set().union(*letters)}
    cliques = nx.find_cliques(nx.from_numpy_array(~apart & ~np.eye(9, dtype=bool)))
    assert sets == {frozenset(each) for each in cliques}
    assert "a" in letters[0]


def test_more_than_26_letters() -> None:
    letters = compact_letters(np.arange(28.0), ~np.eye(28, dtype=bool), better="lower")
    assert letters[25:] == [("z",), ("a2",), ("b2",)]


def test_the_ranks_of_all_models_hold_together() -> None:
    """300 boards of six models, three of them truly equal, and 10 patients: true ranks 1 2 3-5 3-5 3-5 6."""
    random, held = np.random.default_rng(0), 0
    noise = np.array([1.0, 1.0, 1.0, 1.0, 3.0, 1.0])[:, None]
    truth = np.array([0.0, 0.8, 1.6, 1.6, 1.6, 2.4])
    first = np.array([1, 2, 3, 3, 3, 6])
    last = np.array([1, 2, 5, 5, 5, 6])
    for _ in range(300):
        means = truth[:, None] + random.normal(size=10) + noise * random.normal(size=(6, 10))
        found = positions(means.mean(axis=1), told_apart(pairwise(means, 0)), better="lower")
        held += all(each.place <= low and high <= each.last for each, low, high in zip(found, first, last, strict=True))
    assert held / 300 >= 0.93


def test_the_jackknife_tells_apart_what_differs_in_every_block() -> None:
    random = np.random.default_rng(0)
    shared = random.normal(0, 5.0, 9)
    blocks = np.stack([shared, shared + 0.5 + random.normal(0, 0.1, 9), shared + random.normal(0, 0.1, 9)])
    estimates = blocks.mean(axis=1)
    without = (blocks.sum(axis=1, keepdims=True) - blocks) / 8
    apart = apart_by_jackknife(estimates, without)
    assert apart.tolist() == [[False, True, False], [True, False, True], [False, True, False]]
