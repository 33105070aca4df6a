"""Kernel distance between the features of all virtual stains and of all real ones: KID and its relatives.

The squared maximum mean discrepancy with the kernel k(a, b) = (a.b / d + 1)^3, without bias::

    sum_{i != j} k(x_i, x_j) / (n (n - 1))  +  sum_{i != j} k(y_i, y_j) / (m (m - 1))  -  2 mean_{i, j} k(x_i, y_j)

(Gretton et al., JMLR 2012; Binkowski et al., ICLR 2018.) Lower is better. As the estimate has no bias, it is a little
below 0 half of the time when the distributions are equal, and below 0 for identical sets: hence no perfect value.
That it has no bias is said of two independent sets. When tile i shows the same tissue on both sides, the n terms
k(x_i, y_i) of the last mean are larger than the rest and lower the number by order 1/n; published code keeps them,
and so does this, to be comparable.

``kid`` takes all pairs: no draw, no seed, and a standard error. ``kid_subsets`` is the mean over random subsets of
torch-fidelity 0.4 (metric_kid.py), in its float32 and with its legacy generator: at usual sizes its scatter is
larger than the differences between models (20 subsets of 100 change sign with the seed).
"""

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from vstain_bench.arrays import LeftOut, OtherRows
from vstain_bench.errors import Undefined, UsageError
from vstain_bench.metrics.definition import METRICS
from vstain_bench.metrics.frechet import feature_key, pair_features, split_pair
from vstain_bench.networks.encoders.definition import build_encoder
from vstain_bench.networks.encoders.inception import InceptionEncoder
from vstain_bench.networks.encoders.random_convolution import RandomConvolutionEncoder
from vstain_bench.types import Encoder, Metric, OfSet, RowArray, Values

CHUNK: Final = 1024
"""Rows of the kernel matrix held at a time."""
Matrix = Float[np.ndarray, "r c"]
Blocks = Int[np.ndarray, " n"]


def _kernel(first: RowArray, second: OtherRows) -> Matrix:
    return np.asarray((first @ second.T / first.shape[1] + 1) ** 3)


def _chunks(first: RowArray, second: OtherRows) -> Iterator[tuple[slice, Matrix]]:
    """Yield the kernel matrix of two float64 sets in bands of rows, with the rows of each."""
    for start in range(0, len(first), CHUNK):
        band = slice(start, min(start + CHUNK, len(first)))
        yield band, _kernel(first[band], second)


def _self_kernel(features: RowArray) -> Values:
    return np.asarray((np.square(features).sum(axis=1) / features.shape[1] + 1) ** 3)


def _refuse_too_few(tiles: int) -> None:
    if tiles < 2:
        raise Undefined(f"a kernel distance needs at least two tiles, there are {tiles}")


def kernel_distance(generated: RowArray, real: OtherRows) -> float:
    """Return the unbiased squared maximum mean discrepancy over all pairs, in float64.

    Args:
        generated: Features, shape (n, d).
        real: Features, shape (m, d).

    Raises:
        Undefined: One of the sets has fewer than two tiles.
    """
    _refuse_too_few(min(len(generated), len(real)))
    ours, theirs = generated.astype(np.float64), real.astype(np.float64)
    within = 0.0
    for features in (ours, theirs):
        pairs = math.fsum(float(band.sum()) for _, band in _chunks(features, features))
        within += (pairs - float(_self_kernel(features).sum())) / (len(features) * (len(features) - 1))
    across = math.fsum(float(band.sum()) for _, band in _chunks(ours, theirs))
    return within - 2 * across / (len(ours) * len(theirs))


def kernel_standard_error(rows: RowArray) -> float:
    """Return the first-order standard error of ``kernel_distance`` for tiles drawn independently, in pairs.

    To first order the estimate is a mean over tiles of twice their own contribution (Hoeffding's projection); the
    generated and the real tile of a pair show the same tissue and so enter together. Close to equal distributions
    the first order vanishes and this is too small.

    Args:
        rows: Features of both sides, shape (n, 2k).

    Raises:
        Undefined: Fewer than three tiles.
    """
    generated, real = (half.astype(np.float64) for half in split_pair(rows))
    tiles = len(rows)
    if tiles < 3:
        raise Undefined(f"a standard error needs at least three tiles, there are {tiles}")
    contribution = np.zeros(tiles)
    for features in (generated, real):
        sums = np.concatenate([band.sum(axis=1) for _, band in _chunks(features, features)])
        contribution += (sums - _self_kernel(features)) / (tiles - 1)
    for rows_of_band, band in _chunks(generated, real):
        contribution[rows_of_band] -= band.sum(axis=1) / tiles
        contribution -= band.sum(axis=0) / tiles
    return float(2 * contribution.std(ddof=1) / math.sqrt(tiles))


def jackknife_values(rows: RowArray, blocks: Blocks) -> LeftOut:
    """Return the kernel distance without each block of tiles in turn, in the order of the block numbers.

    Equal to ``kernel_distance`` of the remaining rows; every kernel value is computed once and summed by block.

    Args:
        rows: Features of both sides, shape (n, 2k).
        blocks: The block of each tile, shape (n,).

    Raises:
        Undefined: Fewer than two tiles remain without one of the blocks.
    """
    order = np.argsort(blocks, kind="stable")
    _, starts, sizes = np.unique(blocks[order], return_index=True, return_counts=True)
    kept = len(rows) - sizes
    _refuse_too_few(int(kept.min()))
    generated, real = (half[order].astype(np.float64) for half in split_pair(rows))
    within = np.zeros(len(starts))
    for features in (generated, real):
        own = np.add.reduceat(_self_kernel(features), starts)
        within += (_without_each(_block_sums(features, features, starts)) - (own.sum() - own)) / (kept * (kept - 1))
    return within - 2 * _without_each(_block_sums(generated, real, starts)) / kept**2


def _block_sums(first: RowArray, second: OtherRows, starts: Int[np.ndarray, " b"]) -> Matrix:
    """Return the sums of the kernel over each pair of blocks, shape (b, b), for rows sorted by block."""
    by_row = [np.add.reduceat(band, starts, axis=1) for _, band in _chunks(first, second)]
    return np.asarray(np.add.reduceat(np.concatenate(by_row), starts, axis=0))


def _without_each(sums: Matrix) -> LeftOut:
    return np.asarray(sums.sum() - sums.sum(axis=0) - sums.sum(axis=1) + np.diagonal(sums))


def subset_distance(generated: RowArray, real: RowArray, *, subsets: int, size: int, seed: int) -> float:
    """Return the mean of the kernel distances of random subsets, as torch-fidelity 0.4 draws and computes them.

    Args:
        generated: Features, shape (n, d); torch-fidelity's first input.
        real: Features, shape (m, d).
        subsets: How many subsets.
        size: Tiles in each, drawn without replacement.
        seed: Of the legacy generator.

    Raises:
        Undefined: A subset would be larger than one of the sets.
    """
    fewest = min(len(generated), len(real))
    if size > fewest:
        raise Undefined(f"subsets of {size} tiles cannot be drawn from {fewest}; choose a smaller size")
    ours, theirs = generated.astype(np.float32), real.astype(np.float32)
    generator = np.random.RandomState(seed)  # the legacy stream, draw for draw as torch-fidelity's
    distances = []
    for _ in range(subsets):
        first = ours[generator.choice(len(ours), size, replace=False)]
        second = theirs[generator.choice(len(theirs), size, replace=False)]
        distances.append(_single_precision_distance(first, second))
    return float(np.mean(distances))


def _single_precision_distance(first: RowArray, second: OtherRows) -> float:
    """Return the distance of two sets of equal size in float32, summed in torch-fidelity's order.

    The sums are some 10^4 times larger than what is left of them, so the order shows in the result.
    """
    size, gamma = len(first), 1.0 / first.shape[1]

    def kernel(left: RowArray, right: RowArray) -> Matrix:
        return np.asarray((left @ right.T * gamma + 1) ** 3)

    def off_diagonal(matrix: Matrix) -> float:
        sums = matrix.sum(axis=1) - np.diagonal(matrix)
        return sums.sum()  # type: ignore[no-any-return]  # a float32 scalar: the arithmetic stays in float32

    within = (off_diagonal(kernel(first, first)) + off_diagonal(kernel(second, second))) / (size * (size - 1))
    return float(within - 2 * kernel(first, second).sum(axis=0).sum() / (size * size))


def _score(rows: RowArray) -> float:
    return kernel_distance(*split_pair(rows))


def _metric(summary: str, encoder: Encoder, citation: str) -> Metric:
    return Metric(
        family="distribution",
        summary=summary,
        observe=pair_features(encoder),
        kind=OfSet(_score, leave_out=jackknife_values, standard_error=kernel_standard_error),
        better="lower",
        value_range=(-math.inf, math.inf),
        params={"encoder": encoder.signature, "kernel": "poly3", "pairs": "all"},
        needs=encoder.needs,
        minimum_side=encoder.minimum_side,
        minimum_tiles=2,
        paired=False,
        observation=feature_key(encoder),
        citation=citation,
    )


@METRICS.register("kid")
def kid() -> Metric:
    """KID over all pairs, with the Inception features of ``fid``."""
    return _metric(
        "unbiased kernel distance of Inception features of generated and real IHC, over all pairs of tiles",
        InceptionEncoder("clean"),
        "Binkowski et al., ICLR 2018",
    )


@METRICS.register("kd_random")
def kd_random() -> Metric:
    """Kernel distance of random-convolution features; needs no weights."""
    return _metric(
        "unbiased kernel distance of random-convolution features of generated and real IHC; no weights, no KID",
        RandomConvolutionEncoder(),
        "Binkowski et al., ICLR 2018; Naeem et al., ICML 2020, section 3.4",
    )


@METRICS.register("kd", carried=("encoder",))
def kd(*, encoder: str = "random") -> Metric:
    """Kernel distance of the features of any encoder."""
    chosen = build_encoder(encoder)
    summary = "unbiased kernel distance of an encoder's features of generated and real IHC"
    return _metric(summary, chosen, "Binkowski et al., ICLR 2018")


MMD_SIGMA: Final = 10.0
MMD_SCALE: Final = 1000.0


def gaussian_distance(generated: RowArray, real: OtherRows) -> float:
    """Return 1000 × the biased squared maximum mean discrepancy of directions, with a Gaussian kernel of sigma 10.

    Features are scaled to unit length; k(a, b) = exp(-|a - b|² / 200), means over all pairs, each row with itself too.

    Args:
        generated: Features, shape (n, d).
        real: Features, shape (m, d).
    """

    def unit(rows: RowArray) -> RowArray:
        wide = rows.astype(np.float64)
        return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12))

    def mean_kernel(first: RowArray, second: OtherRows) -> float:
        gaps = (1.0 - first[start : start + CHUNK] @ second.T for start in range(0, len(first), CHUNK))
        # exp(-x) - 1: kernel values lie within 0.02 of 1, and what is left of their differences is as small.
        return math.fsum(float(np.expm1(-gap / MMD_SIGMA**2).sum()) for gap in gaps) / (len(first) * len(second))

    ours, theirs = unit(generated), unit(real)
    return MMD_SCALE * (mean_kernel(ours, ours) + mean_kernel(theirs, theirs) - 2 * mean_kernel(ours, theirs))


@METRICS.register("mmd_rbf", carried=("encoder",))
def mmd_rbf(*, encoder: str = "random") -> Metric:
    """CMMD's distance over any encoder: 1000 × biased MMD² of unit features, Gaussian kernel of sigma 10; [0, ∞).

    Lower is better, 0 for identical sets. Over CLIP ViT-L/14@336 features it is CMMD; over others it has no published
    numbers to stand beside. It works with fewer tiles than a Fréchet distance, but its bias depends on their number.
    """
    chosen = build_encoder(encoder)
    return Metric(
        family="distribution",
        summary="biased Gaussian kernel distance of an encoder's features of generated and real IHC, × 1000",
        observe=pair_features(chosen),
        kind=OfSet(lambda rows: max(0.0, gaussian_distance(*split_pair(rows)))),
        better="lower",
        value_range=(0.0, math.inf),
        perfect=0.0,
        params={"encoder": chosen.signature, "kernel": "rbf", "sigma": MMD_SIGMA, "scale": MMD_SCALE, "norm": "unit"},
        needs=chosen.needs,
        minimum_side=chosen.minimum_side,
        minimum_tiles=2,
        paired=False,
        observation=feature_key(chosen),
        citation="Jayasumana et al., CVPR 2024 (CMMD); sayakpaul/cmmd-pytorch 49fb717 distance.py",
    )


@METRICS.register("kid_subsets", carried=("resize",))
def kid_subsets(*, subsets: int = 100, size: int = 1000, seed: int = 2020, resize: str = "clean") -> Metric:
    """KID as the mean over random subsets, as torch-fidelity computes it from the same features."""
    if subsets < 1 or size < 2:
        raise UsageError(
            where="metric 'kid_subsets'",
            found=f"{subsets} subsets of {size} tiles",
            expected="at least one subset of at least two tiles",
        )
    encoder = InceptionEncoder(resize)

    def score(rows: RowArray) -> float:
        return subset_distance(*split_pair(rows), subsets=subsets, size=size, seed=seed)

    return Metric(
        family="distribution",
        summary="kernel distance of Inception features of generated and real IHC, mean over random subsets of tiles",
        observe=pair_features(encoder),
        kind=OfSet(score),
        better="lower",
        value_range=(-math.inf, math.inf),
        params={"encoder": encoder.signature, "kernel": "poly3"},
        needs=encoder.needs,
        minimum_tiles=size,
        paired=False,
        observation=feature_key(encoder),
        citation="Binkowski et al., ICLR 2018; torch-fidelity 0.4, metric_kid.py",
    )
