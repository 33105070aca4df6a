"""Serial sections: the same tissue cut a few micrometres deeper, where nuclei have come and gone."""

import numpy as np

from vstain_bench.arrays import Pixels
from vstain_bench.judge.perturbations.definition import SEEDS, Draw, perturbation
from vstain_bench.judge.perturbations.geometry import patches, shift, soften

NUCLEUS_UM = 8.0
NEAR_UM, FAR_UM = 4.0, 8.0
SHIFTS = 8
"""Different displacements per tile; every replaced patch takes one of them."""
SEAM_UM = 0.7
"""Standard deviation of the blend between a patch and what is around it."""


@perturbation(
    "serial_section",
    summary="nucleus-sized patches show what lies 4 to 8 µm beside them: the next section of the block",
    family="serial section",
    unit="% of patches",
    levels=(10.0, 20.0, 30.0, 50.0),
    kind="misalignment",
    seeds=SEEDS,
    needs=("mpp",),
)
def serial_section(picture: Pixels, draw: Draw) -> Pixels:
    """Replace ``severity`` % of the 8 µm patches of a tessellation by content from 4 to 8 µm away, edges blended."""
    cells = patches(draw, picture.shape[:2], NUCLEUS_UM)
    random = draw.generator("choice")
    rank, choice = random.uniform(size=len(cells.centre)), random.integers(SHIFTS, size=len(cells.centre))
    angle = (np.arange(SHIFTS) + random.uniform()) * 2 * np.pi / SHIFTS
    distance = random.uniform(NEAR_UM, FAR_UM, size=SHIFTS) / draw.mpp
    replaced = rank < draw.severity / 100
    altered = picture.copy()
    for number in range(SHIFTS):
        where = (replaced & (choice == number))[cells.label]
        if not where.any():
            continue
        down, across = round(distance[number] * np.cos(angle[number])), round(distance[number] * np.sin(angle[number]))
        altered += soften(where, SEAM_UM / draw.mpp)[..., None] * (shift(picture, down, across) - picture)
    return altered
