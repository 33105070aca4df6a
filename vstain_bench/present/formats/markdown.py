"""Markdown as GitHub shows it: a table for a pull request's comment or a README."""

from collections.abc import Iterable, Iterator

from vstain_bench.base.text import printable
from vstain_bench.present.formats.definition import Format, register
from vstain_bench.present.sheet import Cell, Document, Head, Line, Section, Sheet

MOST_CHARACTERS = 60_000
"""Of a comment; GitHub takes up to 65,536."""
_SPECIAL = str.maketrans({letter: f"\\{letter}" for letter in "\\|`*_{}[]<>#@~"})


def escape(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return printable(" ".join(text.split())).translate(_SPECIAL)


def render(document: Document) -> str:
    """Return headline, tables and notes; the text of a comment is cut where it would be too long."""
    text = "\n\n".join(part for part in _parts(document) if part) + "\n"
    return _cut(text) if document.anchor else text


def marker(anchor: str) -> str:
    """Return the line by which a comment is found again."""
    return f"<!-- {anchor} -->"


def _cut(text: str) -> str:
    lines, size = text.splitlines(), 0
    for number, line in enumerate(lines):
        size += len(line) + 1
        if size > MOST_CHARACTERS:
            return "\n".join([*lines[:number], "", f"{len(lines) - number} more lines are left out."]) + "\n"
    return text


def _parts(document: Document) -> list[str]:
    sign = {None: "", True: "✓ ", False: "✗ "}[document.passed]
    parts = [marker(document.anchor)] if document.anchor else []
    parts += [f"{'###' if document.anchor else '#'} {sign}{escape(document.title)}"] if document.title else []
    parts.append("  \n".join(f"**{escape(sentence)}**" for sentence in document.headline))
    for section in document.sections:
        parts += _section(section)
    parts.append(_bullets(document.notes))
    return parts


def _section(section: Section) -> Iterator[str]:
    if section.title:
        yield f"{'#' * section.level} {escape(section.title)}"
    yield "  \n".join(f"**{escape(sentence)}**" for sentence in section.lead)
    if section.sheet is not None:
        yield table(section.sheet)
        yield _bullets((*section.sheet.notes, *section.sheet.gaps))
    yield _bullets(section.notes)
    if section.code:
        yield f"`{printable(section.code).replace('`', ' ')}`"


def _bullets(notes: Iterable[str]) -> str:
    return "\n".join(f"- {escape(note)}" for note in notes)


def table(sheet: Sheet) -> str:
    """Return one table; the first column holds the rows' names."""
    sheet = sheet.narrow()
    heads = [escape(sheet.corner), *map(_name, sheet.columns)]
    rules = ["---", *("---" if head.text else "---:" for head in sheet.columns)]
    title = [f"**{escape(sheet.title)}**\n"] if sheet.title else []
    rows = (row for group, lines in sheet.groups() for row in _group(group, lines, len(sheet.columns)))
    return "\n".join([*title, *("| " + " | ".join(cells) + " |" for cells in (heads, rules, *rows))])


def _group(title: str, lines: Iterable[Line], columns: int) -> Iterator[list[str]]:
    if title:
        yield [f"**{escape(title)}**", *([""] * columns)]
    yield from ([_name(line.head), *map(_cell, line.cells)] for line in lines)


def _name(head: Head) -> str:
    name = escape(head.full)
    return name if head.kind == "measured" else f"*{name}*"


def _cell(cell: Cell) -> str:
    value = escape(cell.text) + (f" ± {escape(cell.spread)}" if cell.spread else "")
    if cell.tone in ("best", "better", "worse"):
        value = f"**{value}**"
    elif cell.tone == "second":
        value = f"<ins>{value}</ins>"
    return " ".join(filter(None, (value, cell.marks, escape(cell.interval), escape(cell.standing))))


register(Format("md", "Markdown, for a pull request or a README", "md", render))
