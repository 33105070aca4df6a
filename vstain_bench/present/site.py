"""A leaderboard as a static site: index.html and a page per model, from a disk, without network or build step."""

import re
from collections.abc import Iterable
from pathlib import Path

from vstain_bench.base.files import make_folder, publish_text
from vstain_bench.judge.leaderboard.board import Entrant, Leaderboard
from vstain_bench.judge.leaderboard.job import Made
from vstain_bench.present.pages.leaderboard import render_model
from vstain_bench.present.subjects.leaderboard import index_page, standing


def page_names(entrants: Iterable[Entrant]) -> dict[str, str]:
    """Return the page of each model by its title: a number and what of the name is harmless in a file's name."""
    names = {}
    for number, entrant in enumerate(entrants, start=1):
        plain = re.sub(r"[^a-z0-9]+", "-", entrant.title.lower()).strip("-")[:40].strip("-")
        names[entrant.title] = f"models/{number:02d}{f'-{plain}' if plain else ''}.html"
    return names


def publish_site(made: Made, folder: Path) -> Path:
    """Write index.html, a page per model, and leaderboard.json; return the index's path.

    Pages of models that an earlier leaderboard of the folder had, and this one has not, are removed.
    """
    leaderboard = made.leaderboard
    pages = page_names(entrant for _, _, entrant in leaderboard.entrants())
    earlier = _earlier_pages(folder / "leaderboard.json")
    make_folder(folder / "models" if pages else folder, f"--out {folder}")
    for board, section, entrant in leaderboard.entrants():
        table, run = standing(section, entrant), made.folders.get(entrant.run)
        publish_text(folder / pages[entrant.title], render_model(leaderboard, board, section, entrant, table, run))
    publish_text(folder / "leaderboard.json", leaderboard.to_json())
    publish_text(folder / "index.html", index_page(leaderboard, pages))
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
