"""A finished run: its table over all tiles, one for each label, and what a reader must know beside them."""

from collections.abc import Iterator

from vstain_bench.present.numbers import counted
from vstain_bench.present.pages.run import render_run
from vstain_bench.present.sentences.run import footnotes
from vstain_bench.present.sentences.stain import stain_notes
from vstain_bench.present.sheet import Document, Record, Section
from vstain_bench.present.sheets import scores
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import Row, Table


def document(folder: RunFolder) -> Document:
    """Return what is shown of a finished run."""
    table = folder.read_table()
    return Document(
        content=table,
        sections=tuple(_sections(table)),
        notes=(*footnotes(table), *stain_notes(table)),
        records=lambda: _records(table),
        page=lambda: render_run(folder),
    )


def overview(table: Table) -> Document:
    """Return the table over all tiles and its notes: what a command prints when it is done."""
    return Document(
        content=table, sections=(Section(sheet=scores(table)),), notes=(*footnotes(table), *stain_notes(table))
    )


def _sections(table: Table) -> Iterator[Section]:
    yield Section(sheet=scores(table))
    for label in table.labels():
        tiles = counted(table.inputs.labels.get(label, 0), "tile")
        yield Section(f"Label {label} ({tiles})", sheet=scores(table, label), level=3)


def _joined(row: Row) -> dict[str, object]:
    return {name: ";".join(getattr(row, name)) for name in ("unbeaten", "outdone", "untold")}


def _records(table: Table) -> Iterator[Record]:
    for row in table.rows:
        record = table.metric(row)
        known = {"signature": record.signature, "unit": record.unit, "better": record.better}
        yield row.model_dump(mode="json") | _joined(row) | known
