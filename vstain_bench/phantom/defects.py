"""What can be wrong with an IHC picture, in physical units, and how it is done to the tissue's DAB."""

import math
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from vstain_bench.errors import UsageError
from vstain_bench.phantom.her2 import SCORES, dab_density, membrane_strength
from vstain_bench.phantom.noise import Array, generator
from vstain_bench.phantom.tissue import Tissue

NO_AREAS: tuple[float, ...] = ()
SMALLEST_NEST_UM2 = 150.0
"""Least area within the tile, about one cell, of a nest that can be omitted or of the room for an invented one."""
LEAST_STROMA = 0.01
"""Share of stroma a tile needs before DAB can be relocated to it."""


def _require(name: str, value: object, holds: bool, expected: str) -> None:
    if not holds or (isinstance(value, float) and not math.isfinite(value)):
        raise UsageError(where=f"phantom, {name}", found=repr(value), expected=expected)


@dataclass(frozen=True, kw_only=True)
class Displacement:
    """How the content of a picture lies away from where the H&E has it.

    Attributes:
        shift_um: Movement of the content (down, right) in µm; fractions of a pixel are exact.
        rotation_degrees: Rotation about the tile's centre; positive turns the content's right side down.
        elastic_um: Root mean square over the tile of the length of a smooth random displacement, in µm.
        elastic_length_um: Correlation length of that displacement in µm.
    """

    shift_um: tuple[float, float] = (0.0, 0.0)
    rotation_degrees: float = 0.0
    elastic_um: float = 0.0
    elastic_length_um: float = 32.0

    def __post_init__(self) -> None:
        _require("shift_um", self.shift_um, all(map(math.isfinite, self.shift_um)), "two finite numbers")
        _require("rotation_degrees", self.rotation_degrees, True, "a finite number")
        _require("elastic_um", self.elastic_um, self.elastic_um >= 0.0, "0 or more")
        _require("elastic_length_um", self.elastic_length_um, self.elastic_length_um > 0.0, "more than 0")


@dataclass(frozen=True, kw_only=True)
class Defects:
    """What goes wrong between tissue and picture; the default is nothing.

    Attributes:
        dab_gain: Factor on the optical density of DAB.
        blur_um: Standard deviation of a Gaussian blur of the light, in µm, beyond the microscope's own.
        displacement: Where the content lies.
        hallucinate: Number of nests with 3+ membranes invented on tissue that is not tumour.
        hallucinate_radius_um: Their radius in µm.
        omit: Number of nests whose DAB is deleted; their nuclei stay.
        relocate: Share of the DAB that is moved into the stroma at equal total.
    """

    dab_gain: float = 1.0
    blur_um: float = 0.0
    displacement: Displacement = field(default_factory=Displacement)
    hallucinate: int = 0
    hallucinate_radius_um: float = 20.0
    omit: int = 0
    relocate: float = 0.0

    def __post_init__(self) -> None:
        _require("dab_gain", self.dab_gain, self.dab_gain >= 0.0, "0 or more")
        _require("blur_um", self.blur_um, self.blur_um >= 0.0, "0 or more")
        _require("hallucinate", self.hallucinate, self.hallucinate >= 0, "0 or more")
        _require("hallucinate_radius_um", self.hallucinate_radius_um, self.hallucinate_radius_um > 0.0, "more than 0")
        _require("omit", self.omit, self.omit >= 0, "0 or more")
        _require("relocate", self.relocate, 0.0 <= self.relocate <= 1.0, "0 to 1")


AS_IT_IS = Defects()
"""No defect."""


@dataclass(frozen=True)
class Injected:
    """What was done to a picture, measured, not asked for.

    Attributes:
        defects: What was asked for; gain, blur, shift and rotation are exact.
        elastic_um: Root mean square of the elastic displacement over the tile, in µm.
        hallucinated_um2: Area of each invented nest within the tile, before displacement, in µm².
        omitted_um2: Area of each deleted nest within the tile, before displacement, in µm².
        relocated_od_um2: DAB moved into the stroma: optical density times area, in µm².
    """

    defects: Defects
    elastic_um: float
    hallucinated_um2: tuple[float, ...]
    omitted_um2: tuple[float, ...]
    relocated_od_um2: float


def change_dab(tissue: Tissue, defects: Defects) -> tuple[Array, tuple[float, ...], tuple[float, ...]]:
    """Return the DAB after nests were omitted and invented and the gain applied, and the areas of those nests in µm².

    The DAB is at every sample, margin included. More nests contain the fewer: severity only adds.

    Raises:
        UsageError: The tile has too few nests to omit, or no room to invent one.
    """
    dab, omitted, invented = tissue.densities["dab"], NO_AREAS, NO_AREAS
    view, score = tissue.view, SCORES[tissue.label]
    if defects.omit:
        nests, omitted = _choose_nests(tissue, defects.omit)
        lost = np.where(np.isin(view.cells.nest, nests), tissue.strength, 0.0)
        dab = dab - tissue.dab_scale * dab_density(view, lost, score, view.tumour)
    if defects.hallucinate:
        strength, invented = _invent_nests(tissue, defects.hallucinate, defects.hallucinate_radius_um)
        dab = dab + tissue.dab_scale * dab_density(view, strength, SCORES["3+"], 1.0 - view.tumour)
    return defects.dab_gain * np.maximum(dab, 0.0), invented, omitted


def relocate_dab(dab: Array, stroma: Array, around: int, share: float) -> tuple[Array, float]:
    """Return the DAB with a share of it moved to the stroma, and the sum moved within the tile.

    Args:
        dab: Optical density with ``around`` samples beyond the tile on every side, shape (h, w).
        stroma: Where it goes: weight of stroma in the same samples.
        around: Samples beyond the tile; the tile's total is what stays equal.
        share: Share moved, 0 to 1.

    Raises:
        UsageError: There is no stroma in the tile.
    """
    inner = (slice(around, -around), slice(around, -around))
    room = float(stroma[inner].sum())
    if room < LEAST_STROMA * stroma[inner].size:
        raise UsageError(
            where="phantom, relocate",
            found="the tile holds no stroma",
            expected=f"stroma in at least {LEAST_STROMA:.0%} of it",
            next_step="Use another seed or a larger tile.",
        )
    moved = share * float(dab[inner].sum())
    return (1.0 - share) * dab + stroma * (moved / room), moved


def _choose_nests(tissue: Tissue, count: int) -> tuple[list[int], tuple[float, ...]]:
    """Return the numbers and areas in µm² of the nests to omit, among those of some size in the tile."""
    view = tissue.view
    edge = tissue.margin * tissue.samples
    inner = (slice(edge, -edge), slice(edge, -edge))
    tumour = (view.cells.tumour[view.cell] & (view.tumour >= 0.5) & (view.glass < 0.5))[inner]
    nests, sizes = np.unique(view.cells.nest[view.cell][inner][tumour], return_counts=True)
    areas = sizes * tissue.step**2
    nests, areas = nests[areas >= SMALLEST_NEST_UM2], areas[areas >= SMALLEST_NEST_UM2]
    if len(nests) < count:
        raise UsageError(
            where="phantom, omit",
            found=f"{count} nests to omit where the tile holds {len(nests)}",
            expected=f"at most {len(nests)}",
            next_step="Use a larger tile.",
        )
    order = generator(*tissue.key, "omit").permutation(len(nests))[:count]
    return [int(nests[place]) for place in order], tuple(float(areas[place]) for place in order)


def _invent_nests(tissue: Tissue, count: int, radius_um: float) -> tuple[Array, tuple[float, ...]]:
    """Return the membrane strength of the cells of invented nests, shape (n,), and the nests' areas in µm²."""
    view, cells = tissue.view, tissue.view.cells
    edge = tissue.margin * tissue.samples
    inner = (slice(edge, -edge), slice(edge, -edge))
    cell = view.cell[inner]
    tissue_here = view.glass[inner] < 0.5
    free = ~cells.tumour[cell] & tissue_here
    rows, columns = view.frame.rows[inner[0]], view.frame.columns[inner[1]]
    draw = generator(*tissue.key, "hallucinate")
    chosen, areas = np.zeros(len(cells.tumour), dtype=np.bool_), []
    for number in range(count):
        clearance = ndimage.distance_transform_edt(np.pad(free, 1, constant_values=False))[1:-1, 1:-1] * tissue.step
        if clearance.max() < min(radius_um, np.sqrt(SMALLEST_NEST_UM2 / np.pi)):
            raise UsageError(
                where="phantom, hallucinate",
                found=f"no room for nest {number + 1} of {count} outside the tumour",
                expected="tissue that is not tumour",
                next_step="Use another seed, a larger tile, or fewer nests.",
            )
        roomy = np.flatnonzero(clearance >= min(radius_um, clearance.max()))
        row, column = np.unravel_index(int(roomy[draw.integers(len(roomy))]), clearance.shape)
        away = np.hypot(cells.position[:, 0] - rows[row], cells.position[:, 1] - columns[column])
        nest = (away <= max(radius_um, float(away[~cells.tumour].min()))) & ~cells.tumour & ~chosen
        chosen |= nest
        areas.append(float(np.count_nonzero(nest[cell] & tissue_here)) * tissue.step**2)
        free &= np.hypot(rows[:, None] - rows[row], columns[None, :] - columns[column]) > radius_um + 6.0
    return membrane_strength(cells, SCORES["3+"], chosen), tuple(areas)
