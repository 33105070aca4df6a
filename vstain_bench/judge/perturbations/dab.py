"""DAB: too little, too much, or in the wrong cells."""

import numpy as np
from numpy.typing import NDArray

from vstain_bench.arrays import Pixels
from vstain_bench.judge.perturbations.definition import SEEDS, Draw, perturbation
from vstain_bench.judge.perturbations.geometry import Patches, patches, soften
from vstain_bench.judge.perturbations.optics import Density, add_density, density, scale_density
from vstain_bench.phantom.noise import Array

CELL_UM = 12.0
LEAST_OD = 0.05
"""Two cells are swapped when their mean DAB densities differ by at least this."""
SEAM_UM = 0.6
"""Standard deviation of the blend between a cell and its neighbour."""


@perturbation(
    "dab_loss",
    summary="all DAB weaker by that share; 100 % erases it: from 3+ towards 0",
    family="DAB amount",
    unit="%",
    levels=(20.0, 50.0, 75.0, 100.0),
    kind="defect",
)
def dab_loss(picture: Pixels, draw: Draw) -> Pixels:
    """Multiply the density of DAB by 1 - ``severity`` / 100: a gain of 0.8, 0.5, 0.25 and 0."""
    return scale_density(picture, 1 - draw.severity / 100, "dab")


@perturbation(
    "dab_excess",
    summary="all DAB stronger by that share; 100 % doubles it: from 1+ towards 3+",
    family="DAB amount",
    unit="%",
    levels=(25.0, 50.0, 100.0),
    kind="defect",
)
def dab_excess(picture: Pixels, draw: Draw) -> Pixels:
    """Multiply the density of DAB by 1 + ``severity`` / 100: a gain of 1.25, 1.5 and 2."""
    return scale_density(picture, 1 + draw.severity / 100, "dab")


def _pairs(means: Array, eligible: NDArray[np.bool_], rank: Array, share: float) -> tuple[NDArray[np.int64], ...]:
    """Return the patches with much DAB and those with little that are swapped, a share of all such pairs."""
    order = np.flatnonzero(eligible)[np.argsort(means[eligible], kind="stable")]
    half = len(order) // 2
    poor, rich = order[:half], order[::-1][:half]
    apart = means[rich] - means[poor] > LEAST_OD
    poor, rich = poor[apart], rich[apart]
    poor = poor[np.argsort(rank[poor], kind="stable")]  # which of the poor meets which of the rich is random
    chosen = np.argsort(rank[rich], kind="stable")[: round(share * len(rich))]
    return rich[chosen], poor[chosen]


def _swapped(dab: Density, cells: Patches, rich: NDArray[np.int64], poor: NDArray[np.int64], sigma: float) -> Density:
    """Return the density with the content of paired patches exchanged, edges blended, total unchanged."""
    reach = int(np.ceil(4 * sigma)) + 1
    edge = int(2 * np.ptp(cells.centre[:, 0]) / len(np.unique(cells.label)) ** 0.5) + 4 * reach
    padded = np.pad(dab, min(edge, *(side - 1 for side in dab.shape)), mode="reflect")
    edge = (padded.shape[0] - dab.shape[0]) // 2
    change, weights = np.zeros_like(dab), np.zeros_like(dab)
    boxes = _boxes(cells, reach, dab.shape)
    for own, other in (*zip(rich, poor, strict=True), *zip(poor, rich, strict=True)):
        box = boxes[own]
        top, left = (round(distance) for distance in cells.centre[other] - cells.centre[own])
        rows = np.clip(np.arange(box[0].start, box[0].stop) + top + edge, 0, padded.shape[0] - 1)
        columns = np.clip(np.arange(box[1].start, box[1].stop) + left + edge, 0, padded.shape[1] - 1)
        weight = soften(cells.label[box] == own, sigma)
        change[box] += weight * (padded[np.ix_(rows, columns)] - dab[box])
        weights[box] += weight
    moved = dab + change
    amount = float(np.sum(weights * np.maximum(moved, 0), dtype=np.float64))
    balance = -float(change.sum(dtype=np.float64)) / amount if amount else 0.0
    balanced: Density = moved + np.float32(balance) * weights * np.maximum(moved, 0)
    return balanced


def _boxes(cells: Patches, reach: int, shape: tuple[int, ...]) -> dict[int, tuple[slice, slice]]:
    """Return the bounding box of each patch with a margin, by its index."""
    label = cells.label.ravel()
    order = np.argsort(label, kind="stable")
    index, first = np.unique(label[order], return_index=True)
    rows, columns = np.divmod(order, shape[1])
    ends = [
        (np.minimum.reduceat(line, first), np.maximum.reduceat(line, first), side)
        for line, side in ((rows, shape[0]), (columns, shape[1]))
    ]
    slices = [
        [slice(max(low - reach, 0), min(high + reach + 1, side)) for low, high in zip(lows, highs, strict=True)]
        for lows, highs, side in ends
    ]
    return {int(each): (slices[0][place], slices[1][place]) for place, each in enumerate(index)}


@perturbation(
    "dab_relocation",
    summary="cells with much DAB and cells with little exchange it, total unchanged: the right amount, wrong cells",
    family="DAB place",
    unit="% of cells",
    levels=(10.0, 25.0, 50.0, 100.0),
    kind="defect",
    seeds=SEEDS,
    needs=("mpp",),
)
def dab_relocation(picture: Pixels, draw: Draw) -> Pixels:
    """Swap the DAB of ``severity`` % of all pairs of cell-sized patches of tissue.

    Patches of 12 µm are ordered by their mean DAB density; the richer half is paired at random with the poorer half,
    pairs that differ by less than 0.05 left out. Haematoxylin stays. The total density of DAB is kept by a factor on
    what was moved. A tile without such pairs comes back unchanged.
    """
    cells = patches(draw, picture.shape[:2], CELL_UM)
    dab = density(picture, "dab")
    eligible = cells.mean(draw.tissue_of(picture)) > 0.5
    rank = draw.generator("rank").uniform(size=len(eligible))
    rich, poor = _pairs(cells.mean(dab), eligible, rank, draw.severity / 100)
    if not len(rich):
        return picture
    moved = _swapped(dab, cells, rich, poor, SEAM_UM / draw.mpp)
    return add_density(picture, moved - dab, "dab")
