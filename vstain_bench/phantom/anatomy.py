"""What lies where on a section: nests of tumour cells, nuclei, fibres and empty glass, at any sample grid.

The epithelium is a tessellation: jittered hexagonal sites with one cell each, so a membrane is the border between two
Voronoi cells. A cell is tumour as a whole, hence nests have whole cells, and every area is known exactly.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from vstain_bench.phantom.noise import Array, Key, lattice, smoothstep
from vstain_bench.phantom.nuclei import (
    Nuclei,
    join_nuclei,
    lymphocyte_nuclei,
    paint_nuclei,
    stromal_nuclei,
    tumour_nuclei,
)
from vstain_bench.phantom.section import SHAPE_UM, Frame, Section

CELL_UM = 12.8
"""Distance of neighbouring epithelial cells; a cell's equivalent diameter is 1.05 times that."""
NEST_UM = 80.0
"""Distance of neighbouring nests."""
STROMAL_UM = 15.0
LYMPHOCYTE_UM = 7.6
SEPTUM_UM = 2.6
"""Half the width of the stroma between two nests."""
WARP_UM, WARP_LENGTH_UM = 0.75, 4.0
"""Standard deviation per axis, and lattice spacing, of the warp that makes the outlines of cells irregular."""
BEND_UM, BEND_LENGTH_UM = 7.0, 18.0
"""The same of the warp that bends septa and lumina."""
BORDER_UM = 40.0
"""How far around a frame sites are placed, so that the tessellation inside it is that of the endless plane."""


@dataclass(frozen=True)
class Sites:
    """Sites of a jittered hexagonal lattice.

    Attributes:
        position: Places (y, x) in µm, shape (n, 2).
        identity: A number that names the site whatever the frame, shape (n,).
        draws: Uniform numbers on [0, 1), shape (n, k).
    """

    position: Array
    identity: NDArray[np.int64]
    draws: Array


@dataclass(frozen=True)
class Cells:
    """The cells of the tessellation; every array has one row per site.

    Attributes:
        position: Places (y, x) in µm, shape (n, 2).
        tumour: Whether it is a tumour cell, shape (n,).
        nest: The number of the nest it belongs to, -1 in stroma, shape (n,).
        clearance: Distance in µm from its site to the nearest septum or lumen, negative within one, shape (n,).
        rank: In [0, 1]: cells of low rank express HER2 first, shape (n,).
        vigour: Mean 0, variance 1: how strongly a cell expresses, shape (n,).
        draws: Uniform numbers that make its nucleus, shape (n, 6).
    """

    position: Array
    tumour: NDArray[np.bool_]
    nest: NDArray[np.int64]
    clearance: Array
    rank: Array
    vigour: Array
    draws: Array


@dataclass(frozen=True)
class Nests:
    """How far points lie from the septa between nests and from the lumina within them.

    Attributes:
        identity: Number of the nest whose seed is nearest, shape (...,).
        septum: Distance in µm to the line between the two nearest nests, shape (...,).
        lumen: Distance in µm to the nest's lumen, negative inside, infinite without one, shape (...,).
    """

    identity: NDArray[np.int64]
    septum: Array
    lumen: Array


@dataclass(frozen=True)
class View:
    """What lies at every sample of a frame; arrays have the frame's shape.

    Attributes:
        frame: The samples.
        cells: The cells in and around the frame.
        nuclei: The nuclei in and around the frame.
        cell: Index of the cell that a sample lies in.
        neighbour: Index of the next nearest cell.
        border: Distance to the border between the two, in µm.
        membrane: Distance to the nearest membrane, in µm: that border, or the rim of a septum or lumen.
        tumour: Share of tumour cell, 0 to 1, soft over about 1 µm.
        nucleus: Chromatin density, about 1 in a nucleus, 0 outside.
        collagen: Density of the stroma's fibres, about 0.7 on average; meaningless in tumour.
        grain: Texture of cytoplasm, mean 0, variance 1.
        gaps: The field that interrupts incomplete membranes, mean 0, variance 1.
        glass: Share of empty glass, 0 to 1.
        thickness: Thickness of the section relative to its mean.
    """

    frame: Frame
    cells: Cells
    nuclei: Nuclei
    cell: NDArray[np.int64]
    neighbour: NDArray[np.int64]
    border: Array
    membrane: Array
    tumour: Array
    nucleus: Array
    collagen: Array
    grain: Array
    gaps: Array
    glass: Array
    thickness: Array

    def blended(self, value: Array) -> Array:
        """Return a per-cell value, shape (n,), at every sample: the cell's own, and the mean of both at a border."""
        own = 0.5 + 0.5 * np.clip(self.border / 0.6, 0.0, 1.0)
        blended: Array = own * value[self.cell] + (1.0 - own) * value[self.neighbour]
        return blended


def survey(section: Section, frame: Frame) -> View:
    """Return what lies at every sample of a frame."""
    rows, columns = frame.rows, frame.columns
    down = rows[:, None] + WARP_UM * section.field("warp down", WARP_LENGTH_UM).on_grid(rows, columns)
    across = columns[None, :] + WARP_UM * section.field("warp across", WARP_LENGTH_UM).on_grid(rows, columns)
    bend = [section.field(f"bend {axis}", BEND_LENGTH_UM).on_grid(rows, columns) for axis in ("down", "across")]
    cells = place_cells(section, frame)
    points = np.stack([down, across], axis=-1)
    cell, neighbour, _, border = _two_nearest(cells.position, points)
    nests = _nests(section, frame, points, np.stack(bend, axis=-1))
    inside = np.minimum(nests.septum - SEPTUM_UM, nests.lumen)
    own = 0.5 + 0.5 * np.clip(border / 0.6, 0.0, 1.0)
    tumour = (own * cells.tumour[cell] + (1.0 - own) * cells.tumour[neighbour]) * smoothstep(0.5 + inside / 1.2)
    collagen, parted = _fibres(section, frame)
    nuclei = place_nuclei(section, frame, cells)
    chromatin = section.field("chromatin", 0.6).on_grid(rows, columns)
    return View(
        frame=frame,
        cells=cells,
        nuclei=nuclei,
        cell=cell,
        neighbour=neighbour,
        border=border,
        membrane=np.minimum(border, np.abs(inside)),
        tumour=tumour,
        nucleus=paint_nuclei(nuclei, down, across, chromatin, frame.step),
        collagen=collagen,
        grain=section.field("grain", 0.8).on_grid(rows, columns),
        gaps=section.field("gaps", 2.6).on_grid(rows, columns),
        glass=_glass(section, frame, nests, tumour, parted),
        thickness=np.exp(0.06 * section.field("thickness", 90.0).on_grid(rows, columns)),
    )


def seen_centres(section: Section, nuclei: Nuclei) -> Array:
    """Return where the centres of nuclei are seen, (y, x) in µm, shape (n, 2).

    The warp that makes outlines irregular moves them: this is the mean over points spread evenly in each ellipse.
    """
    turn = np.arange(16) * (np.pi * (3.0 - np.sqrt(5.0)))
    radius = np.sqrt((np.arange(16) + 0.5) / 16)
    along = nuclei.axes[:, :1] * radius * np.cos(turn)
    beside = nuclei.axes[:, 1:] * radius * np.sin(turn)
    cosine, sine = np.cos(nuclei.angle)[:, None], np.sin(nuclei.angle)[:, None]
    offset = np.stack([sine * along + cosine * beside, cosine * along - sine * beside], axis=-1)
    inside = (nuclei.position[:, None, :] + offset).reshape(-1, 2)
    seen = inside
    for _ in range(6):
        warp = [section.field(f"warp {axis}", WARP_LENGTH_UM).at(*seen.T) for axis in ("down", "across")]
        seen = inside - WARP_UM * np.stack(warp, axis=1)
    centres: Array = seen.reshape(-1, 16, 2).mean(axis=1)
    return centres


def place_sites(key: Key, frame: Frame, *, spacing: float, jitter: float, draws: int, border: float) -> Sites:
    """Return the sites of a jittered hexagonal lattice in a frame and a border around it, both in µm."""
    pitch = spacing * np.sqrt(3.0) / 2.0
    rows = (int((frame.top - border) // pitch), int((frame.rows[-1] + border) // pitch) + 2)
    columns = (int((frame.left - border) // spacing) - 1, int((frame.columns[-1] + border) // spacing) + 2)
    numbers = lattice(key, rows, columns, draws=draws + 2, normal=False)
    row, column = np.meshgrid(np.arange(*rows), np.arange(*columns), indexing="ij")
    place = np.stack([row * pitch, (column + 0.5 * (row % 2)) * spacing], axis=-1)
    place += (numbers[..., :2] - 0.5) * (2.0 * jitter * spacing)
    identity = (row + 2**20) * 2**21 + column + 2**20
    return Sites(place.reshape(-1, 2), identity.ravel(), numbers[..., 2:].reshape(-1, draws))


def place_cells(section: Section, frame: Frame) -> Cells:
    """Return the cells in and around a frame: tumour where the shape field is high and there is no lumen."""
    sites = place_sites((*section.key, "cells"), frame, spacing=CELL_UM, jitter=0.26, draws=8, border=BORDER_UM)
    down, across = sites.position.T
    bend = [section.field(f"bend {axis}", BEND_LENGTH_UM).at(down, across) for axis in ("down", "across")]
    nests = _nests(section, frame, sites.position, np.stack(bend, axis=-1))
    tumour = section.field("shape", SHAPE_UM).at(down, across) > section.threshold
    hot = section.field("expression", 40.0).at(down, across)
    return Cells(
        position=sites.position,
        tumour=tumour,
        nest=np.where(tumour, nests.identity, -1),
        clearance=np.minimum(nests.septum - SEPTUM_UM, nests.lumen),
        rank=0.7 * sites.draws[:, 0] + 0.3 * smoothstep(0.5 - 0.35 * hot),
        vigour=np.sqrt(12.0) * (sites.draws[:, 1] - 0.5),
        draws=sites.draws[:, 2:],
    )


def place_nuclei(section: Section, frame: Frame, cells: Cells) -> Nuclei:
    """Return the nuclei in and around a frame: one per tumour cell, spindles and lymphocytes in the stroma."""
    mine = np.flatnonzero(cells.tumour & (cells.clearance > 2.4))
    tumour = tumour_nuclei(cells.position[mine], mine, cells.draws[mine], section.nucleus_scale)
    spots = place_sites((*section.key, "stroma"), frame, spacing=STROMAL_UM, jitter=0.4, draws=5, border=12.0)
    round_spots = place_sites((*section.key, "lymph"), frame, spacing=LYMPHOCYTE_UM, jitter=0.2, draws=5, border=12.0)

    def outside(sites: Sites, clearance: float) -> NDArray[np.bool_]:
        nearest, second, _, gap = _two_nearest(cells.position, sites.position)
        clear: NDArray[np.bool_] = ~cells.tumour[nearest] & (~cells.tumour[second] | (gap > clearance))
        return clear

    def infiltrate(sites: Sites) -> Array:
        return section.field("infiltrate", 30.0).at(*sites.position.T) - section.infiltrate_threshold

    crowded = infiltrate(spots) > 0.0
    keep = outside(spots, 2.2) & (spots.draws[:, 4] < 0.62) & ~crowded
    down, across = spots.position[keep].T
    stromal = stromal_nuclei(spots.position[keep], _fibre_direction(section, down, across), spots.draws[keep])
    chance = np.where(infiltrate(round_spots) > 0.0, 0.75, 0.012)
    keep = outside(round_spots, 3.0) & (round_spots.draws[:, 4] < chance)
    return join_nuclei(tumour, stromal, lymphocyte_nuclei(round_spots.position[keep], round_spots.draws[keep]))


def _two_nearest(sites: Array, points: Array) -> tuple[NDArray[np.int64], NDArray[np.int64], Array, Array]:
    """Return the nearest site, the second nearest, the distance to the nearest, and that to the border between both.

    Args:
        sites: Places (y, x) in µm, shape (n, 2).
        points: Places (y, x) in µm, shape (..., 2); so are the four results without their last axis.
    """
    found = cKDTree(sites).query(points, k=2)
    distance, index = np.asarray(found[0]), np.asarray(found[1], dtype=np.int64)
    nearest, second = index[..., 0], index[..., 1]
    apart = sites[nearest] - sites[second]
    border = (distance[..., 1] ** 2 - distance[..., 0] ** 2) / (2.0 * np.hypot(apart[..., 0], apart[..., 1]))
    return nearest, second, distance[..., 0], border


def _nests(section: Section, frame: Frame, points: Array, bend: Array) -> Nests:
    """Return where points (y, x) in µm, shape (..., 2), lie in the tessellation of nests, whose borders ``bend``."""
    seeds = place_sites((*section.key, "nests"), frame, spacing=NEST_UM, jitter=0.3, draws=2, border=3 * NEST_UM)
    nearest, _, distance, septum = _two_nearest(seeds.position, points + BEND_UM * bend)
    deep = section.field("shape", SHAPE_UM).at(*seeds.position.T) > section.threshold + 0.3
    radius = np.where(deep & (seeds.draws[:, 0] < section.gland_share), 4.0 + 12.0 * seeds.draws[:, 1] ** 2, -np.inf)
    return Nests(seeds.identity[nearest], septum, distance - radius[nearest])


def _fibre_course(section: Section, down: Array, across: Array, wave: Array, shape: Array) -> tuple[Array, Array]:
    """Return coordinates across and along the fibres in µm: they run one way, wave, and bend around the nests."""
    cosine, sine = np.cos(section.fibre_angle), np.sin(section.fibre_angle)
    return cosine * down - sine * across + 6.0 * wave + 16.0 * shape, sine * down + cosine * across


def _fibre_direction(section: Section, down: Array, across: Array) -> Array:
    """Return the direction of the fibres at points, radians from the column axis towards the row axis."""

    def course(shift_down: float, shift_across: float) -> Array:
        there = (down + shift_down, across + shift_across)
        wave, shape = section.field("wave", 26.0).at(*there), section.field("shape", SHAPE_UM).at(*there)
        return _fibre_course(section, *there, wave, shape)[0]

    slope_down, slope_across = course(1.0, 0.0) - course(-1.0, 0.0), course(0.0, 1.0) - course(0.0, -1.0)
    direction: Array = np.arctan2(-slope_across, slope_down)
    return direction


def _fibres(section: Section, frame: Frame) -> tuple[Array, Array]:
    """Return the density of collagen, and how far neighbouring bundles have parted (glass above 0)."""
    rows, columns = frame.rows, frame.columns
    wave = section.field("wave", 26.0).on_grid(rows, columns)
    shape = section.field("shape", SHAPE_UM).on_grid(rows, columns)
    across, along = _fibre_course(section, rows[:, None], columns[None, :], wave, shape)
    across = across + 0.8 * section.field("crimp", 4.0).on_grid(rows, columns)
    fine = section.field("fibre", 0.8, 5.0).at(across + 0.12 * along, along)
    bundle = section.field("bundle", 2.4, 13.0).at(across - 0.1 * along, along)
    loose = section.field("loose", 18.0).on_grid(rows, columns)
    ground = section.field("ground", 1.0).on_grid(rows, columns)
    collagen = np.clip(0.72 + 0.16 * fine + 0.22 * bundle + 0.08 * ground - 0.16 * loose, 0.1, 1.6)
    return collagen, -bundle + 0.5 * loose - 1.9 + section.looseness


def _glass(section: Section, frame: Frame, nests: Nests, tumour: Array, parted: Array) -> Array:
    """Return the share of empty glass: lumina, clefts around nests, slits between fibres, beyond the edge."""
    rows, columns = frame.rows, frame.columns
    lumen = smoothstep(0.5 - nests.lumen / 1.2)
    retracted = SEPTUM_UM * 1.4 * np.minimum(section.field("cleft", 16.0).on_grid(rows, columns) - 0.8, 0.75)
    cleft = smoothstep(0.5 + (retracted - nests.septum) / 0.8)
    slit = smoothstep(parted / 0.3)
    glass = np.maximum(lumen, np.maximum(cleft, slit) * (1.0 - tumour))
    if section.edge is not None:
        direction, distance = section.edge
        ragged = 7.0 * section.field("ragged", 12.0).on_grid(rows, columns)
        ragged += 1.2 * section.field("frayed", 2.0).on_grid(rows, columns)
        down, across = rows[:, None] - section.centre[0], columns[None, :] - section.centre[1]
        beyond = np.sin(direction) * down + np.cos(direction) * across - distance + ragged
        glass = np.maximum(glass, smoothstep(0.5 + beyond / 1.2))
    return glass
