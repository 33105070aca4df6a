"""The one place where perturbations meet stain: background, density of two stains, and light with more or less of one.

A change of density acts on the light by a factor, 10^(-change · vector), so a pixel without a change keeps its bits.
Densities are measured with ImageJ's two vectors and their cross product. A tile's own DAB is a little off its vector,
and erasing it along that would leave yellow ghosts; what DAB's pixels have along the third vector therefore goes with
it. That moves no density, since the third is measured apart.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from vstain_bench.arrays import Pixels

Density = NDArray[np.float32]
"""Optical density of one stain, base 10, shape (h, w)."""
Mask = NDArray[np.bool_]
Stain = Literal["haematoxylin", "dab"]

DARKEST = 1 / 255
WEAK_OD = 0.15
"""Least density of a DAB-positive pixel: the lower end of the weak band."""
POSITIVE_SHARE = 0.1
"""Least local share of positive pixels of DAB-positive tissue, as a membrane is a thin line around a cell; on BCI
that is 4, 1, 45 and 48 % of the tiles of HER2 0 to 3+."""
LOCAL_UM = 5.0
"""Standard deviation of the Gaussian that is local: about a cell."""
TISSUE_OD = 0.02
"""Least local mean optical density (over RGB) of tissue; glass has below 0.01 on BCI, pale stroma 0.025 and more."""


def _vectors() -> NDArray[np.float64]:
    haematoxylin, dab = np.array((0.650, 0.704, 0.286)), np.array((0.268, 0.570, 0.776))  # ImageJ 'H DAB'
    rows: NDArray[np.float64] = np.stack([haematoxylin, dab, np.cross(haematoxylin, dab)])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


VECTORS = _vectors()
_WEIGHTS = np.linalg.inv(VECTORS).astype(np.float32)
_ROW: dict[Stain, int] = {"haematoxylin": 0, "dab": 1}


def background(picture: Pixels) -> NDArray[np.float32]:
    """Return I0, the light through empty glass, as the tile's own 99th percentile per channel, shape (3,)."""
    light: NDArray[np.float32] = np.percentile(picture[::2, ::2].reshape(-1, 3), 99, axis=0).astype(np.float32)
    return np.maximum(light, np.float32(DARKEST))


def optical_density(picture: Pixels) -> NDArray[np.float32]:
    """Return -log10(I / I0) per channel, shape (h, w, 3); light below 1/255 counts as 1/255."""
    ratio: NDArray[np.float32] = np.maximum(picture, np.float32(DARKEST)) / background(picture)
    return -np.log10(ratio)


def density(picture: Pixels, stain: Stain) -> Density:
    """Return the density of one stain, not clipped: cross-talk makes small negative values, means stay linear."""
    density: Density = optical_density(picture) @ _WEIGHTS[:, _ROW[stain]]
    return density


def _own_vector(picture: Pixels, stain: Stain) -> NDArray[np.float32]:
    """Return a stain's vector with the tile's own share of the third, shape (3,)."""
    vector = VECTORS[_ROW[stain]]
    if stain == "dab":
        dab, rest = density(picture, "dab"), optical_density(picture) @ _WEIGHTS[:, 2]
        stained = dab > WEAK_OD
        amount = float(np.sum(dab[stained] ** 2, dtype=np.float64))
        if amount:
            share = float(np.sum(dab[stained] * rest[stained], dtype=np.float64)) / amount
            vector = vector + np.clip(share, -0.3, 0.3) * VECTORS[2]
    own: NDArray[np.float32] = vector.astype(np.float32)
    return own


def add_density(picture: Pixels, change: Density, stain: Stain) -> Pixels:
    """Return the light after a change in the density of one stain; nothing becomes brighter than glass by it."""
    factor = np.exp(-np.float32(np.log(10)) * change[..., None] * _own_vector(picture, stain))
    light: Pixels = np.minimum(picture * factor, np.maximum(picture, background(picture)))
    return light


def scale_density(picture: Pixels, gain: float, stain: Stain) -> Pixels:
    """Return the light with one stain's density multiplied; negative densities (cross-talk) stay as they are."""
    return add_density(picture, np.float32(gain - 1) * np.maximum(density(picture, stain), 0), stain)


def local_mean(values: NDArray[np.float32], mpp: float, sigma_um: float = LOCAL_UM) -> NDArray[np.float32]:
    """Return the Gaussian mean around each pixel, borders reflected."""
    mean: NDArray[np.float32] = ndimage.gaussian_filter(values, sigma_um / mpp, mode="mirror", truncate=3.0)
    return mean


def tissue(picture: Pixels, mpp: float) -> Mask:
    """Return where there is tissue, judged by the tile's own background."""
    return local_mean(optical_density(picture).mean(axis=2), mpp) > TISSUE_OD


def positive(dab: Density, mpp: float) -> Mask:
    """Return where tissue is DAB-positive at the scale of a cell, shape (h, w)."""
    return local_mean((dab > WEAK_OD).astype(np.float32), mpp) > POSITIVE_SHARE
