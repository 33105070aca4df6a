"""How a tile of any size goes through a network that takes some sizes only: padded, whole, or in windows."""

from dataclasses import dataclass

from vstain_bench.errors import UsageError
from vstain_bench.models.contract import Model
from vstain_bench.models.predict.config import Window
from vstain_bench.models.predict.windows import Windows, lay_windows

LARGEST_WHOLE = 2048
"""Longest side in px of a tile that goes through whole where the user does not say."""
USUAL_WINDOW = 1024
"""Side of windows in px where the user does not say."""
USUAL_OVERLAP = 64
"""Their overlap in px."""


@dataclass(frozen=True)
class Tiling:
    """What is whole and what goes in windows.

    Attributes:
        window: Side of windows in px, or None where every tile goes through whole.
        overlap: Of windows, in px.
        largest_whole: Longest padded side in px of a tile that needs no windows.
        multiple: Padded sides are multiples of this.
        minimum_side: And at least this.
    """

    window: int | None
    overlap: int
    largest_whole: int | None
    multiple: int
    minimum_side: int

    def __str__(self) -> str:
        if self.window is None:
            return "whole"
        return f"whole up to {self.largest_whole} px, else {self.windows}"

    @property
    def windows(self) -> str:
        """How larger tiles go, in words."""
        return f"windows of {self.window} px, overlap {self.overlap} px"


@dataclass(frozen=True)
class Fit:
    """How tiles of one size go through: height and width after padding, and windows or None."""

    height: int
    width: int
    windows: Windows | None


def settle_tiling(model: Model, window: Window, overlap: int | None) -> Tiling:
    """Return the tiling that was asked for, or the usual one.

    Raises:
        UsageError: Windows of this side or overlap do not fit the network.
    """
    smallest = _up(max(model.minimum_side, model.side or 1), model.multiple)
    if isinstance(window, int):
        side, largest = window, window
        _refuse_window(model, window, smallest)
    elif window == "whole" and model.side is None:
        return Tiling(None, 0, None, model.multiple, smallest)
    else:
        side = model.side or _up(max(USUAL_WINDOW, smallest), model.multiple)
        largest = side if model.side else max(LARGEST_WHOLE, side)
    room = side - model.multiple
    if overlap is None:
        overlap = min(USUAL_OVERLAP, max(side // 4 // model.multiple * model.multiple, 0))
    if overlap > room:
        raise UsageError(
            where=f"--overlap {overlap}",
            found=f"windows of {side} px could not advance",
            expected=f"an overlap of {room} px at most (the window less the network's multiple of {model.multiple} px)",
            next_step=f"Pass --overlap {min(USUAL_OVERLAP, side // 8)}, or a larger --window.",
        )
    if window == "whole":
        # the network takes one size: tiles of another are refused one by one
        return Tiling(None, 0, None, model.multiple, smallest)
    return Tiling(side, overlap, largest, model.multiple, smallest)


def _refuse_window(model: Model, window: int, smallest: int) -> None:
    expected = ""
    if model.side is not None and window != model.side:
        expected = f"{model.side} px, the only side that the network takes"
    elif window % model.multiple:
        lower = max(window // model.multiple * model.multiple, smallest)
        expected = f"a multiple of {model.multiple} px, such as {lower} or {_up(window, model.multiple)}"
    elif window < smallest:
        expected = f"at least {smallest} px, the network's smallest side"
    if expected:
        raise UsageError(where=f"--window {window}", found="windows that the network cannot take", expected=expected)


def fit(size: tuple[int, int], tiling: Tiling, side: int | None = None) -> Fit | str:
    """Return how a tile of (width, height) px goes through, or why it cannot.

    Args:
        size: Of the tile.
        tiling: What is whole.
        side: The only side that the network takes, if there is but one.
    """
    width, height = size
    high, wide = (_up(max(length, tiling.minimum_side), tiling.multiple) for length in (height, width))
    for length, after in ((height, high), (width, wide)):
        if after - length >= length:
            return (
                f"{width}×{height} px: too small, the network takes {tiling.minimum_side} px a side or more, and "
                "mirroring can fill up less than half of it"
            )
    if tiling.window is None or max(high, wide) <= (tiling.largest_whole or 0):
        if side is not None and (high, wide) != (side, side):
            return f"{width}×{height} px: the network takes {side}×{side} px alone (leave --window out)"
        return Fit(high, wide, None)
    return Fit(high, wide, lay_windows((high, wide), tiling.window, tiling.overlap, tiling.multiple))


def _up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple
