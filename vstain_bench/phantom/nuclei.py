"""Nuclei: where they lie, their shape, and how their chromatin looks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vstain_bench.phantom.noise import Array, smoothstep

TUMOUR, STROMAL, LYMPHOCYTE = 0, 1, 2
"""Kinds of nuclei."""


@dataclass(frozen=True)
class Nuclei:
    """Nuclei as ellipses; every array has one row per nucleus.

    Attributes:
        position: Centres (y, x) on the plane in µm, before the warp that makes outlines irregular, shape (n, 2).
        axes: Semi-axes in µm, longer one first, shape (n, 2).
        angle: Direction of the longer axis, radians from the column axis towards the row axis, shape (n,).
        kind: ``TUMOUR``, ``STROMAL`` or ``LYMPHOCYTE``, shape (n,).
        cell: Index of the tumour cell it belongs to, -1 for other kinds, shape (n,).
        darkness: Mean chromatin density relative to a tumour nucleus, shape (n,).
        nucleolus: Place of the nucleolus (y, x) in µm from the centre, shape (n, 2).
    """

    position: Array
    axes: Array
    angle: Array
    kind: NDArray[np.int64]
    cell: NDArray[np.int64]
    darkness: Array
    nucleolus: Array

    def __len__(self) -> int:
        return len(self.angle)

    def chosen(self, which: NDArray[np.bool_]) -> "Nuclei":
        """Return the nuclei for which ``which``, shape (n,), holds."""
        return Nuclei(
            self.position[which],
            self.axes[which],
            self.angle[which],
            self.kind[which],
            self.cell[which],
            self.darkness[which],
            self.nucleolus[which],
        )


def join_nuclei(*parts: Nuclei) -> Nuclei:
    """Return several sets of nuclei as one."""
    return Nuclei(
        np.concatenate([part.position for part in parts]),
        np.concatenate([part.axes for part in parts]),
        np.concatenate([part.angle for part in parts]),
        np.concatenate([part.kind for part in parts]),
        np.concatenate([part.cell for part in parts]),
        np.concatenate([part.darkness for part in parts]),
        np.concatenate([part.nucleolus for part in parts]),
    )


def tumour_nuclei(position: Array, cell: NDArray[np.int64], draws: Array, scale: float) -> Nuclei:
    """Return the nuclei of tumour cells, 6 to 9 µm across: vesicular, with a rim and a nucleolus.

    Args:
        position: The cells' sites (y, x) in µm, shape (n, 2).
        cell: The cells' indices, shape (n,).
        draws: Uniform numbers, shape (n, 6): size, shape, angle, darkness, and two for the place in the cell.
        scale: Size relative to the usual.
    """
    radius = 3.8 * scale * (0.86 + 0.3 * draws[:, 0])
    stretch = np.sqrt(1.0 + 0.45 * draws[:, 1])
    turn = 2 * np.pi * draws[:, 5]
    away = np.stack([np.sin(turn), np.cos(turn)], axis=1)
    return Nuclei(
        position=position + 0.8 * draws[:, 4:5] * away,
        axes=np.stack([radius * stretch, radius / stretch], axis=1),
        angle=np.pi * draws[:, 2],
        kind=np.full(len(position), TUMOUR),
        cell=cell,
        darkness=0.75 + 0.5 * draws[:, 3] ** 2,
        nucleolus=away[:, ::-1] * (0.45 * radius * draws[:, 1])[:, None],
    )


def stromal_nuclei(position: Array, angle: Array, draws: Array) -> Nuclei:
    """Return the nuclei of fibroblasts: dark spindles 9 to 14 µm long that lie along the fibres."""
    length, width = 4.4 + 2.6 * draws[:, 0], 1.15 + 0.75 * draws[:, 1] ** 2
    return Nuclei(
        position=position,
        axes=np.stack([length, width], axis=1),
        angle=angle + 0.5 * (draws[:, 2] - 0.5),
        kind=np.full(len(position), STROMAL),
        cell=np.full(len(position), -1),
        darkness=0.85 + 0.45 * draws[:, 3],
        nucleolus=np.zeros((len(position), 2)),
    )


def lymphocyte_nuclei(position: Array, draws: Array) -> Nuclei:
    """Return the nuclei of lymphocytes: small, round and dark, 5.5 to 6.8 µm across."""
    radius = 2.75 + 0.65 * draws[:, 0]
    stretch = np.sqrt(1.0 + 0.15 * draws[:, 1])
    return Nuclei(
        position=position,
        axes=np.stack([radius * stretch, radius / stretch], axis=1),
        angle=np.pi * draws[:, 2],
        kind=np.full(len(position), LYMPHOCYTE),
        cell=np.full(len(position), -1),
        darkness=1.35 + 0.25 * draws[:, 3],
        nucleolus=np.zeros((len(position), 2)),
    )


def paint_nuclei(nuclei: Nuclei, down: Array, across: Array, chromatin: Array, step: float) -> Array:
    """Return the chromatin density at every sample: about 1 in a nucleus, 0 outside, shape (h, w).

    Args:
        nuclei: What to paint.
        down: Warped row places in µm, shape (h, w); the warp makes the outlines irregular.
        across: Warped column places in µm, shape (h, w).
        chromatin: Texture of the chromatin, mean 0, variance 1, shape (h, w).
        step: Distance of neighbouring samples in µm.
    """
    density = np.zeros_like(down)
    top, left = down[0, 0], across[0, 0]
    reach = np.ceil((nuclei.axes[:, 0] + 4.0) / step).astype(int) + 2
    rows = np.rint((nuclei.position[:, 0] - top) / step).astype(int)
    columns = np.rint((nuclei.position[:, 1] - left) / step).astype(int)
    for number in range(len(nuclei)):
        row, column, size = rows[number], columns[number], reach[number]
        window = (slice(max(row - size, 0), max(row + size, 0)), slice(max(column - size, 0), max(column + size, 0)))
        if density[window].size:
            painted = _paint_one(nuclei, number, down[window], across[window], chromatin[window])
            np.maximum(density[window], painted, out=density[window])
    return density


def _paint_one(nuclei: Nuclei, number: int, down: Array, across: Array, chromatin: Array) -> Array:
    """Return one nucleus's density at the samples of a window."""
    offset_down = down - nuclei.position[number, 0]
    offset_across = across - nuclei.position[number, 1]
    cosine, sine = np.cos(nuclei.angle[number]), np.sin(nuclei.angle[number])
    long, short = nuclei.axes[number]
    along = (cosine * offset_across + sine * offset_down) / long
    beside = (cosine * offset_down - sine * offset_across) / short
    depth = (1.0 - np.sqrt(along * along + beside * beside)) * np.sqrt(long * short)
    inside = smoothstep(0.5 + depth / 0.9)
    if nuclei.kind[number] == TUMOUR:
        rim = np.exp(-(((depth - 0.35) / 0.5) ** 2))
        down_dot, across_dot = nuclei.nucleolus[number]
        dot = (offset_down - down_dot) ** 2 + (offset_across - across_dot) ** 2
        body = 0.86 + 0.3 * rim + 0.75 * np.exp(-dot / (2 * 0.55**2)) + 0.22 * chromatin
    else:
        body = 1.0 + 0.16 * chromatin
    painted: Array = inside * np.maximum(body, 0.2) * nuclei.darkness[number]
    return painted
