"""``stain_fidelity``: are amount, place and texture of both stains right, wherever within half a cell they lie?

The reasons for each choice, their ablation, the figures and the limits are in docs/stain_fidelity.md.

1. Light becomes the optical densities (OD) of haematoxylin and DAB, and of what neither explains, the residual.
2. Six aspects of every place: for each of the three the amount (mean OD; negative densities of a stain count as none)
   and the texture (root mean square of its octave bands: differences of Gaussians of 0, 0.5, 1, 2 and 4 µm; of the
   residual without the first, which interpolation and sensor noise fill). All are averaged with a Gaussian of 8 µm and
   compared on a grid of 2 µm.
3. Two values p and q differ by e = (p - q)² / (p² + q² + c), at most 1: half the squared relative difference where
   that is small. c is (0.01 OD)² for amounts, about what estimating I0 leaves, and (0.001 OD)² for textures, about
   what 8 bits leave.
4. Every place is compared at the displacement of at most 8 µm at which its surroundings (Gaussian of 8 µm) fit best,
   one displacement for all aspects together.
5. An aspect's deviation d is the root of its mean e over the tile; stain_fidelity = 1 - (mean of d⁴ over aspects)^¼.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vstain_bench.errors import Undefined
from vstain_bench.metrics.definition import METRICS
from vstain_bench.metrics.windows import GENERATED_REAL, Window, smooth
from vstain_bench.stain.density import Separation, stain_maps
from vstain_bench.stain.micrometres import block_weights, pixel_sizes
from vstain_bench.types import Batch, Metric, PerTile, RowArray, Rows, Values, View

CELL_UM = 2.0
"""Side of a place: the grid of the comparison, and the step of the displacements."""
BANDS_UM = (0.5, 1.0, 2.0, 4.0)
"""Standard deviations of the Gaussians between which the octave bands lie."""
COARSEST_MPP = 1.0
"""Largest pixel that shows the finest band."""
MARGIN_UM = 4.0
"""Border that is not counted: what lies there may have its counterpart outside the tile."""
AMOUNT_OD = 0.01
TEXTURE_OD = 0.001
SHARPNESS = 4
"""Exponent of the mean over aspects: the worst of them counts most."""
RESIDUAL = 2
_TRUNCATE = 3.0


@dataclass(frozen=True)
class Aspect:
    """One of the properties that are compared.

    Attributes:
        name: What a report calls it.
        plane: 0 haematoxylin, 1 DAB, 2 residual.
        bands: Numbers of its octave bands; none for the amount.
    """

    name: str
    plane: int
    bands: tuple[int, ...] = ()

    @property
    def floor(self) -> float:
        """OD below which a difference hardly counts."""
        return TEXTURE_OD if self.bands else AMOUNT_OD


ASPECTS = (
    Aspect("haematoxylin amount", 0),
    Aspect("DAB amount", 1),
    Aspect("colour beyond the stains", RESIDUAL),
    Aspect("haematoxylin texture", 0, (0, 1, 2, 3)),
    Aspect("DAB texture", 1, (0, 1, 2, 3)),
    Aspect("texture beyond the stains", RESIDUAL, (1, 2, 3)),
)


@dataclass(frozen=True)
class Comparison:
    """How places are compared; every field can change the number.

    Attributes:
        radius_um: Largest displacement that is forgiven; 0 forgives none.
        pool_um: Standard deviation of the Gaussian over which amounts and energies are averaged.
        window_um: Standard deviation of the Gaussian within which one displacement has to fit.
        aspects: What is compared.
    """

    radius_um: float = 8.0
    pool_um: float = 8.0
    window_um: float = 8.0
    aspects: tuple[Aspect, ...] = ASPECTS


@dataclass(frozen=True)
class Fidelity:
    """What one tile's comparison shows.

    Attributes:
        deviations: d of every aspect in [0, 1], by name.
        error: Mean e over aspects of every place, (h, w), on a grid of ``CELL_UM``; the uncounted border included.
        displacement_um: Length of the displacement at which each place was compared, (h, w).
    """

    deviations: Mapping[str, float]
    error: NDArray[np.float32]
    displacement_um: NDArray[np.float32]

    @property
    def score(self) -> float:
        """Return the tile's stain_fidelity."""
        return float(pool_deviations(np.array([list(self.deviations.values())]))[0])


def pool_deviations(deviations: RowArray) -> Values:
    """Return 1 less the power mean of the deviations of each tile, (n,), from rows (n, aspects)."""
    return np.asarray(1.0 - np.mean(deviations**SHARPNESS, axis=1) ** (1 / SHARPNESS))


def _blur(maps: Tensor, sigma: float) -> Tensor:
    """Return maps (c, h, w) smoothed by a Gaussian of ``sigma`` px, reflected at the border."""
    taps = 2 * math.ceil(_TRUNCATE * sigma) + 1
    return smooth(maps[None], Window("gaussian", taps, sigma))[0]


class _Cells:
    """The grid of places of one tile: means over cells of maps at any resolution."""

    def __init__(self, shape: Sequence[int], mpp: float) -> None:
        self.numbers = tuple(math.floor(side * mpp / CELL_UM + 1e-9) for side in shape)

    def mean(self, maps: Tensor, step_um: float) -> Tensor:
        """Return the means over cells, (c, rows, columns), of maps (c, h, w) with pixels of ``step_um``."""
        rows, columns = (
            block_weights(side, CELL_UM / step_um)[:number].to(maps)
            for side, number in zip(maps.shape[1:], self.numbers, strict=True)
        )
        return rows @ maps @ columns.T


def _describe(planes: Tensor, mpp: float, comparison: Comparison) -> Tensor:
    """Return the amount or the band's root mean square of every place, (values, rows, columns).

    Args:
        planes: OD of haematoxylin, DAB and residual, (3, h, w).
        mpp: Pixel size in µm.
        comparison: Which aspects, and how far they are averaged.
    """
    cells = _Cells(planes.shape[1:], mpp)
    amounts = cells.mean(torch.cat([planes[:2].clamp_min(0), planes[2:]]), mpp)
    energies, current, step, done = [], planes, mpp, 0.0
    for sigma in BANDS_UM:
        smoothed = _blur(current, math.sqrt(sigma**2 - done**2) / step)
        energies.append(cells.mean((current - smoothed).square(), step))
        current, done = smoothed, sigma
        while 2 * step <= sigma:  # what is left is coarser than two pixels: every second one holds it
            current, step = current[:, ::2, ::2].contiguous(), 2 * step
    chosen = [
        energies[band][aspect.plane] if aspect.bands else amounts[aspect.plane]
        for aspect in comparison.aspects
        for band in (aspect.bands or (0,))
    ]
    pooled = _blur(torch.stack(chosen), comparison.pool_um / CELL_UM)
    textures = torch.tensor([bool(aspect.bands) for aspect in comparison.aspects for _ in (aspect.bands or (0,))])
    pooled[textures] = pooled[textures].clamp_min(0).sqrt()
    return pooled


def describe(view: View, separation: Separation, comparison: Comparison) -> list[Tensor]:
    """Return for each tile of a view what is compared, computed once per view.

    Raises:
        Undefined: a tile's pixel size is unknown or too coarse, or the tile is too small.
    """

    def compute(each: View) -> list[Tensor]:
        maps = stain_maps(each, separation)
        planes = torch.stack([maps.haematoxylin, maps.dab, maps.residual], dim=1)
        sizes = [size for size in each.mpp if size is not None]
        return [_describe(plane, mpp, comparison) for plane, mpp in zip(planes, sizes, strict=True)]

    return view.derive(("stain fidelity", separation, comparison), compute)


def _displacements(radius_um: float) -> list[tuple[int, int]]:
    """Return all displacements on the grid within a radius, the shortest first."""
    reach = math.floor(radius_um / CELL_UM + 1e-9)
    steps = range(-reach, reach + 1)
    within = [(down, across) for down in steps for across in steps if math.hypot(down, across) * CELL_UM <= radius_um]
    return sorted(within, key=lambda step: (math.hypot(*step), step))


def _aspect_means(comparison: Comparison, like: Tensor) -> Tensor:
    """Return the matrix that averages the values of each aspect, (aspects, values)."""
    owner = [place for place, aspect in enumerate(comparison.aspects) for _ in (aspect.bands or (0,))]
    members = functional.one_hot(torch.tensor(owner)).T.to(like)
    return members / members.sum(dim=1, keepdim=True)


def _signed(comparison: Comparison) -> slice:
    """Return where the residual's amount stands among the values; an empty slice where it is not compared."""
    place = 0
    for aspect in comparison.aspects:
        if aspect.plane == RESIDUAL and not aspect.bands:
            return slice(place, place + 1)
        place += len(aspect.bands) or 1
    return slice(0, 0)


def _misfits(
    generated: Tensor, real: Tensor, floor: Tensor, weights: Tensor, steps: Sequence[tuple[int, int]], signed: slice
) -> Tensor:
    """Return the mean e over aspects of every place at every displacement, (steps, rows, columns).

    Args:
        generated: Values with the reach of the displacements as a border, (values, rows + 2 reach, columns + 2 reach).
        real: Values, (values, rows, columns).
        floor: c of every value, (values, 1, 1).
        weights: Of every value in the mean, (values,).
        steps: Displacements in cells; the reach is the largest of them.
        signed: The values that can be negative, hence e above 1.
    """
    rows, columns = real.shape[1:]
    reach = (generated.shape[1] - rows) // 2
    squares, own = generated.square(), real.square() + floor
    misfits = real.new_empty((len(steps), rows * columns))
    error, scale = torch.empty_like(real), torch.empty_like(real)
    for number, (down, across) in enumerate(steps):
        window = (
            slice(None),
            slice(reach + down, reach + down + rows),
            slice(reach + across, reach + across + columns),
        )
        torch.sub(generated[window], real, out=error)
        torch.add(squares[window], own, out=scale)
        error.square_().div_(scale)
        error[signed].clamp_max_(1.0)
        torch.mv(error.flatten(1).T, weights, out=misfits[number])
    return misfits.view(-1, rows, columns)


def compare(generated: Tensor, real: Tensor, comparison: Comparison) -> Fidelity:
    """Return how two tiles differ, from what `describe` returned of each, (values, rows, columns)."""
    floors = [aspect.floor**2 for aspect in comparison.aspects for _ in (aspect.bands or (0,))]
    floor = real.new_tensor(floors)[:, None, None]
    means = _aspect_means(comparison, real)
    steps = _displacements(comparison.radius_um)
    reach = max(down for down, _ in steps)
    padded = functional.pad(generated[None], (reach,) * 4, mode="reflect")[0] if reach else generated
    misfits = _misfits(padded, real, floor, means.mean(dim=0), steps, _signed(comparison))
    best = (
        _blur(misfits, comparison.window_um / CELL_UM).argmin(dim=0) if reach else torch.zeros_like(misfits[0]).long()
    )
    rows, columns = real.shape[1:]
    place = torch.tensor(steps, device=real.device)[best]  # (rows, columns, 2)
    down = place[..., 0] + reach + torch.arange(rows, device=real.device)[:, None]
    across = place[..., 1] + reach + torch.arange(columns, device=real.device)
    moved = padded[:, down, across]
    error = (moved - real).square() / (moved.square() + real.square() + floor)
    errors = torch.tensordot(means, error.clamp_max(1.0), dims=1)
    margin = round(MARGIN_UM / CELL_UM)
    counted = errors[:, margin : rows - margin, margin : columns - margin]
    deviations = [math.sqrt(float(each.double().mean())) for each in counted]
    return Fidelity(
        deviations={aspect.name: value for aspect, value in zip(comparison.aspects, deviations, strict=True)},
        error=errors.mean(dim=0).cpu().numpy(),
        displacement_um=(place.double().square().sum(dim=2).sqrt() * CELL_UM).float().cpu().numpy(),
    )


def examine(batch: Batch, separation: Separation, comparison: Comparison) -> list[Fidelity]:
    """Return for each tile of a batch how generated and real differ, and where.

    Raises:
        Undefined: a tile's pixel size is unknown or too coarse, or the tile is too small.
    """
    least = CELL_UM * (1 + math.ceil(_TRUNCATE * max(comparison.pool_um, comparison.window_um) / CELL_UM))
    for mpp, side in ((size, min(batch.side("real").shape[-2:])) for size in pixel_sizes(batch)):
        if mpp > COARSEST_MPP:
            raise Undefined(f"needs pixels of {COARSEST_MPP:g} µm or finer; these have {mpp:g} µm")
        if side * mpp < least:
            raise Undefined(f"needs tiles of at least {least:g} µm; one has {side * mpp:g} µm")
    generated, real = (describe(batch.view(side), separation, comparison) for side in GENERATED_REAL)
    return [compare(one, other, comparison) for one, other in zip(generated, real, strict=True)]


@METRICS.register("stain_fidelity")
def stain_fidelity(
    *, radius_um: float = 8.0, pool_um: float = 8.0, background: str = "tile", vectors: str = "h-dab"
) -> Metric:
    """Amount, place and texture of both stains, generated against real, at the best fitting displacement nearby.

    1 - (mean over six aspects of d⁴)^¼, d² the mean over the tile of half the squared relative difference of local
    amounts and textures; then the mean over tiles. Range [0, 1], higher is better, 1 for identical tiles. A deviation
    of x % in the amount of one stain alone costs about 0.006 x. Displacements up to ``radius_um`` are forgiven, blur,
    wrong amount, wrong cells and nests that are not there are not. Needs pixels of 1 µm or finer and tiles of 26 µm.
    `examine` gives the aspects one by one and the map. Definition, ablation and limits: docs/stain_fidelity.md.
    """
    separation = Separation(background, vectors)
    comparison = Comparison(radius_um=radius_um, pool_um=pool_um, window_um=pool_um)

    def observe(batch: Batch) -> Rows:
        found = [list(each.deviations.values()) for each in examine(batch, separation, comparison)]
        return torch.tensor(found, dtype=torch.float64, device=batch.side("real").device)

    return Metric(
        family="composite",
        summary=f"amount, place and texture of both stains, displacements up to {radius_um:g} µm forgiven",
        observe=observe,
        kind=PerTile(pool_deviations),
        better="higher",
        perfect=1.0,
        citation="Own definition (vstain-bench), docs/stain_fidelity.md",
    )
