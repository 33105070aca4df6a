"""Elastic displacement: tissue stretches here and there, as between two sections or after re-staining."""

import numpy as np

from vstain_bench.arrays import Pixels
from vstain_bench.judge.perturbations.definition import SEEDS, Draw, perturbation
from vstain_bench.judge.perturbations.geometry import grid, warp

LEVELS = (0.5, 1.0, 2.0, 4.0)


def displace(picture: Pixels, draw: Draw, length_um: float) -> Pixels:
    """Move content by a smooth random field.

    The root mean square over the tile of the displacement's length is ``severity`` µm, exactly. The correlation
    length is the standard deviation of the Gaussian that would smooth white noise as much: a cubic B-spline on nodes
    √3 times as far apart has the same variance. Borders are reflected.
    """
    down, across = (draw.field(axis, np.sqrt(3) * length_um, picture.shape[:2]) for axis in ("down", "across"))
    size = draw.severity / draw.mpp / np.sqrt(np.mean(down**2 + across**2))
    rows, columns = grid(picture.shape)
    return warp(picture, rows - size * down, columns - size * across)


for _length in (8.0, 32.0):

    @perturbation(
        f"elastic_{_length:g}um",
        summary=f"smooth local displacement, correlation length {_length:g} µm, root mean square as given",
        family="elastic",
        unit="µm",
        levels=LEVELS,
        kind="misalignment",
        seeds=SEEDS,
        needs=("mpp",),
    )
    def _elastic(picture: Pixels, draw: Draw, length_um: float = _length) -> Pixels:
        return displace(picture, draw, length_um)
