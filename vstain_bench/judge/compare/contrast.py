"""One contrast: a model and a reference on the same tiles of the same patients."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vstain_bench.arrays import LeftOut
from vstain_bench.base.randomness import seed_of
from vstain_bench.errors import Undefined
from vstain_bench.judge.evidence import Sample
from vstain_bench.results.comparison import Contrast, GroupPair
from vstain_bench.stats.intervals import Interval, bootstrap_mean, deal_blocks, jackknife_error, jackknife_interval
from vstain_bench.stats.paired import group_means, standardised_difference, win_rate
from vstain_bench.stats.significance import Test, TestName, jackknife_test, paired_test
from vstain_bench.types import Direction, Metric, OfSet, RowArray, Values

ONE_GROUP = "none: fewer than two groups"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is compared: which metric, over which tiles, and how it is asked.

    Attributes:
        model: The model's name.
        reference: The reference's name.
        metric: Name of the metric.
        signature: Its signature, the same in both runs.
        better: Its direction.
        unit: Its unit.
        perfect: The value to reach, where a target is best.
        label: Only tiles of this label, or None for all.
        primary: Whether it belongs to the primary tests.
        test: The test of patients.
        seed: Of resampling.
    """

    model: str
    reference: str
    metric: str
    signature: str
    better: Direction
    unit: str
    perfect: float | None
    label: str | None
    primary: bool
    test: TestName
    seed: int

    def seed_for(self, what: str) -> int:
        """Return a seed that depends on the question and the purpose alone."""
        return seed_of(what, self.seed, self.signature, self.model, self.reference, self.label or "")

    def answer(self, **found: object) -> Contrast:
        """Return the contrast with what was found."""
        return Contrast.model_validate(
            {
                "model": self.model, "reference": self.reference, "metric": self.metric, "signature": self.signature,
                "label": self.label, "primary": self.primary, "better": self.better, "unit": self.unit,
                "target": self.perfect if self.better == "target" else None,
            }
            | found
        )  # fmt: skip


@dataclass(frozen=True)
class Scored:
    """The score of a model with and without each block of groups: all that a jackknife needs.

    Attributes:
        estimate: Over all tiles.
        without: Without each block, shape (blocks,); empty with fewer than two blocks.
    """

    estimate: float
    without: Values


def contrast_values(question: Question, mine: Sample, theirs: Sample) -> Contrast:
    """Return the contrast of a metric with a value per tile, where more or less is better.

    Tiles are paired; one without a finite value under either model is left out for both.
    """
    kept = np.isfinite(mine.values) & np.isfinite(theirs.values)
    missing = {"left_out": int((~kept).sum()), "tiles": int(kept.sum())}
    if not kept.any():
        return question.answer(**missing, reason="no tile has a finite value under both")
    own, other, groups = mine.values[kept], theirs.values[kept], mine.groups[kept]
    differences = own - other
    by_group, own_means, other_means = (group_means(each, groups) for each in (differences, own, other))
    number = len(by_group.names)
    interval = bootstrap_mean(differences, groups, question.seed_for("difference"))
    test = paired_test(by_group.means, question.test, question.seed_for("test")) if number > 1 else None
    gains = differences if question.better == "higher" else -differences
    wins = win_rate(gains, groups)
    return question.answer(
        **missing,
        groups=number,
        value=float(own.mean()),
        reference_value=float(other.mean()),
        difference=float(differences.mean()),
        group_difference=float(by_group.means.mean()),
        **_told_interval(interval),
        **_told_test(test),
        effect_size=standardised_difference(by_group.means),
        wins=wins.value,
        wins_low=wins.interval.low if wins.interval else None,
        wins_high=wins.interval.high if wins.interval else None,
        groups_better=wins.groups,
        groups_equal=wins.ties,
        pairs=[
            GroupPair(group=name, model=one, reference=two, tiles=int(tiles))
            for name, one, two, tiles in zip(
                own_means.names, own_means.means, other_means.means, own_means.tiles, strict=True
            )
        ],
    )


def contrast_scores(question: Question, mine: Scored, theirs: Scored, groups: np.ndarray) -> Contrast:
    """Return the contrast of two scores by the group jackknife of their difference.

    Both models lose the same patients at a time, so what a patient does to both cancels. Where a target is best, what
    is compared is the distance from it.

    Args:
        question: What is compared.
        mine: The model's scores.
        theirs: The reference's, over the same tiles and blocks.
        groups: The group of each tile, shape (n,).
    """
    if question.better == "target":
        mine, theirs = (_distance(each, question.perfect or 0.0) for each in (mine, theirs))
    difference = mine.estimate - theirs.estimate
    found: dict[str, object] = {
        "tiles": len(groups), "groups": len(set(groups.tolist())), "value": mine.estimate,
        "reference_value": theirs.estimate, "difference": difference, "group_difference": difference,
    }  # fmt: skip
    if not len(mine.without):
        return question.answer(**found, **_told_interval(None))
    without = mine.without - theirs.without
    interval = jackknife_interval(difference, without)
    test = jackknife_test(difference, jackknife_error(without), len(without))
    return question.answer(**found, **_told_interval(interval), **_told_test(test))


def score_sample(metric: Metric, sample: Sample) -> Scored:
    """Return the score of a metric of whole sets with and without each block of groups.

    Raises:
        Undefined: the tiles have no score, or not without one of the blocks.
    """
    number = len(sample.tiles)
    if number < metric.minimum_tiles:
        raise Undefined(f"{number} tiles, {metric.name} needs at least {metric.minimum_tiles}")
    if np.isnan(sample.rows).any():
        raise Undefined(f"{int(np.isnan(sample.rows).any(axis=1).sum())} of {number} tiles have no value")
    return _scored(sample, metric.score, metric.kind.leave_out if isinstance(metric.kind, OfSet) else None)


def score_mean(sample: Sample) -> Scored:
    """Return the mean of values per tile with and without each block of groups; all of them are finite."""
    return _scored(sample, lambda rows: float(rows.mean()), None)


def _scored(
    sample: Sample,
    score: Callable[[RowArray], float],
    leave_out: Callable[[RowArray, np.ndarray], LeftOut] | None,
) -> Scored:
    blocks = deal_blocks(sample.groups)
    estimate = float(score(sample.rows))
    if blocks.max() < 1:
        return Scored(estimate, np.empty(0))
    if leave_out is not None:
        return Scored(estimate, leave_out(sample.rows, blocks))
    each = [float(score(sample.rows[blocks != block])) for block in range(int(blocks.max()) + 1)]
    return Scored(estimate, np.array(each))


def _distance(scored: Scored, target: float) -> Scored:
    return Scored(abs(scored.estimate - target), np.abs(scored.without - target))


def _told_interval(interval: Interval | None) -> dict[str, object]:
    if interval is None:
        return {"interval": ONE_GROUP}
    return {"low": interval.low, "high": interval.high, "interval": interval.method}


def _told_test(test: Test | None) -> dict[str, object]:
    return {} if test is None else {"test": test.method, "p": test.p, "smallest_p": test.smallest}
