"""What whole slides look like, before any tile is scored: background and stain vectors of each from several tiles.

A metric observes tiles without memory, so what a slide's tiles say together must be known beforehand: a preparatory
pass looks at some tiles of every group, chosen by seed and id, on each side and for each model, and every tile then
carries its slide's estimate as it carries its pixel size. It is made anew when a stopped run goes on (the same files
give the same estimate, others are refused), stands in ``slides.csv``, and its digest in the signature of every metric
that rests on it.
"""

import csv
import hashlib
import io
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from vstain_bench.base.files import publish_text
from vstain_bench.base.randomness import seed_of
from vstain_bench.errors import DecodeError, UsageError
from vstain_bench.images.reader import DecodePolicy, read_image
from vstain_bench.stain.density import (
    MACENKO_SLIDE,
    PER_SLIDE,
    VECTOR_PIXELS,
    GlassLevels,
    estimate_vectors,
    glass_levels,
    pooled_white,
)
from vstain_bench.types import ImageFile, Metric, Slide, Tile

SAMPLE = 16
"""Most tiles of a slide that are looked at."""
Slides = Mapping[tuple[str, str], Slide]
"""Estimates by owner (``real``, ``source``, a model) and group."""
COLUMNS = ("owner", "slide", "glass", "i0_red", "i0_green", "i0_blue", "haematoxylin", "dab", "residual", "tiles")


@dataclass(frozen=True)
class _Look:
    """What is kept of one tile: the levels of its glass, and evenly spaced pixels, (3, h, w)."""

    glass: GlassLevels
    pixels: Tensor


def needs_slides(metric: Metric) -> bool:
    """Return whether a metric rests on estimates over whole slides, as its parameters say."""
    return metric.params.get("background") == PER_SLIDE or metric.params.get("vectors") == MACENKO_SLIDE


def choose_sample(tiles: Sequence[Tile], seed: int) -> dict[str, tuple[Tile, ...]]:
    """Return at most ``SAMPLE`` tiles of each group, chosen by a hash of seed and id.

    Raises:
        UsageError: the group of a tile is not known.
    """
    groups: dict[str, list[Tile]] = defaultdict(list)
    for tile in tiles:
        if tile.group is None:
            raise UsageError(
                where=f"background '{PER_SLIDE}' or vectors '{MACENKO_SLIDE}'",
                found=f"the slide of tile '{tile.id}' is not known",
                expected="the patient or slide of every tile",
                next_step="Pass --groups, or estimate from each tile (background=tile, vectors=macenko).",
            )
        groups[tile.group].append(tile)
    return {
        group: tuple(sorted(members, key=lambda tile: seed_of("slide", seed, tile.id))[:SAMPLE])
        for group, members in sorted(groups.items())
    }


def survey(
    tiles: Sequence[Tile],
    policy: DecodePolicy,
    *,
    seed: int,
    workers: int,
    progress: Callable[[int, int], None] | None = None,
) -> Slides:
    """Return the estimate of every slide for each owner; the same files and seed give the same numbers.

    Background: the 99th percentile of the glass of the sampled tiles together (``stain.pooled_white``); vectors: by
    Macenko's method over their pixels with that background. A file that cannot be decoded is left out here and dealt
    with when its tile is scored.

    Raises:
        UsageError: the group of a tile is not known.
    """
    sample = choose_sample(tiles, seed)
    work = [(owner, group, chosen) for group, chosen in sample.items() for owner in _owners(chosen)]
    found: dict[tuple[str, str], Slide] = {}
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        for done, (owner, group, chosen) in enumerate(work):
            if progress:
                progress(done, len(work))
            look = partial(_look, policy=policy, share=len(chosen))
            looks = list(pool.map(look, [_file(tile, owner) for tile in chosen]))
            seen = [(tile.id, each) for tile, each in zip(chosen, looks, strict=True) if each is not None]
            if seen:
                found[owner, group] = _estimate(seen)
    if progress:
        progress(len(work), len(work))
    return found


def _owners(tiles: Sequence[Tile]) -> Iterator[str]:
    yield "real"
    if all(tile.source is not None for tile in tiles):
        yield "source"
    yield from tiles[0].generated


def _file(tile: Tile, owner: str) -> ImageFile | None:
    return tile.real if owner == "real" else tile.source if owner == "source" else tile.generated.get(owner)


def _look(file: ImageFile | None, *, policy: DecodePolicy, share: int) -> _Look | None:
    if file is None:
        return None
    try:
        picture = torch.from_numpy(read_image(file, policy).pixels).permute(2, 0, 1)
    except DecodeError:
        return None
    stride = max(1, math.isqrt(picture[0].numel() * share // VECTOR_PIXELS))
    return _Look(glass_levels(picture), picture[:, ::stride, ::stride].contiguous())


def _estimate(seen: Sequence[tuple[str, _Look]]) -> Slide:
    white, glass = pooled_white([look.glass for _, look in seen])
    pixels = [look.pixels for _, look in seen]
    matrix = estimate_vectors(pixels, pixels[0].new_tensor(white))
    vectors = None if matrix is None else tuple((float(row[0]), float(row[1]), float(row[2])) for row in matrix)
    return Slide(white, glass, vectors, tuple(tile for tile, _ in seen))


def slides_digest(slides: Slides, owners: Sequence[str] = ("real", "source")) -> str:
    """Return a short digest of the estimates of some owners: for a signature those that all models share."""
    sums = hashlib.sha256()
    for (owner, group), slide in sorted(slides.items()):
        if owner in owners:
            sums.update(f"{owner}\0{group}\0{slide!r}\n".encode())
    return sums.hexdigest()[:12]


def with_slides(metric: Metric, slides: Slides) -> Metric:
    """Return a metric whose signature names the estimates that it rests on, if it rests on any."""
    if not needs_slides(metric):
        return metric
    return replace(metric, params={**metric.params, "slides": slides_digest(slides)})


def publish_slides(path: Path, slides: Slides) -> None:
    """Write slides.csv: I0 (of 255) and vectors of every slide, whether glass was seen, and the tiles looked at."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for (owner, group), slide in sorted(slides.items()):
        vectors = ["/".join(f"{value:.6f}" for value in row) for row in slide.vectors or ()] or ["", "", ""]
        light = [f"{255 * level:.4f}" for level in slide.white]
        writer.writerow([owner, group, "yes" if slide.seen else "no", *light, *vectors, " ".join(slide.tiles)])
    publish_text(path, text.getvalue())


def read_slides(path: Path) -> dict[tuple[str, str], Slide]:
    """Return what ``publish_slides`` wrote, to its decimals; nothing where there is no such file."""
    if not path.is_file():
        return {}
    found = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for line in csv.DictReader(stream):
            red, green, blue = (float(line[f"i0_{name}"]) / 255 for name in ("red", "green", "blue"))
            rows = [[float(value) for value in line[name].split("/")] for name in COLUMNS[6:9] if line[name]]
            vectors = tuple((row[0], row[1], row[2]) for row in rows) or None
            slide = Slide((red, green, blue), line["glass"] == "yes", vectors, tuple(line["tiles"].split()))
            found[line["owner"], line["slide"]] = slide
    return found
