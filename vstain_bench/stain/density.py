"""From light to stain: background, optical density, colour deconvolution, and what is measured from them.

Beer-Lambert: a channel's optical density is OD = -log10(I / I0), with I0 the light through empty glass, and the ODs of
stains add up along their unit vectors. Light below 1/255 is taken as 1/255, so OD ends at 2.41; nothing is clipped at
the other end: light above I0 and the cross-talk of stains leave small negative values, so that means stay linear in
the stain.

I0 decides every number that follows. Taking 255 on a grey background of 173 turns a tile without any DAB above a
density of 0.15 into one that is positive throughout, so I0 is estimated per tile, or per slide from several of its
tiles, unless it is given; what was taken is part of the result.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vstain_bench.base.names import require_known
from vstain_bench.errors import Undefined, UsageError
from vstain_bench.types import Images, Slide, View

Matrix = NDArray[np.float64]
"""Unit optical-density vectors, one stain per row, shape (3, 3)."""

DARKEST = 1 / 255
"""Light below this is taken as this: an 8-bit sensor tells no more."""
BRIGHT = 0.55
"""Least channel of a pixel that may be glass."""
GREY = 0.12
"""Largest difference between channels of a pixel that may be glass."""
GLASS_SHARE = 0.001
"""Least share of such pixels in a tile for its background to be estimated."""
GLASS_QUANTILE = 0.99
FALLBACK = 245 / 255
"""I0 of a tile with no glass in sight."""
VECTOR_PIXELS = 250_000
"""About as many pixels, evenly spaced, are looked at to estimate vectors."""
_STEPS = 255 * 8
"""Resolution of the estimate: levels k / 255 of 8-bit images are met exactly."""


def stain_matrix(first: tuple[float, ...], second: tuple[float, ...], third: tuple[float, ...] | None = None) -> Matrix:
    """Return unit row vectors; a missing third is the normalised cross product of the first two (the residual)."""
    rows = [np.array(vector, dtype=np.float64) for vector in (first, second)]
    rows = [vector / np.linalg.norm(vector) for vector in rows]
    rows.append(np.cross(rows[0], rows[1]) if third is None else np.array(third, dtype=np.float64))
    rows[2] = rows[2] / np.linalg.norm(rows[2])
    return np.stack(rows)


@dataclass(frozen=True)
class Stains:
    """A set of fixed stain vectors, and which rows are haematoxylin and DAB."""

    matrix: Matrix
    haematoxylin: int
    dab: int
    source: str


VECTORS: Mapping[str, Stains] = {
    "h-dab": Stains(
        stain_matrix((0.650, 0.704, 0.286), (0.268, 0.570, 0.776)),
        haematoxylin=0,
        dab=1,
        source="G. Landini's Colour Deconvolution of ImageJ, 'H DAB'; QuPath's default rounds to two digits",
    ),
    "hed": Stains(
        stain_matrix((0.65, 0.70, 0.29), (0.07, 0.99, 0.11), (0.27, 0.57, 0.78)),
        haematoxylin=0,
        dab=2,
        source="Ruifrok and Johnston 2001, Anal Quant Cytol Histol 23:291-299",
    ),
}
MACENKO = "macenko"
"""Vectors estimated from each tile."""
MACENKO_SLIDE = "macenko-slide"
"""Vectors estimated from several tiles of each slide together."""
PER_TILE, PER_SLIDE = "tile", "slide"
"""Backgrounds that are estimated."""


@dataclass(frozen=True)
class Separation:
    """How light becomes stain.

    Attributes:
        background: ``tile`` estimates I0 from each tile, ``slide`` from several tiles of its slide; a number of 1 to
            255, or three with slashes between them (``243/241/238``), is the slide's or the scanner's.
        vectors: ``h-dab``, ``hed``, or ``macenko`` and ``macenko-slide`` (estimated from each tile or slide, the third
            as the cross product).

    Raises:
        UsageError: either is none of these.
    """

    background: str = "tile"
    vectors: str = "h-dab"

    def __post_init__(self) -> None:
        known = [*VECTORS, MACENKO, MACENKO_SLIDE]
        require_known(self.vectors, known, where="stain vectors", found=repr(self.vectors))
        _ = self.fixed

    @cached_property
    def fixed(self) -> tuple[float, float, float] | None:
        """The given I0 as RGB in [0, 1], or None where it is estimated."""
        if self.background in (PER_TILE, PER_SLIDE):
            return None
        try:
            values = [float(part) / 255 for part in self.background.split("/")]
        except ValueError:
            values = []
        if len(values) == 1:
            values *= 3
        if len(values) != 3 or not all(0 < value <= 1 for value in values):
            raise UsageError(
                where="background",
                found=repr(self.background),
                expected="'tile', 'slide', a number of 1 to 255, or three such as '243/241/238'",
            )
        return values[0], values[1], values[2]

    @property
    def needs_slide(self) -> bool:
        """Whether something is estimated from several tiles of a slide before tiles are observed."""
        return self.background == PER_SLIDE or self.vectors == MACENKO_SLIDE

    @property
    def params(self) -> dict[str, object]:
        """What it adds to a metric's signature."""
        return {"background": self.background, "vectors": self.vectors}


@dataclass(frozen=True)
class StainMaps:
    """The optical density of two stains under every pixel of some tiles, and what it rests on.

    Attributes:
        haematoxylin: float32, (b, h, w), about 0 on glass; not clipped.
        dab: The same.
        residual: What lies along the third vector: colour that neither stain explains, or eosin with ``hed``.
        white: I0 that was taken, RGB in [0, 1], (b, 3).
        seen: Whether it was estimated from glass in the tile or slide (else it was given, or is the fallback), (b,).
        matrices: The unit vectors that were taken, (b, 3, 3).
    """

    haematoxylin: Tensor
    dab: Tensor
    residual: Tensor
    white: Tensor
    seen: tuple[bool, ...]
    matrices: Matrix


def estimate_white(picture: Tensor) -> tuple[Tensor, bool]:
    """Return the light through empty glass of one tile, RGB, and whether any glass was seen.

    It is the 99th percentile per channel over pixels whose least channel is 0.55 or more and whose channels differ by
    0.12 or less, interpolated between the levels that occur (one 8-bit level of I0 is 0.002 OD, and up to 0.003 of
    DAB). Without 0.1 % (and 16) of such pixels it is 245/255.

    Args:
        picture: RGB in [0, 1], shape (3, h, w).
    """
    white, seen = pooled_white([glass_levels(picture)])
    return picture.new_tensor(white), seen


@dataclass(frozen=True)
class GlassLevels:
    """How often each level of light occurs per channel in the glass of one tile, (3, levels), and its pixels."""

    counts: NDArray[np.int64]
    pixels: int


def glass_levels(picture: Tensor) -> GlassLevels:
    """Return the levels of light of the pixels of one tile, shape (3, h, w), that may be glass."""
    low, high = torch.aminmax(picture, dim=0)
    glass = picture[:, (low >= BRIGHT) & (high - low <= GREY)]
    levels = (glass * _STEPS).round().long().clamp_(max=_STEPS)
    counts = [torch.bincount(channel, minlength=_STEPS + 1) for channel in levels]
    return GlassLevels(torch.stack(counts).cpu().numpy(), low.numel())


def pooled_white(tiles: Sequence[GlassLevels]) -> tuple[tuple[float, float, float], bool]:
    """Return the light through empty glass of tiles taken together, RGB in [0, 1], and whether any glass was seen."""
    counts = sum((tile.counts for tile in tiles), np.zeros((3, _STEPS + 1), dtype=np.int64))
    number = int(counts[0].sum())
    if number < max(16, GLASS_SHARE * sum(tile.pixels for tile in tiles)):
        return (FALLBACK, FALLBACK, FALLBACK), False
    levels = []
    for channel in counts:
        found = np.flatnonzero(channel)
        middles = (np.cumsum(channel) - channel / 2)[found] / number
        levels.append(float(np.interp(GLASS_QUANTILE, middles, found)) / _STEPS)
    return (levels[0], levels[1], levels[2]), True


def optical_density(picture: Tensor, white: Tensor) -> Tensor:
    """Return -log10(I / I0) per channel, shape (3, h, w), of a picture of that shape and an I0 of shape (3,)."""
    return white.log10()[:, None, None] - picture.clamp(min=DARKEST).log10()


def estimate_vectors(pictures: Sequence[Tensor] | Images, white: Tensor) -> Matrix | None:
    """Return haematoxylin, DAB and residual vectors of some tiles of one slide by Macenko's method, or None.

    Pixels with a mean OD of 0.08 or more span a plane (the two leading eigenvectors of their second moments about
    zero); the 1st and 99th percentile of their angle in it are the two stains, the one that absorbs more blue than red
    being DAB. None where fewer than 0.5 % of pixels are stained, or where an estimate lies more than 25° from the usual
    vector: a tile with one stain does not show two.

    Args:
        pictures: Tiles of one slide, each (3, h, w).
        white: Their common I0, (3,).
    """
    stride = max(1, math.isqrt(sum(each[0].numel() for each in pictures) // VECTOR_PIXELS))
    every = torch.cat([optical_density(each[:, ::stride, ::stride], white).flatten(1) for each in pictures], dim=1)
    density = every[:, every.mean(dim=0) >= 0.08].double().cpu().numpy()
    if density.shape[1] < max(64, 0.005 * every.shape[1]):
        return None
    plane = np.linalg.eigh(density @ density.T)[1][:, 1:]
    plane = plane * np.where(plane.sum(axis=0) < 0, -1.0, 1.0)
    middle = plane[:, 1]  # the leading direction: all stain lies within a right angle of it
    across, along = density.T @ plane[:, 0], density.T @ middle
    angles = np.percentile(np.arctan2(across, along), (1, 99))
    ends = [np.cos(angle) * middle + np.sin(angle) * plane[:, 0] for angle in angles]
    ends.sort(key=lambda vector: vector[2] - vector[0])
    usual = VECTORS["h-dab"].matrix
    if any(float(end @ usual[row]) < math.cos(math.radians(25)) for row, end in enumerate(ends)):
        return None
    return stain_matrix(tuple(ends[0]), tuple(ends[1]))


def unmix(density: Tensor, matrix: Matrix) -> Tensor:
    """Return the amount of each stain, (3, h, w), from ODs per channel, (3, h, w): the exact inverse of mixing."""
    inverse = np.linalg.inv(matrix)
    return torch.stack([_weigh(density, inverse[:, stain]) for stain in range(3)])


def mix(amounts: Tensor, matrix: Matrix) -> Tensor:
    """Return ODs per channel, (3, h, w), of amounts of stain, (3, h, w)."""
    return torch.stack([_weigh(amounts, matrix[:, channel]) for channel in range(3)])


def _weigh(planes: Tensor, weights: NDArray[np.floating]) -> Tensor:
    """Return the weighted sum of three planes; by hand, as a matrix product may round otherwise in another batch."""
    first, second, third = (float(weight) for weight in weights)
    return planes[0].mul(first).add_(planes[1], alpha=second).add_(planes[2], alpha=third)


def stain_maps(view: View, separation: Separation) -> StainMaps:
    """Return the stain maps of one side, computed once per view and separation.

    Raises:
        Undefined: the separation needs estimates of slides, and there are none.
    """
    return view.derive(("stain", separation), lambda each: separate(each.images, separation, each.slides))


def separate(images: Images, separation: Separation, slides: Sequence[Slide | None] = ()) -> StainMaps:
    """Return the stain maps of some tiles, each on its own; ``slides`` is the slide of each, where that is needed."""
    amounts: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])
    whites, seen, matrices = [], [], []
    for place, picture in enumerate(images):
        slide = slides[place] if slides else None
        if slide is None and separation.needs_slide:
            raise Undefined("needs estimates over whole slides, which 'vstain-bench run' makes")
        white, glass = _white_of(picture, separation, slide)
        matrix, rows = _vectors_of(picture, white, separation, slide)
        density = optical_density(picture, white)
        inverse = np.linalg.inv(matrix)
        for stain, row in zip(amounts, (*rows, 3 - sum(rows)), strict=True):
            stain.append(_weigh(density, inverse[:, row]))
        whites.append(white)
        seen.append(glass)
        matrices.append(matrix)
    planes = [torch.stack(stain) for stain in amounts]
    return StainMaps(planes[0], planes[1], planes[2], torch.stack(whites), tuple(seen), np.stack(matrices))


def _white_of(picture: Tensor, separation: Separation, slide: Slide | None) -> tuple[Tensor, bool]:
    if separation.fixed is not None:
        return picture.new_tensor(separation.fixed), False
    if separation.background == PER_SLIDE and slide is not None:
        return picture.new_tensor(slide.white), slide.seen
    return estimate_white(picture)


def _vectors_of(
    picture: Tensor, white: Tensor, separation: Separation, slide: Slide | None
) -> tuple[Matrix, tuple[int, int]]:
    if separation.vectors in (MACENKO, MACENKO_SLIDE):
        found = estimate_vectors([picture], white) if separation.vectors == MACENKO else None
        if separation.vectors == MACENKO_SLIDE and slide is not None and slide.vectors is not None:
            found = np.array(slide.vectors)
        return (VECTORS["h-dab"].matrix if found is None else found), (0, 1)
    stains = VECTORS[separation.vectors]
    return stains.matrix, (stains.haematoxylin, stains.dab)
