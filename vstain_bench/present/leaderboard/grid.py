"""One table of a leaderboard as text cells, the same for every format: models, controls, ceiling, published rows."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from vstain_bench.judge.leaderboard.board import Board, Entrant, Head, Leaderboard, Place, Section
from vstain_bench.judge.leaderboard.published import Printed, Published, PublishedColumn, PublishedTable
from vstain_bench.judge.leaderboard.trust import Trust
from vstain_bench.present.numbers import ARROWS, counted, decimals_of, model_title
from vstain_bench.results.table import Row

Kind = Literal["measured", "control", "ceiling", "published"]


@dataclass(frozen=True)
class Cell:
    """One number as shown; empty texts where there is none.

    ``place`` is ``1`` or ``1=`` (shared), ``ranks`` the interval of its rank, ``first`` that it has the first place
    and others do not, ``number`` what sorts, ``marked`` that a control is as good or better, ``note`` why there is no
    number or what is doubtful about it.
    """

    text: str = "–"
    spread: str = ""
    place: str = ""
    ranks: str = ""
    first: bool = False
    number: float | None = None
    marked: bool = False
    note: str = ""

    @property
    def standing(self) -> str:
        """Place and interval of ranks, such as ``1= (1–3)``."""
        return f"{self.place} ({self.ranks})" if self.place else ""


@dataclass(frozen=True)
class Line:
    """One row: what it is called, its cells in the order of the heads, and the model it is, where it is one."""

    title: str
    cells: tuple[Cell, ...]
    entrant: Entrant | None = None


@dataclass(frozen=True)
class Block:
    """Rows of one kind, under a title that the measured ones do not need."""

    kind: Kind
    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Grid:
    """Columns, what a sweep says of each, and the blocks of rows."""

    heads: tuple[Head, ...]
    trust: tuple[Line, ...]
    blocks: tuple[Block, ...]


def head_title(head: Head) -> str:
    """Return name, direction and unit."""
    return f"{head.metric} {ARROWS[head.better]}" + (f" ({head.unit})" if head.unit else "")


def make_grid(leaderboard: Leaderboard, board: Board, section: Section, label: str | None = None) -> Grid:
    """Return the table of a section over all tiles, or over those of one label (without ranks or published rows)."""
    rows = {head.metric: section.metric_rows(head.metric, label) for head in section.heads}
    digits = {head.metric: decimals_of(rows[head.metric], head.better) for head in section.heads}
    valued = {metric for metric, found in rows.items() if any(row.value is not None for row in found)}
    tables = [each for each in leaderboard.tables_of(board) if label is None]
    printed = {column.metric for published, table in tables for column in published.columns_of(table)}
    heads = tuple(head for head in section.heads if head.metric in valued | printed)

    leading = {metric for metric in rows if not _all_first(section, metric)}

    def line(entrant: Entrant, model: bool) -> Line:
        places = entrant.places if label is None else {}
        cells = (
            _cell(entrant.find(name, label), digits[name], places.get(name), name in leading)
            for name in (head.metric for head in heads)
        )
        return Line(model_title(entrant.title), tuple(cells), entrant if model else None)

    blocks = [Block("measured", "", tuple(line(each, True) for each in section.entrants))]
    for subset in section.controls:
        title = f"Controls, on {counted(subset.controls.tiles, 'tile')}"
        blocks.append(Block("control", title, tuple(line(each, False) for each in subset.entrants)))
    if label is None:
        blocks += _ceiling(heads, digits)
    blocks += (_published(published, table, heads) for published, table in tables)
    return Grid(heads, tuple(_trust(leaderboard.trust, heads)), tuple(each for each in blocks if each.lines))


def _all_first(section: Section, metric: str) -> bool:
    """Return whether all models share the first place, so that it says nothing."""
    return all(each.places[metric].place == 1 for each in section.entrants if metric in each.places)


def _cell(row: Row | None, digits: int, place: Place | None, leading: bool) -> Cell:
    if row is None:
        return Cell(note="not scored")
    if row.value is None:
        return Cell(note=f"{row.status}: {row.reason}")
    return Cell(
        text=f"{row.value:.{digits}f}",
        spread=f"{row.sd:.{digits}f}" if row.sd is not None else "",
        place=f"{place.place}{'=' if place.shared else ''}" if place else "",
        ranks=told_ranks(place) if place else "",
        first=leading and place is not None and place.place == 1,
        number=row.value,
        marked=bool(row.unbeaten),
        note=f"no better than {', '.join(model_title(each) for each in row.unbeaten)}" if row.unbeaten else "",
    )


def told_ranks(place: Place) -> str:
    """Return ``2`` or ``1–3``."""
    return str(place.low) if place.low == place.high else f"{place.low}–{place.high}"


def _ceiling(heads: Sequence[Head], digits: dict[str, int]) -> Iterator[Block]:
    """Yield the row of what cannot be surpassed: the numbers of identical sides, where they are known."""
    cells = tuple(
        Cell(f"{head.perfect:.{digits[head.metric]}f}", number=head.perfect)
        if head.perfect is not None
        else Cell(note="not finite, or not known here")
        for head in heads
    )
    if any(cell.number is not None for cell in cells):
        yield Block("ceiling", "Ceiling", (Line("identical tiles", cells),))


def _published(published: Published, table: PublishedTable, heads: Sequence[Head]) -> Block:
    """Return the rows of a published table that the board's protocol computes, its numbers in our units."""
    columns, lines = published.columns_of(table), []
    for row in table.row:
        printed = published.printed(table, row)
        cells = {each.metric: _printed(cell, each) for cell, each in zip(printed, columns, strict=True)}
        absent = Cell(note="not published")
        lines.append(Line(row.name or row.model, tuple(cells.get(head.metric, absent) for head in heads)))
    return Block("published", published_title(published, table), tuple(lines))


def published_title(published: Published, table: PublishedTable) -> str:
    """Return whose numbers these are and over what: ``Published: Smith 2026, Table 2 (BCI test, 977 tiles)``."""
    tiles = f", {counted(table.tiles, 'tile')}" if table.tiles else ", number of tiles not known"
    source = published.source_of(table)
    hand = "" if source.first_hand else ", second-hand"
    return f"Published: {source.short}, {table.number} ({table.dataset} {table.split}{tiles}{hand})"


def _printed(printed: Printed, column: PublishedColumn) -> Cell:
    """Return a published number with the digits that were printed, in the unit of our metric."""
    if printed.value is None:
        return Cell(note="not published")
    text, _, spread = printed.text.partition(" ± ")
    if column.factor != 1:
        digits = max(0, len(text.partition(".")[2]) + round(math.log10(column.factor)))
        text, spread = ("" if number is None else f"{number:.{digits}f}" for number in (printed.value, printed.spread))
    doubts = filter(None, (f"printed {printed.text}" if column.factor != 1 else "", printed.doubt))
    return Cell(text, spread, number=printed.value, note="; ".join(doubts))


def _trust(trust: Trust | None, heads: Sequence[Head]) -> Iterator[Line]:
    """Yield one row for each displacement: how often a right tile that far off outranks a wrong one in place."""
    if trust is None:
        return
    for displacement in trust.displacements:
        cells = []
        for head in heads:
            figures = trust.of(head.signature)
            rate = figures.rate(displacement) if figures else None
            if rate is None or rate.value is None:
                swept = any(each.metric == head.metric for each in trust.figures) and figures is None
                cells.append(Cell(note="swept with another definition" if swept else "not swept"))
                continue
            ends = f"[{rate.low:.2f}, {rate.high:.2f}]" if rate.low is not None and rate.high is not None else ""
            cells.append(Cell(f"{rate.value:.2f}", number=rate.value, note=ends))
        yield Line(f"right tile first, {displacement:g} µm off", tuple(cells))
