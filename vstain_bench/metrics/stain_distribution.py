"""How stain is distributed over intensities: distances of DAB histograms on one shared, fixed range.

The range is fixed, [0, 1.5] OD, for every tile and both sides. A histogram whose range is fitted to each image (as in
``dab_jsd_cssp2p``) does not change when all DAB is halved: it cannot see the amount of stain.
"""

import torch
from torch import Tensor

from vstain_bench.metrics.definition import METRICS
from vstain_bench.metrics.windows import GENERATED_REAL
from vstain_bench.stain.density import Separation, stain_maps
from vstain_bench.types import Batch, Metric, PerTile, Rows, View

LARGEST = 1.5
"""Upper end of the range in OD; what lies beyond either end counts in the last bin of that end."""
FINE = 1500
"""Bins of the finest histogram, 0.001 OD each."""


def histograms(view: View, separation: Separation) -> Tensor:
    """Return the share of each tile's pixels in bins of 0.001 OD over [0, 1.5], float64, (b, 1500), computed once."""

    def compute(each: View) -> Tensor:
        maps = stain_maps(each, separation).dab
        bins = [(dab.flatten() * (FINE / LARGEST)).clamp_(0, FINE - 1).int() for dab in maps]
        return torch.stack([torch.bincount(tile, minlength=FINE).double() / tile.numel() for tile in bins])

    return view.derive(("dab histogram", separation), compute)


def _sides(batch: Batch, separation: Separation) -> list[Tensor]:
    return [histograms(batch.view(side), separation) for side in GENERATED_REAL]


def jensen_shannon(first: Tensor, second: Tensor) -> Tensor:
    """Return the Jensen-Shannon distance (square root of the divergence, base 2) of shares, (b, bins), as (b, 1)."""
    middle = (first + second) / 2
    parts = [torch.special.xlogy(each, each / middle.clamp_min(1e-300)) for each in (first, second)]
    divergence = torch.stack([(one + other).sum() for one, other in zip(*parts, strict=True)]) / 2
    return (divergence / torch.log(divergence.new_tensor(2.0))).clamp(0, 1).sqrt().unsqueeze(1)


@METRICS.register("dab_w1")
def dab_w1(*, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """Wasserstein-1 distance of the pixels' DAB OD, generated against real, per tile.

    The area between the two cumulative distributions on [0, 1.5] OD in steps of 0.001: by how much OD the average
    pixel must change, wherever it lies. Unit OD, lower is better, 0 is perfect.
    """
    separation = Separation(background, vectors)

    def observe(batch: Batch) -> Rows:
        generated, real = (each.cumsum(dim=1) for each in _sides(batch, separation))
        return torch.stack([gap.abs().sum() for gap in generated - real]).unsqueeze(1) * (LARGEST / FINE)

    return Metric(
        family="amount",
        summary="Wasserstein-1 distance of DAB optical densities",
        observe=observe,
        kind=PerTile(),
        better="lower",
        value_range=(0.0, LARGEST),
        perfect=0.0,
        unit="OD",
        params={"range": "0-1.5", "bins": FINE},
        citation="Wasserstein-1 (earth mover's) distance: Rubner, Tomasi, Guibas 2000, IJCV 40:99-121",
    )


@METRICS.register("dab_js")
def dab_js(*, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """Jensen-Shannon distance of DAB OD histograms on one fixed range, generated against real, per tile.

    Square root of the divergence in base 2, 100 bins on [0, 1.5] OD for both sides; range [0, 1], lower is better.
    """
    separation = Separation(background, vectors)

    def observe(batch: Batch) -> Rows:
        return jensen_shannon(*(each.view(len(each), 100, -1).sum(dim=2) for each in _sides(batch, separation)))

    return Metric(
        family="amount",
        summary="Jensen-Shannon distance of DAB histograms, shared range",
        observe=observe,
        kind=PerTile(),
        better="lower",
        perfect=0.0,
        params={"range": "0-1.5", "bins": 100, "log": 2},
        citation="Lin 1991, IEEE Trans Inf Theory 37:145-151; Endres and Schindelin 2003 (the distance)",
    )
