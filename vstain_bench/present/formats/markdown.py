"""Markdown as GitHub shows it: best bold, second underlined, arrows for direction."""

from vstain_bench.base.text import printable
from vstain_bench.present.formats.definition import REPORTS, Report
from vstain_bench.present.numbers import MARK, Cell, columns, footnotes, model_title
from vstain_bench.present.sentences.stain import stain_notes
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import Table

_SPECIAL = str.maketrans({letter: f"\\{letter}" for letter in "\\|`*_{}[]<>#@~"})


def escape(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return printable(" ".join(text.split())).translate(_SPECIAL)


def _text(cell: Cell) -> str:
    value = f"{cell.value} ± {cell.sd}" if cell.sd else cell.value
    if cell.place == 1:
        value = f"**{value}**"
    elif cell.place == 2:
        value = f"<ins>{value}</ins>"
    return value + (f" {MARK}" if cell.marked else "")


def table_lines(table: Table, label: str | None = None) -> list[str]:
    """Return the lines of one Markdown table: a row per model, a column per metric."""
    shown = columns(table, label)
    head = " | ".join(["model", *(escape(column.title) for column in shown)])
    lines = [f"| {head} |", "|" + " --- |" * (len(shown) + 1)]
    for model in table.row_models():
        cells = [column.cells.get(model, Cell("")) for column in shown]
        if not any(cell.value for cell in cells):
            continue
        name = escape(model_title(model))
        name = f"*{name}*" if model not in table.models else name
        lines.append("| " + " | ".join([name, *(_text(cell) for cell in cells)]) + " |")
    return lines


def render(folder: RunFolder) -> str:
    """Return the table, its notes, and one table per label."""
    table = folder.read_table()
    parts = [
        "\n".join(table_lines(table)),
        "\n".join(f"- {escape(note)}" for note in (*footnotes(table), *stain_notes(table))),
    ]
    for label in table.labels():
        parts.append(f"**Label {escape(label)}** ({table.inputs.labels.get(label, 0)} tiles)")
        parts.append("\n".join(table_lines(table, label)))
    return "\n\n".join(parts) + "\n"


REPORTS.register("md")(Report("md", "Markdown table for a pull request or README", "md", render))
