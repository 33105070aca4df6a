"""How much stain: DAB optical density per tile, positive fraction and H-score, blind to where the stain lies.

All read the DAB map of `vstain_bench.stain.density`: OD = -log10(I / I0) with I0 as ``background`` says, unmixed along
``vectors``, over the whole tile. Moving stain within a tile changes none of them; that is what the metrics of place
are for.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from vstain_bench.errors import Undefined, UsageError
from vstain_bench.metrics.definition import METRICS, by_side, tile_means
from vstain_bench.metrics.windows import GENERATED_REAL
from vstain_bench.stain.density import Separation, stain_maps
from vstain_bench.types import Batch, Metric, OfSet, PerTile, RowArray, Rows, Values

BANDS = (0.15, 0.30, 0.50)
"""Optical densities at which DAB becomes weak, moderate and strong."""
SWEEP = tuple(round(0.05 * step, 2) for step in range(1, 11))
"""Thresholds from 0.05 to 0.50."""
_CITATION = "Optical density by Beer-Lambert; Ruifrok and Johnston 2001, Anal Quant Cytol Histol 23:291-299"


def mean_dab(batch: Batch, separation: Separation) -> Rows:
    """Return the mean DAB OD of the generated and the real tile, shape (b, 2)."""
    return torch.cat([tile_means(stain_maps(batch.view(side), separation).dab) for side in GENERATED_REAL], dim=1)


def mean_dab_key(separation: Separation) -> str:
    """Return the key under which metrics of mean DAB share their rows."""
    return f"mean dab|background:{separation.background}|vectors:{separation.vectors}"


def _bias(rows: RowArray) -> Values:
    return np.asarray(rows[:, 0] - rows[:, 1])


def _absolute(rows: RowArray) -> Values:
    return np.asarray(np.abs(_bias(rows)))


@METRICS.register("dab_od_bias")
def dab_od_bias(*, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """Signed error of the tile's mean DAB OD: generated less real, then the mean over tiles.

    Unit OD; the target is 0, positive is too much stain. Errors of opposite sign cancel: read it beside
    ``dab_od_mae``. Having no better direction but only a target, it is not compared with the controls.
    """
    separation = Separation(background, vectors)
    return Metric(
        family="amount",
        summary="mean DAB optical density, generated less real",
        observe=lambda batch: mean_dab(batch, separation),
        kind=PerTile(_bias),
        better="target",
        value_range=(-math.inf, math.inf),
        perfect=0.0,
        unit="OD",
        observation=mean_dab_key(separation),
        citation=_CITATION,
    )


@METRICS.register("dab_od_mae")
def dab_od_mae(*, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """Absolute error of the tile's mean DAB OD, then the mean over tiles; unit OD, lower is better, 0 is perfect."""
    separation = Separation(background, vectors)
    return Metric(
        family="amount",
        summary="absolute error of the tile's mean DAB optical density",
        observe=lambda batch: mean_dab(batch, separation),
        kind=PerTile(_absolute),
        better="lower",
        value_range=(0.0, math.inf),
        perfect=0.0,
        unit="OD",
        observation=mean_dab_key(separation),
        describe=lambda rows: by_side(rows, lambda side: {"mean DAB OD": float(side.mean())}),
        citation=_CITATION,
    )


def _complete(rows: RowArray) -> tuple[Values, Values]:
    missing = int(np.isnan(rows).any(axis=1).sum())
    if missing:
        raise Undefined(f"{missing} of {len(rows)} tiles have no value")
    return rows[:, 0], rows[:, 1]


def pearson(rows: RowArray) -> float:
    """Return Pearson's correlation of two columns; undefined where one is constant."""
    generated, real = (column - column.mean() for column in _complete(rows))
    scale = math.sqrt(float(generated @ generated) * float(real @ real))
    if scale <= 1e-14 * len(rows):
        raise Undefined("the mean DAB is the same in every tile: nothing to correlate")
    return float(np.clip(generated @ real / scale, -1.0, 1.0))


def concordance(rows: RowArray) -> float:
    """Return Lin's concordance correlation of two columns: 1 only on the line of equality."""
    generated, real = _complete(rows)
    scale = float(generated.var() + real.var() + (generated.mean() - real.mean()) ** 2)
    if scale <= 1e-14:
        raise Undefined("the mean DAB is the same in every tile: nothing to correlate")
    return float(2 * np.mean((generated - generated.mean()) * (real - real.mean())) / scale)


@METRICS.register("dab_tile_r")
def dab_tile_r(*, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """Pearson's correlation over tiles of the mean DAB OD, generated with real; range [-1, 1], 1 is perfect.

    Over all scores together it is carried by the distance between scores: the rows within one label, which the table
    adds, say whether a tile of that label gets the right amount.
    """
    separation = Separation(background, vectors)
    return Metric(
        family="amount",
        summary="correlation over tiles of the mean DAB optical density",
        observe=lambda batch: mean_dab(batch, separation),
        kind=OfSet(pearson),
        better="higher",
        value_range=(-1.0, 1.0),
        perfect=1.0,
        minimum_tiles=3,
        observation=mean_dab_key(separation),
        citation="Pearson correlation; " + _CITATION,
    )


@METRICS.register("dab_ccc")
def dab_ccc(*, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """Lin's concordance over tiles of the mean DAB OD, generated with real; range [-1, 1], 1 is perfect.

    2 cov / (var + var + (difference of means)²): unlike a correlation it falls with a wrong gain or offset.
    """
    separation = Separation(background, vectors)
    return Metric(
        family="amount",
        summary="concordance over tiles of the mean DAB optical density",
        observe=lambda batch: mean_dab(batch, separation),
        kind=OfSet(concordance),
        better="higher",
        value_range=(-1.0, 1.0),
        perfect=1.0,
        minimum_tiles=3,
        observation=mean_dab_key(separation),
        citation="Lin 1989, Biometrics 45:255-268",
    )


def positive_fractions(dab: Tensor, thresholds: Sequence[float]) -> Rows:
    """Return the share of pixels of each tile above each threshold, (b, thresholds), of DAB maps (b, h, w)."""
    return torch.cat([tile_means(dab > threshold) for threshold in thresholds], dim=1)


def _fractions(batch: Batch, separation: Separation, thresholds: Sequence[float]) -> Rows:
    """Return the positive fractions of generated and real, (b, 2 × thresholds)."""
    return torch.cat(
        [positive_fractions(stain_maps(batch.view(side), separation).dab, thresholds) for side in GENERATED_REAL], dim=1
    )


def _over_thresholds(rows: RowArray) -> Values:
    generated, real = np.split(rows, 2, axis=1)
    return np.asarray(np.abs(generated - real).mean(axis=1))


@METRICS.register("dab_positive_fraction_sweep")
def dab_positive_fraction_sweep(*, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """Absolute error of the share of pixels above a DAB OD, mean over thresholds 0.05, 0.10, ... 0.50 per tile.

    Range [0, 1], lower is better, 0 is perfect. One threshold hides how an error depends on it, and those of published
    tables are on three scales; both sides' shares at each threshold stand beside the table.
    """
    separation = Separation(background, vectors)

    def shares(side: RowArray) -> Mapping[str, float]:
        return {
            f"above {threshold:.2f}": float(share) for threshold, share in zip(SWEEP, side.mean(axis=0), strict=True)
        }

    return Metric(
        family="amount",
        summary="absolute error of the share of pixels above a DAB optical density, mean over 0.05 to 0.50",
        observe=lambda batch: _fractions(batch, separation, SWEEP),
        kind=PerTile(_over_thresholds),
        better="lower",
        perfect=0.0,
        params={"thresholds": f"{SWEEP[0]:.2f}-{SWEEP[-1]:.2f}", "step": 0.05},
        describe=lambda rows: by_side(rows, shares),
        citation=_CITATION,
    )


@METRICS.register("dab_positive_fraction_error")
def dab_positive_fraction_error(*, threshold: float = 0.15, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """Absolute error of the share of pixels with a DAB OD above ``threshold``; range [0, 1], lower is better.

    The threshold is an optical density (log10); 0.07 in scikit-image's units is 0.42 here.
    """
    separation = Separation(background, vectors)

    def observe(batch: Batch) -> Rows:
        fractions = _fractions(batch, separation, [threshold])
        return (fractions[:, :1] - fractions[:, 1:]).abs()

    return Metric(
        family="amount",
        summary=f"absolute error of the share of pixels above a DAB optical density of {threshold:g}",
        observe=observe,
        kind=PerTile(),
        better="lower",
        perfect=0.0,
        citation=_CITATION,
    )


def h_scores(fractions: RowArray) -> Values:
    """Return the H-score, (n,), of tiles with these shares of pixels above the lower ends of the three bands, (n, 3).

    100 × (weak + 2 × moderate + 3 × strong) with the share of pixels in each band, which is 100 × the sum of the shares
    above each of its lower ends; 0 to 300.
    """
    return np.asarray(100.0 * fractions.sum(axis=1))


def _bands(fractions: RowArray) -> Mapping[str, float]:
    weak, moderate, strong = (float(share) for share in fractions.mean(axis=0))
    return {
        "H-score": float(h_scores(fractions).mean()),
        "negative": 1.0 - weak,
        "weak": weak - moderate,
        "moderate": moderate - strong,
        "strong": strong,
    }


def _h_errors(rows: RowArray) -> Values:
    generated, real = np.split(rows, 2, axis=1)
    return np.asarray(np.abs(h_scores(generated) - h_scores(real)))


@METRICS.register("h_score_error")
def h_score_error(
    *,
    weak: float = 0.15,
    moderate: float = 0.30,
    strong: float = 0.50,
    background: str = "tile",
    vectors: str = "h-dab",
) -> Metric:
    """Absolute error of the H-score: 100 × (weak + 2 × moderate + 3 × strong) over all pixels; range [0, 300].

    Lower is better. Pathologists count cells; here every pixel counts, as no cells need be found for that. The shares
    of the bands on both sides stand beside the table.
    """
    separation = Separation(background, vectors)
    bands = (weak, moderate, strong)
    if not 0 < weak < moderate < strong:
        raise UsageError(
            where="metric 'h_score_error'",
            found=f"weak={weak:g}, moderate={moderate:g}, strong={strong:g}",
            expected="optical densities in ascending order",
        )
    return Metric(
        family="amount",
        summary="absolute error of the pixel-wise H-score",
        observe=lambda batch: _fractions(batch, separation, bands),
        kind=PerTile(_h_errors),
        better="lower",
        value_range=(0.0, 300.0),
        perfect=0.0,
        describe=lambda rows: by_side(rows, _bands),
        citation="McCarty et al. 1985, Arch Pathol Lab Med 109:716-721; bands as QuPath's thresholds of DAB OD",
    )
