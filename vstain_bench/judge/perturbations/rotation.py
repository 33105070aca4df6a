"""Rotation: the section lies a little turned on its slide."""

import numpy as np

from vstain_bench.arrays import Pixels
from vstain_bench.judge.perturbations.definition import SEEDS, Draw, perturbation
from vstain_bench.judge.perturbations.geometry import transform


@perturbation(
    "rotation",
    summary="everything is turned about the tile's centre, either way: how a section was mounted",
    family="rotation",
    unit="degrees",
    levels=(0.25, 0.5, 1.0, 2.0, 5.0, 10.0),
    kind="misalignment",
    seeds=SEEDS,
)
def rotation(picture: Pixels, draw: Draw) -> Pixels:
    """Turn content by ``severity`` degrees, one way or the other by seed; corners are filled by reflection."""
    turn = np.radians(draw.severity) * draw.generator().choice([-1, 1])
    return transform(picture, np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]))
