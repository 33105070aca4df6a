"""Where nuclei lie and which are positive: a classical detector without weights, and the door for StarDist or Cellpose.

A detector takes one side of a batch and a stain separation, and gives the centres of each tile's nuclei in µm. To add
one, register a function of that form in ``NUCLEI_DETECTORS`` from a plug-in (docs/extending.md shows StarDist); its
name is then a value of the metrics' ``detector`` parameter. It must treat each tile on its own.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from vstain_bench.base.registry import Registry
from vstain_bench.errors import Undefined
from vstain_bench.stain.density import Separation, stain_maps
from vstain_bench.types import View

Centres = NDArray[np.float64]
"""Centres (y, x) in µm from the tile's upper left corner, shape (n, 2)."""
Detector = Callable[[View, Separation], list[Centres]]
NUCLEI_DETECTORS: Registry[Detector] = Registry("nuclei detector")

CELL_UM = 0.75
"""Grid on which nuclei are sought; finer pixels are averaged."""
SCALES_UM = (2.4, 3.2)
"""Standard deviations of the Laplacian of Gaussian: discs of 3.4 and 4.5 µm radius answer most."""
CONTRAST = 0.02
"""Least answer, in OD: a disc that is darker than its surroundings by c answers 0.74 c at its own scale."""
APART_UM = 3.0
"""Least distance between two centres."""


def find_blobs(density: NDArray[np.floating], mpp: float) -> Centres:
    """Return the centres of dark blobs of a nucleus' size in an OD map of shape (h, w).

    They are the local maxima of the scale-normalised negative Laplacian of Gaussian, the largest over ``SCALES_UM``,
    above ``CONTRAST``; each is refined by the parabola through its neighbours.
    """
    factor = max(1, round(CELL_UM / mpp))
    height, width = (side // factor for side in density.shape)
    plane = density[: height * factor, : width * factor].reshape(height, factor, width, factor).mean(axis=(1, 3))
    cell = factor * mpp
    answers = [
        -((scale / cell) ** 2) * ndimage.gaussian_laplace(plane, scale / cell, mode="nearest") for scale in SCALES_UM
    ]
    answer = np.max(answers, axis=0)
    reach = max(1, math.floor(APART_UM / cell))
    offset = np.arange(-reach, reach + 1)
    disc = np.hypot(offset[:, None], offset[None]) * cell <= APART_UM
    # skimage.feature.peak_local_max finds the same peaks, but makes a peak of every cell of a flat top.
    highest = answer == ndimage.maximum_filter(answer, footprint=disc, mode="nearest")
    areas, number = ndimage.label(highest & (answer > CONTRAST), structure=np.ones((3, 3)))
    peaks = np.argwhere(areas)
    if not number:
        return np.empty((0, 2))
    refined = (peaks + _vertex(answer, peaks) + 0.5) * cell
    nucleus = areas[tuple(peaks.T)] - 1  # equal neighbours are one nucleus, at their mean
    sums = np.stack([np.bincount(nucleus, weights=axis) for axis in refined.T], axis=1)
    return np.asarray(sums / np.bincount(nucleus)[:, None])


def _vertex(answer: NDArray[np.floating], peaks: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the offset of each peak's parabola along both axes, within half a cell."""
    padded = np.pad(answer, 1, mode="edge")
    row, column = (peaks + 1).T
    offsets = []
    for before, after in (
        (padded[row - 1, column], padded[row + 1, column]),
        (padded[row, column - 1], padded[row, column + 1]),
    ):
        bend = before + after - 2 * padded[row, column]
        offsets.append(np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1.0), 0.0))
    return np.asarray(np.clip(np.stack(offsets, axis=1), -0.5, 0.5))


def _sizes(view: View) -> list[float]:
    if any(size is None for size in view.mpp):
        raise Undefined("needs µm per pixel: pass --mpp")
    return [size for size in view.mpp if size is not None]


@NUCLEI_DETECTORS.register("log-haematoxylin")
def detect_haematoxylin(view: View, separation: Separation) -> list[Centres]:
    """Blobs of haematoxylin: for stains of membrane or cytoplasm, such as HER2."""
    maps = stain_maps(view, separation).haematoxylin.cpu().numpy()
    return [find_blobs(density, mpp) for density, mpp in zip(maps, _sizes(view), strict=True)]


@NUCLEI_DETECTORS.register("log-both-stains")
def detect_both_stains(view: View, separation: Separation) -> list[Centres]:
    """Blobs of haematoxylin and DAB together: for stains of the nucleus, such as Ki67, ER and PR."""
    maps = stain_maps(view, separation)
    both = (maps.haematoxylin + maps.dab).cpu().numpy()
    return [find_blobs(density, mpp) for density, mpp in zip(both, _sizes(view), strict=True)]


POSITIVE_OD = 0.20
"""Mean DAB OD from which a nucleus is positive: best on 590 labelled Ki67 nuclei (F1 0.90)."""
CORE_UM = 2.0
"""Radius of the disc about a nucleus' centre over which its DAB is averaged."""


def dab_of_nuclei(
    dab: NDArray[np.floating], centres: Centres, mpp: float, radius_um: float = CORE_UM
) -> NDArray[np.float64]:
    """Return the mean DAB OD, shape (n,), of the disc of ``radius_um`` µm about each centre.

    Beyond the tile's border its last pixel goes on.

    Args:
        dab: Map of one tile, (h, w).
        centres: (y, x) in µm, (n, 2).
        mpp: µm per pixel.
        radius_um: Smaller than a nucleus, so that its surroundings do not count.
    """
    reach = math.ceil(radius_um / mpp)
    offset = np.arange(-reach, reach + 1)
    down, right = (axis.ravel() for axis in np.meshgrid(offset, offset, indexing="ij"))
    inside = np.hypot(down, right) * mpp <= radius_um
    middle = np.floor(centres / mpp).astype(np.intp)
    rows = np.clip(middle[:, :1] + down[inside], 0, dab.shape[0] - 1)
    columns = np.clip(middle[:, 1:] + right[inside], 0, dab.shape[1] - 1)
    return np.asarray(dab[rows, columns].mean(axis=1, dtype=np.float64))
