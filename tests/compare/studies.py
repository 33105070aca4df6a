"""Finished runs written by hand, so that every number of a test is known; nothing is scored."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from vstain_bench.measure.journal import Entry, Journal
from vstain_bench.metrics import build, record_of
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import Controls, Inputs, Protocol, Row, Table
from vstain_bench.types import Metric

Values = Mapping[str, Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Study:
    """What was measured: values per tile by model and metric, or rows for a metric of sets.

    ``gaps`` are metrics without a value, with their reason; ``metrics`` the command line's list where it is not just
    the names.
    """

    values: Values
    groups: Sequence[str]
    labels: Sequence[str] = ()
    rows: Values = field(default_factory=dict)
    gaps: Mapping[str, str] = field(default_factory=dict)
    metrics: str = ""
    grouped: bool = True
    digest: str = "ab" * 32
    primary: tuple[str, ...] = ()
    partial: bool = False

    @property
    def tiles(self) -> list[str]:
        return [f"t{number:03d}" for number in range(len(self.groups))]

    @property
    def models(self) -> list[str]:
        return list(dict.fromkeys([*self.values, *self.rows]))


def _names(study: Study) -> list[str]:
    every = [*study.values.values(), *study.rows.values()]
    return list(dict.fromkeys([*(name for each in every for name in each), *study.gaps]))


def _definition(study: Study, name: str) -> Metric:
    from vstain_bench.measure.protocol import parse_metrics

    if study.metrics:
        return next(each for each in parse_metrics(study.metrics).metrics if each.name == name)
    return build(name)


def _row(study: Study, model: str, metric: Metric, kept: np.ndarray, label: str | None) -> Row:
    shared = {"model": model, "metric": metric.name, "label": label}
    if metric.name in study.gaps:
        return Row.model_validate({**shared, "tiles": 0, "status": "unavailable", "reason": study.gaps[metric.name]})
    if metric.name in study.values.get(model, {}):
        values = study.values[model][metric.name][kept]
        finite = values[np.isfinite(values)]
        missing = bool(np.isnan(values).any()) or not finite.size
        given = {"tiles": len(finite), "infinite": int(np.isinf(values).sum())}
        if missing:
            return Row.model_validate({**shared, **given, "status": "undefined", "reason": "a tile has no value"})
        return Row.model_validate({**shared, **given, "value": float(finite.mean()), "sd": 0.1})
    value = float(metric.score(study.rows[model][metric.name][kept]))
    return Row.model_validate({**shared, "tiles": int(kept.sum()), "value": value})


def write_study(path: Path, study: Study) -> RunFolder:
    """Write the run folder of a study."""
    path.mkdir(parents=True)
    folder, labels = RunFolder(path), list(study.labels) or [""] * len(study.groups)
    metrics = [_definition(study, name) for name in _names(study)]
    masks: list[tuple[str | None, np.ndarray]] = [(None, np.full(len(labels), True))]
    masks += [(label, np.array([each == label for each in labels])) for label in sorted(set(labels) - {""})]
    table = Table(
        protocol=Protocol(name="custom", primary=study.primary),
        inputs=Inputs(
            tiles=len(study.tiles), groups=len(set(study.groups)) if study.grouped else None,
            labels={str(label): int(mask.sum()) for label, mask in masks if label}, mpp=(), sizes=("64×64",),
            has_source=False, skipped=0, partial=study.partial, digest=study.digest,
        ),
        controls=Controls(tiles=0, seed=0), models=tuple(study.models), warnings=(),
        metrics=tuple(record_of(metric) for metric in metrics),
        rows=tuple(
            _row(study, model, metric, mask, label)
            for label, mask in masks for model in study.models for metric in metrics
        ),
    )  # fmt: skip
    folder.results.write_text(table.to_json(), encoding="utf-8")
    wanted = study.metrics or ",".join(metric.name for metric in metrics)
    folder.config.write_text(f"metrics = {wanted!r}\n", encoding="utf-8")
    with folder.pairs.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["tile", "group", "label", "mpp"])
        writer.writerows(zip(study.tiles, study.groups if study.grouped else [""] * len(labels), labels, strict=False))
    _write_tiles(folder, study, metrics)
    with Journal(folder.journal) as journal:
        journal.claim({"models": study.models})
        entries = [
            Entry(model, metric.rows, tuple(study.tiles), study.rows[model][metric.name])
            for model in study.rows for metric in metrics if metric.name in study.rows[model]
        ]  # fmt: skip
        journal.acknowledge({tile: {} for tile in study.tiles}, {(e.model, e.observation): e for e in entries}.values())
    return folder


def _write_tiles(folder: RunFolder, study: Study, metrics: Sequence[Metric]) -> None:
    signatures = {metric.name: metric.signature for metric in metrics}
    lines = [
        (model, tile, metric, signatures[metric], float(value))
        for model, by_metric in study.values.items()
        for metric, values in by_metric.items()
        for tile, value in zip(study.tiles, values, strict=True)
        if not math.isnan(float(value)) or metric not in study.gaps
    ]
    columns = ["model", "tile", "metric", "signature", "value"]
    pd.DataFrame(lines, columns=columns).to_parquet(folder.tiles, index=False)
