"""Translation: the whole tile lies a little way off, as after registration."""

import numpy as np

from vstain_bench.arrays import Pixels
from vstain_bench.judge.perturbations.definition import SEEDS, Draw, perturbation
from vstain_bench.judge.perturbations.geometry import shift


@perturbation(
    "translation",
    summary="everything lies that far away, in one random direction: what registration leaves",
    family="translation",
    unit="µm",
    levels=(0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0),
    kind="misalignment",
    seeds=SEEDS,
    needs=("mpp",),
)
def translation(picture: Pixels, draw: Draw) -> Pixels:
    """Move content by ``severity`` µm in a direction drawn per seed and tile, to fractions of a pixel.

    Borders are reflected, not rolled over (see `vstain_bench.judge.perturbations.geometry`).
    """
    angle = draw.generator().uniform(0, 2 * np.pi)
    distance = draw.severity / draw.mpp
    return shift(picture, float(distance * np.cos(angle)), float(distance * np.sin(angle)))
