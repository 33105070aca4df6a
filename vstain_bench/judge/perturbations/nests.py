"""Nests of stained tumour that are not there, and nests that lost their stain."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from vstain_bench.arrays import Pixels
from vstain_bench.judge.perturbations.definition import SEEDS, Draw, perturbation
from vstain_bench.judge.perturbations.geometry import Mask, shift, soften
from vstain_bench.judge.perturbations.optics import Density, add_density, density, local_mean, positive
from vstain_bench.phantom.noise import Array

LEVELS = (1.0, 5.0, 10.0, 20.0)
RADII_UM = (10.0, 100.0)
EDGE_UM = 1.0
"""Standard deviation of the blend at a nest's border."""
COVERED = 0.8
"""Least share of a donor's area that is DAB-positive."""
LARGEST = 0.35
"""Largest radius of a nest, as a share of the tile's shorter side."""
COARSE = 4
INSIDE = 0.6
"""Least share of a nest's outline that is room for it."""
MOST = 400
"""Nests tried before a tile is given up: what is left of it holds none."""
CELL_UM, MEMBRANE_UM, MEMBRANE_OD, CYTOPLASM_OD = 12.8, 0.9, 0.5, 0.08


@dataclass(frozen=True)
class Nest:
    """One nest: its centre in px (down, across), its radius in px, and its pixels, shape (h, w)."""

    centre: tuple[int, int]
    radius: float
    area: Mask


def _outline(draw: Draw, number: int, box: tuple[Array, Array], centre: tuple[int, int], radius: float) -> Array:
    """Return the distance to the centre in units of an irregular outline: below 1 is inside."""
    random = draw.generator("outline", number)
    down, across = box[0] - centre[0], box[1] - centre[1]
    angle = np.arctan2(down, across)
    bulge = np.zeros(angle.shape)
    for order in (1, 2, 3, 5):
        bulge += random.uniform(0, 0.22 / order) * np.cos(order * angle + random.uniform(0, 2 * np.pi))
    ratio: Array = np.hypot(down, across) / (radius * (1 + bulge))
    return ratio


def place_nests(draw: Draw, room: Mask, share: float) -> list[Nest]:
    """Return nests of 20 to 200 µm in the room given, which together cover a share of the tile, exact to a pixel.

    They come one after the other, the last one as large as is still wanted, so that more area is more of the same.
    Each lies where it is deepest inside the room of 16 candidates, and is refused if most of it would lie outside.
    Without enough room there are none.
    """
    wanted = round(share * room.size)
    left = room.copy()
    nests: list[Nest] = []
    if int(room.sum()) < wanted:
        return []
    depth = _depth(left)
    low, high = (np.log(min(radius / draw.mpp, LARGEST * min(room.shape))) for radius in RADII_UM)
    for number in range(MOST):
        if wanted <= 0:
            return nests
        random = draw.generator("nest", number)
        radius = float(np.exp(random.uniform(low, high)))
        places = np.flatnonzero(left)
        candidates = places[(random.uniform(size=16) * len(places)).astype(np.int64)]
        rows, columns = np.divmod(candidates, room.shape[1])
        best = int(np.argmax(np.minimum(depth[rows // COARSE, columns // COARSE], radius)))
        centre = (int(rows[best]), int(columns[best]))
        window = tuple(
            slice(max(int(middle - 1.5 * radius), 0), min(int(middle + 1.5 * radius) + 2, side))
            for middle, side in zip(centre, room.shape, strict=True)
        )
        down, across = (np.arange(part.start, part.stop, dtype=np.float64) for part in window)
        ratio = _outline(draw, number, (down[:, None], across[None, :]), centre, radius)
        inside = (ratio < 1) & left[window]
        if inside.sum() < INSIDE * (ratio < 1).sum():
            continue
        if int(inside.sum()) > wanted:
            inside &= ratio <= np.partition(ratio[inside], wanted - 1)[wanted - 1]
        area = np.zeros_like(room)
        area[window] = inside
        left &= ~area
        depth = _depth(left)
        wanted -= int(inside.sum())
        nests.append(Nest(centre, radius, area))
    return []


def _depth(room: Mask) -> Array:
    """Return about how deep inside the room each pixel lies, in px, at a quarter of the resolution.

    Beyond the tile there is room, too.
    """
    depth: Array = ndimage.distance_transform_edt(room[::COARSE, ::COARSE]) * COARSE
    return depth


def _donor(dab: Density, stained: Mask, nest: Nest, random: np.random.Generator) -> Density | None:
    """Return the density moved so that DAB-positive tissue lies on the nest, or None where none is large enough."""
    side = max(int(2 * nest.radius * 0.8), 1)
    covered = ndimage.uniform_filter(stained.astype(np.float32), side, mode="constant")
    places = np.flatnonzero(covered.ravel() >= COVERED)
    if not len(places):
        return None
    place = int(places[int(random.uniform() * len(places))])
    down, across = nest.centre[0] - place // dab.shape[1], nest.centre[1] - place % dab.shape[1]
    return shift(dab[..., None], down, across)[..., 0]


def _membranes(draw: Draw, nest: Nest, number: int) -> Density:
    """Return synthetic membrane staining on the pixels of a nest, for tiles without any that is real."""
    random = draw.generator("membranes", number)
    places = np.argwhere(nest.area) * draw.mpp
    low, high = places.min(axis=0) - CELL_UM, places.max(axis=0) + CELL_UM
    rows, columns = (np.arange(start, stop, CELL_UM) for start, stop in zip(low, high, strict=True))
    sites = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    sites = sites + random.uniform(-0.35, 0.35, size=sites.shape) * CELL_UM
    distance = np.asarray(cKDTree(sites).query(places, k=2)[0])
    border = (distance[:, 1] - distance[:, 0]) / 2
    grain = 1 + 0.15 * random.standard_normal(len(places))
    painted = np.zeros(nest.area.shape, dtype=np.float32)
    painted[nest.area] = (CYTOPLASM_OD + MEMBRANE_OD * np.exp(-((border / MEMBRANE_UM) ** 2))) * grain
    return painted


@perturbation(
    "hallucinated_nests",
    summary="DAB-positive nests of 20 to 200 µm on tissue that has none: a diagnosis invented",
    family="nests",
    unit="% of area",
    levels=LEVELS,
    kind="defect",
    seeds=SEEDS,
    needs=("mpp",),
)
def hallucinated_nests(picture: Pixels, draw: Draw) -> Pixels:
    """Give ``severity`` % of the tile, all of it DAB-negative tissue, the DAB of positive tissue.

    The density comes from positive tissue of the tile, else of the partner, else from drawn membranes; haematoxylin
    stays. A tile with too little negative tissue comes back unchanged.
    """
    dab = density(picture, "dab")
    here = draw.tissue_of(picture)
    maps = [dab] if draw.partner is None else [dab, density(draw.partner, "dab")]
    donors = [(each, positive(each, draw.mpp)) for each in maps]
    change = np.zeros_like(dab)
    for number, nest in enumerate(place_nests(draw, here & ~donors[0][1], draw.severity / 100)):
        random = draw.generator("donor", number)
        found = (_donor(each, stained, nest, random) for each, stained in donors)
        texture = next((each for each in found if each is not None), None)
        if texture is None:
            texture = _membranes(draw, nest, number)
        change += soften(nest.area, EDGE_UM / draw.mpp) * (texture - dab)
    return add_density(picture, change, "dab")


@perturbation(
    "deleted_nests",
    summary="DAB-positive nests of 20 to 200 µm lose their stain: a diagnosis missed",
    family="nests",
    unit="% of area",
    levels=LEVELS,
    kind="defect",
    seeds=SEEDS,
    needs=("mpp",),
)
def deleted_nests(picture: Pixels, draw: Draw) -> Pixels:
    """Bring the DAB of ``severity`` % of the tile, all of it positive tissue, down to that of the negative tissue.

    Its density is multiplied until its local mean is the median of negative tissue; haematoxylin stays. A tile with
    less positive tissue than that comes back unchanged.
    """
    dab = density(picture, "dab")
    stained = positive(dab, draw.mpp)
    here = draw.tissue_of(picture)
    around: NDArray[np.float32] = local_mean(dab, draw.mpp)
    rest = around[here & ~stained]
    usual = max(float(np.median(rest)), 0.0) if rest.size else 0.0
    erased = np.zeros_like(stained)
    for nest in place_nests(draw, stained, draw.severity / 100):
        erased |= nest.area
    gain = usual / np.maximum(around, np.float32(1e-3)) - 1
    return add_density(picture, soften(erased, EDGE_UM / draw.mpp) * np.minimum(gain, 0) * dab, "dab")
