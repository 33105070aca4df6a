"""H&E tiles without their IHC, for a model to stain: named, inspected, and listed."""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from operator import itemgetter
from pathlib import PurePosixPath

from vstain_bench.base.config import SourceConfig
from vstain_bench.base.listener import Advance
from vstain_bench.base.text import printable
from vstain_bench.errors import UsageError
from vstain_bench.images.reader import DecodePolicy
from vstain_bench.tiles.audit import inspect_files, size_of
from vstain_bench.tiles.layouts import LAYOUTS, Gathered, Locations
from vstain_bench.tiles.layouts.definition import files_of
from vstain_bench.tiles.pairing import Problem
from vstain_bench.words import ImageFile

FOLDERS = ("parallel", "side-by-side")
"""Layouts in which a folder of H&E can be read: whole files, or the left halves of pairs."""


@dataclass(frozen=True)
class SourceTile:
    """One H&E tile: its id, which names its output, its file, and its width and height in px."""

    id: str
    file: ImageFile
    size: tuple[int, int]


@dataclass(frozen=True)
class Sources:
    """The H&E tiles that can be stained in the order of their ids, why others cannot, and what was assumed."""

    tiles: tuple[SourceTile, ...]
    problems: tuple[Problem, ...]
    layout: str
    notes: tuple[str, ...]
    partial: bool = False

    @property
    def listing(self) -> str:
        """SHA-256 of the ids and sizes of all tiles."""
        found = hashlib.sha256()
        for tile in self.tiles:
            found.update(f"{tile.id}\0{tile.size[0]}\0{tile.size[1]}\n".encode())
        return found.hexdigest()


def read_sources(config: SourceConfig, policy: DecodePolicy, progress: Advance | None = None) -> Sources:
    """Return the H&E tiles of a folder, a data set (whose IHC need not be there) or a manifest.

    Every header is read, nothing is refused yet. ``side-by-side`` takes the left halves of pairs.

    Raises:
        UsageError: None or several of the three were given, or there is no such folder.
        InputError: There is no image.
    """
    options = {"--source": config.source, "--dataset": config.dataset, "--manifest": config.manifest}
    named = [option for option, value in options.items() if value]
    if len(named) != 1:
        raise UsageError(
            where="the H&E tiles",
            found=" and ".join(named) or "no folder",
            expected="one of --source DIR, --dataset NAME --root DIR, --manifest FILE",
        )
    given = Locations(
        generated={}, source=config.source, root=config.root, split=config.split, manifest=config.manifest,
        models=False, source_only=True,
    )  # fmt: skip
    name = "manifest" if config.manifest else config.dataset or config.layout or "parallel"
    gathered = _gather(name, given)
    problems = _unusable(gathered)
    refused = {problem.tile for problem in problems}
    files = [(key, file) for key, file in sorted(gathered.source or (), key=itemgetter(0)) if key not in refused]
    infos = inspect_files((file for _, file in files), policy, workers=config.workers, progress=progress)
    sized = [(key, file, size_of(key, file, infos)) for key, file in files]
    tiles = tuple(SourceTile(key, file, size) for key, file, size in sized if not isinstance(size, Problem))
    problems += [size for _, _, size in sized if isinstance(size, Problem)]
    partial = config.limit is not None and config.limit < len(tiles)
    notes = [*gathered.notes, *_remarks(tiles)]
    return Sources(tiles[: config.limit], tuple(problems), name, tuple(notes), partial)


def _gather(name: str, given: Locations) -> Gathered:
    chosen = LAYOUTS[name]
    if given.source is None:
        return chosen.gather(given)
    if name == "parallel":
        files, notes = files_of(given.source, "--source")
        return Gathered(real=(), source=files, generated={}, notes=tuple(notes))
    if name in FOLDERS:
        return chosen.gather(Locations(generated={}, real=given.source, models=False))
    raise UsageError(where=f"--layout {name}", found="no layout of H&E alone", expected=f"one of {', '.join(FOLDERS)}")


def _unusable(gathered: Gathered) -> list[Problem]:
    """Return why tiles cannot be stained before a file of theirs is opened."""
    by_key: dict[str, list[ImageFile]] = defaultdict(list)
    for key, file in gathered.source or ():
        by_key[key].append(file)
    problems = [
        Problem(key, "missing", f"tile '{printable(key)}' has no source") for key in gathered.names if key not in by_key
    ]
    for key, files in by_key.items():
        place = PurePosixPath(key)
        if place.is_absolute() or ".." in place.parts or not place.name:
            problems.append(Problem(key, "name", f"tile '{printable(key)}' would be written outside of the folder"))
        if len(files) > 1:
            both = ", ".join(printable(file.path) for file in files)
            problems.append(Problem(key, "duplicate", f"tile '{printable(key)}' has several files: {both}"))
    return problems


def _remarks(tiles: tuple[SourceTile, ...]) -> list[str]:
    if tiles and all(tile.file.half == "whole" and tile.size[0] == 2 * tile.size[1] for tile in tiles):
        return ["every tile is twice as wide as high: pairs of H&E and IHC? Then pass --layout side-by-side"]
    return []
