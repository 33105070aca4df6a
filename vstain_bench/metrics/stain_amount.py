"""How much stain: DAB optical density per tile, positive fraction and H-score, blind to where the stain lies.

All read the DAB map of `vstain_bench.stain`: OD = -log10(I / I0) with I0 as ``background`` says, unmixed along
``vectors``, over the whole tile. Moving stain within a tile changes none of them; that is what the metrics of place
are for.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from vstain_bench.errors import Undefined
from vstain_bench.metrics.definition import METRICS, mean_metric, mean_of_tiles, set_metric, tile_means
from vstain_bench.metrics.windows import GENERATED_REAL
from vstain_bench.stain import Separation, stain_maps
from vstain_bench.types import Batch, Metric, RowArray, Rows, Values

BANDS = (0.15, 0.30, 0.50)
"""Optical densities at which DAB becomes weak, moderate and strong."""
SWEEP = tuple(round(0.05 * step, 2) for step in range(1, 11))
"""Thresholds from 0.05 to 0.50."""
HER2_ORDER = ("0", "1+", "2+", "3+")
_CITATION = "Optical density by Beer-Lambert; Ruifrok and Johnston 2001, Anal Quant Cytol Histol 23:291-299"


def mean_dab(batch: Batch, separation: Separation) -> Rows:
    """Return the mean DAB OD of the generated and the real tile, shape (b, 2)."""
    return torch.cat([tile_means(stain_maps(batch.view(side), separation).dab) for side in GENERATED_REAL], dim=1)


def _mean_dab_key(separation: Separation) -> str:
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
        name="dab_od_bias",
        summary="mean DAB optical density, generated less real",
        compares=GENERATED_REAL,
        observe=lambda batch: mean_dab(batch, separation),
        score=lambda rows: mean_of_tiles(_bias(rows)[:, None]),
        values=_bias,
        better="target",
        value_range=(-math.inf, math.inf),
        perfect=0.0,
        unit="OD",
        params=separation.params,
        observation=_mean_dab_key(separation),
        citation=_CITATION,
    )


@METRICS.register("dab_od_mae")
def dab_od_mae(*, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """Absolute error of the tile's mean DAB OD, then the mean over tiles; unit OD, lower is better, 0 is perfect."""
    separation = Separation(background, vectors)
    return Metric(
        name="dab_od_mae",
        summary="absolute error of the tile's mean DAB optical density",
        compares=GENERATED_REAL,
        observe=lambda batch: mean_dab(batch, separation),
        score=lambda rows: mean_of_tiles(_absolute(rows)[:, None]),
        values=_absolute,
        better="lower",
        value_range=(0.0, math.inf),
        perfect=0.0,
        unit="OD",
        params=separation.params,
        observation=_mean_dab_key(separation),
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
    return set_metric(
        name="dab_tile_r",
        summary="correlation over tiles of the mean DAB optical density",
        observe=lambda batch: mean_dab(batch, separation),
        score=pearson,
        better="higher",
        value_range=(-1.0, 1.0),
        perfect=1.0,
        params=separation.params,
        minimum_tiles=3,
        paired=True,
        observation=_mean_dab_key(separation),
        citation="Pearson correlation; " + _CITATION,
    )


@METRICS.register("dab_ccc")
def dab_ccc(*, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """Lin's concordance over tiles of the mean DAB OD, generated with real; range [-1, 1], 1 is perfect.

    2 cov / (var + var + (difference of means)²): unlike a correlation it falls with a wrong gain or offset.
    """
    separation = Separation(background, vectors)
    return set_metric(
        name="dab_ccc",
        summary="concordance over tiles of the mean DAB optical density",
        observe=lambda batch: mean_dab(batch, separation),
        score=concordance,
        better="higher",
        value_range=(-1.0, 1.0),
        perfect=1.0,
        params=separation.params,
        minimum_tiles=3,
        paired=True,
        observation=_mean_dab_key(separation),
        citation="Lin 1989, Biometrics 45:255-268",
    )


def positive_fractions(dab: Tensor, thresholds: Sequence[float]) -> Rows:
    """Return the share of pixels of each tile above each threshold, (b, thresholds), of DAB maps (b, h, w)."""
    return torch.cat([tile_means(dab > threshold) for threshold in thresholds], dim=1)


def sweep_positive_fraction(
    batch: Batch, separation: Separation, thresholds: Sequence[float] = SWEEP
) -> dict[float, tuple[Values, Values]]:
    """Return by threshold the positive fractions of the generated and the real tiles, (b,) each.

    One threshold hides how an error depends on it; thresholds of published tables are on three scales.
    """
    generated, real = (
        positive_fractions(stain_maps(batch.view(side), separation).dab, thresholds).cpu().numpy()
        for side in GENERATED_REAL
    )
    return {threshold: (generated[:, place], real[:, place]) for place, threshold in enumerate(thresholds)}


@METRICS.register("dab_positive_fraction_error")
def dab_positive_fraction_error(*, threshold: float = 0.15, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """Absolute error of the share of pixels with a DAB OD above ``threshold``; range [0, 1], lower is better.

    The threshold is an optical density (log10); 0.07 in scikit-image's units is 0.42 here.
    """
    separation = Separation(background, vectors)

    def observe(batch: Batch) -> Rows:
        sides = [
            positive_fractions(stain_maps(batch.view(side), separation).dab, [threshold]) for side in GENERATED_REAL
        ]
        return (sides[0] - sides[1]).abs()

    return mean_metric(
        name="dab_positive_fraction_error",
        summary=f"absolute error of the share of pixels above a DAB optical density of {threshold:g}",
        observe=observe,
        better="lower",
        perfect=0.0,
        params={"threshold": threshold, **separation.params},
        citation=_CITATION,
    )


def h_scores(dab: Tensor, bands: tuple[float, float, float] = BANDS) -> Rows:
    """Return the H-score of each tile, (b, 1), of DAB maps (b, h, w).

    100 × (weak + 2 × moderate + 3 × strong) with the shares of pixels in each band, which is 100 × the sum of the
    shares above each of its three lower ends; 0 to 300.
    """
    return 100.0 * positive_fractions(dab, bands).sum(dim=1, keepdim=True)


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

    Lower is better. Pathologists count cells; here every pixel counts, as no cells need be found for that.
    """
    separation = Separation(background, vectors)
    bands = (weak, moderate, strong)

    def observe(batch: Batch) -> Rows:
        generated, real = (h_scores(stain_maps(batch.view(side), separation).dab, bands) for side in GENERATED_REAL)
        return (generated - real).abs()

    return mean_metric(
        name="h_score_error",
        summary="absolute error of the pixel-wise H-score",
        observe=observe,
        better="lower",
        value_range=(0.0, 300.0),
        perfect=0.0,
        params={"weak": weak, "moderate": moderate, "strong": strong, **separation.params},
        citation="McCarty et al. 1985, Arch Pathol Lab Med 109:716-721; bands as QuPath's thresholds of DAB OD",
    )


@dataclass(frozen=True)
class Ordering:
    """Which pairs of labels have their mean stain in the wrong order.

    Attributes:
        means: Mean over the tiles of each label that occurs, in the order expected.
        pairs: Number of pairs of labels compared.
        violated: The pairs (lower, higher) of which the higher is not stained more.
    """

    means: Mapping[str, float]
    pairs: int
    violated: tuple[tuple[str, str], ...]


def order_labels(values: Values, labels: Sequence[str], order: Sequence[str] = HER2_ORDER) -> Ordering:
    """Return how well mean stain follows the scores: of generated or real tiles' mean DAB, (n,), and their labels.

    Labels that are not in ``order`` are left out; a tie counts as violated.
    """
    tags = np.array(labels)
    means = {label: float(values[tags == label].mean()) for label in order if (tags == label).any()}
    pairs = list(combinations(means, 2))
    violated = tuple((lower, higher) for lower, higher in pairs if means[higher] <= means[lower])
    return Ordering(means, len(pairs), violated)


@dataclass(frozen=True)
class WithinLabels:
    """Correlation and concordance of one label's tiles, or of all with the labels' means taken out."""

    tiles: int
    r: float | None
    ccc: float | None


def within_labels(rows: RowArray, labels: Sequence[str]) -> dict[str, WithinLabels]:
    """Return what ``dab_tile_r`` and ``dab_ccc`` are within each label, and under ``""`` pooled within labels.

    Pooled: the labels' means are taken out of both columns, so that the distance between scores no longer counts.

    Args:
        rows: Mean DAB OD of generated and real, (n, 2), as those metrics keep it.
        labels: Label of each tile.
    """
    tags = np.array(labels)
    found = {label: rows[tags == label] for label in sorted(set(labels))}
    rest = np.concatenate([part - part.mean(axis=0) for part in found.values() if len(part) > 1] or [rows[:0]])
    return {label: WithinLabels(len(part), *_both(part)) for label, part in {**found, "": rest}.items()}


def _both(rows: RowArray) -> tuple[float | None, float | None]:
    if len(rows) < 3:
        return None, None
    try:
        return pearson(rows), concordance(rows)
    except Undefined:
        return None, None
