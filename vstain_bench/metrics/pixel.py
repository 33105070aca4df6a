"""Differences pixel by pixel: PSNR and mean absolute error.

Both look at each pixel alone, so they punish a correct stain for lying a micrometre away, and both are led by a
constant image of the mean colour on real, never quite aligned tiles. They are here because every table has them.
"""

import math

import numpy as np

from vstain_bench.errors import Undefined
from vstain_bench.metrics.definition import METRICS, tile_means
from vstain_bench.types import Batch, Metric, OfSet, PerTile, RowArray, Rows, Values

_SQUARED_ERROR = "squared error|cmp:generated-real|rgb|range:1"
_NOT_FINITE = "every generated tile equals its real tile: the PSNR is not finite"
_CITATION = "Peak signal-to-noise ratio as in Wang, Bovik, Sheikh, Simoncelli 2004, IEEE TIP 13(4), section II"


def _squared_error(batch: Batch) -> Rows:
    return batch.derive(
        _SQUARED_ERROR, lambda both: tile_means((both.side("generated").double() - both.side("real").double()).square())
    )


def _decibels(rows: RowArray) -> Values:
    with np.errstate(divide="ignore"):
        return np.asarray(-10.0 * np.log10(rows[:, 0]))


def _pooled_decibels(rows: RowArray) -> float:
    error = PerTile().score(rows)
    if error == 0.0:
        raise Undefined(_NOT_FINITE)
    return -10.0 * math.log10(error)


@METRICS.register("psnr")
def psnr() -> Metric:
    """Peak signal-to-noise ratio of generated against real, per tile, then the mean over tiles.

    PSNR = 10 log10(1 / MSE) with the mean squared error over all pixels and the three channels of images in [0, 1]
    (the same number as 8-bit images with peak 255). Unit dB, higher is better. A tile identical to its real one has
    no finite PSNR: it is counted beside the mean of the finite ones, never folded into it.
    """
    return Metric(
        family="pixel",
        summary="peak signal-to-noise ratio per tile",
        observe=_squared_error,
        kind=PerTile(_decibels, without=_NOT_FINITE),
        better="higher",
        value_range=(0.0, math.inf),
        unit="dB",
        params={"range": 1, "mean": "dB"},
        observation=_SQUARED_ERROR,
        citation=_CITATION,
    )


@METRICS.register("psnr_pooled")
def psnr_pooled() -> Metric:
    """Peak signal-to-noise ratio of the squared error pooled over all tiles.

    10 log10(1 / mean over tiles of the MSE), in dB; what torchmetrics' class returns by default. By Jensen's
    inequality it lies below the mean of dB: 14.99 against 16.03 dB for tiles of 16 ± 3 dB.
    """
    return Metric(
        family="pixel",
        summary="peak signal-to-noise ratio of the pooled error",
        observe=_squared_error,
        kind=OfSet(_pooled_decibels),
        better="higher",
        value_range=(0.0, math.inf),
        unit="dB",
        params={"range": 1, "mean": "error"},
        observation=_SQUARED_ERROR,
        citation=_CITATION,
    )


@METRICS.register("mae")
def mae() -> Metric:
    """Mean absolute error of generated against real over pixels and channels of images in [0, 1]; lower is better."""
    return Metric(
        family="pixel",
        summary="mean absolute error per tile",
        observe=lambda batch: tile_means((batch.side("generated") - batch.side("real")).abs()),
        kind=PerTile(),
        better="lower",
        perfect=0.0,
        params={"range": 1},
        citation="Mean absolute error (L1), as minimised by pix2pix: Isola et al. 2017, CVPR",
    )
