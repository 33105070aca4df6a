"""The input audit: what can be wrong with folders of tiles before a single metric is computed."""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path

from vstain_bench.base.listener import Advance
from vstain_bench.base.text import printable
from vstain_bench.errors import DecodeError
from vstain_bench.images.reader import DecodePolicy, ImageInfo, inspect_image, read_image
from vstain_bench.tiles.pairing import Paired, Problem
from vstain_bench.words import ImageFile, Tile


@dataclass(frozen=True)
class Audit:
    """What the headers (and, when deep, every pixel) of all files say.

    Attributes:
        tiles: Tiles that can be scored, in the order of their ids.
        sizes: Width and height of each of them in px.
        problems: Why the others cannot.
        warnings: What a reader of the table must know: copies, mode collapse, leaking splits, lossy or mixed formats.
        notes: What was assumed or left aside.
    """

    tiles: tuple[Tile, ...]
    sizes: dict[str, tuple[int, int]]
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def smallest(self) -> tuple[str, int]:
        """The tile with the shortest side, and that side in px."""
        return min(((tile.id, min(self.sizes[tile.id])) for tile in self.tiles), key=itemgetter(1))

    def limited(self, number: int) -> "Audit":
        """Return the audit of the first ``number`` tiles."""
        return replace(self, tiles=self.tiles[:number])


def _sides(tile: Tile) -> dict[str, ImageFile]:
    source = {"source": tile.source} if tile.source else {}
    return {**source, "real": tile.real, **tile.generated}


Infos = Mapping[Path, ImageInfo | DecodeError]


def inspect_files(
    files: Iterable[ImageFile],
    policy: DecodePolicy,
    *,
    deep: bool = False,
    workers: int = 2,
    progress: Advance | None = None,
) -> Infos:
    """Return what the header (every pixel when ``deep``) of each file says, each read once."""

    def look(path: Path) -> ImageInfo | DecodeError:
        try:
            return read_image(ImageFile(path), policy).info if deep else inspect_image(path, policy)
        except DecodeError as fault:
            return fault

    paths = list(dict.fromkeys(file.path for file in files))
    infos: dict[Path, ImageInfo | DecodeError] = {}
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for number, (path, info) in enumerate(zip(paths, pool.map(look, paths), strict=True), start=1):
            infos[path] = info
            if progress:
                progress(number, len(paths))
    return infos


def size_of(tile: str, file: ImageFile, infos: Infos) -> tuple[int, int] | Problem:
    """Return width and height of an image in px, or why it is none."""
    info = infos[file.path]
    if isinstance(info, DecodeError):
        return Problem(tile, "decode", str(info))
    if file.half == "whole":
        return info.width, info.height
    if info.width % 2:
        return Problem(tile, "size", f"{file.path}: its width {info.width} px has no two halves")
    return info.width // 2, info.height


def _tile_problems(tile: Tile, infos: Infos, policy: DecodePolicy) -> list[Problem]:
    found = {side: size_of(tile.id, file, infos) for side, file in _sides(tile).items()}
    problems = [each for each in found.values() if isinstance(each, Problem)]
    sizes = {side: size for side, size in found.items() if not isinstance(size, Problem)}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{side} {width}×{height}" for side, (width, height) in sizes.items())
        hint = ""
        if "real" in sizes and any(sizes["real"] == (2 * width, height) for width, height in sizes.values()):
            hint = " (real is twice as wide: --layout side-by-side?)"
        problems.append(Problem(tile.id, "size", f"tile '{printable(tile.id)}' differs in size: {listed} px{hint}"))
    profiles = _profiles(tile, infos)
    if policy.icc == "warn" and len(set(profiles.values())) > 1:
        named = ", ".join(f"{side} {profile or 'sRGB'}" for side, profile in profiles.items())
        problems.append(
            Problem(
                tile.id,
                "colour",
                f"tile '{printable(tile.id)}' differs in ICC profile: {named} "
                "(--decode icc=convert maps all to sRGB, icc=ignore compares the codes as they are)",
            )
        )
    return problems


def _profiles(tile: Tile, infos: Infos) -> dict[str, str | None]:
    """Return the digest of each side's colour profile, None for sRGB."""
    found = {side: infos[file.path] for side, file in _sides(tile).items()}
    return {side: info.icc for side, info in found.items() if isinstance(info, ImageInfo)}


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _copies(tiles: Sequence[Tile], infos: Infos, models: Sequence[str]) -> list[str]:
    """Return warnings on generated files that equal their real file, or each other, byte for byte."""

    def size_of(path: Path) -> int:
        info = infos[path]
        return info.bytes if isinstance(info, ImageInfo) else -1

    warnings = []
    for model in models:
        pairs = [(tile.generated[model].path, tile.real.path) for tile in tiles if tile.real.half == "whole"]
        same = [one for one, other in pairs if size_of(one) == size_of(other) >= 0 and _digest(one) == _digest(other)]
        if same:
            warnings.append(
                f"{model}: {len(same)} of {len(tiles)} generated tiles are byte-identical to their real tile "
                f"(first: {printable(same[0].name)})"
            )
        outputs = [tile.generated[model].path for tile in tiles]
        if len(outputs) > 1 and len({size_of(path) for path in outputs}) < len(outputs):
            by_size: dict[int, list[Path]] = defaultdict(list)
            for path in outputs:
                by_size[size_of(path)].append(path)
            repeated = Counter(_digest(path) for paths in by_size.values() if len(paths) > 1 for path in paths)
            most = max(repeated.values(), default=1)
            if most == len(outputs):
                warnings.append(f"{model}: all {most} generated tiles are the same file (mode collapse)")
            elif most > 1:
                warnings.append(f"{model}: one generated tile occurs {most} times")
    return warnings


def _formats(tiles: Sequence[Tile], infos: Infos) -> tuple[list[str], list[str]]:
    by_side: dict[str, Counter[str]] = defaultdict(Counter)
    notes: Counter[str] = Counter()
    lossy: Counter[str] = Counter()
    faulty: dict[str, list[str]] = defaultdict(list)
    for tile in tiles:
        for side, file in _sides(tile).items():
            info = infos[file.path]
            if isinstance(info, ImageInfo):
                by_side[side][info.format] += 1
                lossy[side] += info.lossy
                notes.update(f"{side}: {note}" for note in info.notes)
                if info.fault:
                    faulty[side].append(f"{printable(file.path.name)}: {info.fault}")
    warnings = [
        f"{side}: mixed formats ({', '.join(f'{count} {name}' for name, count in sorted(formats.items()))})"
        for side, formats in by_side.items()
        if len(formats) > 1
    ]
    warnings += [
        f"{side}: {count} of {len(tiles)} tiles are stored lossy, which moves SSIM, PSNR and FID by itself"
        for side, count in lossy.items()
        if count and side != "source"
    ]
    warnings += [
        f"{side}: {len(faults)} of {len(tiles)} tiles are damaged JPEG, read as far as it goes (first: {faults[0]})"
        for side, faults in faulty.items()
    ]
    return warnings, [f"{note} ({count} ×)" for note, count in sorted(notes.items())]


def _leaks(tiles: Sequence[Tile]) -> list[str]:
    splits: dict[str, set[str]] = defaultdict(set)
    for tile in tiles:
        if tile.group and tile.split:
            splits[tile.group].add(tile.split)
    leaking = sorted(group for group, names in splits.items() if len(names) > 1)
    if not leaking:
        return []
    return [f"{len(leaking)} of {len(splits)} groups lie in several splits (first: {printable(leaking[0])})"]


def audit(
    paired: Paired,
    policy: DecodePolicy,
    *,
    deep: bool = False,
    workers: int = 2,
    progress: Advance | None = None,
) -> Audit:
    """Read the header of every file (every pixel when ``deep``) and return what is wrong or worth knowing.

    Memory is a few hundred bytes per file.
    """
    files = (file for tile in paired.tiles for file in _sides(tile).values())
    infos = inspect_files(files, policy, deep=deep, workers=workers, progress=progress)
    problems = [problem for tile in paired.tiles for problem in _tile_problems(tile, infos, policy)]
    refused = {problem.tile for problem in problems}
    tiles = tuple(tile for tile in paired.tiles if tile.id not in refused)
    sizes = {}
    for tile in tiles:
        size = size_of(tile.id, tile.real, infos)
        if not isinstance(size, Problem):
            sizes[tile.id] = size
    formats, notes = _formats(tiles, infos)
    unlike = [tile for tile in tiles if len(set(_profiles(tile, infos).values())) > 1]
    if unlike and policy.icc == "ignore":
        formats.append(
            f"{len(unlike)} of {len(tiles)} tiles differ in ICC profile between their sides, which is ignored "
            f"(first: {printable(unlike[0].id)})"
        )
    same_folder = [
        f"{model}: generated and real are the same file for tile '{printable(tile.id)}'"
        for tile in tiles[:1]
        for model, file in tile.generated.items()
        if os.path.realpath(file.path) == os.path.realpath(tile.real.path) and file.half == tile.real.half
    ]
    warnings = [*paired.warnings, *same_folder, *_copies(tiles, infos, paired.models), *formats, *_leaks(tiles)]
    return Audit(tiles, sizes, (*paired.problems, *problems), tuple(warnings), (*paired.notes, *notes))
