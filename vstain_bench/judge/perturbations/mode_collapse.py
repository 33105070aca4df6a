"""Mode collapse: the model has one answer."""

import numpy as np

from vstain_bench.arrays import Pixels
from vstain_bench.errors import Undefined
from vstain_bench.judge.perturbations.definition import Draw, perturbation


@perturbation(
    "mode_collapse",
    summary="the same real tile for every input; below 100 %, mixed with the right one",
    family="mode collapse",
    unit="%",
    levels=(100.0,),
    kind="defect",
    needs=("partner",),
)
def mode_collapse(picture: Pixels, draw: Draw) -> Pixels:
    """Replace ``severity`` % of the light by that of the partner, which is one tile for the whole run."""
    if draw.partner is None:
        raise Undefined("needs a tile of another group")
    mixed: Pixels = picture + np.float32(draw.severity / 100) * (draw.partner - picture)
    return mixed
