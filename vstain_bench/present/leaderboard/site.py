"""A leaderboard as a static site: index.html and a page per model, from a disk, without network or build step.

The pages keep the rules of the reports (``reports/html.py``): equal input gives equal bytes, nothing is fetched, every
name is text. Without the script the pages are complete: it adds sorting, the column picker and the filters.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from vstain_bench.base.files import publish_text
from vstain_bench.errors import MachineError
from vstain_bench.judge.leaderboard.board import Board, Entrant, Head, Leaderboard, Section
from vstain_bench.judge.leaderboard.card import find_cards, read_card
from vstain_bench.judge.leaderboard.job import Made
from vstain_bench.judge.leaderboard.standing import standings
from vstain_bench.judge.leaderboard.trust import Trust, TrustFigures
from vstain_bench.present.figures.panel import COLOURS, FULL_DIFFERENCE, Panel, make_panel
from vstain_bench.present.leaderboard.grid import Grid, make_grid
from vstain_bench.present.leaderboard.text import runs_of
from vstain_bench.present.leaderboard.words import (
    column_notes,
    headline,
    section_notes,
    source_notes,
    table_doubts,
    table_facts,
    table_title,
    trust_note,
)
from vstain_bench.present.numbers import ARROWS, MARK, UNTOLD, counted, decimals_of
from vstain_bench.present.pages.frame import render_page, shorten_paths
from vstain_bench.present.pages.run import tile_values
from vstain_bench.results.folder import RunFolder

PACKAGE = "vstain_bench.present.leaderboard"
_WORDS = {"higher": "higher is better", "lower": "lower is better", "target": "a target is best"}


@dataclass(frozen=True)
class View:
    """The table of one section over all tiles, or over those of one label."""

    label: str | None
    tiles: int
    grid: Grid


@dataclass(frozen=True)
class Part:
    """One section on the page: its name for links, where it belongs, what is said of it, and its tables."""

    key: str
    board: Board
    section: Section
    headline: str
    notes: tuple[str, ...]
    views: tuple[View, ...]


@dataclass(frozen=True)
class Definition:
    """How a metric is measured and what a sweep says of it."""

    head: Head
    summary: str
    citation: str
    trust: TrustFigures | None


def page_names(entrants: Iterable[Entrant]) -> dict[str, str]:
    """Return the page of each model by its title: a number and what of the name is harmless in a file's name."""
    names = {}
    for number, entrant in enumerate(entrants, start=1):
        plain = re.sub(r"[^a-z0-9]+", "-", entrant.title.lower()).strip("-")[:40].strip("-")
        names[entrant.title] = f"models/{number:02d}{f'-{plain}' if plain else ''}.html"
    return names


def publish(made: Made, folder: Path) -> Path:
    """Write index.html, a page per model, and leaderboard.json; return the index's path.

    Pages of models that an earlier leaderboard of the folder had, and this one has not, are removed.
    """
    leaderboard = made.leaderboard
    pages = page_names(entrant for _, _, entrant in leaderboard.entrants())
    earlier = _earlier_pages(folder / "leaderboard.json")
    try:
        (folder / "models" if pages else folder).mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise MachineError(
            where=f"--out {folder}", found=f"the folder cannot be made ({fault.strerror})", expected="a writable place"
        ) from fault
    for board, section, entrant in leaderboard.entrants():
        run = made.folders.get(entrant.run)
        publish_text(folder / pages[entrant.title], render_model(leaderboard, board, section, entrant, run))
    publish_text(folder / "leaderboard.json", leaderboard.to_json())
    publish_text(folder / "index.html", render_index(leaderboard, pages))
    for page in earlier - set(pages.values()):
        (folder / page).unlink(missing_ok=True)
    return folder / "index.html"


def _earlier_pages(path: Path) -> set[str]:
    """Return the pages that were written with an earlier leaderboard.json; none where it is no longer one."""
    try:
        earlier = Leaderboard.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        return set()
    return set(page_names(entrant for _, _, entrant in earlier.entrants()).values())


def render_index(leaderboard: Leaderboard, pages: Mapping[str, str]) -> str:
    """Return the page of all tables.

    Args:
        leaderboard: What is shown.
        pages: Where the page of each model lies, by its title.
    """
    parts = list(_parts(leaderboard))
    context = {
        "leaderboard": leaderboard,
        "parts": parts,
        "pages": pages,
        "runs": len({run for part in parts for run in part.section.runs}),
        "models": sum(len(part.section.entrants) for part in parts),
        "definitions": list(_definitions(leaderboard)),
        "trust_note": trust_note(leaderboard.trust) if leaderboard.trust else "",
        **_shared(),
    }
    return render_page(
        "board.html.j2", context, package=PACKAGE, styles=("board.css",), scripts=("report.js", "board.js"),
        filters={
            "short": shorten_paths, "spans": lambda columns: runs_of([column.heading for column in columns]),
            "column_notes": column_notes, "source_notes": source_notes,
        },
    )  # fmt: skip


def _shared() -> dict[str, object]:
    return {
        "arrows": ARROWS | {"none": ""}, "direction": _WORDS | {"none": ""}, "mark": MARK,
        "table_title": table_title, "table_facts": table_facts, "table_doubts": table_doubts,
    }  # fmt: skip


def _parts(leaderboard: Leaderboard) -> Iterator[Part]:
    for number, board in enumerate(leaderboard.boards, start=1):
        for place, section in enumerate(board.sections, start=1):
            grid = make_grid(leaderboard, board, section)
            views = [View(None, section.inputs.tiles, grid)]
            for label, tiles in section.inputs.labels.items():
                own = make_grid(leaderboard, board, section, label)
                if own.heads:
                    views.append(View(label, tiles, own))
            notes = tuple(section_notes(section, grid))
            yield Part(f"s{number}-{place}", board, section, headline(section), notes, tuple(views))


def _definitions(leaderboard: Leaderboard) -> Iterator[Definition]:
    """Yield each definition that occurs, by signature."""
    heads = {
        head.signature: head for board in leaderboard.boards for section in board.sections for head in section.heads
    }
    yield from map(partial(_definition, leaderboard.trust), heads.values())


def _definition(trust: Trust | None, head: Head) -> Definition:
    return Definition(head, head.summary or UNTOLD, head.citation or "", trust.of(head.signature) if trust else None)


def render_model(
    leaderboard: Leaderboard, board: Board, section: Section, entrant: Entrant, run: RunFolder | None
) -> str:
    """Return the page of one model: where it stands, by label, its tiles, and its training card."""
    context = {
        "leaderboard": leaderboard,
        "board": board,
        "section": section,
        "entrant": entrant,
        "standings": standings(section, entrant),
        "panel": _panel(entrant, run),
        "cards": [read_card(path) for path in find_cards(run, entrant.model)] if run is not None else [],
        "difference_colours": COLOURS,
        "full_difference": FULL_DIFFERENCE,
        "facts": _facts(section, entrant),
        **_shared(),
    }
    return render_page(
        "model.html.j2", context, package=PACKAGE, styles=("board.css",), scripts=(), filters={"short": shorten_paths}
    )


def _facts(section: Section, entrant: Entrant) -> list[tuple[str, str]]:
    inputs = section.inputs
    first = [place.shared for place in entrant.places.values() if place.place == 1]
    ranked = counted(len(entrant.places), "metric")
    return [
        ("Run", entrant.run),
        ("Tiles", str(inputs.tiles)),
        ("Groups", "not known" if inputs.groups is None else str(inputs.groups)),
        ("Models it is ranked with", str(max((place.of for place in entrant.places.values()), default=0))),
        ("First place", f"{first.count(False)} alone, {first.count(True)} shared, of {ranked}"),
    ]


def _panel(entrant: Entrant, run: RunFolder | None) -> Panel | None:
    """Return the model's best, median and worst tile, or None where its run is a table alone."""
    if run is None or not run.tiles.is_file():
        return None
    table = run.read_table()
    own = table.model_copy(update={"models": (entrant.model,)})
    values = {key: each for key, each in tile_values(run).items() if key[0] == entrant.model}
    digits = {
        record.name: decimals_of(
            [row for row in table.rows if row.metric == record.name and row.label is None], record.better
        )
        for record in table.metrics
    }
    return make_panel(run, own, values, digits)
