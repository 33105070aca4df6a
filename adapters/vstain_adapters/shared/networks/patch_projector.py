"""The projector of CUT and ASP: features of sampled places to unit vectors, a small network per layer.

Keys ``mlp_{layer}.{0,2}``. Source: Park et al. 2020, section 3; ``PatchSampleF`` of ASP b113ed2 ``models/networks.py``.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class PatchProjector(nn.Module):
    """Features of several layers, each (b, c, h, w), to unit vectors of their sampled places, each (b · n, size)."""

    def __init__(self, channels: Sequence[int], size: int = 256) -> None:
        super().__init__()
        self.layers = len(channels)
        for number, width in enumerate(channels):
            self.add_module(f"mlp_{number}", nn.Sequential(nn.Linear(width, size), nn.ReLU(), nn.Linear(size, size)))

    def forward(self, features: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        """Return one matrix of unit vectors per layer; the rows of one image follow one another."""
        found = []
        for number, (layer, chosen) in enumerate(zip(features, places, strict=True)):
            rows = layer.flatten(2)[:, :, chosen].transpose(1, 2).flatten(0, 1)
            projected = self.get_submodule(f"mlp_{number}")(rows).float()
            # the authors' guard against a root of zero lies inside the norm
            found.append(projected / (projected + 1e-7).norm(dim=1, keepdim=True))
        return found


def draw_places(features: Sequence[Tensor], count: int, random: torch.Generator) -> list[Tensor]:
    """Return up to ``count`` different places of each layer, drawn at random; all images of a batch share them."""
    return [
        torch.randperm(layer.shape[2:].numel(), generator=random, device=random.device)[:count].to(layer.device)
        for layer in features
    ]
