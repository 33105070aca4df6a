"""On a terminal: tables with as many columns side by side as fit, then what to know, as a list."""

import io
import shutil
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from vstain_bench.base.text import printable
from vstain_bench.present.formats.definition import Format, register
from vstain_bench.present.sheet import Cell, Document, Head, Kind, Line, Section, Sheet, Tone

LONGEST_NAME = 36
"""Letters of a row's name; longer ones are folded."""
_TONES: dict[Tone, str] = {
    "plain": "", "best": "bold green", "second": "underline", "better": "bold green", "worse": "bold red",
    "faint": "dim",
}  # fmt: skip
_KINDS: dict[Kind, str] = {
    "measured": "bold", "control": "italic dim", "reference": "italic cyan", "published": "italic",
}  # fmt: skip


def draw(document: Document, console: Console) -> None:
    """Print a document."""
    if document.title:
        console.print(_text(document.title, "bold"))
    tone = {None: "bold", True: "bold green", False: "bold red"}[document.passed]
    for sentence in document.headline:
        console.print(_text(sentence, tone))
    if document.title or document.headline:
        console.print()
    for section in document.sections:
        _draw_section(section, console)
    _draw_list(document.notes, console)


def _draw_section(section: Section, console: Console) -> None:
    if section.title:
        console.print(_text(section.title, "bold"))
    for sentence in section.lead:
        console.print(_text(sentence))
    if section.sheet is not None:
        if section.title or section.lead:
            console.print()
        draw_sheet(section.sheet, console)
    _draw_list((*(section.sheet.notes + section.sheet.gaps if section.sheet else ()), *section.notes), console)
    if section.code:
        console.print(_text(section.code, "dim"))
    if section.notes or section.code or (section.sheet is not None and (section.sheet.notes or section.sheet.gaps)):
        console.print()


def _draw_list(notes: Iterable[str], console: Console) -> None:
    for note in notes:
        console.print(_text(f"• {note}"))


def draw_sheet(sheet: Sheet, console: Console) -> None:
    """Print a table, in parts where its columns do not fit side by side."""
    names = [sheet.corner, *(name for line in sheet.lines for name in (line.head.full, line.head.group))]
    longest = max(map(len, names), default=0)
    room = console.width - min(LONGEST_NAME, longest) - 3
    widths = [_width(sheet, column) for column in range(len(sheet.columns))]
    for columns in _fitting(widths, room):
        console.print(_table(sheet.picked(columns)))
        console.print()


def _table(sheet: Sheet) -> RichTable:
    title = _text(sheet.title) if sheet.title else None
    drawn = RichTable(title=title, title_justify="left", show_edge=False, padding=(0, 1), pad_edge=False)
    drawn.add_column(_text(sheet.corner), max_width=LONGEST_NAME, overflow="fold")
    for head in sheet.columns:
        title = Text("\n".join(_title(head)), _KINDS[head.kind])
        drawn.add_column(title, justify="left" if head.text else "right", no_wrap=not head.text)
    for number, (group, lines) in enumerate(sheet.groups()):
        if number:
            drawn.add_section()
        _add_group(drawn, group, lines)
    return drawn


def _add_group(drawn: RichTable, title: str, lines: Sequence[Line]) -> None:
    if title:
        drawn.add_row(_text(title, "dim"))
    previous = ""
    for line in lines:
        name = line.head.full
        drawn.add_row(_text("" if name == previous else name, _KINDS[line.head.kind]), *map(_cell, line.cells))
        previous = name


def _title(head: Head) -> list[str]:
    """Return the lines of a column's name."""
    return [printable(line) for line in (f"{head.title} {head.arrow}".rstrip(), head.unit) if line]


def _cell(cell: Cell) -> Text:
    text = _text(cell.text, _TONES[cell.tone])
    if cell.spread:
        text.append(f" ±{cell.spread}", style="dim")
    if cell.marks:
        text.append(cell.marks, style="bold red")
    for below in (cell.interval, cell.standing):
        if below:
            text.append(f"\n{printable(below)}", style="dim")
    return text


def _width(sheet: Sheet, column: int) -> int:
    """Return the columns of the terminal that a column takes; words may be folded to a fourth of them."""
    head = sheet.columns[column]
    cells = [line.cells[column] for line in sheet.lines]
    lengths = [max(len(cell.with_spread), len(cell.interval), len(cell.standing)) for cell in cells]
    longest = max([*lengths, 0])
    title = max(map(len, _title(head)), default=0)
    return max(min(longest, 30) if head.text else longest, title) + 3


def _fitting(widths: Sequence[int], room: int) -> list[range]:
    """Return the columns in runs that fit side by side, one at least."""
    runs, start, used = [], 0, 0
    for column, width in enumerate(widths):
        if column > start and used + width > room:
            runs.append(range(start, column))
            start, used = column, 0
        used += width
    return [*runs, range(start, len(widths))]


def _text(text: str, style: str = "") -> Text:
    return Text(printable(text), style=style)


def render(document: Document) -> str:
    """Return a document as plain text, as wide as the terminal."""
    text = io.StringIO()
    console = Console(file=text, width=max(40, shutil.get_terminal_size((120, 40)).columns), color_system=None)
    draw(document, console)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()).rstrip() + "\n"


register(Format("terminal", "for people, on a terminal", "txt", render))
