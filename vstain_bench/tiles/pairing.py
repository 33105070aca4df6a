"""Pairing by key: every tile has exactly one file on every side, or is named with what it lacks."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vstain_bench.base.text import printable
from vstain_bench.errors import InputError, UsageError
from vstain_bench.tiles.layouts.definition import Files, Gathered, Layout, Name
from vstain_bench.tiles.tags import TagRule, recognise
from vstain_bench.words import ImageFile, Tile

NAMED_PROBLEMS = 10


@dataclass(frozen=True)
class Problem:
    """Why one tile cannot be scored."""

    tile: str
    kind: str
    message: str


@dataclass(frozen=True)
class Paired:
    """Tiles with all their files in the order of their ids, the problems of the others, and what was assumed."""

    tiles: tuple[Tile, ...]
    models: tuple[str, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def refuse(tiles: Iterable[str], listed: Sequence[Problem], on_error: str, *, purpose: str = "scored") -> None:
    """Refuse problems unless they are to be skipped, and in any case when no tile is left.

    Raises:
        InputError: It names the first ten and their number; ``purpose`` is what tiles are refused for.
    """
    left = set(tiles)
    if not listed or (left and on_error != "fail"):
        return
    lines = [f"  {problem.message}" for problem in listed[:NAMED_PROBLEMS]]
    if len(listed) > NAMED_PROBLEMS:
        lines.append(f"  ... and {len(listed) - NAMED_PROBLEMS} more")
    refused = {problem.tile for problem in listed}
    raise InputError(
        where="input",
        found=f"{len(refused)} of {len(left | refused)} tiles cannot be {purpose}:\n" + "\n".join(lines) + "\n",
        next_step=f"Nothing was {purpose}. Complete the folders, or pass --on-error skip to leave these tiles out by "
        "name.",
    )


def _alike(key: str) -> str:
    return unicodedata.normalize("NFC", key).casefold()


def _by_key(files: Files) -> dict[str, list[ImageFile]]:
    found: dict[str, list[ImageFile]] = defaultdict(list)
    for key, file in files:
        found[key].append(file)
    return found


def _missing(key: str, owner: str, files: Mapping[str, list[ImageFile]], alike: Mapping[str, str]) -> str:
    side = {"real": "real IHC", "source": "H&E source"}.get(owner, f"generated tile of model '{owner}'")
    text = f"tile '{printable(key)}' has no {side}"
    if near := alike.get(_alike(key)):
        return f"{text} (there is '{printable(near)}': the names differ in case or Unicode form only)"
    anywhere = next(iter(files.values()), None)
    if anywhere:
        looked = anywhere[0].path.parent / f"{key.rpartition('/')[2]}{anywhere[0].path.suffix}"
        text += f" (looked for '{printable(looked)}')"
    return text


def _match(files: Mapping[str, dict[str, list[ImageFile]]]) -> tuple[list[str], list[Problem]]:
    """Return the keys with exactly one file of every owner, and a problem for each way in which the others fail."""
    alike = {owner: {_alike(key): key for key in found} for owner, found in files.items()}
    complete, problems = [], []
    for key in sorted(set().union(*files.values())):
        found = []
        for owner, by_key in files.items():
            if key not in by_key:
                found.append(Problem(key, "missing", _missing(key, owner, by_key, alike[owner])))
            elif len(by_key[key]) > 1:
                both = ", ".join(printable(file.path) for file in by_key[key])
                found.append(Problem(key, "duplicate", f"tile '{printable(key)}' has several files: {both}"))
        problems += found
        if not found:
            complete.append(key)
    if not complete:
        examples = "; ".join(f"{owner}: '{printable(next(iter(by_key), '-'))}'" for owner, by_key in files.items())
        raise UsageError(
            where="pairing",
            found=f"no tile has a file on every side (first names: {examples})",
            expected="equal names in every folder",
            next_step="Check the folders, choose a --layout, or pass a --manifest.",
        )
    return complete, problems


def _require_all_or_no_groups(tiles: list[Tile]) -> None:
    lacking = [tile.id for tile in tiles if tile.group is None]
    if 0 < len(lacking) < len(tiles):
        raise InputError(
            where=f"tile '{lacking[0]}'",
            found=f"it has no group, {len(tiles) - len(lacking)} of {len(tiles)} tiles have one",
            expected="a group for every tile or for none",
            next_step="Complete the manifest, or pass --groups none to take tiles as independent.",
        )


def pair(
    gathered: Gathered,
    layout: Layout,
    *,
    groups: TagRule | None = None,
    labels: TagRule | None = None,
    mpp: float | None = None,
) -> Paired:
    """Return every tile that has one file on each side, and a problem for every tile that has not.

    Raises:
        UsageError: no tile is complete, which is a wrong folder rather than a missing file.
        InputError: a group or label rule fails on a tile.
    """
    owners = {"real": gathered.real, **({"source": gathered.source} if gathered.source else {}), **gathered.generated}
    files = {owner: _by_key(entries) for owner, entries in owners.items()}
    complete, problems = _match(files)
    known = layout if layout.kind == "dataset" else recognise(complete)
    notes = list(gathered.notes)
    if known and known is not layout and not gathered.names:
        notes.append(f"names follow {known.name}: group and label are read from them")

    def read_name(key: str) -> Name | None:
        return known.read_name(key) if known else None

    group_of = (groups or TagRule("group")).reader(gathered.names, read_name)
    label_of = (labels or TagRule("label")).reader(gathered.names, read_name)
    tiles = []
    for key in complete:
        name = gathered.names.get(key) or read_name(key) or Name()
        tiles.append(
            Tile(
                id=key,
                real=files["real"][key][0],
                source=files["source"][key][0] if gathered.source else None,
                generated={model: files[model][key][0] for model in gathered.generated},
                group=group_of(key),
                label=label_of(key),
                split=name.split,
                mpp=mpp or name.mpp or layout.mpp,
            )
        )
    _require_all_or_no_groups(tiles)
    return Paired(tuple(tiles), tuple(gathered.generated), tuple(problems), tuple(notes), gathered.warnings)
