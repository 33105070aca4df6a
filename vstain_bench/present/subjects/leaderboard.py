"""A leaderboard: models with their places, controls, the ceiling and published rows, by section and label."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from vstain_bench.judge.leaderboard.board import Board, Entrant, Leaderboard, Place
from vstain_bench.judge.leaderboard.board import Head as Measured
from vstain_bench.judge.leaderboard.board import Section as Ranked
from vstain_bench.judge.leaderboard.published import Printed, Published, PublishedColumn, PublishedTable
from vstain_bench.judge.leaderboard.trust import Trust
from vstain_bench.present.numbers import ARROWS, cell_of, counted, decimals_of, model_title
from vstain_bench.present.pages.leaderboard import render_index
from vstain_bench.present.sentences import leaderboard as words
from vstain_bench.present.sheet import Cell, Document, Head, Line, Record, Section, Sheet, Tone

RECORD = (
    "protocol", "section", "kind", "title", "run", "metric", "signature", "better", "unit", "label", "value", "sd",
    "low", "high", "tiles", "groups", "status", "reason", "unbeaten", "rank", "place", "shared", "rank_low",
    "rank_high", "ranked",
)  # fmt: skip
"""What one number is written as, for a spreadsheet."""
CHANCE = 0.5
"""Share of right tiles first at which a metric says nothing."""


@dataclass(frozen=True)
class Part:
    """Runs that are ranked together: what a link calls them, and their tables, over all tiles and by label."""

    key: str
    board: Board
    ranked: Ranked
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class DataSet:
    """The published tables of one data set, and what their columns mean."""

    published: Published
    tables: tuple[Section, ...]
    notes: tuple[str, ...]


def document(leaderboard: Leaderboard) -> Document:
    """Return what is shown of a leaderboard."""
    return Document(
        content=leaderboard,
        title=leaderboard.title,
        sections=tuple(_sections(leaderboard)),
        records=lambda: _records(leaderboard),
        page=lambda: index_page(leaderboard, {}),
    )


def index_page(leaderboard: Leaderboard, pages: Mapping[str, str]) -> str:
    """Return the page of all tables; ``pages`` says where the page of each model lies, by its title."""
    return render_index(leaderboard, list(_parts(leaderboard, pages)), list(_data_sets(leaderboard)))


def _sections(leaderboard: Leaderboard) -> Iterator[Section]:
    for part in _parts(leaderboard, {}):
        yield from part.sections
    if leaderboard.published:
        yield Section("Published", lead=(words.not_ranked_note(leaderboard),))
    for each in _data_sets(leaderboard):
        yield Section(f"{each.published.title}: {each.published.summary}", level=3)
        yield from each.tables
        yield Section(notes=each.notes)


def _parts(leaderboard: Leaderboard, pages: Mapping[str, str]) -> Iterator[Part]:
    for number, board in enumerate(leaderboard.boards, start=1):
        published = any(True for _ in leaderboard.tables_of(board))
        for place, ranked in enumerate(board.sections, start=1):
            notes = words.section_notes(ranked, leaderboard.trust, published=published)
            lead = (words.headline(ranked), *words.apart(ranked))
            sheet = ranking(leaderboard, board, ranked, pages)
            sections = [Section(words.section_title(board, ranked), lead, sheet, tuple(notes))]
            for label, tiles in ranked.inputs.labels.items():
                own = ranking(leaderboard, board, ranked, pages, label)
                if own.columns:
                    title = f"Label {label} ({counted(tiles, 'tile')}, without ranks)"
                    sections.append(Section(title, sheet=own, level=3))
            yield Part(f"s{number}-{place}", board, ranked, tuple(sections))


def ranking(
    leaderboard: Leaderboard, board: Board, ranked: Ranked, pages: Mapping[str, str], label: str | None = None
) -> Sheet:
    """Return the table over all tiles, or over those of one label (without ranks or published rows)."""
    digits = {head.metric: _digits(ranked, head, label) for head in ranked.heads}
    everyone = {head.metric: ranked.metric_rows(head.metric, label) for head in ranked.heads}
    valued = {metric for metric, rows in everyone.items() if any(row.value is not None for row in rows)}
    tables = list(leaderboard.tables_of(board)) if label is None else []
    printed = {column.metric for published, table in tables for column in published.columns_of(table)}
    heads = tuple(head for head in ranked.heads if head.metric in valued | printed)

    def cells(entrant: Entrant) -> tuple[Cell, ...]:
        places = entrant.places if label is None else {}
        return tuple(_cell(entrant, head, label, digits[head.metric], places.get(head.metric)) for head in heads)

    lines = [*_trust(leaderboard.trust, heads)]
    lines += [Line(Head(each.title, link=pages.get(each.title, "")), cells(each)) for each in ranked.entrants]
    for subset in ranked.controls:
        title = f"Controls, on {counted(subset.controls.tiles, 'tile')}"
        lines += [
            Line(Head(model_title(each.title), kind="control", group=title), cells(each)) for each in subset.entrants
        ]
    if label is None:
        lines += _ceiling(heads, digits)
    lines += [line for published, table in tables for line in _published(published, table, heads)]
    return Sheet(tuple(map(metric_head, heads)), tuple(lines), corner="model")


def metric_head(head: Measured) -> Head:
    """Return what a metric is called."""
    return Head(head.metric, ARROWS[head.better], head.unit, note=head.signature, key=head.metric)


def _digits(ranked: Ranked, head: Measured, label: str | None = None) -> int:
    return decimals_of(ranked.metric_rows(head.metric, label), head.better)


def _cell(entrant: Entrant, head: Measured, label: str | None, digits: int, place: Place | None) -> Cell:
    shown = replace(cell_of(entrant.find(head.metric, label), digits), interval="")
    if place is None or shown.number is None:
        return shown
    standing = f"{_place(place)} ({_ranks(place)})"
    return replace(shown, standing=standing, tone="best" if place.leads else "plain")


def _place(place: Place) -> str:
    """Return ``2`` or, where others share it, ``1=``."""
    return f"{place.place}{'=' if place.shared else ''}"


def _ranks(place: Place) -> str:
    """Return ``2`` or ``1–3``."""
    return str(place.low) if place.low == place.high else f"{place.low}–{place.high}"


def _ceiling(heads: Sequence[Measured], digits: Mapping[str, int]) -> Iterator[Line]:
    """Yield the row of what cannot be surpassed: the numbers of identical sides, where they are known."""
    cells = tuple(
        Cell(f"{head.perfect:.{digits[head.metric]}f}", number=head.perfect)
        if head.perfect is not None
        else Cell(notes=("not finite, or not known here",))
        for head in heads
    )
    if any(cell.number is not None for cell in cells):
        yield Line(Head("identical tiles", kind="reference", group="Ceiling"), cells)


def _published(published: Published, table: PublishedTable, heads: Sequence[Measured]) -> Iterator[Line]:
    """Yield the rows of a published table that the board's protocol computes, its numbers in our units."""
    columns, group = published.columns_of(table), words.published_group(published, table)
    for row in table.row:
        printed = published.printed(table, row)
        cells = {each.metric: _in_our_unit(cell, each) for cell, each in zip(printed, columns, strict=True)}
        absent = Cell(notes=("not published",))
        name = Head(row.name or row.model, kind="published", group=group)
        yield Line(name, tuple(cells.get(head.metric, absent) for head in heads))


def _in_our_unit(printed: Printed, column: PublishedColumn) -> Cell:
    """Return a published number with the digits that were printed, in the unit of our metric."""
    if printed.value is None:
        return Cell(notes=("not published",))
    text, _, spread = printed.text.partition(" ± ")
    if column.factor != 1:
        digits = max(0, len(text.partition(".")[2]) + round(math.log10(column.factor)))
        text, spread = ("" if number is None else f"{number:.{digits}f}" for number in (printed.value, printed.spread))
    doubts = filter(None, (f"printed {printed.text}" if column.factor != 1 else "", printed.doubt))
    return Cell(text, spread, number=printed.value, notes=tuple(doubts))


def _trust(trust: Trust | None, heads: Sequence[Measured]) -> Iterator[Line]:
    """Yield one row for each displacement: how often a right tile that far off outranks a wrong one in place."""
    for displacement in trust.displacements if trust is not None else ():
        name = Head(f"right tile first, {displacement:g} µm off", kind="reference")
        yield Line(name, tuple(_rate(trust, head, displacement) for head in heads))


def _rate(trust: Trust | None, head: Measured, displacement: float) -> Cell:
    figures = trust.of(head.signature) if trust is not None else None
    rate = figures.rate(displacement) if figures else None
    if rate is None or rate.value is None:
        swept = trust is not None and any(each.metric == head.metric for each in trust.figures) and figures is None
        return Cell(notes=("swept with another definition" if swept else "not swept",))
    ends = f"[{rate.low:.2f}, {rate.high:.2f}]" if rate.low is not None and rate.high is not None else ""
    tone: Tone = "worse" if rate.value <= CHANCE else "plain"
    return Cell(f"{rate.value:.2f}", interval=ends, tone=tone, number=rate.value)


def _data_sets(leaderboard: Leaderboard) -> Iterator[DataSet]:
    for published in leaderboard.published:
        tables = tuple(
            Section(
                words.table_title(table), (words.table_facts(published, table),), _as_printed(published, table),
                tuple(words.table_doubts(published, table)), level=4,
            )
            for table in published.table
        )  # fmt: skip
        yield DataSet(published, tables, (*words.column_notes(published), *words.source_notes(published)))


def _as_printed(published: Published, table: PublishedTable) -> Sheet:
    """Return a published table, digit by digit."""
    columns = (
        Head(each.title, ARROWS.get(each.better, ""), note=each.meaning, key=each.key, group=each.heading)
        for each in published.columns_of(table)
    )

    def cell(printed: Printed) -> Cell:
        text, _, spread = printed.text.partition(" ± ")
        marks, doubts = (words.UNCERTAIN, (printed.doubt,)) if printed.doubt else ("", ())
        return Cell(text, spread, marks=marks, number=printed.value, notes=doubts)

    lines = (Line(Head(row.model, note=row.name), tuple(map(cell, published.printed(table, row)))) for row in table.row)
    return Sheet(tuple(columns), tuple(lines), corner=table.first_column)


def standing(ranked: Ranked, entrant: Entrant) -> Sheet:
    """Return where one model stands: a row per metric, those that rank first."""
    labels = tuple(ranked.inputs.labels)
    columns = (
        Head("value"), Head("best here"), Head("place"), Head("ranks"), *(Head(f"label {label}") for label in labels),
        Head("remark", text=True),
    )  # fmt: skip

    def line(head: Measured) -> Line:
        row, place, digits = entrant.find(head.metric), entrant.places.get(head.metric), _digits(ranked, head)
        value = cell_of(row, digits)
        by_label = (
            replace(cell_of(entrant.find(head.metric, each), _digits(ranked, head, each)), spread="", interval="")
            for each in labels
        )
        remarks = [*value.notes, *([head.unranked] if value.number is not None and head.unranked else [])]
        remark = Cell("; ".join(remarks), tone="faint")
        return Line(metric_head(head), (value, _best(ranked, head, digits), *_standing(place), *by_label, remark))

    ordered = sorted(
        map(line, ranked.heads), key=lambda each: (each.cells[2].number is None, each.cells[0].number is None)
    )
    return Sheet(columns, tuple(ordered), corner="metric")


def _standing(place: Place | None) -> tuple[Cell, Cell]:
    """Return place, and the interval of ranks on the way from first to last."""
    if place is None:
        return Cell(), Cell()
    low, rank, high = ((each - 1) / max(place.of - 1, 1) for each in (place.low, place.rank, place.high))
    taken = Cell(f"{_place(place)} of {place.of}", number=place.place)
    return taken, Cell(_ranks(place), number=place.rank, reach=(low, rank, high))


def _best(ranked: Ranked, head: Measured, digits: int) -> Cell:
    """Return the best number of the section's models, or nothing where a target is best."""
    found = (entrant.find(head.metric) for entrant in ranked.entrants)
    values = [row.value for row in found if row is not None and row.value is not None]
    if not values or head.better == "target":
        return Cell()
    best = max(values) if head.better == "higher" else min(values)
    return Cell(f"{best:.{digits}f}", number=best)


def _records(leaderboard: Leaderboard) -> Iterator[Record]:
    """Yield one record per number: of models, controls and published tables."""
    for board in leaderboard.boards:
        for number, ranked in enumerate(board.sections, start=1):
            where = {"protocol": board.protocol, "section": number}
            yield from _measured(ranked, "model", ranked.entrants, where)
            for subset in ranked.controls:
                yield from _measured(ranked, "control", subset.entrants, where)
    for published in leaderboard.published:
        for table in published.table:
            for row in table.row:
                for column, printed in zip(published.columns_of(table), published.printed(table, row), strict=True):
                    yield dict.fromkeys(RECORD) | {
                        "protocol": table.protocol, "kind": "published", "title": row.name or row.model,
                        "run": words.published_group(published, table), "metric": column.metric or column.title,
                        "better": column.better, "value": printed.value, "sd": printed.spread, "tiles": table.tiles,
                        "reason": printed.doubt,
                    }  # fmt: skip


def _measured(ranked: Ranked, kind: str, entrants: Iterable[Entrant], where: Mapping[str, object]) -> Iterator[Record]:
    for entrant in entrants:
        for row in entrant.rows:
            head = ranked.head(row.metric)
            place = entrant.places.get(row.metric) if row.label is None else None
            stands = {
                "rank": place.rank, "place": place.place, "shared": place.shared, "rank_low": place.low,
                "rank_high": place.high, "ranked": place.of,
            } if place is not None else {}  # fmt: skip
            of_metric = {"signature": head.signature, "better": head.better, "unit": head.unit} if head else {}
            values = {key: value for key, value in row.model_dump(mode="json").items() if key in RECORD}
            named = {"kind": kind, "title": entrant.title, "run": entrant.run, "unbeaten": ";".join(row.unbeaten)}
            yield {**dict.fromkeys(RECORD), **values, **where, **of_metric, **named, **stands}
