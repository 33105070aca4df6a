"""Ranks: closed forms, laws (order of models, direction, pairing), and shared places where patients are too few."""

import numpy as np
import pytest
from scipy import stats

from vstain_bench.errors import UsageError
from vstain_bench.stats.intervals import bootstrap_mean, jackknife_interval
from vstain_bench.stats.ranking import (
    apart_by_groups,
    apart_by_jackknife,
    bootstrap_draws,
    jackknife_draws,
    rank_models,
)

GROUPS = np.repeat([f"p{number:02d}" for number in range(12)], 5)


def scores(offsets: list[float], noise: float = 0.3, seed: int = 0) -> np.ndarray:
    """Models that share strong effects of patients and differ by an offset and noise of their own."""
    random = np.random.default_rng(seed)
    patients = np.repeat(random.normal(0, 5.0, 12), 5)
    return np.stack([patients + offset + random.normal(0, noise, 60) for offset in offsets])


def test_clear_models_stand_apart_in_their_order() -> None:
    values = scores([0.0, 2.0, 1.0])
    standings = rank_models(
        values.mean(axis=1), bootstrap_draws(values, GROUPS, 0), apart_by_groups(values, GROUPS, 0), better="higher"
    )
    assert [each.rank for each in standings] == [3, 1, 2]
    assert [each.place for each in standings] == [3, 1, 2]
    assert [(each.low, each.high) for each in standings] == [(3, 3), (1, 1), (2, 2)]
    assert standings[1].shares == (1.0, 0.0, 0.0)


def test_ranks_are_paired_by_patient() -> None:
    """Patients differ by 5 and models by 0.5: unpaired draws would mix the ranks."""
    values = scores([0.0, 0.5], noise=0.1)
    assert np.ptp(values.mean(axis=1)) < bootstrap_mean(values[0], GROUPS, 0).high - values[0].mean()  # type: ignore[union-attr]  # 12 groups
    first, second = rank_models(
        values.mean(axis=1), bootstrap_draws(values, GROUPS, 0), apart_by_groups(values, GROUPS, 0), better="higher"
    )
    assert (first.shares, second.shares) == ((0.0, 1.0), (1.0, 0.0))


def test_models_that_nothing_tells_apart_share_a_place() -> None:
    values = scores([0.0, 0.02, 3.0], noise=1.0, seed=4)
    standings = rank_models(
        values.mean(axis=1), bootstrap_draws(values, GROUPS, 0), apart_by_groups(values, GROUPS, 0), better="higher"
    )
    assert sorted(each.rank for each in standings) == [1, 2, 3]
    assert [each.place for each in standings] == [2, 2, 1]
    assert standings[0].high == 3
    assert standings[0].low == 2


def test_five_patients_tell_nobody_apart() -> None:
    groups = np.repeat(["a", "b", "c", "d", "e"], 4)
    values = np.stack([np.random.default_rng(0).normal(offset, 0.1, 20) for offset in (0.0, 10.0)])
    assert not apart_by_groups(values, groups, 0).any()
    standings = rank_models(
        values.mean(axis=1), bootstrap_draws(values, groups, 0), apart_by_groups(values, groups, 0), better="higher"
    )
    assert [(each.rank, each.place) for each in standings] == [(2, 1), (1, 1)]


def test_equal_models_share_the_rank_and_split_the_shares() -> None:
    values = np.tile(scores([0.0])[0], (2, 1))
    standings = rank_models(
        values.mean(axis=1), bootstrap_draws(values, GROUPS, 0), apart_by_groups(values, GROUPS, 0), better="lower"
    )
    assert all((each.rank, each.place, each.low, each.high) == (1, 1, 1, 2) for each in standings)
    assert all(each.shares == pytest.approx((0.5, 0.5)) for each in standings)


def test_the_order_of_models_and_the_direction_change_nothing_else() -> None:
    values = scores([0.0, 0.3, 0.1, 0.2], noise=1.0)
    order = [2, 0, 3, 1]

    def standing(rows: np.ndarray, better: str) -> list[object]:
        draws, apart = bootstrap_draws(rows, GROUPS, 0), apart_by_groups(rows, GROUPS, 0)
        return list(rank_models(rows.mean(axis=1), draws, apart, better=better))  # type: ignore[arg-type]  # the two

    own = standing(values, "higher")
    assert standing(values[order], "higher") == [own[place] for place in order]
    assert standing(-values, "lower") == own


def test_shares_sum_to_one_and_match_the_intervals() -> None:
    values = scores([0.0, 0.1, 0.2, 0.15, 0.05], noise=1.5, seed=2)
    draws = bootstrap_draws(values, GROUPS, 1)
    for each in rank_models(values.mean(axis=1), draws, apart_by_groups(values, GROUPS, 0), better="higher"):
        assert sum(each.shares) == pytest.approx(1.0, abs=1e-12)
        assert each.low <= each.rank <= each.high
        inside = sum(each.shares[each.low - 1 : each.high])
        assert inside >= 0.95


def test_draws_have_the_spread_of_the_intervals() -> None:
    values = scores([0.0], noise=1.0)
    draws = bootstrap_draws(values, GROUPS, 0)[:, 0]
    interval = bootstrap_mean(values[0], GROUPS, 0)
    assert interval is not None
    assert np.percentile(draws, 2.5) == pytest.approx(interval.low, abs=0.15 * (interval.high - interval.low))
    assert np.percentile(draws, 97.5) == pytest.approx(interval.high, abs=0.15 * (interval.high - interval.low))


def test_draws_are_widened_for_few_groups() -> None:
    """Five equal groups: the spread of the draws is Student's, 1.6 times that of a plain bootstrap."""
    values = np.random.default_rng(3).normal(size=5)
    draws = bootstrap_draws(np.repeat(values, 4)[None], np.repeat(list("abcde"), 4), 0)[:, 0]
    expected = values.std(ddof=1) / np.sqrt(5) * stats.t.ppf(0.975, 4) / stats.norm.ppf(0.975)
    assert draws.std() == pytest.approx(expected, rel=0.05)


def test_jackknife_draws_have_the_spread_of_the_jackknife() -> None:
    random = np.random.default_rng(0)
    blocks = random.normal(size=(3, 9))
    estimates = blocks.mean(axis=1)
    without = (blocks.sum(axis=1, keepdims=True) - blocks) / 8
    draws = jackknife_draws(estimates, without, 0)
    for model in range(3):
        interval = jackknife_interval(float(estimates[model]), without[model])
        low, high = np.percentile(draws[:, model], [2.5, 97.5])
        assert low == pytest.approx(interval.low, abs=0.1 * (interval.high - interval.low))
        assert high == pytest.approx(interval.high, abs=0.1 * (interval.high - interval.low))
    correlation = np.corrcoef(draws.T)[0, 1]
    assert correlation == pytest.approx(float(np.corrcoef(blocks)[0, 1]), abs=0.06), "models share their patients"


def test_the_jackknife_tells_apart_what_differs_in_every_block() -> None:
    random = np.random.default_rng(0)
    shared = random.normal(0, 5.0, 9)
    blocks = np.stack([shared, shared + 0.5 + random.normal(0, 0.1, 9), shared + random.normal(0, 0.1, 9)])
    estimates = blocks.mean(axis=1)
    without = (blocks.sum(axis=1, keepdims=True) - blocks) / 8
    apart = apart_by_jackknife(estimates, without)
    assert apart.tolist() == [[False, True, False], [True, False, True], [False, True, False]]


def test_one_group_cannot_be_ranked() -> None:
    with pytest.raises(UsageError, match="at least two patients"):
        bootstrap_draws(np.zeros((2, 3)), np.array(["a", "a", "a"]), 0)
