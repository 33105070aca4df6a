"""A tile of tissue with everything known about it: what each stain binds to, where, and how much."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vstain_bench.base.names import require_known
from vstain_bench.errors import UsageError
from vstain_bench.phantom.anatomy import View, survey
from vstain_bench.phantom.her2 import HAZE_OD, SCORES, dab_density, membrane_strength
from vstain_bench.phantom.noise import Array, Key, generator
from vstain_bench.phantom.section import Section, cut_section
from vstain_bench.phantom.stains import SlideStain, stain_slides

FINEST_UM = 0.5
"""Tissue is sampled at least this finely; coarser pixels average the light of several samples."""
MARGIN_UM = 12.0
"""How much tissue is made beyond the tile's border; more is made when a displacement needs it."""
SMALLEST_PX = 16


@dataclass(frozen=True)
class Tissue:
    """One tile of tissue: its place, stains and anatomy, and the optical density of each stain.

    Attributes:
        seed: Seed of the tile.
        group_seed: Seed of the patient.
        label: HER2 score.
        shape: Height and width in px.
        mpp: Pixel size in µm.
        samples: Samples per pixel along one axis.
        margin: Width of the tissue beyond the tile's border, in px.
        section: The section it lies on.
        stain: How the slides were stained.
        view: The anatomy at every sample, margin included.
        strength: Optical density of each cell's membrane in the IHC, shape (n,).
        dab_scale: What turns the strength of cells into this tile's density: gains of slide and tile.
        densities: Optical density by stain (``haematoxylin`` and ``eosin`` in the H&E, ``counterstain`` and ``dab`` in
            the IHC), at every sample, margin included.
    """

    seed: int
    group_seed: int
    label: str
    shape: tuple[int, int]
    mpp: float
    samples: int
    margin: int
    section: Section
    stain: SlideStain
    view: View
    strength: Array
    dab_scale: float
    densities: Mapping[str, Array]

    @property
    def key(self) -> Key:
        """What seeds everything about this tile."""
        return (self.group_seed, self.seed)

    @property
    def step(self) -> float:
        """Distance of neighbouring samples in µm."""
        return self.mpp / self.samples

    def tile(self, samples: Array) -> Array:
        """Return the tile's part of an array over all samples, margin taken off."""
        edge = self.margin * self.samples
        return samples[edge : samples.shape[0] - edge, edge : samples.shape[1] - edge]

    def pixels(self, samples: Array) -> Array:
        """Return an array over all samples as the means over the tile's pixels, shape (h, w)."""
        return pool(self.tile(samples), self.samples)

    def with_margin(self, margin_um: float) -> "Tissue":
        """Return the same tissue with at least so much of it beyond the tile's border."""
        return build_tissue(
            seed=self.seed,
            label=self.label,
            size=self.shape,
            mpp=self.mpp,
            group_seed=self.group_seed,
            margin_um=margin_um,
        )


def pool(samples: Array, size: int) -> Array:
    """Return the means over size × size samples of an array of shape (h · size, w · size, ...)."""
    if size == 1:
        return samples
    height, width = samples.shape[0] // size, samples.shape[1] // size
    pooled: Array = samples.reshape(height, size, width, size, *samples.shape[2:]).mean(axis=(1, 3))
    return pooled


def build_tissue(
    *,
    seed: int,
    label: str = "2+",
    size: int | tuple[int, int] = 256,
    mpp: float = 0.5,
    group_seed: int = 0,
    margin_um: float = MARGIN_UM,
) -> Tissue:
    """Return a tile of tissue. Its anatomy depends on the seeds alone, and neither on label, size nor pixel size.

    Args:
        seed: Seed of the tile, 0 or more.
        label: HER2 score: 0, 1+, 2+ or 3+.
        size: Side, or height and width, in px; 16 or more.
        mpp: Pixel size in µm, 0.05 to 4.
        group_seed: Seed of the patient, 0 or more: stains, white points, thickness and share of tumour.
        margin_um: How much tissue to make beyond the tile's border.

    Raises:
        UsageError: An argument is outside its range.
    """
    shape = (size, size) if isinstance(size, int) else size
    _check(seed=seed, group_seed=group_seed, label=label, shape=shape, mpp=mpp)
    samples = max(1, math.ceil(mpp / FINEST_UM - 1e-9))
    margin = math.ceil(margin_um / mpp)
    section = cut_section(seed=seed, group_seed=group_seed)
    frame = section.frame(height=shape[0] * samples, width=shape[1] * samples, step=mpp / samples)
    view = survey(section, frame.widened(margin * samples))
    stain = stain_slides(group_seed)
    strength = membrane_strength(view.cells, SCORES[label], view.cells.tumour)
    wobble = np.exp(0.07 * np.clip(generator("tile stain", group_seed, seed).standard_normal(4), -2, 2))
    scale = {name: gain * wobble[place] for place, (name, gain) in enumerate(sorted(stain.gains.items()))}
    return Tissue(
        seed=seed,
        group_seed=group_seed,
        label=label,
        shape=shape,
        mpp=mpp,
        samples=samples,
        margin=margin,
        section=section,
        stain=stain,
        view=view,
        strength=strength,
        dab_scale=scale["dab"],
        densities=_densities(view, scale, dab_density(view, strength, SCORES[label], view.tumour)),
    )


def _densities(view: View, scale: Mapping[str, float], dab: Array) -> dict[str, Array]:
    """Return the optical density of every stain at every sample, from the anatomy and the gain of each stain."""
    present = (1.0 - view.glass) * view.thickness
    stroma = 1.0 - view.tumour
    nucleus = np.minimum(view.nucleus, 1.0)
    uneven = view.blended(1.0 + 0.14 * view.cells.vigour)
    plasma = view.tumour * np.maximum(uneven + 0.1 * view.grain - 0.22 * np.exp(-view.membrane / 0.6), 0.0)
    haematoxylin = 0.62 * view.nucleus + 0.13 * plasma + 0.03 * stroma * view.collagen
    eosin = (0.33 * stroma * view.collagen + 0.20 * plasma) * (1.0 - 0.5 * nucleus)
    counterstain = 0.30 * view.nucleus + 0.025 * plasma + 0.035 * stroma * view.collagen
    return {
        "haematoxylin": scale["haematoxylin"] * present * haematoxylin,
        "eosin": scale["eosin"] * present * eosin,
        "counterstain": scale["counterstain"] * present * counterstain,
        "dab": scale["dab"] * (dab + HAZE_OD * present),
    }


def _check(*, seed: int, group_seed: int, label: str, shape: tuple[int, int], mpp: float) -> None:
    """Refuse arguments outside their range."""
    for name, value in (("seed", seed), ("group_seed", group_seed)):
        if value < 0:
            raise UsageError(where=f"phantom, {name}", found=str(value), expected="0 or more")
    require_known(label, SCORES, where="phantom, label", found=repr(label))
    if min(shape) < SMALLEST_PX:
        raise UsageError(
            where="phantom, size", found=f"{shape[0]} x {shape[1]} px", expected=f"{SMALLEST_PX} px or more a side"
        )
    if not 0.05 <= mpp <= 4.0:
        raise UsageError(
            where="phantom, mpp", found=f"{mpp} µm per pixel", expected="0.05 to 4 (0.25 is a 40x scan, 0.5 a 20x scan)"
        )
