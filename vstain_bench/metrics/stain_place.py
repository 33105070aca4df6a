"""Where stain lies: block means, masks with a tolerance, and DAB that has no counterpart nearby.

Everything is in µm and needs the pixel size. Block means and masks forgive displacements below their scale; how much
each forgives is measured by the stress suite, not assumed.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from vstain_bench.errors import Undefined
from vstain_bench.metrics.definition import METRICS
from vstain_bench.metrics.windows import GENERATED_REAL
from vstain_bench.stain.density import Separation, stain_maps
from vstain_bench.stain.micrometres import Map, Mask, block_means, correlation, distances, pixel_sizes
from vstain_bench.types import Batch, Metric, PerTile, Rows, View

GRID_UM = 1.0
"""Cell of the grid on which nests are outlined."""
SMOOTH_UM = 3.0
"""Standard deviation of the local mean that joins the membranes of a nest."""


def _column(values: list[float], batch: Batch) -> Rows:
    return torch.tensor(values, dtype=torch.float64, device=batch.side("real").device).unsqueeze(1)


def _block_correlation(block_um: float, separation: Separation) -> Metric:
    def blocks(view: View, sizes: tuple[float, ...]) -> list[Map]:
        def compute(each: View) -> list[Map]:
            maps = stain_maps(each, separation).dab
            return [block_means(dab, mpp, block_um) for dab, mpp in zip(maps, sizes, strict=True)]

        return view.derive(("dab blocks", block_um, separation), compute)

    def observe(batch: Batch) -> Rows:
        sizes = pixel_sizes(batch)
        generated, real = (blocks(batch.view(side), sizes) for side in GENERATED_REAL)
        if min(each.size for each in real) < 4:
            raise Undefined(f"a tile holds fewer than 4 blocks of {block_um:g} µm")
        return _column([correlation(one, other) for one, other in zip(generated, real, strict=True)], batch)

    return Metric(
        family="place",
        summary=f"correlation of mean DAB optical density over blocks of {block_um:g} µm",
        observe=observe,
        kind=PerTile(),
        better="higher",
        value_range=(-1.0, 1.0),
        perfect=1.0,
        params={"block_um": block_um, **separation.params},
        observation=f"dab block r|block_um:{block_um}|background:{separation.background}|vectors:{separation.vectors}",
        citation="Pearson correlation of block means; Ruifrok and Johnston 2001 for the DAB map",
    )


@METRICS.register("dab_block_r")
def dab_block_r(*, block_um: float = 8.0, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """Correlation within a tile of the mean DAB OD of square blocks of ``block_um`` µm, generated with real.

    Pearson's r over whole blocks from the upper left corner, then the mean over tiles; range [-1, 1], 1 is perfect. A
    side whose blocks differ by less than 0.001 OD (standard deviation) has no pattern: two such sides agree (1), one
    gets 0. Blind to gain and offset by construction. ``dab_block_r_4um``, ``_16um`` and ``_32um`` stand beside it in
    one table.
    """
    return _block_correlation(block_um, Separation(background, vectors))


@METRICS.register("dab_block_r_4um")
def dab_block_r_4um(*, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """``dab_block_r`` with blocks of 4 µm: the parts of a cell."""
    return _block_correlation(4.0, Separation(background, vectors))


@METRICS.register("dab_block_r_16um")
def dab_block_r_16um(*, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """``dab_block_r`` with blocks of 16 µm: a cell or two."""
    return _block_correlation(16.0, Separation(background, vectors))


@METRICS.register("dab_block_r_32um")
def dab_block_r_32um(*, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """``dab_block_r`` with blocks of 32 µm: groups of cells."""
    return _block_correlation(32.0, Separation(background, vectors))


@dataclass(frozen=True)
class Stained:
    """Where a tile is stained, (h, w), and every place's distance in µm to the nearest such place."""

    mask: Mask
    away_um: Map


def tolerance_dice(generated: Stained, real: Stained, tolerance_um: float) -> float:
    """Return the share of both masks within a distance of the other: 1 where both are empty, 0 where one is."""
    total = int(generated.mask.sum()) + int(real.mask.sum())
    if total == 0:
        return 1.0
    near = [
        int((other.away_um[each.mask] <= tolerance_um + 1e-9).sum())
        for each, other in ((generated, real), (real, generated))
    ]
    return sum(near) / total


def _stained(view: View, separation: Separation, threshold: float, sizes: tuple[float, ...]) -> list[Stained]:
    def compute(each: View) -> list[Stained]:
        masks = (stain_maps(each, separation).dab > threshold).cpu().numpy()
        return [Stained(mask, distances(mask, mpp)) for mask, mpp in zip(masks, sizes, strict=True)]

    return view.derive(("stained", separation, threshold), compute)


@METRICS.register("dab_tolerance_dice")
def dab_tolerance_dice(
    *, tolerance_um: float = 2.0, threshold: float = 0.15, background: str = "tile", vectors: str = "h-dab"
) -> Metric:
    """Dice overlap of the masks with a DAB OD above ``threshold``, within ``tolerance_um`` µm.

    (|G within the tolerance of R| + |R within the tolerance of G|) / (|G| + |R|); a tolerance of 0 is plain Dice.
    Range [0, 1], higher is better. Two empty masks agree (1); one empty mask is 0. Wide masks are always near
    something: read it beside the controls.
    """
    separation = Separation(background, vectors)

    def observe(batch: Batch) -> Rows:
        sizes = pixel_sizes(batch)
        generated, real = (_stained(batch.view(side), separation, threshold, sizes) for side in GENERATED_REAL)
        return _column([tolerance_dice(*each, tolerance_um) for each in zip(generated, real, strict=True)], batch)

    return Metric(
        family="place",
        summary=f"overlap of DAB masks within {tolerance_um:g} µm",
        observe=observe,
        kind=PerTile(),
        better="higher",
        perfect=1.0,
        citation="Dice with a tolerance, after Nikolov et al. 2021, J Med Internet Res 23:e26151 (surface Dice)",
    )


@dataclass(frozen=True)
class Patch:
    """One connected area of DAB without counterpart.

    Attributes:
        area_um2: Its area in µm².
        centre_um: Its centre (y, x) in µm from the upper left corner.
        dab: Mean local DAB OD within it.
    """

    area_um2: float
    centre_um: tuple[float, float]
    dab: float


@dataclass(frozen=True)
class Unmatched:
    """DAB of one side that the other side lacks nearby.

    Attributes:
        mask: Where it is, on a grid of ``cell_um``, (h, w).
        cell_um: Side of a grid cell in µm.
        patches: Connected areas, largest first.
    """

    mask: Mask
    cell_um: float
    patches: tuple[Patch, ...]

    @property
    def area_per_mm2(self) -> float:
        """Area in µm² per mm² of tile."""
        return 1e6 * float(self.mask.mean())


def local_dab(view: View, separation: Separation, sizes: tuple[float, ...]) -> list[tuple[Map, float]]:
    """Return per tile the local mean DAB OD on a grid of about 1 µm, and the side of its cells in µm, computed once."""

    def compute(each: View) -> list[tuple[Map, float]]:
        found = []
        for dab, mpp in zip(stain_maps(each, separation).dab, sizes, strict=True):
            cell = max(GRID_UM, mpp)
            found.append((ndimage.gaussian_filter(block_means(dab, mpp, cell), SMOOTH_UM / cell, mode="nearest"), cell))
        return found

    return view.derive(("local dab", separation), compute)


def unmatched(stained: Map, other: Map, cell_um: float, *, tolerance_um: float, threshold: float) -> Unmatched:
    """Return where one side's local DAB is above ``threshold`` and the other's nowhere nearby above half of it.

    Half the threshold on the other side: what is merely a little paler is an error of amount, not of presence.

    Args:
        stained: Local mean DAB OD of the side that has it, (h, w).
        other: The same of the side that may lack it.
        cell_um: Side of a grid cell in µm.
        tolerance_um: Distance within which the other side's DAB counts as its counterpart.
        threshold: Local mean DAB OD from which there is a nest.
    """
    mask = (stained > threshold) & (distances(other > threshold / 2, cell_um) > tolerance_um)
    areas, number = ndimage.label(mask, structure=np.ones((3, 3)))
    patches = []
    for area in range(1, number + 1):
        places = np.argwhere(areas == area)
        row, column = (places.mean(axis=0) + 0.5) * cell_um
        within = float(stained[tuple(places.T)].mean())
        patches.append(Patch(len(places) * cell_um**2, (float(row), float(column)), within))
    return Unmatched(mask, cell_um, tuple(sorted(patches, key=lambda patch: -patch.area_um2)))


def find_unmatched(
    batch: Batch, separation: Separation, *, hallucinated: bool, tolerance_um: float = 8.0, threshold: float = 0.10
) -> list[Unmatched]:
    """Return per tile the hallucinated DAB (generated without real), or the omitted (real without generated).

    Raises:
        Undefined: a tile's pixel size is unknown.
    """
    sizes = pixel_sizes(batch)
    generated, real = (local_dab(batch.view(side), separation, sizes) for side in GENERATED_REAL)
    pairs = zip(generated, real, strict=True) if hallucinated else zip(real, generated, strict=True)
    return [
        unmatched(stained, other, cell, tolerance_um=tolerance_um, threshold=threshold)
        for (stained, cell), (other, _) in pairs
    ]


def _area_metric(
    summary: str, *, hallucinated: bool, tolerance_um: float, threshold: float, separation: Separation
) -> Metric:
    def observe(batch: Batch) -> Rows:
        found = find_unmatched(
            batch,
            separation,
            hallucinated=hallucinated,
            tolerance_um=tolerance_um,
            threshold=threshold,
        )
        return _column([each.area_per_mm2 for each in found], batch)

    return Metric(
        family="place",
        summary=f"{summary} within {tolerance_um:g} µm",
        observe=observe,
        kind=PerTile(),
        better="lower",
        value_range=(0.0, 1e6),
        perfect=0.0,
        unit="µm²/mm²",
        params={
            "tolerance_um": tolerance_um,
            "threshold": threshold,
            "smooth_um": SMOOTH_UM,
            "grid_um": GRID_UM,
            **separation.params,
        },
        citation="Own definition (vstain-bench); DAB map after Ruifrok and Johnston 2001",
    )


@METRICS.register("hallucinated_dab_area")
def hallucinated_dab_area(
    *, tolerance_um: float = 8.0, threshold: float = 0.10, background: str = "tile", vectors: str = "h-dab"
) -> Metric:
    """Area of generated DAB without real DAB nearby, per area of tile.

    DAB OD is averaged locally (Gaussian of 3 µm on a grid of 1 µm), which joins the membranes of a nest. Counted is
    where that mean of the generated tile exceeds ``threshold`` while the real one's nowhere within ``tolerance_um``
    exceeds half of it. Unit µm² per mm² (10,000 is 1 % of the tile), lower is better, 0 is perfect.
    ``find_unmatched`` gives the map and the list of areas.
    """
    return _area_metric(
        "area of generated DAB without real DAB",
        hallucinated=True,
        tolerance_um=tolerance_um,
        threshold=threshold,
        separation=Separation(background, vectors),
    )


@METRICS.register("omitted_dab_area")
def omitted_dab_area(
    *, tolerance_um: float = 8.0, threshold: float = 0.10, background: str = "tile", vectors: str = "h-dab"
) -> Metric:
    """Area of real DAB without generated DAB nearby, per area of tile: ``hallucinated_dab_area`` with sides exchanged.

    Unit µm² per mm², lower is better, 0 is perfect.
    """
    return _area_metric(
        "area of real DAB without generated DAB",
        hallucinated=False,
        tolerance_um=tolerance_um,
        threshold=threshold,
        separation=Separation(background, vectors),
    )
