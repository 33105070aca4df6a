"""What the numbers of a finished run rest on: values of every tile, and the kept rows of metrics of whole sets.

The table says how well a model does; to compare two models one needs the tiles behind the numbers. Values per tile
stand in ``tiles.parquet``, groups and labels in ``pairs.csv``. What a metric of a whole set was computed from (features
for FID) stands in ``journal.sqlite``; to score it again without some patients the metric is restored from what the
table says of it and must have the very signature that stands there.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from vstain_bench.base.config import make_config
from vstain_bench.base.registry import load_plugins
from vstain_bench.errors import UsageError, VstainError
from vstain_bench.measure.journal import Journal
from vstain_bench.metrics import METRICS, restore
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import MetricRecord, Table
from vstain_bench.types import Metric, RowArray, Values


@dataclass(frozen=True)
class Tag:
    """The group and label of one tile, None where it has none."""

    group: str | None
    label: str | None


@dataclass(frozen=True)
class Sample:
    """Rows of one model under one metric, one per tile, in the order of tile ids.

    Attributes:
        tiles: Their ids, shape (n,).
        rows: What is kept of each: its value (n, 1), or what a metric of sets scores, (n, k).
        groups: The unit of resampling of each: its group, or the tile itself where groups are not known, shape (n,).
        labels: The label of each, empty where it has none, shape (n,).
    """

    tiles: np.ndarray
    rows: RowArray
    groups: np.ndarray
    labels: np.ndarray

    @property
    def values(self) -> Values:
        """One value per tile, shape (n,); infinite where it is not finite."""
        return np.asarray(self.rows[:, 0])

    def where(self, kept: np.ndarray) -> "Sample":
        """Return the tiles under a mask, shape (n,)."""
        return replace(
            self, tiles=self.tiles[kept], rows=self.rows[kept], groups=self.groups[kept], labels=self.labels[kept]
        )


class Evidence:
    """The files of one finished run, each read when it is first asked for."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.table: Table = folder.read_table()

    @cached_property
    def tags(self) -> dict[str, Tag]:
        """Group and label of every tile that was paired, by its id."""
        try:
            with self.folder.pairs.open(encoding="utf-8", newline="") as stream:
                return {
                    line["tile"]: Tag(line["group"] or None, line["label"] or None) for line in csv.DictReader(stream)
                }
        except (OSError, UnicodeDecodeError, KeyError, csv.Error) as fault:
            raise UsageError(
                where=str(self.folder.pairs),
                found=f"it cannot be read ({type(fault).__name__}: {fault})",
                expected="the list of tiles that 'vstain-bench run' wrote: tile,group,label,...",
            ) from fault

    @cached_property
    def _values(self) -> dict[tuple[str, str], tuple[np.ndarray, Values]]:
        frame = self.folder.read_tiles()
        ordered = frame.sort_values("tile", kind="stable")
        return {
            (str(model), str(metric)): (part["tile"].to_numpy(str), part["value"].to_numpy(float))
            for (model, metric), part in ordered.groupby(["model", "metric"], sort=False)
        }

    def definition(self, record: MetricRecord) -> Metric | str:
        """Return the metric that a record describes, or why it cannot be made here."""
        try:
            if record.definition not in METRICS:
                load_plugins(make_config({}, self.folder.config).plugin)
            made = restore(record.definition, record.params, record.name)
        except VstainError as fault:
            return f"'{record.name}' cannot be scored again here: {fault}"
        if made.signature != record.signature:
            return f"'{record.name}' is defined otherwise here: {made.signature}"
        return made

    def _sample(self, tiles: np.ndarray, rows: RowArray) -> Sample:
        lacking = [str(tile) for tile in tiles if str(tile) not in self.tags]
        if lacking:
            raise UsageError(
                where=str(self.folder.pairs),
                found=f"it lacks {len(lacking)} of the tiles that were scored (first: '{lacking[0]}')",
                expected="the files of one run, as 'vstain-bench run' left them",
            )
        tags = [self.tags[str(tile)] for tile in tiles]
        grouped = self.table.inputs.groups is not None
        groups = [(tag.group if grouped else None) or str(tile) for tile, tag in zip(tiles, tags, strict=True)]
        return Sample(tiles, rows, np.array(groups, dtype=str), np.array([tag.label or "" for tag in tags], dtype=str))

    def values(self, model: str, metric: str) -> Sample | None:
        """Return the value of every tile, or None for a metric that has none."""
        found = self._values.get((model, metric))
        return self._sample(found[0], found[1][:, None]) if found is not None else None

    def rows(self, model: str, metric: Metric) -> Sample | str:
        """Return what the journal keeps of every tile, or why there is nothing."""
        path: Path = self.folder.journal
        if not path.is_file():
            return f"{path.name} is missing, which keeps what '{metric.name}' is computed from"
        with Journal(path, read_only=True) as journal:
            tiles, rows = journal.rows(model, metric.rows)
        if not tiles:
            return f"{path.name} keeps nothing of '{metric.name}' for this model"
        return self._sample(np.array(tiles, dtype=str), rows)


def title_models(models: Mapping[str, Iterable[str]]) -> dict[tuple[str, str], str]:
    """Return how models are called side by side, by run and model: by their names, told with the run where it recurs.

    Args:
        models: The models of each run, by the run's name.
    """
    names = Counter(model for own in models.values() for model in own)
    return {
        (run, model): model if names[model] == 1 else f"{model} ({run})" for run, own in models.items() for model in own
    }


def name_runs(paths: list[Path]) -> dict[str, Path]:
    """Return run folders by the shortest ends of their paths that tell them apart.

    Raises:
        UsageError: a folder is given twice.
    """
    resolved = [path.resolve() for path in paths]
    for path, own in zip(paths, resolved, strict=True):
        if resolved.count(own) > 1:
            raise UsageError(where=f"RUN '{path}'", found="the folder is given twice", expected="every run once")
    depth = 1
    while len({own.parts[-depth:] for own in resolved}) < len(resolved):
        depth += 1
    return {"/".join(own.parts[-depth:]): path for own, path in zip(resolved, paths, strict=True)}
