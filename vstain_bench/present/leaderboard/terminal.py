"""A leaderboard on a terminal: models as rows, as many metrics side by side as fit."""

import io
import shutil
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from vstain_bench.base.text import printable
from vstain_bench.judge.leaderboard.board import Leaderboard, Section
from vstain_bench.judge.leaderboard.published import Published, PublishedTable
from vstain_bench.present.leaderboard.grid import Block, Cell, Grid, make_grid
from vstain_bench.present.leaderboard.words import (
    column_notes,
    headline,
    not_ranked_note,
    section_notes,
    section_title,
    source_notes,
    table_doubts,
    table_facts,
    table_title,
    trust_note,
)
from vstain_bench.present.numbers import ARROWS, MARK

LONGEST_NAME = 34
_STYLES = {"measured": "bold", "control": "italic dim", "ceiling": "italic dim", "published": "italic"}


def draw(leaderboard: Leaderboard, console: Console) -> None:
    """Print the sections, then the published tables."""
    for board in leaderboard.boards:
        for section in board.sections:
            console.print(Text(printable(section_title(board, section)), style="bold"))
            console.print(Text(printable(headline(section))))
            console.print()
            grid = make_grid(leaderboard, board, section)
            _draw_grid(grid, console)
            _draw_notes(_notes(leaderboard, section, grid), console)
            console.print()
    if leaderboard.published:
        console.print(Text(not_ranked_note(leaderboard), style="bold"))
        console.print()
    for published in leaderboard.published:
        for table in published.table:
            _draw_published(published, table, console)
            console.print()
        _draw_notes([*column_notes(published), *source_notes(published)], console)
        console.print()


def _notes(leaderboard: Leaderboard, section: Section, grid: Grid) -> list[str]:
    return [*section_notes(section, grid), *([trust_note(leaderboard.trust)] if leaderboard.trust else [])]


def _draw_notes(notes: Iterable[str], console: Console) -> None:
    for note in notes:
        console.print(Text(f"• {printable(note)}"))


def _draw_grid(grid: Grid, console: Console) -> None:
    titles = [line.title for block in grid.blocks for line in block.lines] + [line.title for line in grid.trust]
    room = console.width - min(LONGEST_NAME, max(map(len, titles), default=0)) - 3
    for start, stop in _fitting([_width(grid, column) for column in range(len(grid.heads))], room):
        drawn = RichTable(show_edge=False, padding=(0, 1), pad_edge=False)
        drawn.add_column("", max_width=LONGEST_NAME, overflow="fold")
        for head in grid.heads[start:stop]:
            drawn.add_column(Text(_head(head.metric, head.better, head.unit)), justify="right", no_wrap=True)
        for line in grid.trust:
            texts = (Text(cell.text, style="cyan") for cell in line.cells[start:stop])
            drawn.add_row(Text(line.title, style="cyan"), *texts)
        for number, block in enumerate(grid.blocks):
            if number or grid.trust:
                drawn.add_section()
            _draw_block(drawn, block, start, stop)
        console.print(drawn)
        console.print()


def _draw_block(drawn: RichTable, block: Block, start: int, stop: int) -> None:
    if block.title:
        drawn.add_row(Text(printable(block.title), style="dim"))
    for line in block.lines:
        drawn.add_row(Text(printable(line.title), style=_STYLES[block.kind]), *map(_cell, line.cells[start:stop]))


def _head(metric: str, better: str, unit: str) -> str:
    return f"{printable(metric)} {ARROWS[better]}" + (f"\n{printable(unit)}" if unit else "")


def _cell(cell: Cell) -> Text:
    text = Text(cell.text, style="bold green" if cell.first else "")
    if cell.spread:
        text.append(f" ±{cell.spread}", style="dim")
    if cell.marked:
        text.append(MARK, style="bold red")
    if cell.place:
        text.append(f"\n{cell.standing}", style="dim")
    return text


def _width(grid: Grid, column: int) -> int:
    head = grid.heads[column]
    cells = [line.cells[column] for block in grid.blocks for line in block.lines]
    needed = [
        max(len(cell.text) + (len(cell.spread) + 2 if cell.spread else 0) + 1, len(cell.standing)) for cell in cells
    ]
    return max([*needed, len(head.metric) + 2, len(head.unit)]) + 3


def _fitting(widths: list[int], room: int) -> list[tuple[int, int]]:
    """Return the columns in runs that fit side by side, one at least."""
    runs, start, used = [], 0, 0
    for column, width in enumerate(widths):
        if column > start and used + width > room:
            runs.append((start, column))
            start, used = column, 0
        used += width
    return [*runs, (start, len(widths))] if widths else []


def _draw_published(published: Published, table: PublishedTable, console: Console) -> None:
    console.print(Text(table_title(table), style="bold"))
    console.print(Text(table_facts(published, table), style="dim"))
    drawn = RichTable(show_edge=False, padding=(0, 1), pad_edge=False)
    drawn.add_column(Text(table.first_column))
    arrows = {"higher": " ↑", "lower": " ↓", "none": ""}
    for column in published.columns_of(table):
        drawn.add_column(Text(f"{column.title}{arrows[column.better]}"), justify="right")
    for row in table.row:
        drawn.add_row(*(Text(printable(cell)) for cell in (row.model, *row.cells)))
    console.print(drawn)
    _draw_notes(table_doubts(published, table), console)


def render(leaderboard: Leaderboard) -> str:
    """Return the leaderboard as plain text, as wide as the terminal."""
    text = io.StringIO()
    console = Console(file=text, width=max(40, shutil.get_terminal_size((120, 40)).columns), color_system=None)
    draw(leaderboard, console)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"
