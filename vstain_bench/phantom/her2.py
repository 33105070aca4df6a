"""HER2: how each score stains the membranes of tumour cells, after the ASCO/CAP reading (Wolff et al., 2018, 2023).

0: no staining, or faint in a few cells. 1+: faint, incomplete. 2+: weak to moderate, complete in part of the cells.
3+: complete and intense in nearly all cells.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from vstain_bench.phantom.anatomy import Cells, View
from vstain_bench.phantom.noise import Array, smoothstep

POSITIVE_OD = 0.10
"""Optical density of the membrane from which a cell counts as positive."""
HAZE_OD = 0.008
"""Unspecific DAB over all tissue."""


@dataclass(frozen=True)
class Score:
    """How a HER2 score looks.

    Attributes:
        share: Share of tumour cells that express.
        strength: Optical density of an expressing cell's membrane.
        completeness: Share of its membrane that is stained.
        width_um: Standard deviation of the membrane's profile in µm.
        cytoplasm: Density of cytoplasm relative to the membrane.
    """

    share: float
    strength: float
    completeness: float
    width_um: float
    cytoplasm: float


SCORES: Mapping[str, Score] = {
    "0": Score(share=0.06, strength=0.05, completeness=0.35, width_um=0.5, cytoplasm=0.05),
    "1+": Score(share=0.50, strength=0.20, completeness=0.50, width_um=0.52, cytoplasm=0.10),
    "2+": Score(share=0.75, strength=0.46, completeness=0.80, width_um=0.6, cytoplasm=0.13),
    "3+": Score(share=0.97, strength=0.84, completeness=0.97, width_um=0.78, cytoplasm=0.17),
}
"""The four scores, in ascending order of mean DAB."""


def membrane_strength(cells: Cells, score: Score, which: NDArray[np.bool_]) -> Array:
    """Return the optical density of each cell's membrane, shape (n,); 0 for the cells outside ``which``."""
    expressing = np.where(cells.rank < score.share, 1.0, 0.12)
    strength: Array = score.strength * expressing * np.exp(0.28 * cells.vigour)
    return np.where(which, strength, 0.0)


def dab_density(view: View, strength: Array, score: Score, where: Array) -> Array:
    """Return the DAB that cells leave at every sample of a view, shape (h, w).

    Args:
        view: The anatomy.
        strength: Optical density of each cell's membrane, shape (n,).
        score: The membrane's completeness and width, and the cytoplasm.
        where: Share of these cells at every sample, 0 to 1, shape (h, w).
    """
    stained = view.blended(strength)
    gaps = smoothstep(0.5 + (view.gaps - float(ndtri(1.0 - score.completeness))) / 0.6)
    membrane = np.exp(-0.5 * (view.membrane / score.width_um) ** 2) * gaps
    cytoplasm = score.cytoplasm * np.maximum(1.0 + 0.3 * view.grain, 0.0) * (1.0 - 0.75 * np.minimum(view.nucleus, 1.0))
    density: Array = stained * np.maximum(membrane, cytoplasm) * where * (1.0 - view.glass) * view.thickness
    return density
