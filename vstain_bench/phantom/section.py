"""Where a field of view lies: sample grids in µm, and the section of tissue they look at."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from vstain_bench.phantom.noise import Array, Field, Key, generator

SHAPE_UM = 70.0
"""Lattice spacing of the field whose threshold parts tumour from stroma."""
MAP_UM = 8.0
"""Sample distance of the map on which the field of view is chosen."""


@dataclass(frozen=True)
class Frame:
    """A regular grid of sample points on the plane.

    Attributes:
        top: First row's place in µm.
        left: First column's place in µm.
        height: Number of rows.
        width: Number of columns.
        step: Distance of neighbouring samples in µm.
    """

    top: float
    left: float
    height: int
    width: int
    step: float

    @property
    def rows(self) -> Array:
        """Places of the rows in µm, shape (height,)."""
        return self.top + self.step * np.arange(self.height, dtype=np.float64)

    @property
    def columns(self) -> Array:
        """Places of the columns in µm, shape (width,)."""
        return self.left + self.step * np.arange(self.width, dtype=np.float64)

    def widened(self, samples: int) -> "Frame":
        """Return this frame with so many more samples on every side."""
        more = samples * self.step
        return Frame(self.top - more, self.left - more, self.height + 2 * samples, self.width + 2 * samples, self.step)


@dataclass(frozen=True)
class Section:
    """An endless section of one patient's tissue, and the place on it that is looked at.

    Attributes:
        key: What seeds every field of the section.
        centre: Centre of the field of view, (y, x) in µm.
        threshold: There is tumour where the shape field exceeds it.
        nucleus_scale: Size of the tumour's nuclei relative to 7.6 µm.
        fibre_angle: Main direction of the stroma's fibres, radians.
        gland_share: Share of the nests that have a lumen.
        looseness: How readily the bundles of fibres part.
        infiltrate_threshold: The stroma holds lymphocytes where the infiltrate field exceeds it.
        edge: Where the tissue ends: direction in radians and distance from the centre in µm, or None.
    """

    key: Key
    centre: tuple[float, float]
    threshold: float
    nucleus_scale: float
    fibre_angle: float
    gland_share: float
    looseness: float
    infiltrate_threshold: float
    edge: tuple[float, float] | None

    def field(self, name: str, first_um: float, second_um: float | None = None) -> Field:
        """Return one of the section's fields by its name and lattice spacings."""
        return Field((*self.key, name), (first_um, second_um or first_um))

    def frame(self, *, height: int, width: int, step: float) -> Frame:
        """Return the frame of so many samples that is centred on the field of view."""
        top, left = (self.centre[0] - (height - 1) / 2 * step, self.centre[1] - (width - 1) / 2 * step)
        return Frame(top, left, height, width, step)


def cut_section(*, seed: int, group_seed: int) -> Section:
    """Return the section and field of view of one tile: traits of the patient, then those of the place.

    The field of view is chosen as a reader does: tumour at its centre, and around it (128 µm) about the patient's
    share of tumour.
    """
    patient, place = generator("patient", group_seed), generator("place", group_seed, seed)
    key: Key = ("section", group_seed, seed)
    share = patient.uniform(0.45, 0.8)
    nucleus_scale, gland, infiltrate = patient.normal(1.0, 0.05), patient.uniform(0.0, 0.6), patient.normal(1.7, 0.4)
    wanted = float(np.clip(place.normal(share, 0.07), 0.25, 0.92))
    threshold, centre = _choose_view(key, share, wanted)
    has_edge, direction, distance = place.random() < 0.18, place.uniform(0, 2 * np.pi), place.uniform(20.0, 55.0)
    return Section(
        key=key,
        centre=centre,
        threshold=threshold,
        nucleus_scale=float(np.clip(nucleus_scale, 0.88, 1.12)),
        fibre_angle=float(place.uniform(0, np.pi)),
        gland_share=float(gland),
        looseness=float(np.clip(place.normal(0.0, 0.35), -0.5, 0.6)),
        infiltrate_threshold=float(np.clip(infiltrate, 1.0, 2.4)),
        edge=(float(direction), float(distance)) if has_edge else None,
    )


def _choose_view(key: Key, share: float, wanted: float) -> tuple[float, tuple[float, float]]:
    """Return the shape field's threshold for a share of tumour, and a centre with the wanted share around it."""
    grid = np.arange(-800.0, 800.0, MAP_UM)
    shape = Field((*key, "shape"), (SHAPE_UM, SHAPE_UM)).on_grid(grid, grid)
    threshold = float(np.quantile(shape, 1.0 - share))
    tumour = shape > threshold
    window = round(128.0 / MAP_UM)
    miss = np.abs(ndimage.uniform_filter(tumour.astype(np.float64), size=window) - wanted)
    miss[shape < threshold + 0.15] += 1.0
    inner = miss[window:-window, window:-window]
    row, column = np.unravel_index(int(np.argmin(inner)), inner.shape)
    return threshold, (float(grid[window + row]), float(grid[window + column]))
