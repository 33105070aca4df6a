"""Stain and labels: does mean stain follow the scores, and is the amount right among the tiles of one score?

Over all scores together a correlation is carried by the distance between scores: a model that paints every 3+ tile
alike still reaches 0.9. What is asked here is what remains within a score, and whether the scores keep their order.
The label of a tile is part of its row, so that scores need nothing but rows.
"""

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch

from vstain_bench.errors import Undefined, UsageError
from vstain_bench.metrics.definition import METRICS
from vstain_bench.metrics.stain_amount import mean_dab
from vstain_bench.metrics.windows import GENERATED_REAL
from vstain_bench.stain.density import Separation
from vstain_bench.types import Batch, Metric, OfSet, RowArray, Rows, Side, Values

HER2_ORDER = "0<1+<2+<3+"
UNKNOWN = -1.0


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


def order_labels(values: Values, labels: Sequence[str], order: Sequence[str]) -> Ordering:
    """Return how well mean stain follows the scores: of generated or real tiles' mean DAB, (n,), and their labels.

    Labels that are not in ``order`` are left out; a tie counts as violated.
    """
    tags = np.array(labels)
    means = {label: float(values[tags == label].mean()) for label in order if (tags == label).any()}
    pairs = list(combinations(means, 2))
    violated = tuple((lower, higher) for lower, higher in pairs if means[higher] <= means[lower])
    return Ordering(means, len(pairs), violated)


def _labelled(batch: Batch, separation: Separation, codes: Sequence[float]) -> Rows:
    """Return mean DAB of generated and real and the code of the tile's label, float64, (b, 3)."""
    means = mean_dab(batch, separation)
    return torch.cat([means, means.new_tensor(codes).unsqueeze(1)], dim=1)


def _require_codes(rows: RowArray, what: str) -> None:
    if np.isnan(rows).any():
        raise Undefined(f"{int(np.isnan(rows).any(axis=1).sum())} of {len(rows)} tiles have no value")
    unknown = int((rows[:, 2] == UNKNOWN).sum())
    if unknown:
        raise Undefined(f"{unknown} of {len(rows)} tiles have no label{what}: pass --labels")


@METRICS.register("dab_class_order_violations")
def dab_class_order_violations(*, order: str = HER2_ORDER, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """Pairs of scores whose mean DAB OD over generated tiles is not in order; of 6 pairs with four scores.

    Lower is better, 0 is perfect; a tie counts. ``order`` lists the labels from the least stained, with ``<`` between.
    The same count of the real tiles stands beside the table: where it is not 0, the labels do not order the truth.
    """
    separation = Separation(background, vectors)
    ranks = order.split("<")
    if len(ranks) < 2 or len(set(ranks)) < len(ranks) or not all(ranks):
        raise UsageError(
            where="metric 'dab_class_order_violations', parameter 'order'",
            found=repr(order),
            expected=f"labels from the least stained to the most, such as '{HER2_ORDER}' or '0<3+'",
        )

    def observe(batch: Batch) -> Rows:
        return _labelled(batch, separation, [ranks.index(tag) if tag in ranks else UNKNOWN for tag in batch.labels])

    def violations(rows: RowArray, column: int) -> int:
        found = order_labels(rows[:, column], [ranks[int(code)] for code in rows[:, 2]], ranks)
        if found.pairs == 0:
            raise Undefined("all tiles have one label: nothing to order")
        return len(found.violated)

    def score(rows: RowArray) -> float:
        _require_codes(rows, f" among {', '.join(ranks)}")
        return float(violations(rows, 0))

    def describe(rows: RowArray) -> Mapping[Side, Mapping[str, float]]:
        return {side: {"pairs out of order": violations(rows, place)} for place, side in enumerate(GENERATED_REAL)}

    return Metric(
        family="amount",
        summary="pairs of scores whose mean DAB is out of order",
        observe=observe,
        kind=OfSet(score),
        better="lower",
        value_range=(0.0, float(math.comb(len(ranks), 2))),
        perfect=0.0,
        unit="pairs",
        minimum_tiles=2,
        describe=describe,
        citation="Ordering violations as in facevoid/UNIStainNet 9706c61 src/utils/metrics.py, there of its p90 score",
    )


@dataclass(frozen=True)
class Moments:
    """Sums over labels of the tiles' (co)variation about their label's mean, and of the labels' squared errors."""

    generated: float
    real: float
    together: float
    apart: float


def within(rows: RowArray, labels: Sequence[object]) -> Moments:
    """Return the moments within labels of mean DAB of generated and real, the first two columns of (n, k)."""
    tags = np.array([str(label) for label in labels])
    sums = np.zeros(4)
    for label in sorted(set(tags.tolist())):
        part = rows[tags == label, :2]
        about = part - part.mean(axis=0)
        error = float(part[:, 0].mean() - part[:, 1].mean())
        sums += [
            float(about[:, 0] @ about[:, 0]),
            float(about[:, 1] @ about[:, 1]),
            float(about[:, 0] @ about[:, 1]),
            len(part) * error**2,
        ]
    return Moments(*sums.tolist())


def within_correlation(rows: RowArray, labels: Sequence[object]) -> float:
    """Return Pearson's r with the labels' means taken out of both columns; undefined where one never varies within."""
    found = within(rows, labels)
    scale = math.sqrt(found.generated * found.real)
    if scale <= 1e-14 * len(rows):
        raise Undefined("within each label the mean DAB is the same in every tile: nothing to correlate")
    return float(np.clip(found.together / scale, -1.0, 1.0))


def within_concordance(rows: RowArray, labels: Sequence[object]) -> float:
    """Return Lin's concordance within labels: 2 cov / (var + var + squared error of the label's mean).

    Numerator and denominator are summed over labels; with one label it is the concordance of its tiles.
    """
    found = within(rows, labels)
    scale = found.generated + found.real + found.apart
    if scale <= 1e-14 * len(rows):
        raise Undefined("within each label the mean DAB is the same in every tile: nothing to correlate")
    return 2 * found.together / scale


def _code(label: str | None) -> float:
    """Return a number that stands for a label, exact in float64."""
    return UNKNOWN if label is None else float(zlib.crc32(label.encode()))


def _within_metric(
    statistic: Callable[[RowArray, Sequence[object]], float], summary: str, separation: Separation, citation: str
) -> Metric:
    def score(rows: RowArray) -> float:
        _require_codes(rows, "")
        return statistic(rows, rows[:, 2].tolist())

    return Metric(
        family="amount",
        summary=summary,
        observe=lambda batch: _labelled(batch, separation, [_code(tag) for tag in batch.labels]),
        kind=OfSet(score),
        better="higher",
        value_range=(-1.0, 1.0),
        perfect=1.0,
        params=separation.params,
        minimum_tiles=3,
        observation=f"mean dab and label|background:{separation.background}|vectors:{separation.vectors}",
        citation=citation,
    )


@METRICS.register("dab_within_label_r")
def dab_within_label_r(*, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """Pearson's correlation over tiles of the mean DAB OD with each label's means taken out; [-1, 1], 1 is perfect.

    ``dab_tile_r`` without the part that the distance between scores lends it: does a tile get the right amount among
    the tiles of its score?
    """
    return _within_metric(
        within_correlation,
        "correlation of the mean DAB optical density within labels",
        Separation(background, vectors),
        "Pearson correlation pooled within classes; UNIStainNet averages the correlations of the classes instead",
    )


@METRICS.register("dab_within_label_ccc")
def dab_within_label_ccc(*, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """Lin's concordance over tiles of the mean DAB OD, pooled within labels; range [-1, 1], 1 is perfect.

    Unlike ``dab_within_label_r`` it falls with a wrong gain, and with a wrong mean of a label.
    """
    return _within_metric(
        within_concordance,
        "concordance of the mean DAB optical density within labels",
        Separation(background, vectors),
        "Lin 1989, Biometrics 45:255-268, pooled within classes",
    )
