"""One colour, from other patients."""

import math
from collections.abc import Sequence

import torch
from torch.nn import functional

from vstain_bench.errors import InputError, Undefined
from vstain_bench.images.policy import DecodePolicy
from vstain_bench.images.reader import read_image
from vstain_bench.measure.controls.definition import OTHERS, control
from vstain_bench.types import Images, Tile


@control("other-colour", "one colour, the mean of the real tiles of other patients", needs=OTHERS)
def other_colour(images: Images) -> Images:
    """Return the colours as they are: ``OtherColours`` made them."""
    return images


class OtherColours:
    """The mean colour of the real tiles of other patients, for each tile of the controls' subset.

    The tiles that controls are scored on are read once, when the first colour is asked for. Where no patient is known,
    another patient is another tile.
    """

    def __init__(self, tiles: Sequence[Tile], policy: DecodePolicy) -> None:
        self._tiles = sorted(tiles, key=lambda tile: tile.id)
        self._policy = policy
        self._means: dict[str, tuple[float, float, float]] | None = None

    def of(self, ids: Sequence[str], height: int, width: int) -> Images:
        """Return one image of one colour for each tile, shape (b, 3, height, width).

        Raises:
            Undefined: all tiles of the subset are of one patient.
        """
        if self._means is None:
            self._means = {tile.id: mean for tile in self._tiles if (mean := self._mean(tile)) is not None}
        colours = torch.tensor([self._others(tile) for tile in ids], dtype=torch.float32)[:, :, None, None]
        return functional.interpolate(colours, size=(height, width), mode="nearest")

    def _mean(self, tile: Tile) -> tuple[float, float, float] | None:
        try:
            pixels = read_image(tile.real, self._policy).pixels
        except InputError:  # the pass names it, or leaves it out
            return None
        red, green, blue = (float(each) for each in pixels.astype("float64").mean(axis=(0, 1)))
        return red, green, blue

    def _others(self, tile: str) -> list[float]:
        assert self._means is not None
        own = next((each.group or each.id for each in self._tiles if each.id == tile), None)
        others = [
            self._means[each.id]
            for each in self._tiles
            if (each.group or each.id) != own and each.id != tile and each.id in self._means
        ]
        if not others:
            raise Undefined("no tile of another patient is among those that controls are scored on")
        return [math.fsum(channel) / len(others) for channel in zip(*others, strict=True)]
