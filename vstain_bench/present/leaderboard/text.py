"""A leaderboard as text: Markdown and LaTeX."""

from collections.abc import Iterable, Iterator

from vstain_bench.judge.leaderboard.board import Leaderboard
from vstain_bench.judge.leaderboard.published import Published, PublishedTable
from vstain_bench.present.formats import latex, markdown
from vstain_bench.present.leaderboard.grid import Block, Cell, Grid, Line, head_title, make_grid
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
from vstain_bench.present.numbers import MARK

_ITALIC = ("control", "ceiling", "published")


def render_markdown(leaderboard: Leaderboard) -> str:
    """Return one table per section and label, then the published tables as printed."""
    parts = [f"# {markdown.escape(leaderboard.title)}"]
    for board in leaderboard.boards:
        for section in board.sections:
            grid = make_grid(leaderboard, board, section)
            parts.append(f"## {markdown.escape(section_title(board, section))}")
            parts.append(f"**{markdown.escape(headline(section))}**")
            parts.append(_markdown_grid(grid))
            notes = [*section_notes(section, grid), *([trust_note(leaderboard.trust)] if leaderboard.trust else [])]
            parts.append(_bullets(notes))
            for label, tiles in section.inputs.labels.items():
                parts.append(f"**Label {markdown.escape(label)}** ({tiles} tiles)")
                parts.append(_markdown_grid(make_grid(leaderboard, board, section, label)))
    if leaderboard.published:
        parts += ["## Published", markdown.escape(not_ranked_note(leaderboard))]
    for published in leaderboard.published:
        parts.append(f"### {markdown.escape(published.title)}: {markdown.escape(published.summary)}")
        parts += [part for table in published.table for part in _markdown_published(published, table)]
        parts.append(_bullets([*column_notes(published), *source_notes(published)]))
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown_lines(lines: Iterable[list[str]]) -> str:
    text = ["| " + " | ".join(cells) + " |" for cells in lines]
    columns = text[0].count(" | ") + 1
    return "\n".join([text[0], "|" + " --- |" * columns, *text[1:]])


def _markdown_grid(grid: Grid) -> str:
    lines = [["model", *(markdown.escape(head_title(head)) for head in grid.heads)]]
    lines += [[f"*{markdown.escape(line.title)}*", *(cell.text for cell in line.cells)] for line in grid.trust]
    for block in grid.blocks:
        if block.title:
            lines.append([f"**{markdown.escape(block.title)}**", *("" for _ in grid.heads)])
        lines += [_markdown_row(block, line) for line in block.lines]
    return _markdown_lines(lines)


def _markdown_row(block: Block, line: Line) -> list[str]:
    name = markdown.escape(line.title)
    return [f"*{name}*" if block.kind in _ITALIC else name, *map(_markdown_cell, line.cells)]


def _markdown_cell(cell: Cell) -> str:
    value = f"{cell.text} ± {cell.spread}" if cell.spread else cell.text
    value = f"**{value}**" if cell.first else value
    return " ".join(filter(None, (value + (f" {MARK}" if cell.marked else ""), cell.standing)))


def _markdown_published(published: Published, table: PublishedTable) -> Iterator[str]:
    yield f"#### {markdown.escape(table_title(table))}"
    yield markdown.escape(table_facts(published, table))
    heads = [table.first_column, *(_printed_head(published, table))]
    rows = [[row.model, *row.cells] for row in table.row]
    yield _markdown_lines([[markdown.escape(cell) for cell in cells] for cells in [heads, *rows]])
    yield _bullets(table_doubts(published, table))


def _bullets(notes: Iterable[str]) -> str:
    return "\n".join(f"- {markdown.escape(note)}" for note in notes)


def _printed_head(published: Published, table: PublishedTable) -> list[str]:
    arrows = {"higher": " ↑", "lower": " ↓", "none": ""}
    return [f"{column.title}{arrows[column.better]}" for column in published.columns_of(table)]


def render_latex(leaderboard: Leaderboard) -> str:
    """Return one table environment per section, then the published ones; they need the package booktabs."""
    parts = [r"% needs \usepackage{booktabs}"]
    for board in leaderboard.boards:
        for section in board.sections:
            grid = make_grid(leaderboard, board, section)
            notes = [section_title(board, section) + ".", *section_notes(section, grid)]
            notes += [trust_note(leaderboard.trust)] if leaderboard.trust else []
            parts.append(_latex_table(_latex_grid(grid), "l" + "c" * len(grid.heads), " ".join(notes)))
    for published in leaderboard.published:
        for table in published.table:
            notes = [table_title(table), f"{table_facts(published, table)}.", *table_doubts(published, table)]
            columns = "l" + "c" * len(table.columns)
            parts.append(_latex_table(_latex_published(published, table), columns, " ".join(notes)))
        items = (rf"\item {latex.escape(note)}" for note in (*column_notes(published), *source_notes(published)))
        parts += [r"\begin{itemize}", *items, r"\end{itemize}"]
    return "\n".join(parts) + "\n"


def _latex_table(lines: Iterable[str], columns: str, caption: str) -> str:
    return "\n".join([
        r"\begin{table}", r"\centering", rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *lines, r"\bottomrule",
        r"\end{tabular}", rf"\caption{{{latex.escape(caption)}}}", r"\end{table}",
    ])  # fmt: skip


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _latex_grid(grid: Grid) -> Iterator[str]:
    yield _latex_row(["", *(latex.escape(head_title(head)) for head in grid.heads)])
    for line in grid.trust:
        cells = [line.title, *(cell.text for cell in line.cells)]
        yield _latex_row(rf"{{\scriptsize\textit{{{latex.escape(cell)}}}}}" for cell in cells)
    for block in grid.blocks:
        yield r"\midrule"
        if block.title:
            yield _latex_row(
                [rf"\multicolumn{{{len(grid.heads) + 1}}}{{l}}{{\scriptsize {latex.escape(block.title)}}}"]
            )
        for line in block.lines:
            name = latex.escape(line.title)
            yield _latex_row([rf"\textit{{{name}}}" if block.kind in _ITALIC else name, *map(_latex_cell, line.cells)])


def _latex_cell(cell: Cell) -> str:
    value = latex.escape(cell.text)
    value = rf"\textbf{{{value}}}" if cell.first else value
    spread = rf" {{\scriptsize $\pm$ {latex.escape(cell.spread)}}}" if cell.spread else ""
    standing = rf" {{\scriptsize {latex.escape(cell.standing)}}}" if cell.place else ""
    return value + spread + (r"$^\dagger$" if cell.marked else "") + standing


def _latex_published(published: Published, table: PublishedTable) -> Iterator[str]:
    headings = [column.heading for column in published.columns_of(table)]
    if any(headings):
        yield _latex_row(["", *_spans(headings)])
    yield _latex_row(latex.escape(cell) for cell in [table.first_column, *_printed_head(published, table)])
    yield r"\midrule"
    for row in table.row:
        yield _latex_row(latex.escape(cell) for cell in [row.model, *row.cells])


def _spans(headings: list[str]) -> Iterator[str]:
    for heading, columns in runs_of(headings):
        yield rf"\multicolumn{{{columns}}}{{c}}{{{latex.escape(heading)}}}"


def runs_of(headings: list[str]) -> list[tuple[str, int]]:
    """Return headings that follow each other, each once with its number of columns."""
    found: list[tuple[str, int]] = []
    for heading in headings:
        if found and found[-1][0] == heading:
            found[-1] = (heading, found[-1][1] + 1)
        else:
            found.append((heading, 1))
    return found
