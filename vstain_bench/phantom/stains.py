"""Stains and scanner: colour vectors, what varies between slides, and how light makes the picture.

Beer-Lambert: I = I0 · 10^-(sum over stains of density · vector). The vectors are those of Ruifrok and Johnston,
"Quantification of histochemical staining by color deconvolution", Anal Quant Cytol Histol 23 (2001), normalised.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from vstain_bench.phantom.noise import Array, generator

Picture = NDArray[np.float32]
"""RGB, float32, [0, 1], shape (h, w, 3)."""

RUIFROK: Mapping[str, tuple[float, float, float]] = {
    "haematoxylin": (0.65, 0.70, 0.29),
    "eosin": (0.07, 0.99, 0.11),
    "dab": (0.27, 0.57, 0.78),
}
ROSE = (0.09, 0.0, 0.36)
"""Added to eosin before normalising: pink stroma on scanned slides absorbs more blue than the vector of 2001, about
(0.16, 0.88, 0.44) on BCI's H&E tiles."""
OPTICS_UM = 0.28
"""Standard deviation of the microscope's blur, in µm."""
NOISE = 0.007
"""Standard deviation of the sensor's noise at full light; it falls with the square root of the light."""


@dataclass(frozen=True)
class SlideStain:
    """How one patient's two slides were stained and scanned.

    Attributes:
        vectors: Unit optical-density vectors, RGB, by stain; ``counterstain`` is the IHC's haematoxylin.
        gains: Strength of each stain relative to the usual.
        source_white: Light through empty glass on the H&E slide, RGB.
        real_white: The same on the IHC slide.
    """

    vectors: Mapping[str, Array]
    gains: Mapping[str, float]
    source_white: Array
    real_white: Array


def stain_slides(group_seed: int) -> SlideStain:
    """Return the stains of one patient's slides: hue, strength and white point around the usual ones."""
    lab = generator("stain", group_seed)
    vectors, gains = {}, {}
    for name, usual, hue, strength in (
        ("haematoxylin", "haematoxylin", 0.035, 0.13),
        ("eosin", "eosin", 0.04, 0.18),
        ("counterstain", "haematoxylin", 0.025, 0.15),
        ("dab", "dab", 0.02, 0.12),
    ):
        rose = np.array(ROSE) if usual == "eosin" else 0.0
        vector = np.abs(np.array(RUIFROK[usual]) + rose + hue * np.clip(lab.standard_normal(3), -2, 2))
        vectors[name] = vector / np.linalg.norm(vector)
        gains[name] = float(np.exp(strength * np.clip(lab.standard_normal(), -2, 2)))
    thickness = float(np.exp(0.08 * np.clip(lab.standard_normal(), -2, 2)))
    whites = [lab.uniform(0.90, 0.97) * (1 + np.clip(0.006 * lab.standard_normal(3), -0.01, 0.01)) for _ in range(2)]
    return SlideStain(
        vectors=vectors,
        gains={name: gain * thickness for name, gain in gains.items()},
        source_white=whites[0],
        real_white=whites[1],
    )


def transmit(densities: Mapping[str, Array], vectors: Mapping[str, Array], white: Array) -> Array:
    """Return the light behind stained tissue by the Beer-Lambert law, shape (h, w, 3), not clipped.

    Args:
        densities: Optical density of each stain, each of shape (h, w).
        vectors: Unit vector of each stain, RGB.
        white: Light through empty glass, RGB.
    """
    stack = np.stack([densities[name] for name in densities], axis=-1)
    matrix = np.stack([vectors[name] for name in densities])
    # Three multiplications by hand: a matrix product may round differently with another number of threads.
    optical_density = sum(stack[..., stain, None] * matrix[stain] for stain in range(len(matrix)))
    light: Array = white * np.exp(-np.log(10.0) * np.asarray(optical_density))
    return light


def blur(light: Array, sigma_samples: float) -> Array:
    """Return light after a Gaussian blur of the two image axes, cut at 4 standard deviations."""
    if sigma_samples <= 0.0:
        return light
    return ndimage.gaussian_filter(light, sigma=(sigma_samples, sigma_samples, 0.0), mode="nearest", truncate=4.0)


def expose(light: Array, *, key: tuple[int | str, ...]) -> Picture:
    """Return what an 8-bit sensor records of the light: values are exactly k / 255."""
    noise = generator(*key, "sensor").standard_normal(light.shape)
    recorded = np.clip(light + NOISE * np.sqrt(np.maximum(light, 0.0)) * noise, 0.0, 1.0)
    return np.rint(recorded * 255.0).astype(np.float32) / np.float32(255.0)
