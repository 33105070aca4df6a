"""Noise: a poor sensor, or a network that adds grain."""

import numpy as np

from vstain_bench.arrays import Pixels
from vstain_bench.judge.perturbations.definition import SEEDS, Draw, perturbation


@perturbation(
    "noise",
    summary="Gaussian noise, independent per pixel and channel: a poor sensor",
    family="noise",
    unit="grey levels",
    levels=(1.0, 2.0, 4.0, 8.0, 16.0),
    kind="appearance",
    seeds=SEEDS,
)
def noise(picture: Pixels, draw: Draw) -> Pixels:
    """Add noise with a standard deviation of ``severity`` grey levels of 255."""
    grain = draw.generator().standard_normal(picture.shape, dtype=np.float32)
    noisy: Pixels = picture + np.float32(draw.severity / 255) * grain
    return noisy
