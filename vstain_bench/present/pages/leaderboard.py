"""The pages of a leaderboard: all tables, and one for each model.

They keep the rules of the reports (``pages/run.py``): equal input gives equal bytes, nothing is fetched, every name is
text. Without the script the pages are complete: it adds sorting, the column picker and the filters.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vstain_bench.judge.leaderboard.board import Board, Entrant, Head, Leaderboard, Section
from vstain_bench.present.figures.panel import COLOURS, FULL_DIFFERENCE, Panel, make_panel
from vstain_bench.present.numbers import ARROWS, UNTOLD, counted, decimals_of, patients
from vstain_bench.present.pages.card import find_cards, read_card
from vstain_bench.present.pages.frame import render_page
from vstain_bench.present.pages.run import tile_values
from vstain_bench.present.sentences.leaderboard import not_ranked_note, trust_sentence
from vstain_bench.present.sheet import Sheet
from vstain_bench.results.folder import RunFolder

if TYPE_CHECKING:
    from vstain_bench.present.subjects.leaderboard import DataSet, Part


@dataclass(frozen=True)
class Measured:
    """How a metric is measured and what a sweep says of it."""

    head: Head
    arrow: str
    summary: str
    citation: str
    trust: str


def render_index(leaderboard: Leaderboard, parts: "Sequence[Part]", data_sets: "Sequence[DataSet]") -> str:
    """Return the page of all tables."""
    context = {
        "leaderboard": leaderboard,
        "parts": parts,
        "data_sets": data_sets,
        "models": counted(sum(len(part.ranked.entrants) for part in parts), "model"),
        "runs": counted(len({run for part in parts for run in part.ranked.runs}), "run"),
        "not_ranked": not_ranked_note(leaderboard),
        "measured": list(_measured(leaderboard)),
    }
    return render_page(
        "leaderboard.html.j2", context, styles=("leaderboard.css",), scripts=("report.js", "leaderboard.js")
    )


def _measured(leaderboard: Leaderboard) -> Iterator[Measured]:
    """Yield each definition that occurs, by signature."""
    heads = {
        head.signature: head for board in leaderboard.boards for section in board.sections for head in section.heads
    }
    for head in heads.values():
        figures = leaderboard.trust.of(head.signature) if leaderboard.trust else None
        trust = trust_sentence(figures) if figures else ""
        yield Measured(head, ARROWS[head.better], head.summary or UNTOLD, head.citation or "", trust)


def render_model(
    leaderboard: Leaderboard, board: Board, section: Section, entrant: Entrant, standing: Sheet, run: RunFolder | None
) -> str:
    """Return the page of one model: where it stands, its tiles, and its training card."""
    context = {
        "leaderboard": leaderboard,
        "board": board,
        "entrant": entrant,
        "standing": standing,
        "panel": _panel(entrant, run),
        "cards": [read_card(path) for path in find_cards(run, entrant.model)] if run is not None else [],
        "difference_colours": COLOURS,
        "full_difference": FULL_DIFFERENCE,
        "facts": _facts(section, entrant),
    }
    return render_page("model.html.j2", context, styles=("leaderboard.css",), scripts=())


def _facts(section: Section, entrant: Entrant) -> list[tuple[str, str]]:
    inputs = section.inputs
    first = [place.shared for place in entrant.places.values() if place.place == 1]
    ranked = counted(len(entrant.places), "metric")
    return [
        ("Run", entrant.run),
        ("Tiles", f"{counted(inputs.tiles, 'tile')}, {patients(inputs.groups)}"),
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
