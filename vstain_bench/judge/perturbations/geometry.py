"""Moving content, and shapes to do things in: bands, blobs and cell-sized patches.

Where content leaves a tile, the tile is continued by reflection (the edge is not repeated). Rolling it over would
bring in tissue from the opposite side with a seam at the border; a reflected border is as smooth as the tile, and
holds its own tissue.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import ndimage

from vstain_bench.arrays import Pixels
from vstain_bench.judge.perturbations.definition import Draw
from vstain_bench.phantom.noise import Array, smoothstep

Mask = NDArray[np.bool_]
_REACH = 10
"""Half the taps of the sinc that moves by a fraction of a pixel."""


def shift(picture: Float[np.ndarray, "h w c"], down: float, across: float) -> Float[np.ndarray, "h w c"]:
    """Return content moved by fractions of a pixel, borders reflected; whole pixels are exact.

    A windowed sinc (Kaiser, 21 taps) keeps frequencies up to about 0.8 of Nyquist, so that a shift does not blur.
    """
    for axis, distance in enumerate((down, across)):
        whole = round(distance)
        fraction = distance - whole
        margin = abs(whole) + _REACH
        padding = [(margin, margin) if place == axis else (0, 0) for place in range(3)]
        padded = np.pad(picture, padding, mode="reflect")
        if fraction:
            offset = np.arange(-_REACH, _REACH + 1) - fraction
            window = np.i0(6.0 * np.sqrt(np.maximum(0.0, 1 - (offset / (_REACH + 1)) ** 2)))
            taps = np.sinc(offset) * window
            padded = ndimage.convolve1d(padded, (taps / taps.sum()).astype(np.float32), axis=axis, mode="nearest")
        first = margin - whole
        picture = np.take(padded, np.arange(first, first + picture.shape[axis]), axis=axis)
    return picture


def warp(picture: Pixels, down: Array, across: Array) -> Pixels:
    """Return what lies at other places, (h, w) coordinates in px, by cubic spline, borders reflected."""
    moved = np.empty_like(picture)
    for channel in range(3):
        coefficients = ndimage.spline_filter(picture[..., channel], order=3, output=np.float32, mode="mirror")
        ndimage.map_coordinates(
            coefficients, (down, across), output=moved[..., channel], order=3, mode="mirror", prefilter=False
        )
    return moved


def grid(shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Return the row and column number of every pixel, each of shape (h, w)."""
    down, across = np.meshgrid(np.arange(float(shape[0])), np.arange(float(shape[1])), indexing="ij")
    return down, across


def transform(picture: Pixels, matrix: Array) -> Pixels:
    """Return content moved by a linear map (down, across) about the tile's centre."""
    back = np.linalg.inv(matrix)
    middle = (np.array(picture.shape[:2]) - 1) / 2
    down, across = grid(picture.shape)
    down, across = down - middle[0], across - middle[1]
    return warp(
        picture,
        back[0, 0] * down + back[0, 1] * across + middle[0],
        back[1, 0] * down + back[1, 1] * across + middle[1],
    )


def lowest(values: Array, share: float) -> Mask:
    """Return the given share of all pixels, those of the lowest values: an area that is exact to one pixel."""
    number = round(share * values.size)
    chosen = np.zeros(values.size, dtype=bool)
    chosen[np.argpartition(values.ravel(), max(number - 1, 0))[:number]] = True
    return chosen.reshape(values.shape)


def soften(mask: Mask, sigma_px: float) -> NDArray[np.float32]:
    """Return a mask with soft edges, in [0, 1]; an empty mask stays exactly 0."""
    return ndimage.gaussian_filter(mask.astype(np.float32), sigma_px, mode="mirror")


@dataclass(frozen=True)
class Band:
    """A winding strip across a tile.

    Attributes:
        distance: Signed distance in µm to its middle line, roughly perpendicular to it, shape (h, w).
        half_width: Half its width in µm along the line, shape (h, w).
        normal: Unit vector (down, across) towards positive distance.
    """

    distance: Array
    half_width: Array
    normal: tuple[float, float]


def band(draw: Draw, shape: tuple[int, int], share: float, *, bend_um: float = 12.0) -> Band:
    """Return a strip that covers a share of the tile, exact to a pixel, in a random direction through its middle."""
    random = draw.generator("band")
    angle, offset = random.uniform(0, np.pi), random.uniform(-0.2, 0.2)
    normal = (float(np.cos(angle)), float(np.sin(angle)))
    down, across = grid(shape)
    middle = (np.array(shape) - 1) / 2 * draw.mpp
    down, across = down * draw.mpp - middle[0], across * draw.mpp - middle[1]
    along = -normal[1] * down + normal[0] * across
    line = np.linspace(along.min(), along.max(), 2 * max(shape))
    waves = [draw.generator("wave", number).uniform(size=2) for number in range(6)]
    course = sum(
        bend_um
        / (1 + number) ** 1.5
        * np.sin(2 * np.pi * (line / (160.0 / (1 + number)) * (0.7 + 0.6 * wave[0]) + wave[1]))
        for number, wave in enumerate(waves)
    )
    profile = 0.75 + 0.25 * np.sin(2 * np.pi * (line / 140.0 + random.uniform()))
    bent = normal[0] * down + normal[1] * across - np.interp(along, line, course)
    bent = bent - offset * min(shape) * draw.mpp
    width = np.interp(along, line, profile)
    ratio = np.abs(bent) / width
    number = round(share * ratio.size)
    reach = float(np.partition(ratio.ravel(), number - 1)[number - 1]) if number else 0.0
    return Band(bent, reach * width, normal)


@dataclass(frozen=True)
class Patches:
    """A tessellation of a tile into cell-sized patches.

    Attributes:
        label: Index of the patch of each pixel, shape (h, w).
        centre: Places (down, across) in px, shape (n, 2).
    """

    label: NDArray[np.int64]
    centre: Array

    def mean(self, values: NDArray[np.floating] | Mask) -> Array:
        """Return the mean over each patch, shape (n,); 0 for a patch without pixels."""
        count = np.bincount(self.label.ravel(), minlength=len(self.centre))
        total = np.bincount(self.label.ravel(), weights=values.ravel().astype(np.float64), minlength=len(self.centre))
        return total / np.maximum(count, 1)


def patches(draw: Draw, shape: tuple[int, int], diameter_um: float) -> Patches:
    """Return Voronoi cells of a jittered hexagonal lattice, of about a diameter in µm."""
    step = diameter_um / draw.mpp
    rows = np.arange(-step, shape[0] + step, step * np.sqrt(3) / 2)
    columns = np.arange(-step, shape[1] + step, step)
    down, across = np.meshgrid(rows, columns, indexing="ij")
    across = across + step / 2 * (np.arange(len(rows)) % 2)[:, None]
    jitter = draw.generator("patches").uniform(-0.3 * step, 0.3 * step, size=(2, *down.shape))
    centre = np.stack([(down + jitter[0]).ravel(), (across + jitter[1]).ravel()], axis=1)
    edge = int(2 * np.ceil(step)) + 2
    place = np.clip(np.rint(centre).astype(np.int64) + edge, 0, np.array(shape) + 2 * edge - 1)
    free = np.ones((shape[0] + 2 * edge, shape[1] + 2 * edge), dtype=bool)
    owner = np.zeros(free.shape, dtype=np.int64)
    free[place[:, 0], place[:, 1]] = False
    owner[place[:, 0], place[:, 1]] = np.arange(len(centre))
    nearest = ndimage.distance_transform_edt(free, return_distances=False, return_indices=True)
    label = owner[nearest[0], nearest[1]][edge:-edge, edge:-edge]
    return Patches(label, centre)


def ramp(distance: Array, width: float) -> NDArray[np.float32]:
    """Return 0 for distances below 0, 1 beyond ``width``, and a smooth step between."""
    return smoothstep(distance / width).astype(np.float32)
