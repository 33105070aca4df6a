"""Who stands where on one metric: ranks of the numbers, intervals of ranks over patients, and shared places."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from vstain_bench.base.randomness import seed_of
from vstain_bench.errors import Undefined
from vstain_bench.judge.compare.contrast import Scored
from vstain_bench.judge.compare.material import score_record
from vstain_bench.judge.evidence import Sample
from vstain_bench.judge.leaderboard.board import Place
from vstain_bench.judge.leaderboard.sources import Source
from vstain_bench.results.table import MetricRecord, Row
from vstain_bench.stats.family import pairwise, told_apart
from vstain_bench.stats.paired import group_means
from vstain_bench.stats.places import Position, apart_by_jackknife, positions
from vstain_bench.types import Metric


@dataclass(frozen=True)
class Contender:
    """One model of one run under one metric."""

    title: str
    source: Source
    row: Row

    @property
    def record(self) -> MetricRecord:
        """What the metric is."""
        return self.source.table.metric(self.row)


@dataclass(frozen=True)
class Ranking:
    """Places by the model's title; why there are none, or why single models have none."""

    places: Mapping[str, Place] = field(default_factory=dict)
    unranked: str = ""
    notes: tuple[str, ...] = ()


def rank(contenders: Sequence[Contender], seed: int) -> Ranking:
    """Return the places of models of one section on one metric.

    A metric with a value per tile: all pairs of models by step-down max-T over patients. A metric of whole sets, or one
    with a target: the jackknife over patients, Holm over all pairs.
    """
    notes: list[str] = []
    with_values = _of_equal_tiles([each for each in contenders if each.row.value is not None], notes)
    try:
        samples = _samples(with_values, notes)
        if len(samples) < 2:
            return Ranking(unranked=_too_few(len(samples)), notes=tuple(notes))
        if len(set(next(iter(samples.values())).groups.tolist())) < 2:
            return Ranking(unranked="all tiles are of one group, which says nothing of another", notes=tuple(notes))
        record = with_values[0].record
        if record.better != "target" and not _of_sets(with_values[0]):
            return Ranking(_places(list(samples), _by_values(record, samples, seed)), notes=tuple(notes))
        definition = _definition(with_values) if _of_sets(with_values[0]) else None
        scored = _scores(record, definition, samples, notes)
        if len(scored) < 2:
            return Ranking(unranked=_too_few(len(scored)), notes=tuple(notes))
        return Ranking(_places(list(scored), _by_scores(record, scored)), notes=tuple(notes))
    except Undefined as reason:
        return Ranking(unranked=str(reason), notes=tuple(notes))


def _too_few(number: int) -> str:
    return "no model can be ranked" if number == 0 else "only one model can be ranked"


def _of_equal_tiles(contenders: list[Contender], notes: list[str]) -> list[Contender]:
    """Return the models whose number is over as many tiles as the most complete one's, and name the others."""
    most = max((each.row.tiles for each in contenders), default=0)
    kept = []
    for each in contenders:
        if each.row.infinite:
            notes.append(f"{each.title}: {each.row.infinite} tiles have no finite value, its mean is over the others")
        elif each.row.tiles < most:
            notes.append(f"{each.title}: its number is over {each.row.tiles} of {most} tiles")
        else:
            kept.append(each)
    return kept


def _of_sets(contender: Contender) -> bool:
    evidence = contender.source.evidence
    return evidence is None or evidence.values(contender.row.model, contender.row.metric) is None


def _definition(contenders: Sequence[Contender]) -> Metric | str:
    """Return the metric's definition from the first run that can make it, or why none can."""
    found: Metric | str = "no run holds its definition"
    for evidence in dict.fromkeys(each.source.evidence for each in contenders):
        if evidence is not None:
            found = evidence.definition(contenders[0].record)
            if not isinstance(found, str):
                break
    return found


def _samples(contenders: Sequence[Contender], notes: list[str]) -> dict[str, Sample]:
    """Return what lies behind each model's number, over the same tiles of the same groups; name those without.

    Raises:
        Undefined: groups of tiles differ between runs.
    """
    found: dict[str, Sample] = {}
    definition = None
    for each in contenders:
        if each.source.evidence is None:
            notes.append(f"{each.title}: its run is a table alone, without the values of single tiles")
            continue
        sample: Sample | str | None = each.source.evidence.values(each.row.model, each.row.metric)
        if sample is None:
            definition = definition or _definition(contenders)
            sample = (
                definition if isinstance(definition, str) else each.source.evidence.rows(each.row.model, definition)
            )
        if isinstance(sample, str):
            notes.append(f"{each.title}: {sample}")
            continue
        found[each.title] = sample
    _require_equal(found)
    return found


def _require_equal(samples: Mapping[str, Sample]) -> None:
    titles = list(samples)
    for title in titles[1:]:
        one, other = samples[titles[0]], samples[title]
        if not np.array_equal(one.tiles, other.tiles):
            raise Undefined(f"the tiles of {title} are not those of {titles[0]}")
        differing = np.flatnonzero(one.groups != other.groups)
        if differing.size:
            place = int(differing[0])
            raise Undefined(
                f"tile '{one.tiles[place]}' is of group '{one.groups[place]}' for {titles[0]} and of "
                f"'{other.groups[place]}' for {title}"
            )


def _by_values(record: MetricRecord, samples: Mapping[str, Sample], seed: int) -> list[Position]:
    groups = next(iter(samples.values())).groups
    values = np.stack([sample.values for sample in samples.values()])
    if not np.isfinite(values).all():
        raise Undefined("some tiles have no finite value")
    means = np.stack([group_means(row, groups).means for row in values])
    apart = told_apart(pairwise(means, seed_of("places", seed, record.signature)))
    return positions(values.mean(axis=1), apart, better="higher" if record.better == "higher" else "lower")


def _scores(
    record: MetricRecord, definition: Metric | str | None, samples: Mapping[str, Sample], notes: list[str]
) -> dict[str, Scored]:
    """Return each model's score with and without each block of groups, as distances where a target is best.

    Raises:
        Undefined: the metric cannot be scored here.
    """
    if isinstance(definition, str):
        raise Undefined(definition)
    scored: dict[str, Scored] = {}
    for title, sample in samples.items():
        try:
            found = score_record(record, definition, sample)
        except Undefined as reason:
            notes.append(f"{title}: {reason}")
            continue
        if record.better == "target" and record.perfect is not None:
            found = Scored(abs(found.estimate - record.perfect), np.abs(found.without - record.perfect))
        scored[title] = found
    return scored


def _by_scores(record: MetricRecord, scored: Mapping[str, Scored]) -> list[Position]:
    estimates = np.array([each.estimate for each in scored.values()])
    without = np.stack([each.without for each in scored.values()])
    better: Literal["higher", "lower"] = "higher" if record.better == "higher" else "lower"
    return positions(estimates, apart_by_jackknife(estimates, without), better=better)


def _places(titles: Sequence[str], found: Sequence[Position]) -> dict[str, Place]:
    """Return the places by title; none where no two models are told apart, which one sentence says better."""
    return {
        title: Place(
            rank=each.rank,
            place=each.place,
            shared=each.shared,
            low=each.place,
            high=each.last,
            leads=each.leads,
            letters=each.letters,
            of=len(found),
        )
        for title, each in zip(titles, found, strict=True)
    }
