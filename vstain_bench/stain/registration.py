"""Where one tile lies against another: a bounded displacement, the evidence for it, and the right to refuse.

Only haematoxylin is looked at, so that DAB is never moved to where it would excuse itself.

1. **Pattern.** Haematoxylin OD, averaged to cells of 1 µm (or a pixel), less its slow part: a difference of Gaussians
   of 1 and 6 µm.
2. **Evidence and null.** The correlation of the two patterns at every displacement (circular, by Fourier transform).
   The evidence is its highest value within the bound. The null is the highest value in every other square window of the
   same width, the neighbours of the first left out: displacements at which nothing corresponds, of the very same two
   tiles. A registration whose evidence does not exceed all of them by a quarter is refused.
3. **Displacement.** The peak, refined to a fraction of a cell by least squares; then what is left, by iterative
   Lucas-Kanade (scikit-image, windows of 12 µm), smoothed by a Gaussian of 8 µm and added where the patterns then agree
   better.
   No place is moved by more than the bound.

On four pairs of consecutive sections the best displacement of true pairs is as long as that of pairs of different
patients: without a null, a registration proves nothing.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.registration import optical_flow_ilk as iterative_lucas_kanade

from vstain_bench.errors import Undefined

Map = NDArray[np.float64]
CELL_UM = 1.0
FINE_UM, COARSE_UM = 1.0, 6.0
"""Standard deviations between which the pattern lies: the edges of nuclei to nuclei."""
WINDOW_UM = 12.0
SMOOTH_UM = 8.0
LEAST_WINDOWS = 20
"""Null windows, all of which the evidence has to exceed: unrelated tiles do so once in 21 times or less."""
EXCESS = 1.25
"""By what factor it has to: maxima of neighbouring windows differ by chance."""
STEPS = 4
"""Gauss-Newton steps that refine the common displacement."""


@dataclass(frozen=True)
class Registration:
    """How the first tile lies against the second.

    Attributes:
        accepted: Whether the evidence exceeds the null.
        evidence: Highest correlation of the patterns within the bound.
        null: Highest correlation in each null window.
        before: Correlation of the patterns as they lie.
        after: Correlation after the displacement; ``before`` where it was refused.
        field_um: Where the content of each cell of the second lies in the first, less its own place, (2, h, w): down
            and across, µm; zero where refused.
        cell_um: Side of a cell.
    """

    accepted: bool
    evidence: float
    null: tuple[float, ...]
    before: float
    after: float
    field_um: Map
    cell_um: float

    @property
    def residual_um(self) -> float:
        """Median length of the displacement in µm; infinite where it was refused, since then it is not known."""
        return float(np.median(np.hypot(*self.field_um))) if self.accepted else math.inf

    @property
    def p(self) -> float:
        """Share of windows, its own among them, that are as good as the evidence."""
        return (1 + sum(value >= self.evidence for value in self.null)) / (1 + len(self.null))


def pattern(haematoxylin: NDArray[np.floating], mpp: float, cell_um: float = CELL_UM) -> tuple[Map, float]:
    """Return the pattern of an OD map of shape (h, w) on cells, and the side of a cell in µm."""
    factor = max(1, round(cell_um / mpp))
    height, width = (side // factor for side in haematoxylin.shape)
    cells = haematoxylin[: height * factor, : width * factor].astype(np.float64)
    cells = cells.reshape(height, factor, width, factor).mean(axis=(1, 3))
    side = factor * mpp
    fine, coarse = (
        ndimage.gaussian_filter(cells, sigma * cell_um / CELL_UM / side, mode="mirror")
        for sigma in (FINE_UM, COARSE_UM)
    )
    return fine - coarse, side


def _correlations(first: Map, second: Map) -> Map:
    """Return the correlation at every circular displacement of the first against the second, zero first, (h, w)."""
    one, other = (each - each.mean() for each in (first, second))
    scale = math.sqrt(float((one**2).sum()) * float((other**2).sum()))
    if scale == 0:
        raise Undefined("a tile has no haematoxylin pattern: nothing to register by")
    spectrum = np.fft.rfft2(one) * np.fft.rfft2(other).conj()
    return np.fft.irfft2(spectrum, s=one.shape) / scale


def _windows(found: Map, reach: int) -> tuple[Map, list[float]]:
    """Return the correlations within ``reach`` cells of zero, (2 reach + 1)², and the highest of every null window."""
    width = 2 * reach + 1
    rows, columns = (side // width for side in found.shape)
    centred = np.roll(found, (reach, reach), axis=(0, 1))[: rows * width, : columns * width]
    blocks = centred.reshape(rows, width, columns, width).max(axis=(1, 3))
    apart = [
        float(blocks[row, column])
        for row in range(rows)
        for column in range(columns)
        if min(row, rows - row) > 1 or min(column, columns - column) > 1
    ]
    return centred[:width, :width], apart


def _refined(first: Map, second: Map, whole: Map) -> Map:
    """Return a displacement in cells, (2,), to a fraction of one, from one in whole cells."""
    place = whole.copy()
    margin = min(math.ceil(float(np.abs(whole).max())) + 2, min(first.shape) // 4)
    inner = (slice(margin, -margin), slice(margin, -margin))
    for _ in range(STEPS):
        moved = _moved(first, np.broadcast_to(place[:, None, None], (2, *first.shape)))
        slopes = np.stack([np.gradient(moved, axis=axis)[inner].ravel() for axis in (0, 1)], axis=1)
        step, *_ = np.linalg.lstsq(slopes, (second - moved)[inner].ravel(), rcond=None)
        place = place + np.clip(step, -0.5, 0.5)
    return np.where(np.abs(place - whole) <= 1.0, place, whole)


def register(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    mpp: float,
    *,
    bound_um: float = 8.0,
    cell_um: float = CELL_UM,
    local: bool = True,
) -> Registration:
    """Return how the first haematoxylin map lies against the second.

    Args:
        first: OD, shape (h, w).
        second: OD of the same shape.
        mpp: Pixel size in µm.
        bound_um: Longest displacement of any place.
        cell_um: Cell of the pattern; coarser ones for pairs that lie further apart, all other lengths in proportion.
        local: Whether places may move differently.

    Raises:
        Undefined: the tile is too small for a null, or a tile has no pattern.
    """
    (one, side), (other, _) = (pattern(each, mpp, cell_um) for each in (first, second))
    window, null = _windows(_correlations(one, other), reach=max(1, math.ceil(bound_um / side)))
    if len(null) < LEAST_WINDOWS:
        raise Undefined(
            f"a tile of {min(one.shape) * side:.0f} µm holds {len(null)} displacements of more than {bound_um:g} µm to "
            f"compare with; {LEAST_WINDOWS} are needed"
        )
    peak = divmod(int(np.argmax(window)), window.shape[1])
    evidence, before = float(window.max()), float(window[window.shape[0] // 2, window.shape[1] // 2])
    accepted = evidence > EXCESS * max(null)
    nothing = np.zeros((2, *one.shape))
    found = Registration(accepted, evidence, tuple(null), before, before, nothing, side)
    if not accepted:
        return found
    whole: Map = np.array(peak, dtype=np.float64) - window.shape[0] // 2
    common = _refined(one, other, whole)
    field = _bounded(np.broadcast_to(common[:, None, None], (2, *one.shape)) * side, bound_um)
    after = _agreement(one, other, field / side)
    if local:
        moved = _moved(one, field / side)
        radius = max(2, round(WINDOW_UM * cell_um / CELL_UM / side))
        rest = iterative_lucas_kanade(other, moved, radius=radius, gaussian=True)  # type: ignore[no-untyped-call]
        smooth = [
            ndimage.gaussian_filter(each, SMOOTH_UM * cell_um / CELL_UM / side, mode="nearest") * side for each in rest
        ]
        finer = _bounded(field + np.stack(smooth), bound_um)
        better = _agreement(one, other, finer / side)
        if better > after:
            field, after = finer, better
    return Registration(accepted, evidence, tuple(null), before, after, field, side)


def _bounded(field_um: Map, bound_um: float) -> Map:
    """Return displacements, (2, h, w), of which none is longer than the bound."""
    length = np.hypot(*field_um)
    return np.asarray(field_um * np.minimum(1.0, bound_um / np.maximum(length, 1e-12)))


def _moved(picture: Map, field: Map) -> Map:
    """Return what lies at each place after a displacement in cells."""
    down, across = np.meshgrid(*(np.arange(float(side)) for side in picture.shape), indexing="ij")
    return np.asarray(ndimage.map_coordinates(picture, (down + field[0], across + field[1]), order=3, mode="mirror"))


def _agreement(first: Map, second: Map, field: Map) -> float:
    """Return the correlation of the patterns after a displacement in cells, a border of the longest one left out."""
    margin = min(math.ceil(float(np.abs(field).max())) + 1, min(first.shape) // 4)
    one, other = (each[margin:-margin, margin:-margin].ravel() for each in (_moved(first, field), second))
    return float(np.corrcoef(one, other)[0, 1])


def resample(images: torch.Tensor, registration: Registration, mpp: float) -> torch.Tensor:
    """Return one image, (3, h, w), with its content where the other tile has it; cubic splines, borders reflected."""
    if not registration.accepted:
        return images
    height, width = images.shape[1:]
    rows, columns = ((np.arange(side) + 0.5) * mpp / registration.cell_um - 0.5 for side in (height, width))
    grid = np.meshgrid(rows, columns, indexing="ij")
    field = [ndimage.map_coordinates(each, grid, order=1, mode="nearest") / mpp for each in registration.field_um]
    place = [
        axis + move
        for axis, move in zip(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), field, strict=True)
    ]
    moved = [ndimage.map_coordinates(channel, place, order=3, mode="mirror") for channel in images.cpu().numpy()]
    return torch.from_numpy(np.stack(moved).astype(np.float32)).clamp(0, 1).to(images)
