"""Geometry in µm: pixel sizes, means over blocks of a given size, and the masks' reach."""

import math
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from vstain_bench.errors import Undefined
from vstain_bench.types import Batch

Map = NDArray[np.float64]
"""One value per place, shape (h, w)."""
Mask = NDArray[np.bool_]

FLAT_OD = 0.001
"""Standard deviation of block means below which a tile has no pattern: what 8-bit rounding leaves is 0.0001, the palest
of four real tiles has 0.007."""


def pixel_sizes(batch: Batch) -> tuple[float, ...]:
    """Return µm per pixel of every tile of a batch.

    Raises:
        Undefined: it is unknown for one of them.
    """
    known = tuple(size for size in batch.mpp if size is not None)
    if len(known) < len(batch.ids):
        raise Undefined("needs µm per pixel: pass --mpp")
    return known


@lru_cache(maxsize=64)
def block_weights(length: int, step: float) -> Tensor:
    """Return the share of each pixel in each whole block of ``step`` px along one axis, float64, (blocks, length).

    Rows sum to 1. Blocks begin at the first pixel; what is left over at the end belongs to none. The tensor is kept for
    the next tile: read it only.
    """
    blocks = math.floor(length / step + 1e-9)
    edge = np.arange(blocks)[:, None] * step
    pixel = np.arange(length)[None]
    shares = np.minimum(pixel + 1, edge + step) - np.maximum(pixel, edge)
    return torch.from_numpy(np.clip(shares, 0.0, None) / step)


def block_means(plane: Tensor, mpp: float, block_um: float) -> Map:
    """Return the means over square blocks of ``block_um`` µm, float64, of a map of shape (h, w).

    A block may cover fractions of pixels, so the same tissue gives the same blocks at any magnification. A block
    smaller than a pixel is a pixel.
    """
    step = max(1.0, block_um / mpp)
    rows, columns = (block_weights(side, step).to(plane.device) for side in plane.shape)
    means: Map = (rows @ plane.double() @ columns.T).cpu().numpy()
    return means


def distances(mask: Mask, mpp: float) -> Map:
    """Return every place's distance in µm to the nearest place of the mask, infinite where the mask is empty."""
    if not mask.any():
        return np.full(mask.shape, math.inf)
    away: Map = ndimage.distance_transform_edt(~mask) * mpp
    return away


def correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return Pearson's r of two OD maps, (h, w), a spread below ``FLAT_OD`` taken as none.

    Two flat maps agree (1); where one is flat there is nothing to correlate (0).
    """
    one, other = first.ravel() - first.mean(), second.ravel() - second.mean()
    spread, reference = float(one @ one), float(other @ other)
    flat = FLAT_OD**2 * one.size
    if spread <= flat or reference <= flat:
        return float(spread <= flat and reference <= flat)
    return float(np.clip(one @ other / math.sqrt(spread * reference), -1.0, 1.0))
