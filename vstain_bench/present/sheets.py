"""The tables of a run as sheets: its scores, and each metric by label."""

from vstain_bench.present.numbers import ARROWS, cell_of, counted, decimals_of, model_title, places
from vstain_bench.present.sheet import Cell, Head, Line, Sheet
from vstain_bench.results.table import MetricRecord, Row, Table


def scores(table: Table, label: str | None = None) -> Sheet:
    """Return the scores over all tiles, or over those of one label: a row per metric, a column per model.

    A metric without any value has no row: the notes say why.
    """
    models = shown_models(table)
    lines = []
    for record in table.metrics:
        cells = _cells(table, record, label)
        if any(cell.number is not None for cell in cells.values()):
            lines.append(Line(metric_head(record), tuple(cells[model] for model in models)))
    return Sheet(columns=tuple(_model_head(table, model) for model in models), lines=tuple(lines), turns=True)


def shown_models(table: Table) -> list[str]:
    """Return models, then controls that anyone could have, then those made from the answer."""
    return sorted(table.row_models(), key=lambda model: (model not in table.models, table.controls.is_oracle(model)))


def metric_head(record: MetricRecord) -> Head:
    """Return what a metric is called."""
    return Head(record.name, ARROWS[record.better], record.unit, note=record.signature, key=record.name)


def _model_head(table: Table, model: str) -> Head:
    if model in table.models:
        return Head(model, key=model)
    known = table.controls.about.get(model)
    oracle = table.controls.is_oracle(model)
    group = f"{'Made from the real tile itself' if oracle else 'Controls'}, on {counted(table.controls.tiles, 'tile')}"
    note = known.summary if known else ""
    return Head(model_title(model), key=model, kind="reference" if oracle else "control", group=group, note=note)


def by_label(table: Table) -> list[Sheet]:
    """Return one sheet per metric that has a value under some label: a row per model, a column per label."""
    labels, models, sheets = table.labels(), shown_models(table), []
    columns = tuple(Head(label, unit=f"n = {table.inputs.labels.get(label, 0)}", key=label) for label in labels)
    for record in table.metrics:
        cells = {label: _cells(table, record, label) for label in labels}
        if any(cell.number is not None for each in cells.values() for cell in each.values()):
            lines = (
                Line(_model_head(table, model), tuple(cells[label][model] for label in labels)) for model in models
            )
            sheets.append(Sheet(columns, tuple(lines), title=metric_head(record).full))
    return sheets


def clustering(table: Table) -> Sheet | None:
    """Return, per model and metric, how alike tiles of one patient are, and what they are worth; None if unknown."""
    heads = [metric_head(record) for record in table.metrics]
    found = {(row.model, row.metric): row for row in table.rows if row.icc is not None and row.label is None}
    known = [head for head in heads if any((model, head.key) in found for model in table.models)]
    if not known:
        return None
    lines = (
        Line(_model_head(table, model), tuple(_clustered(found.get((model, head.key))) for head in known))
        for model in table.models
    )
    return Sheet(tuple(known), tuple(lines))


def _clustered(row: Row | None) -> Cell:
    if row is None or row.icc is None:
        return Cell()
    worth = f"{row.effective_tiles:.1f} of {row.tiles}" if row.effective_tiles is not None else ""
    return Cell(f"{row.icc:.2f}", interval=worth, number=row.icc)


def _cells(table: Table, record: MetricRecord, label: str | None) -> dict[str, Cell]:
    """Return the cells of one metric by model."""
    rows = [row for row in table.rows if (row.metric, row.label) == (record.name, label)]
    digits, place = decimals_of(rows, record.better), places(rows, record.better)
    found = {row.model: row for row in rows}
    return {model: cell_of(found.get(model), digits, place.get(model, 0)) for model in shown_models(table)}
