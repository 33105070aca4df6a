"""One colour."""

import torch
from torch.nn import functional

from vstain_bench.measure.controls.definition import control
from vstain_bench.types import Images


@control("mean-colour", "one colour, the mean of the real tile: no tissue at all", needs="real")
def mean_colour(images: Images) -> Images:
    """Return each tile's mean colour everywhere, summed in float64 tile by tile."""
    colours = torch.stack([tile.double().mean(dim=(1, 2), keepdim=True).float() for tile in images])
    return functional.interpolate(colours, size=images.shape[-2:], mode="nearest")
