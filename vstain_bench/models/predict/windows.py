"""A large image in overlapping windows, put together by cross-fading, so that no seam shows.

Windows are faded in one after the other, along a row and then row under row:

    canvas ← canvas + w · (window − canvas),   w(k) = sin²(π/2 · (k + ½) / n),   k = 0 … n − 1 in an overlap of n px

so the weights of all windows at a pixel sum to one, and a network that changes nothing gives back the same bits.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vstain_bench.types import Images


@dataclass(frozen=True)
class Windows:
    """Where windows lie on an image.

    Attributes:
        height: Of a window in px.
        width: Of a window in px.
        tops: Its first rows, ascending; the last window ends with the image.
        lefts: Its first columns, ascending.
    """

    height: int
    width: int
    tops: tuple[int, ...]
    lefts: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many windows there are."""
        return len(self.tops) * len(self.lefts)


def starts(length: int, window: int, overlap: int, multiple: int = 1) -> tuple[int, ...]:
    """Return where windows begin along a side: as few as overlap by at least so many px, evenly spread.

    They begin at multiples of ``multiple``, so that a network which halves the resolution sees all of them alike;
    length and window must be such multiples, and windows advance by one multiple at least.
    """
    if window >= length:
        return (0,)
    span, stride = (length - window) // multiple, max((window - overlap) // multiple, 1)
    gaps = math.ceil(span / stride)
    return tuple((2 * span * number + gaps) // (2 * gaps) * multiple for number in range(gaps + 1))


def lay_windows(size: tuple[int, int], window: int, overlap: int, multiple: int = 1) -> Windows:
    """Return the windows of an image of (height, width) px; a side that is shorter than the window has one."""
    height, width = size
    return Windows(
        height=min(window, height),
        width=min(window, width),
        tops=starts(height, window, overlap, multiple),
        lefts=starts(width, window, overlap, multiple),
    )


def through_windows(
    image: Images, windows: Windows, stain: Callable[[Images], Images], *, batch_size: int = 1
) -> Images:
    """Return what a network makes of one image, (1, 3, h, w), window by window.

    Args:
        image: The image; its sides fit the windows.
        windows: Where they lie.
        stain: The network, images (b, 3, h, w) to images of the same shape.
        batch_size: Most windows at a time.
    """
    canvas = torch.empty_like(image)
    for row, top in enumerate(windows.tops):
        strip = torch.empty_like(image[:, :, : windows.height])
        rows = slice(top, top + windows.height)
        filled = 0
        for first in range(0, len(windows.lefts), batch_size):
            lefts = windows.lefts[first : first + batch_size]
            made = stain(torch.cat([image[:, :, rows, left : left + windows.width] for left in lefts]))
            for place, left in enumerate(lefts):
                _fade_in(strip, made[place : place + 1], left, filled, axis=3)
                filled = left + windows.width
        _fade_in(canvas, strip, top, windows.tops[row - 1] + windows.height if row else 0, axis=2)
    return canvas


def _fade_in(canvas: Tensor, piece: Tensor, start: int, filled: int, *, axis: int) -> None:
    """Lay a piece at ``start``; where the canvas is filled already, up to ``filled``, it fades over to the piece."""
    overlap = max(filled - start, 0)
    length = piece.shape[axis]
    if overlap:
        shape = [1, 1, 1, 1]
        shape[axis] = overlap
        places = torch.arange(overlap, device=piece.device, dtype=piece.dtype) + 0.5
        weight = (torch.sin(places * (math.pi / 2 / overlap)) ** 2).view(shape)
        under = canvas.narrow(axis, start, overlap)
        under.copy_(torch.lerp(under, piece.narrow(axis, 0, overlap), weight))
    canvas.narrow(axis, start + overlap, length - overlap).copy_(piece.narrow(axis, overlap, length - overlap))
