"""Missing tissue, tears and folds: what re-staining and mounting do to a section."""

import numpy as np
from scipy import ndimage

from vstain_bench.arrays import Pixels
from vstain_bench.judge.perturbations.definition import SEEDS, Draw, perturbation
from vstain_bench.judge.perturbations.geometry import Mask, band, grid, lowest, soften, warp
from vstain_bench.judge.perturbations.optics import background, optical_density

LEVELS = (1.0, 5.0, 10.0, 20.0)
EDGE_UM = 0.5
"""Standard deviation of the blur of an edge of tissue."""
GRAIN = 1 / 255
"""Standard deviation of the sensor's noise on glass."""
HOLE_UM = 45.0
"""Spacing of the lattice that holes are made on; they are about two spacings wide."""


def _uncover(picture: Pixels, hole: Mask, draw: Draw) -> Pixels:
    """Return the picture with glass where the hole is: I0 of the tile, and a sensor's noise."""
    if not hole.any():
        return picture
    grain = draw.generator("grain").standard_normal(picture.shape, dtype=np.float32) * np.float32(GRAIN)
    weight = soften(hole, EDGE_UM / draw.mpp)[..., None]
    opened: Pixels = picture + weight * (background(picture) + grain - picture)
    return opened


@perturbation(
    "missing_tissue",
    summary="holes with glass in them, a share of the tile: tissue lost when the section was stained again",
    family="tissue loss",
    unit="% of area",
    levels=LEVELS,
    kind="defect",
    seeds=SEEDS,
    needs=("mpp",),
)
def missing_tissue(picture: Pixels, draw: Draw) -> Pixels:
    """Replace tissue by glass on ``severity`` % of the tile, in holes that grow with the severity.

    A tile with less tissue than that comes back unchanged.
    """
    room = draw.tissue_of(picture)
    if room.mean() < draw.severity / 100:
        return picture
    depth = np.where(room, draw.field("hole", HOLE_UM, picture.shape[:2]), np.inf)
    return _uncover(picture, lowest(depth, draw.severity / 100), draw)


@perturbation(
    "tear",
    summary="the section is torn from edge to edge and its two sides are pushed apart; glass between them",
    family="tissue loss",
    unit="% of area",
    levels=LEVELS,
    kind="defect",
    seeds=SEEDS,
    needs=("mpp",),
)
def tear(picture: Pixels, draw: Draw) -> Pixels:
    """Open a winding gap over ``severity`` % of the tile.

    No tissue is lost: at the gap it has moved by half the gap's width, and the movement dies away over three such
    widths, or 20 µm.
    """
    gap = band(draw, picture.shape[:2], draw.severity / 100)
    inside = np.abs(gap.distance) <= gap.half_width
    if not gap.half_width.any():
        return picture
    beyond = np.maximum(np.abs(gap.distance) - gap.half_width, 0)
    moved = gap.half_width * np.exp(-beyond / np.maximum(3 * gap.half_width, 20.0)) / draw.mpp
    pushed = np.where(inside, np.abs(gap.distance) / draw.mpp, moved) * np.sign(gap.distance)
    down, across = grid(picture.shape)
    torn = warp(picture, down - pushed * gap.normal[0], across - pushed * gap.normal[1])
    return _uncover(torn, inside, draw)


@perturbation(
    "fold",
    summary="a strip of the section lies three layers thick, dark and out of focus",
    family="tissue loss",
    unit="% of area",
    levels=LEVELS,
    kind="defect",
    seeds=SEEDS,
    needs=("mpp",),
)
def fold(picture: Pixels, draw: Draw) -> Pixels:
    """Lay two more layers of tissue, from both sides of a winding strip, over ``severity`` % of the tile.

    The layers come from beside the strip, mirrored at its edges; tissue outside the strip stays where it is.
    """
    strip = band(draw, picture.shape[:2], draw.severity / 100)
    inside = np.abs(strip.distance) <= strip.half_width
    if not strip.half_width.any():
        return picture
    down, across = grid(picture.shape)
    layers = optical_density(picture)
    for side in (-1, 1):
        reach = 2 * (side * strip.half_width - strip.distance) / draw.mpp * inside
        layer = warp(picture, down + reach * strip.normal[0], across + reach * strip.normal[1])
        layers = layers + np.maximum(optical_density(np.clip(layer, 0, 1)), 0)
    layers = np.stack([ndimage.gaussian_filter(each, 1.0 / draw.mpp) for each in layers.transpose(2, 0, 1)], axis=2)
    folded = background(picture) * np.power(np.float32(10), -layers)
    laid: Pixels = picture + soften(inside, EDGE_UM / draw.mpp)[..., None] * (folded - picture)
    return laid
