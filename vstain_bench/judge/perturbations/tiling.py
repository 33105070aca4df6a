"""Checkerboards and seams: what networks and stitching leave on a picture; their periods are in px."""

import numpy as np

from vstain_bench.arrays import Pixels
from vstain_bench.judge.perturbations.definition import SEEDS, Draw, perturbation

LEVELS = (1.0, 2.0, 4.0, 8.0)


def board(shape: tuple[int, ...], period: int, first: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Return +1 and -1 in squares of half a period, shape (h, w, 1); ``first`` is where the first squares end."""
    side = period // 2
    rows, columns = ((np.arange(length) - start) // side for length, start in zip(shape, first, strict=False))
    return (1 - 2 * ((rows[:, None] + columns) % 2))[..., None].astype(np.float32)


for _period in (2, 8, 32):

    @perturbation(
        f"checkerboard_{_period}px",
        summary=f"a checkerboard of period {_period} px, so many grey levels up and down: transposed convolutions",
        family="checkerboard",
        unit="grey levels",
        levels=LEVELS,
        kind="appearance",
    )
    def _checkerboard(picture: Pixels, draw: Draw, period: int = _period) -> Pixels:
        return picture + np.float32(draw.severity / 255) * board(picture.shape, period)


for _period in (128, 512):

    @perturbation(
        f"seams_{_period}px",
        summary=f"squares of {_period // 2} px meet with a step of so many grey levels: a mosaic of inferred patches",
        family="seams",
        unit="grey levels",
        levels=LEVELS,
        kind="appearance",
        seeds=SEEDS,
    )
    def _seams(picture: Pixels, draw: Draw, period: int = _period) -> Pixels:
        random = draw.generator()
        reach = min(period // 2, *picture.shape[:2])
        first = (int(random.uniform(0.25, 0.75) * reach), int(random.uniform(0.25, 0.75) * reach))
        return picture + np.float32(draw.severity / 510) * board(picture.shape, period, first)
