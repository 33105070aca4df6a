"""H&E tiles without their IHC, for a model to stain: named, inspected, and listed."""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path, PurePosixPath

from vstain_bench.base.text import printable
from vstain_bench.errors import DecodeError, UsageError
from vstain_bench.images.reader import DecodePolicy, ImageInfo, inspect_image
from vstain_bench.tiles.layouts import LAYOUTS, Gathered, Request
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


def read_sources(
    *,
    source: Path | None = None,
    dataset: str | None = None,
    root: Path | None = None,
    split: str | None = None,
    manifest: Path | None = None,
    layout: str | None = None,
    policy: DecodePolicy | None = None,
    limit: int | None = None,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Sources:
    """Return the H&E tiles of a folder, a data set or a manifest; every header is read, nothing is refused yet.

    Args:
        source: A folder.
        dataset: A data set by name, with its ``root`` and ``split``; its IHC need not be there.
        root: See ``dataset``.
        split: See ``dataset``.
        manifest: A CSV with the columns tile and source.
        layout: ``parallel`` (the default), or ``side-by-side`` for pairs with the H&E on the left.
        policy: How files are decoded.
        limit: Only the first so many tiles.
        workers: Threads.
        progress: Called with headers read and their number.

    Raises:
        UsageError: None or several of the three were given, or there is no such folder.
        InputError: There is no image.
    """
    given = [name for name, value in (("--source", source), ("--dataset", dataset), ("--manifest", manifest)) if value]
    if len(given) != 1:
        raise UsageError(
            where="the H&E tiles",
            found=" and ".join(given) or "no folder",
            expected="one of --source DIR, --dataset NAME --root DIR, --manifest FILE",
        )
    request = Request(
        generated={}, source=source, root=root, split=split, manifest=manifest, models=False, source_only=True
    )
    name = "manifest" if manifest else dataset or layout or "parallel"
    gathered = _gather(name, request)
    problems = _unusable(gathered)
    refused = {problem.tile for problem in problems}
    files = [(key, file) for key, file in sorted(gathered.source or (), key=itemgetter(0)) if key not in refused]
    tiles, more = _inspect(files, policy or DecodePolicy(), workers, progress)
    partial = limit is not None and limit < len(tiles)
    notes = [*gathered.notes, *_remarks(tiles)]
    return Sources(tiles[:limit], (*problems, *more), name, tuple(notes), partial)


def _gather(name: str, request: Request) -> Gathered:
    chosen = LAYOUTS[name]
    if request.source is None:
        return chosen.gather(request)
    if name == "parallel":
        files, notes = files_of(request.source, "--source")
        return Gathered(real=(), source=files, generated={}, notes=tuple(notes))
    if name in FOLDERS:
        return chosen.gather(Request(generated={}, real=request.source, models=False))
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


def _inspect(
    files: list[tuple[str, ImageFile]],
    policy: DecodePolicy,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[tuple[SourceTile, ...], list[Problem]]:
    def look(entry: tuple[str, ImageFile]) -> ImageInfo | DecodeError:
        try:
            return inspect_image(entry[1].path, policy)
        except DecodeError as fault:
            return fault

    tiles, problems = [], []
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for number, ((key, file), info) in enumerate(zip(files, pool.map(look, files), strict=True), start=1):
            if isinstance(info, DecodeError):
                problems.append(Problem(key, "decode", str(info)))
            elif file.half != "whole" and info.width % 2:
                problems.append(Problem(key, "size", f"{file.path}: its width {info.width} px has no two halves"))
            else:
                width = info.width if file.half == "whole" else info.width // 2
                tiles.append(SourceTile(key, file, (width, info.height)))
            if progress:
                progress(number, len(files))
    return tuple(tiles), problems


def _remarks(tiles: tuple[SourceTile, ...]) -> list[str]:
    if tiles and all(tile.file.half == "whole" and tile.size[0] == 2 * tile.size[1] for tile in tiles):
        return ["every tile is twice as wide as high: pairs of H&E and IHC? Then pass --layout side-by-side"]
    return []
