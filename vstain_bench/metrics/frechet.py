"""Fréchet distance between the features of all virtual stains and of all real ones: FID and its relatives.

With means m, n and covariances S, T (ddof 1) of the two sets of features::

    d^2 = |m - n|^2 + tr S + tr T - 2 tr (S T)^(1/2)

(Heusel et al., NeurIPS 2017; the number is the square, as everywhere.) All statistics are float64. Lower is better,
0 for identical sets; the number depends on how many tiles there are, so only equal numbers of tiles compare.

The last trace is the nuclear norm of A B' where S = A'A and T = B'B. With at most as many tiles as features, A and B
are the centred features themselves: an exact value from a small matrix, where a square root of S T drifts. With more
tiles it is the sum of the square roots of the eigenvalues of L'T L, S = L L'. A negative result within rounding is 0.

``fid`` resizes as clean-fid does; ``fid_tf``, ``fid_pytorchfid`` and ``fid_torchmetrics`` as torch-fidelity 0.4,
pytorch-fid 0.3 and torchmetrics from 1.8 do (``features/inception.py`` says how). ``fd_random`` and ``fd`` are the
same distance over other features and never called FID.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import linalg

from vstain_bench.arrays import LeftOut, OtherRows
from vstain_bench.errors import Undefined
from vstain_bench.metrics.definition import METRICS
from vstain_bench.networks.encoders.definition import build_encoder
from vstain_bench.networks.encoders.inception import InceptionEncoder
from vstain_bench.networks.encoders.random_convolution import RandomConvolutionEncoder
from vstain_bench.types import Batch, Encoder, Metric, OfSet, RowArray, Rows

Matrix = Float[np.ndarray, "r c"]
Vector = Float[np.ndarray, " d"]


def pair_features(encoder: Encoder) -> Callable[[Batch], Rows]:
    """Return the function from a batch to the features of both sides, shape (b, 2k): generated first, then real."""

    def observe(batch: Batch) -> Rows:
        return torch.cat([batch.features(encoder, "generated"), batch.features(encoder, "real")], dim=1)

    return observe


def feature_key(encoder: Encoder) -> str:
    """Return the key under which every metric of this encoder shares its rows."""
    return f"features:{encoder.signature}:generated-real"


def split_pair(rows: Float[np.ndarray, "n pair"]) -> tuple[RowArray, RowArray]:
    """Return the generated and the real half of rows, each of shape (n, k)."""
    half = rows.shape[1] // 2
    return rows[:, :half], rows[:, half:]


def frechet_distance(generated: RowArray, real: OtherRows) -> float:
    """Return the squared Fréchet distance of the Gaussians fitted to two sets of features, at least 0.

    Args:
        generated: Features, shape (n, d).
        real: Features, shape (m, d).

    Raises:
        Undefined: One of the sets has fewer than two tiles.
    """
    fewest = min(len(generated), len(real))
    _refuse_too_few(fewest)
    ours, theirs = _Centred.of(generated), _Centred.of(real)
    if fewest <= generated.shape[1]:
        cross = float(np.linalg.svd(ours.rows @ theirs.rows.T, compute_uv=False).sum())
    else:
        cross = _trace_of_root(ours.covariance, theirs.covariance)
    traces = float(np.square(ours.rows).sum() + np.square(theirs.rows).sum())
    return _assemble(ours.mean - theirs.mean, traces, cross)


@dataclass(frozen=True)
class _Centred:
    """A set of features: its mean, and its rows without it over sqrt(n - 1), whose product is the covariance."""

    mean: Vector
    rows: RowArray

    @classmethod
    def of(cls, features: RowArray) -> "_Centred":
        wide = features.astype(np.float64)
        mean = wide.mean(axis=0)
        return cls(mean, (wide - mean) / np.sqrt(len(wide) - 1))

    @property
    def covariance(self) -> Matrix:
        return np.asarray(self.rows.T @ self.rows)


def _refuse_too_few(tiles: int) -> None:
    if tiles < 2:
        raise Undefined(f"a covariance needs at least two tiles, there are {tiles}")


def _assemble(difference: Vector, traces: float, cross: float) -> float:
    return max(0.0, float(difference @ difference) + traces - 2 * cross)


def _trace_of_root(first: Matrix, second: Matrix) -> float:
    """Return tr (first second)^(1/2) of two covariances, shape (d, d)."""
    try:
        values = linalg.eigvalsh(second, first, type=2)  # of L' second L with first = L L'
    except linalg.LinAlgError:  # features that never vary, or depend on each other
        variances, directions = np.linalg.eigh(first)
        kept = variances > len(variances) * np.finfo(np.float64).eps * variances[-1]
        root = directions[:, kept] * np.sqrt(variances[kept])
        values = np.linalg.eigvalsh(root.T @ second @ root)
    return float(np.sqrt(values.clip(min=0)).sum())


def jackknife_values(rows: RowArray, blocks: Int[np.ndarray, " n"]) -> LeftOut:
    """Return the Fréchet distance without each block of tiles in turn, in the order of the block numbers.

    Equal to ``frechet_distance`` of the remaining rows, but the products of features are formed once.

    Args:
        rows: Features of both sides, shape (n, 2k).
        blocks: The block of each tile, shape (n,).

    Raises:
        Undefined: Fewer than two tiles remain without one of the blocks.
    """
    generated, real = split_pair(rows)
    numbers = np.unique(blocks)
    fewest = min(int(np.count_nonzero(blocks != number)) for number in numbers)
    _refuse_too_few(fewest)
    if fewest <= generated.shape[1]:
        kept = [blocks != number for number in numbers]
        return np.array([frechet_distance(generated[each], real[each]) for each in kept])
    sides = [_Downdated(generated, blocks), _Downdated(real, blocks)]
    values = []
    for number in numbers:
        means, covariances = zip(*(side.without(number) for side in sides), strict=True)
        traces = float(np.trace(covariances[0]) + np.trace(covariances[1]))
        values.append(_assemble(means[0] - means[1], traces, _trace_of_root(*covariances)))
    return np.array(values)


class _Downdated:
    """The sums of one side, from which the statistics without a block follow by subtracting that block's."""

    def __init__(self, features: RowArray, blocks: Int[np.ndarray, " n"]) -> None:
        wide = features.astype(np.float64)
        self.centre = wide.mean(axis=0)  # subtracted first, so that the difference of sums loses no digits
        self.rows, self.blocks = wide - self.centre, blocks
        self.products, self.sum = self.rows.T @ self.rows, self.rows.sum(axis=0)

    def without(self, number: int) -> tuple[Vector, Matrix]:
        """Return mean and covariance of the tiles outside a block."""
        block = self.rows[self.blocks == number]
        tiles = len(self.rows) - len(block)
        mean = (self.sum - block.sum(axis=0)) / tiles
        products = self.products - block.T @ block - tiles * np.outer(mean, mean)
        return self.centre + mean, products / (tiles - 1)


def _score(rows: RowArray) -> float:
    return frechet_distance(*split_pair(rows))


def _metric(summary: str, encoder: Encoder, citation: str) -> Metric:
    return Metric(
        family="distribution",
        summary=summary,
        observe=pair_features(encoder),
        kind=OfSet(_score, leave_out=jackknife_values),
        better="lower",
        value_range=(0.0, math.inf),
        perfect=0.0,
        params={"encoder": encoder.signature},
        needs=encoder.needs,
        minimum_side=encoder.minimum_side,
        minimum_tiles=2,
        paired=False,
        observation=feature_key(encoder),
        citation=citation,
    )


def _inception_distance(resize: str, like: str, citation: str) -> Metric:
    summary = f"Fréchet distance of Inception features of generated and real IHC, resized {like}"
    return _metric(summary, InceptionEncoder(resize), f"Heusel et al., NeurIPS 2017; {citation}")


@METRICS.register("fid")
def fid() -> Metric:
    """FID with antialiased bicubic resizing."""
    citation = "Parmar et al., CVPR 2022 (GaParmar/clean-fid e88c4d6)"
    return _inception_distance("clean", "bicubically with antialiasing", citation)


@METRICS.register("fid_tf")
def fid_tf() -> Metric:
    """FID with torch-fidelity's resizing."""
    return _inception_distance("tf1", "as TensorFlow 1 did", "torch-fidelity 0.4, metric_fid.py")


@METRICS.register("fid_pytorchfid")
def fid_pytorchfid() -> Metric:
    """FID with pytorch-fid's resizing."""
    citation = "mseitzer/pytorch-fid b9c1811, src/pytorch_fid/inception.py"
    return _inception_distance("bilinear", "bilinearly without antialiasing", citation)


@METRICS.register("fid_torchmetrics")
def fid_torchmetrics() -> Metric:
    """FID with the resizing of torchmetrics from 1.8, ``normalize=True``."""
    like = "bilinearly with antialiasing"
    return _inception_distance("bilinear-antialias", like, "torchmetrics 1.9, image/fid.py")


@METRICS.register("fd_random")
def fd_random() -> Metric:
    """Fréchet distance of random-convolution features; needs no weights."""
    return _metric(
        "Fréchet distance of random-convolution features of generated and real IHC; no weights, no FID",
        RandomConvolutionEncoder(),
        "Heusel et al., NeurIPS 2017; Naeem et al., ICML 2020, section 3.4",
    )


@METRICS.register("fd", carried=("encoder",))
def fd(*, encoder: str = "random") -> Metric:
    """Fréchet distance of the features of any encoder."""
    chosen = build_encoder(encoder)
    summary = "Fréchet distance of an encoder's features of generated and real IHC"
    return _metric(summary, chosen, "Heusel et al., NeurIPS 2017")
