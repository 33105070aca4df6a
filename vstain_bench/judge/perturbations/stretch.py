"""Scale and shear: sections stretch when they are cut and mounted."""

import numpy as np

from vstain_bench.arrays import Pixels
from vstain_bench.judge.perturbations.definition import SEEDS, Draw, perturbation
from vstain_bench.judge.perturbations.geometry import transform

LEVELS = (0.5, 1.0, 2.0, 4.0)


@perturbation(
    "scale",
    summary="everything is larger or smaller about the tile's centre: a stretched section",
    family="stretch",
    unit="%",
    levels=LEVELS,
    kind="misalignment",
    seeds=SEEDS,
)
def scale(picture: Pixels, draw: Draw) -> Pixels:
    """Enlarge content by ``severity`` %, or shrink it by as large a factor, by seed; borders are reflected."""
    factor = (1 + draw.severity / 100) ** draw.generator().choice([-1, 1])
    return transform(picture, factor * np.eye(2))


@perturbation(
    "shear",
    summary="rows slide along each other: a section pulled askew",
    family="stretch",
    unit="%",
    levels=LEVELS,
    kind="misalignment",
    seeds=SEEDS,
)
def shear(picture: Pixels, draw: Draw) -> Pixels:
    """Move content by ``severity`` % of its distance to a line through the centre, along that line.

    The line's direction is drawn per seed and tile.
    """
    angle = draw.generator().uniform(0, np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    return transform(picture, np.eye(2) + draw.severity / 100 * np.outer(along, across))
