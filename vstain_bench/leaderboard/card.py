"""The training card of a model: ``card.json`` beside its generated tiles, whatever it holds, as names and values."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vstain_bench.reports.html import shorten_paths
from vstain_bench.reports.panel import parse_image_file, read_pairs
from vstain_bench.results.folder import RunFolder

NAME = "card.json"
MOST_BYTES = 2**20
MOST_FACTS = 80
LONGEST = 300
"""Letters of a value that are shown; a card is for people, the file has the rest."""
_LEVELS = 2
"""Folders above the first tile in which a card is looked for: the tiles' own, and the one around it."""


@dataclass(frozen=True)
class Card:
    """What a card says, or why it says nothing."""

    facts: tuple[tuple[str, str], ...] = ()
    fault: str = ""


def find_card(folder: RunFolder, model: str) -> Path | None:
    """Return a card in the folder of a model's tiles or in the one around it, where no other tiles of the run lie."""
    lines = list(read_pairs(folder).values())
    if not lines:
        return None
    own = f"generated:{model}"
    others = [
        parse_image_file(where).path
        for line in lines[:1]
        for owner, where in line.items()
        if where and owner != own and (owner in ("source", "real") or owner.startswith("generated:"))
    ]
    where = lines[0].get(own) or ""
    if not where:
        return None
    for place in list(parse_image_file(where).path.parents)[:_LEVELS]:
        shared = any(place in other.parents for other in others)
        if not shared and (place / NAME).is_file():
            return place / NAME
    return None


def read_card(path: Path) -> Card:
    """Return the facts of a card: any JSON object; what is nested is named ``outer inner``."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return Card(fault=f"{NAME} has more than {MOST_BYTES // 2**20} MiB, so it is not shown")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return Card(fault=f"{NAME} cannot be read as JSON")
    if not isinstance(content, dict):
        return Card(fault=f"{NAME} holds no names and values")
    facts = list(_facts(content, ""))
    left_out = [("", f"and {len(facts) - MOST_FACTS} more in {NAME}")] if len(facts) > MOST_FACTS else []
    return Card(tuple([*facts[:MOST_FACTS], *left_out]))


def _facts(content: Mapping[str, object], outer: str) -> Iterator[tuple[str, str]]:
    for key, value in content.items():
        name = f"{outer} {key}".strip().replace("_", " ")
        if isinstance(value, dict) and value and outer.count(" ") < 3:
            yield from _facts(value, name)
        elif value not in (None, "", [], {}):
            yield name, _told(value)


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list) and len(value) > 12:
        return f"{len(value)} values"
    if isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
        text = ", ".join(_told(each) for each in value)
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = shorten_paths(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
