"""Control rows: trivial outputs scored like a model. A model at or below one of them has shown nothing.

On four real BCI tiles the mean colour of the real tile reaches SSIM 0.591 where a published model reaches 0.414, and
the real IHC of another patient 0.382: a table without these rows cannot be read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from vstain_bench.base.randomness import seed_of
from vstain_bench.base.registry import Registry
from vstain_bench.metrics.windows import Window, smooth
from vstain_bench.types import Images, Tile

PREFIX = "control:"
PARTNER = "partner"
"""The owner under which the real tile of another group is loaded."""
BLUR_SIGMA = 4.0


@dataclass(frozen=True)
class Control:
    """A trivial output made from the tile's own sides.

    Attributes:
        name: Its name in the table, without the prefix ``control:``.
        summary: What it shows when a model does not beat it.
        needs: The owner it is made from.
        make: From the images of that owner, (b, 3, h, w), to the output, same shape.
    """

    name: str
    summary: str
    needs: str
    make: Callable[[Images], Images]

    @property
    def model(self) -> str:
        """Its name in the table."""
        return f"{PREFIX}{self.name}"


CONTROLS: Registry[Control] = Registry("control")


def _blur(images: Images) -> Images:
    taps = min(2 * round(4 * BLUR_SIGMA) + 1, 2 * min(images.shape[-2:]) - 1)
    return smooth(images, Window("gaussian", taps, BLUR_SIGMA)).clamp(0, 1)


def _mean_colour(images: Images) -> Images:
    colours = torch.stack([tile.double().mean(dim=(1, 2), keepdim=True).float() for tile in images])
    return functional.interpolate(colours, size=images.shape[-2:], mode="nearest")


for _control in (
    Control("mean-colour", "one colour, the mean of the real tile: no tissue at all", "real", _mean_colour),
    Control("source-copy", "the H&E itself: no staining at all", "source", lambda images: images),
    Control("blurred-real", f"the real tile blurred, sigma {BLUR_SIGMA:g} px: no detail", "real", _blur),
    Control("other-real", "a real tile of another patient: the wrong tissue", PARTNER, lambda images: images),
):
    CONTROLS.register(_control.name)(_control)


def choose_subset(ids: Sequence[str], number: int, seed: int) -> frozenset[str]:
    """Return at most ``number`` tiles on which the controls are scored, chosen by a hash of seed and id."""
    return frozenset(sorted(ids, key=lambda tile: seed_of("control", seed, tile))[:number])


def choose_partners(tiles: Sequence[Tile], sizes: dict[str, tuple[int, int]], seed: int) -> dict[str, Tile]:
    """Return for each tile a tile of the same size and of another group (another tile, where groups are unknown).

    A tile with no such partner is left out.
    """
    ordered = sorted(tiles, key=lambda tile: seed_of("partner", seed, tile.id))
    partners = {}
    for place, tile in enumerate(ordered):
        rest = ordered[place + 1 :] + ordered[:place]
        for other in rest:
            apart = other.group != tile.group if tile.group is not None else True
            if apart and sizes[other.id] == sizes[tile.id]:
                partners[tile.id] = other
                break
    return partners
