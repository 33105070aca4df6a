"""What made a model's tiles, from files beside them, whatever they hold, as names and values.

``card.json`` is the training card that ``train`` leaves beside a checkpoint, to be copied to the generated tiles;
``predict.json`` is what ``predict`` writes among them.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vstain_bench.present.figures.panel import parse_image_file, read_pairs
from vstain_bench.present.pages.frame import shorten_paths
from vstain_bench.results.folder import RunFolder

NAMES = {"card.json": "Training", "predict.json": "Prediction"}
MOST_BYTES = 2**20
MOST_FACTS = 80
LONGEST = 300
"""Letters of a value that are shown; a card is for people, the file has the rest."""
_LEVELS = 2
"""Folders above the first tile in which a card is looked for: the tiles' own, and the one around it."""


@dataclass(frozen=True)
class Card:
    """What one file says, or why it says nothing."""

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    fault: str = ""


def find_cards(folder: RunFolder, model: str) -> list[Path]:
    """Return the cards in the folder of a model's tiles or the one around it, where no other tiles of the run lie."""
    line = next(iter(read_pairs(folder).values()), {})
    files = {owner: parse_image_file(where).path for owner, where in line.items() if where and _is_owner(owner)}
    own = files.pop(f"generated:{model}", None)
    if own is None:
        return []
    places = [place for place in own.parents[:_LEVELS] if not any(place in other.parents for other in files.values())]
    found = (next((place / name for place in places if (place / name).is_file()), None) for name in NAMES)
    return [path for path in found if path is not None]


def _is_owner(column: str) -> bool:
    return column in ("source", "real") or column.startswith("generated:")


def read_card(path: Path) -> Card:
    """Return the facts of a card: any JSON object; what is nested is named ``outer inner``."""
    title = NAMES.get(path.name, path.name)
    try:
        if path.stat().st_size > MOST_BYTES:
            return Card(title, fault=f"{path.name} has more than {MOST_BYTES // 2**20} MiB, so it is not shown")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return Card(title, fault=f"{path.name} cannot be read as JSON")
    if not isinstance(content, dict):
        return Card(title, fault=f"{path.name} holds no names and values")
    facts = list(_facts(content, ""))
    left_out = [("", f"and {len(facts) - MOST_FACTS} more in {path.name}")] if len(facts) > MOST_FACTS else []
    return Card(title, tuple([*facts[:MOST_FACTS], *left_out]))


def _facts(content: Mapping[str, object], outer: str) -> Iterator[tuple[str, str]]:
    for key, value in content.items():
        name = f"{outer} {key}".strip().replace("_", " ")
        if isinstance(value, dict) and value and outer.count(" ") < 3:
            yield from _facts(value, name)
        elif value not in (None, "", [], {}):
            yield name, _shown(value)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list) and len(value) > 12:
        return f"{len(value)} values"
    if isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
        text = ", ".join(_shown(each) for each in value)
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = shorten_paths(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
