"""The table on a terminal: metrics as rows, models and controls as columns, as many as fit."""

import io
import shutil

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from vstain_bench.base.text import printable
from vstain_bench.present.formats.definition import REPORTS, Report
from vstain_bench.present.numbers import MARK, Cell, Column, columns, footnotes, model_title
from vstain_bench.present.sentences.stain import stain_notes
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import Table


def _cell(cell: Cell) -> Text:
    style = {1: "bold green", 2: "underline"}.get(cell.place, "")
    text = Text(cell.value, style=style)
    if cell.sd:
        text.append(f" ±{cell.sd}", style="dim")
    if cell.marked:
        text.append(MARK, style="bold red")
    if cell.interval:
        text.append(f"\n{cell.interval}", style="dim")
    return text


def _width(column: Column, model: str) -> int:
    cell = column.cells.get(model, Cell(""))
    return max(len(cell.value) + len(cell.sd) + 3, len(cell.interval), len(model_title(model)))


def _fitting(table: Table, shown: list[Column], width: int) -> list[list[str]]:
    """Return the models in groups that fit side by side."""
    first = max((len(column.title) for column in shown), default=0) + 3
    groups: list[list[str]] = [[]]
    used = first
    for model in table.row_models():
        needed = max(_width(column, model) for column in shown) + 3
        if groups[-1] and used + needed > width:
            groups.append([])
            used = first
        groups[-1].append(model)
        used += needed
    return groups


def _draw(console: Console, table: Table, label: str | None) -> None:
    shown = columns(table, label)
    for models in _fitting(table, shown, console.width):
        title = f"label {printable(label)} ({table.inputs.labels.get(label, 0)} tiles)" if label else None
        drawn = RichTable(title=Text(title) if title else None, title_justify="left", show_edge=False)
        drawn.add_column("")
        for model in models:
            control = model not in table.models
            drawn.add_column(Text(printable(model_title(model)), style="italic dim" if control else "bold"))
        for column in shown:
            drawn.add_row(Text(column.title), *(_cell(column.cells.get(model, Cell(""))) for model in models))
        console.print(drawn)
        console.print()


def draw(table: Table, console: Console, *, labels: bool = True) -> None:
    """Print the table, one per label when wanted, and the notes."""
    _draw(console, table, None)
    if labels:
        for label in table.labels():
            _draw(console, table, label)
    for note in (*footnotes(table), *stain_notes(table)):
        console.print(Text(f"• {printable(note)}"), soft_wrap=False)


def render(folder: RunFolder) -> str:
    """Return the table as plain text, as wide as the terminal."""
    text = io.StringIO()
    console = Console(file=text, width=max(40, shutil.get_terminal_size((120, 40)).columns), color_system=None)
    draw(folder.read_table(), console)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


REPORTS.register("terminal")(Report("terminal", "the table on a terminal", "txt", render))
