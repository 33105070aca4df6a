"""A tile with known truth: H&E, real IHC, and what truly lies under every pixel."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vstain_bench.phantom.anatomy import seen_centres
from vstain_bench.phantom.defects import Defects, Displacement, Injected
from vstain_bench.phantom.her2 import POSITIVE_OD
from vstain_bench.phantom.noise import Array
from vstain_bench.phantom.rendering import Rendering, render_he, render_ihc
from vstain_bench.phantom.stains import Picture
from vstain_bench.phantom.tissue import Tissue, build_tissue

SIMULATED_MODELS: Mapping[str, Defects] = {
    "faithful": Defects(dab_gain=0.97, displacement=Displacement(elastic_um=0.3, elastic_length_um=16.0)),
    "blurred": Defects(blur_um=1.5),
    "under_stained": Defects(dab_gain=0.4, displacement=Displacement(elastic_um=0.3, elastic_length_um=16.0)),
    "shifted": Defects(
        dab_gain=0.97,
        displacement=Displacement(shift_um=(1.2, 1.6), elastic_um=0.3, elastic_length_um=16.0),
    ),
}
"""What models do, by name: a good one, a smooth one as a pixel loss makes it, one that stains too little, and one whose
output lies 2 µm away."""


@dataclass(frozen=True)
class Truth:
    """What is known about a tile, in the frame of its H&E. Maps have shape (h, w) and are means over each pixel.

    Attributes:
        mpp: Pixel size in µm.
        nuclei_px: Centres (row, column) in px; the first pixel's centre is (0, 0), shape (n, 2).
        nuclei_um: Centres (y, x) in µm from the tile's upper left corner, shape (n, 2).
        radii_um: Semi-axes in µm, longer one first, shape (n, 2).
        kinds: 0 tumour, 1 stromal, 2 lymphocyte, shape (n,).
        positive: Whether the cell's membrane has a DAB density of 0.10 or more, shape (n,).
        tumour: Mask of the nests' cells.
        background: Mask of empty glass.
        haematoxylin: Optical density in the H&E.
        eosin: Optical density in the H&E.
        counterstain: Optical density of haematoxylin in the IHC.
        dab: Optical density in the IHC.
        misalignment: What was done to the real IHC against this frame.
    """

    mpp: float
    nuclei_px: Array
    nuclei_um: Array
    radii_um: Array
    kinds: NDArray[np.int64]
    positive: NDArray[np.bool_]
    tumour: NDArray[np.bool_]
    background: NDArray[np.bool_]
    haematoxylin: Array
    eosin: Array
    counterstain: Array
    dab: Array
    misalignment: Injected


@dataclass(frozen=True)
class PhantomTile:
    """A paired tile of one synthetic section.

    Attributes:
        source: H&E, RGB, float32, [0, 1], values k / 255, shape (h, w, 3).
        real: HER2 IHC, the same.
        truth: What is known about both.
        tissue: What further pictures can be rendered from.
    """

    source: Picture
    real: Picture
    truth: Truth
    tissue: Tissue

    def generated(self, model: str) -> Rendering:
        """Return what one of ``SIMULATED_MODELS`` makes of the source; it lies in the frame of the source."""
        return render_ihc(self.tissue, SIMULATED_MODELS[model], exposure=model)


def phantom_tile(
    *,
    seed: int,
    label: str = "2+",
    size: int | tuple[int, int] = 256,
    mpp: float = 0.5,
    group_seed: int = 0,
    misalignment: Displacement | None = None,
) -> PhantomTile:
    """Return a paired H&E and HER2 IHC tile with its truth; the same arguments give the same bytes.

    The anatomy depends on the two seeds alone: another label is the same tissue with other HER2, a larger tile is the
    same centre with more around it, another ``mpp`` the same tissue at another magnification.

    Args:
        seed: Seed of the tile, 0 or more.
        label: HER2 score: 0, 1+, 2+ or 3+.
        size: Side, or height and width, in px; 16 or more.
        mpp: Pixel size in µm, 0.05 to 4.
        group_seed: Seed of the patient, 0 or more.
        misalignment: Where the real IHC lies against the H&E; by default exactly on it.

    Raises:
        UsageError: An argument is outside its range.
    """
    tissue = build_tissue(seed=seed, label=label, size=size, mpp=mpp, group_seed=group_seed)
    real = render_ihc(tissue, Defects(displacement=misalignment or Displacement()))
    return PhantomTile(source=render_he(tissue), real=real.image, truth=_truth(tissue, real.injected), tissue=tissue)


def _truth(tissue: Tissue, misalignment: Injected) -> Truth:
    view, nuclei = tissue.view, tissue.view.nuclei
    frame = view.frame
    centre = seen_centres(tissue.section, nuclei)
    corner = np.array([frame.top, frame.left]) + (tissue.margin * tissue.samples - 0.5) * frame.step
    place = centre - corner
    inside = np.all((place >= 0.0) & (place < np.array(tissue.shape) * tissue.mpp), axis=1)
    nearest = np.rint((centre[inside] - np.array([frame.top, frame.left])) / frame.step).astype(np.int64)
    inside[inside] = view.glass[nearest[:, 0], nearest[:, 1]] < 0.5
    strength = np.where(nuclei.cell >= 0, tissue.dab_scale * tissue.strength[nuclei.cell], 0.0)
    glass = tissue.pixels(view.glass)
    return Truth(
        mpp=tissue.mpp,
        nuclei_px=place[inside] / tissue.mpp - 0.5,
        nuclei_um=place[inside],
        radii_um=nuclei.axes[inside],
        kinds=nuclei.kind[inside],
        positive=strength[inside] >= POSITIVE_OD,
        tumour=(tissue.pixels(view.tumour) >= 0.5) & (glass < 0.5),
        background=glass >= 0.5,
        haematoxylin=tissue.pixels(tissue.densities["haematoxylin"]),
        eosin=tissue.pixels(tissue.densities["eosin"]),
        counterstain=tissue.pixels(tissue.densities["counterstain"]),
        dab=tissue.pixels(tissue.densities["dab"]),
        misalignment=misalignment,
    )
