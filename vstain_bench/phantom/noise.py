"""Randomness on an endless plane: the same key and the same place give the same value, whatever is asked around it.

Everything is drawn in blocks of lattice nodes, one seeded generator per block. A larger tile, a margin, or another
pixel size therefore sees the same tissue, and nothing has to be invented at a border.
"""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

Array = NDArray[np.float64]
Key = tuple[int | str, ...]

BLOCK = 32
"""Lattice nodes per side of the block that one generator fills."""
ORIGIN = 2**24
"""Added to block numbers, since a seed holds no negative numbers."""
SPLINE_POWER = 151 / 315
"""Integral of the squared cubic B-spline: the mean variance, per axis, of white noise smoothed with it."""


def generator(*key: int | str) -> np.random.Generator:
    """Return the numpy generator of a key of names and non-negative integers.

    The length leads the seed because a seed sequence does not tell [1] from [1, 0].
    """
    words = [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in key]
    return np.random.default_rng([len(words), *words])


def lattice(key: Key, rows: tuple[int, int], columns: tuple[int, int], *, draws: int, normal: bool) -> Array:
    """Return the random numbers of the lattice nodes in two half-open ranges, shape (rows, columns, draws).

    They are standard normal, or uniform on [0, 1). Node numbers may be negative.
    """
    first_row, first_column = rows[0] // BLOCK, columns[0] // BLOCK
    bands = []
    for row in range(first_row, (rows[1] - 1) // BLOCK + 1):
        band = []
        for column in range(first_column, (columns[1] - 1) // BLOCK + 1):
            block = generator(*key, row + ORIGIN, column + ORIGIN)
            shape = (BLOCK, BLOCK, draws)
            band.append(block.standard_normal(shape) if normal else block.random(shape))
        bands.append(np.concatenate(band, axis=1))
    nodes = np.concatenate(bands, axis=0)
    top, left = rows[0] - first_row * BLOCK, columns[0] - first_column * BLOCK
    return nodes[top : top + rows[1] - rows[0], left : left + columns[1] - columns[0]]


@dataclass(frozen=True)
class Field:
    """A smooth random field with mean 0 and variance 1: cubic B-splines weighted with white noise on a lattice.

    Attributes:
        key: What seeds it.
        spacing: Distance of the lattice nodes in µm along the first and the second coordinate; structures are about
            two spacings wide.
    """

    key: Key
    spacing: tuple[float, float]

    def on_grid(self, rows: Array, columns: Array) -> Array:
        """Return the field on the grid of two ascending coordinate vectors in µm, shape (len(rows), len(columns))."""
        first, down = _spline_weights(rows / self.spacing[0])
        second, across = _spline_weights(columns / self.spacing[1])
        nodes = self._nodes((first, first + down.shape[1]), (second, second + across.shape[1]))
        field: Array = (across @ (down @ nodes).T).T
        return np.ascontiguousarray(field) / SPLINE_POWER

    def at(self, first: Array, second: Array) -> Array:
        """Return the field at points given by two arrays of coordinates in µm, in their shape."""
        down, across = first / self.spacing[0], second / self.spacing[1]
        if down.size == 0:
            return np.zeros(down.shape)
        top, left = int(np.floor(down.min())) - 1, int(np.floor(across.min())) - 1
        nodes = self._nodes((top, int(np.floor(down.max())) + 3), (left, int(np.floor(across.max())) + 3))
        field: Array = ndimage.map_coordinates(nodes, [down - top, across - left], order=3, prefilter=False)
        return field / SPLINE_POWER

    def _nodes(self, rows: tuple[int, int], columns: tuple[int, int]) -> Array:
        return lattice(self.key, rows, columns, draws=1, normal=True)[..., 0]


def _spline_weights(position: Array) -> tuple[int, sparse.csr_array]:
    """Return the first node and the (position, node) matrix of cubic B-spline weights, for positions in spacings."""
    floor = np.floor(position).astype(np.int64)
    rest = position - floor
    weights = np.stack(
        [(1 - rest) ** 3, 3 * rest**3 - 6 * rest**2 + 4, 1 + 3 * rest + 3 * rest**2 - 3 * rest**3, rest**3], axis=1
    )
    first = int(floor.min()) - 1
    nodes = floor[:, None] - 1 + np.arange(4) - first
    ends = np.arange(len(position) + 1) * 4
    shape = (len(position), int(nodes.max()) + 1)
    return first, sparse.csr_array((weights.ravel() / 6, nodes.ravel(), ends), shape=shape)


def smoothstep(value: Array) -> Array:
    """Return 0 below 0, 1 above 1, and the cubic 3t² − 2t³ between."""
    ramp = np.clip(value, 0.0, 1.0)
    return ramp * ramp * (3.0 - 2.0 * ramp)
