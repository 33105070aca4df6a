"""Rows of tiles become the table: scores, intervals, strata and what the controls say of them."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from vstain_bench.arrays import LeftOut
from vstain_bench.base.randomness import seed_of
from vstain_bench.errors import Undefined
from vstain_bench.measure.controls import CONTROLS, PARTNER, PREFIX
from vstain_bench.measure.journal import Journal
from vstain_bench.measure.marks import Marks, Pair, bars, marks_of
from vstain_bench.measure.protocol import Protocol as Asked
from vstain_bench.measure.selection import Gap, Selection
from vstain_bench.metrics import record_of
from vstain_bench.results.table import ControlRecord, Controls, Inputs, Protocol, Quantity, Row, Table
from vstain_bench.stats.intervals import Interval, bootstrap_mean, clustering, jackknife
from vstain_bench.types import Metric, OfSet, RowArray, Tile

FEW_GROUPS = 10
FEW_TILES_FOR_SETS = 2048


@dataclass(frozen=True)
class Context:
    """What every row of a table shares."""

    tiles: Mapping[str, Tile]
    grouped: bool
    seed: int

    def groups_of(self, ids: Sequence[str]) -> np.ndarray:
        """Return the unit of resampling of each tile: its group, or the tile itself where groups are unknown."""
        return np.array([(self.tiles[tile].group if self.grouped else tile) or tile for tile in ids])

    def labels_of(self, ids: Sequence[str]) -> np.ndarray:
        """Return the label of each tile, empty where it has none."""
        return np.array([self.tiles[tile].label or "" for tile in ids])


@dataclass(frozen=True)
class Rows:
    """The rows of one model under one metric."""

    model: str
    ids: tuple[str, ...]
    data: RowArray
    gap: str = ""

    def at(self, ids: frozenset[str]) -> "Rows":
        """Return the rows of some tiles."""
        mask = np.array([tile in ids for tile in self.ids], dtype=bool)
        return replace(self, ids=tuple(tile for tile in self.ids if tile in ids), data=self.data[mask])


def score_rows(metric: Metric, rows: Rows) -> float | str:
    """Return the score, or the reason why there is none: one tile without a value leaves the score undefined."""
    if not rows.ids and rows.gap:
        return rows.gap
    if len(rows.ids) < metric.minimum_tiles:
        return f"{len(rows.ids)} tiles, {metric.name} needs at least {metric.minimum_tiles}"
    missing = np.isnan(rows.data).any(axis=1)
    if missing.any():
        first = next(tile for tile, lacks in zip(rows.ids, missing, strict=True) if lacks)
        return rows.gap or f"{int(missing.sum())} of {len(rows.ids)} tiles have no value (first: '{first}')"
    try:
        value = float(metric.score(rows.data))
    except Undefined as reason:
        return str(reason)
    return value if np.isfinite(value) else f"the score is {value}, not a finite number"


def _leave_out(metric: Metric, rows: RowArray, blocks: np.ndarray) -> LeftOut:
    if isinstance(metric.kind, OfSet) and metric.kind.leave_out is not None:
        return metric.kind.leave_out(rows, blocks)
    return np.array([metric.score(rows[blocks != block]) for block in range(int(blocks.max()) + 1)])


def _interval(metric: Metric, rows: Rows, estimate: float, groups: np.ndarray, seed: int) -> Interval | str:
    """Return the 95 % interval, or the reason why there is none."""
    try:
        if metric.values is not None:
            values = metric.values(rows.data)
            finite = np.isfinite(values)
            made = bootstrap_mean(values[finite], groups[finite], seed)
        else:
            made = jackknife(estimate, rows.data, groups, lambda data, blocks: _leave_out(metric, data, blocks))
    except Undefined as reason:
        return f"none: {reason} when a group is left out"
    return made or "none: fewer than two groups"


def _standard_error(metric: Metric, rows: Rows) -> float | None:
    if not isinstance(metric.kind, OfSet) or metric.kind.standard_error is None:
        return None
    try:
        return metric.kind.standard_error(rows.data)
    except Undefined:
        return None


def _row(metric: Metric, rows: Rows, label: str | None, context: Context, controls: Mapping[str, Rows]) -> Row:
    shared = {
        "model": rows.model,
        "metric": metric.name,
        "label": label,
    }
    groups = context.groups_of(rows.ids)
    number = len(set(groups.tolist())) if context.grouped else None
    values = metric.values(rows.data) if metric.values is not None else None
    infinite = int(np.isinf(values).sum()) if values is not None else 0
    tiles = len(rows.ids) - infinite
    estimate = score_rows(metric, rows)
    if isinstance(estimate, str):
        return Row.model_validate(
            {
                **shared,
                "tiles": tiles,
                "groups": number,
                "infinite": infinite,
                "status": "undefined",
                "reason": estimate,
            }
        )
    seed = seed_of("interval", context.seed, metric.signature, rows.model, label or "")
    interval = _interval(metric, rows, estimate, groups, seed)
    made = interval if isinstance(interval, Interval) else None
    finite = np.isfinite(values) if values is not None else None
    spread = float(np.std(values[finite], ddof=1)) if values is not None and finite is not None and tiles > 1 else None
    alike = None
    if values is not None and finite is not None and context.grouped:
        alike = clustering(values[finite], groups[finite])
    return Row.model_validate(
        {
            **shared,
            "value": estimate,
            "sd": spread,
            "standard_error": _standard_error(metric, rows),
            "low": max(made.low, metric.value_range[0]) if made else None,
            "high": min(made.high, metric.value_range[1]) if made else None,
            "interval": made.method if made else str(interval),
            "tiles": tiles,
            "groups": number,
            "infinite": infinite,
            "icc": alike.icc if alike else None,
            "effective_tiles": alike.effective_tiles if alike else None,
            **asdict(_marks(metric, rows, controls, context)),
        }
    )


def _marks(metric: Metric, rows: Rows, controls: Mapping[str, Rows], context: Context) -> Marks:
    """Return what the attainable controls say of a model on the very tiles that they were scored on."""
    if rows.model.startswith(PREFIX):
        return Marks()
    pairs = {}
    for name in sorted(bars(metric) & set(controls)):
        both = frozenset(rows.ids) & frozenset(controls[name].ids)
        mine, theirs = rows.at(both), controls[name].at(both)
        if both and not (np.isnan(mine.data).any() or np.isnan(theirs.data).any()):
            pairs[name] = Pair(mine.data, theirs.data, context.groups_of(mine.ids))
    return marks_of(metric, pairs, context.seed)


def _shuffles() -> list[str]:
    """Return the controls that only exchange real tiles, which a distance between sets cannot see."""
    return [CONTROLS[name].model for name in CONTROLS if CONTROLS[name].needs == PARTNER]


def _quantities(metric: Metric, models: Sequence[str], journal: Journal, context: Context) -> Iterator[Quantity]:
    """Yield what a metric says of the sides themselves: of the real one once, as all models share its tiles."""
    if metric.describe is None:
        return
    told: set[tuple[str, str | None, str]] = set()
    for model in models:
        rows = Rows(model, *journal.rows(model, metric.rows))
        labels = context.labels_of(rows.ids)
        for label in (None, *sorted(set(labels.tolist()) - {""})):
            part = rows.data if label is None else rows.data[labels == label]
            if not len(part) or np.isnan(part).any():
                continue
            try:
                sides = metric.describe(part)
            except Undefined:
                continue
            for side, quantities in sides.items():
                owner = model if side == "generated" else side
                for name, value in quantities.items():
                    if (owner, label, name) not in told:
                        told.add((owner, label, name))
                        yield Quantity(owner=owner, metric=metric.name, label=label, name=name, value=float(value))


def _metric_rows(metric: Metric, models: Sequence[str], journal: Journal, context: Context) -> Iterator[Row]:
    by_model = {
        model: Rows(model, *journal.rows(model, metric.rows), journal.gap(model, metric.rows)) for model in models
    }
    controls = {name: rows for name, rows in by_model.items() if name.startswith(PREFIX)}
    if not metric.paired:
        for name in _shuffles():
            if name in by_model:
                by_model[name] = Rows(name, (), np.empty((0, 1)), "real tiles in another order are the same set")
                controls.pop(name, None)
    for rows in by_model.values():
        yield _row(metric, rows, None, context, controls)
        labels = context.labels_of(rows.ids)
        for label in sorted(set(labels.tolist()) - {""}):
            members = frozenset(tile for tile, tag in zip(rows.ids, labels, strict=True) if tag == label)
            yield _row(metric, rows.at(members), label, context, {})


def _digest(journal: Journal) -> str:
    sums = hashlib.sha256()
    for tile, owners in journal.done().items():
        for owner in ("real", "source"):
            if owner in owners:
                sums.update(f"{tile}\0{owner}\0{owners[owner]['sha256']}\n".encode())
    return sums.hexdigest()


def _warnings(tiles: Sequence[Tile], groups: int | None, metrics: Sequence[Metric]) -> list[str]:
    warnings = []
    if groups is None:
        warnings.append(
            "No patient or slide is known: tiles were taken as independent, so intervals are too narrow wherever "
            "several tiles come from one patient. Pass --groups."
        )
    elif groups < FEW_GROUPS:
        warnings.append(f"{groups} groups: intervals over fewer than {FEW_GROUPS} patients are unreliable.")
    sets = [metric.name for metric in metrics if not metric.paired]
    if sets and len(tiles) < FEW_TILES_FOR_SETS:
        warnings.append(
            f"From {len(tiles)} tiles: {', '.join(sets)}. A distance between sets depends on the number of tiles, so "
            "compare it only at an equal number."
        )
    return warnings


def _about(controls: Sequence[str]) -> dict[str, ControlRecord]:
    known = {CONTROLS[name].model: CONTROLS[name] for name in CONTROLS}
    return {name: ControlRecord(role=known[name].role, summary=known[name].summary) for name in controls}


def _gap_row(metric: Metric, model: str, gap: Gap) -> Row:
    """Return the row of a metric that could not be computed."""
    return Row.model_validate(
        {
            "model": model, "metric": metric.name, "tiles": 0, "groups": None, "status": gap.status,
            "reason": gap.reason,
        }
    )  # fmt: skip


def tabulate(
    journal: Journal,
    *,
    protocol: Asked,
    selection: Selection,
    tiles: Sequence[Tile],
    sizes: Mapping[str, tuple[int, int]],
    models: tuple[str, ...],
    controls: tuple[str, ...],
    controlled: frozenset[str],
    seed: int,
    partial: bool,
    refused: int,
    warnings: Sequence[str],
) -> Table:
    """Return the table of a finished pass; equal rows give equal tables."""
    skipped = journal.skipped()
    scored = [tile for tile in tiles if tile.id not in skipped]
    grouped = all(tile.group is not None for tile in scored)
    groups = len({tile.group for tile in scored}) if grouped else None
    context = Context({tile.id: tile for tile in scored}, grouped, seed)
    rows: list[Row] = []
    for metric in selection.metrics:
        gap = selection.gaps.get(metric.name)
        if gap is None:
            rows += _metric_rows(metric, (*models, *controls), journal, context)
        else:
            rows += [_gap_row(metric, model, gap) for model in models]
    order = {model: place for place, model in enumerate((*models, *controls))}
    ranks = {metric.name: place for place, metric in enumerate(selection.metrics)}
    rows.sort(key=lambda row: (row.label is not None, row.label or "", order[row.model], ranks[row.metric]))
    every = [*warnings, *_warnings(scored, groups, selection.computable)]
    if skipped or refused:
        every.insert(0, f"{len(skipped) + refused} tiles were left out of every model (--on-error skip): skipped.csv")
    if partial:
        every.insert(0, "Only the first tiles were scored (--limit): these are no results.")
    return Table(
        protocol=Protocol(name=protocol.name, primary=protocol.primary),
        inputs=Inputs(
            tiles=len(scored),
            groups=groups,
            labels=dict(sorted(Counter(tile.label for tile in scored if tile.label).items())),
            mpp=tuple(sorted({tile.mpp for tile in scored if tile.mpp is not None})),
            sizes=tuple(sorted({f"{width}×{height}" for width, height in (sizes[tile.id] for tile in scored)})),
            has_source=bool(scored) and scored[0].source is not None,
            skipped=len(skipped) + refused,
            partial=partial,
            digest=_digest(journal),
        ),
        controls=Controls(tiles=len(controlled - set(skipped)), seed=seed, about=_about(controls)),
        models=models,
        warnings=tuple(every),
        metrics=tuple(record_of(metric) for metric in selection.metrics),
        rows=tuple(rows),
        quantities=tuple(each for m in selection.computable for each in _quantities(m, models, journal, context)),
    )
