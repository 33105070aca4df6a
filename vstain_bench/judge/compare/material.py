"""From the files of runs to contrasts: the tiles of every model under one metric, paired and put against each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from vstain_bench.errors import Undefined
from vstain_bench.judge.compare.contrast import (
    Question,
    Scored,
    contrast_scores,
    contrast_values,
    score_mean,
    score_sample,
)
from vstain_bench.judge.evidence import Evidence, Sample
from vstain_bench.results.comparison import Contrast
from vstain_bench.results.table import MetricRecord
from vstain_bench.stats.significance import TestName
from vstain_bench.types import Metric


@dataclass(frozen=True)
class Entry:
    """One model of one run, and the name it has in the comparison."""

    title: str
    run: str
    model: str
    evidence: Evidence


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One metric, whether it is primary, how patients are tested, and the seed of resampling."""

    metric: str
    primary: bool
    test: TestName
    seed: int


def contrast_metric(models: Sequence[Entry], reference: Entry, asked: Asked) -> Iterator[Contrast]:
    """Yield the contrasts of models with the reference on one metric: over all tiles, then for each label."""
    record = reference.evidence.table.metric(asked.metric)
    definition = None if _per_tile(reference, record) else reference.evidence.definition(record)

    @cache
    def scored(entry: Entry, label: str | None) -> Scored:
        return score_record(record, definition, _of_label(_sample(entry, record, definition), label))

    for label in (None, *reference.evidence.table.labels()):
        for entry in models:
            question = _question(asked, record, entry, reference, label)
            try:
                mine, theirs = (_of_label(_sample(each, record, definition), label) for each in (entry, reference))
                if not np.array_equal(mine.tiles, theirs.tiles):
                    raise Undefined(f"the tiles of {entry.title} are not those of {reference.title}")
                if definition is None and record.better != "target":
                    yield contrast_values(question, mine, theirs)
                else:
                    yield contrast_scores(question, scored(entry, label), scored(reference, label), mine.groups)
            except Undefined as reason:
                yield question.answer(reason=str(reason))


def _per_tile(entry: Entry, record: MetricRecord) -> bool:
    return entry.evidence.values(entry.model, record.name) is not None


def _sample(entry: Entry, record: MetricRecord, definition: Metric | str | None) -> Sample:
    """Return the values per tile of a metric that has them (no definition), else what the journal keeps."""
    if definition is None:
        found = entry.evidence.values(entry.model, record.name)
        if found is None:
            raise Undefined(f"{entry.title}: tiles.parquet has no values of it")
        return found
    if isinstance(definition, str):
        raise Undefined(definition)
    rows = entry.evidence.rows(entry.model, definition)
    if isinstance(rows, str):
        raise Undefined(f"{entry.title}: {rows}")
    return rows


def _of_label(sample: Sample, label: str | None) -> Sample:
    return sample if label is None else sample.where(sample.labels == label)


def score_record(record: MetricRecord, definition: Metric | str | None, sample: Sample) -> Scored:
    """Return the score with and without each block of groups.

    Args:
        record: What the metric is.
        definition: The metric of a whole set, or why it is not here; None where the sample holds values per tile.
        sample: The tiles.

    Raises:
        Undefined: the tiles have no score, or it cannot be computed here.
    """
    if record.better == "target" and record.perfect is None:
        raise Undefined("a target is best, and its table does not say which")
    if isinstance(definition, str):
        raise Undefined(definition)
    return score_mean(sample) if definition is None else score_sample(definition, sample)


def _question(asked: Asked, record: MetricRecord, entry: Entry, reference: Entry, label: str | None) -> Question:
    return Question(
        model=entry.title,
        reference=reference.title,
        metric=asked.metric,
        signature=record.signature,
        better=record.better,
        unit=record.unit,
        perfect=record.perfect,
        label=label,
        primary=asked.primary,
        test=asked.test,
        seed=asked.seed,
    )
