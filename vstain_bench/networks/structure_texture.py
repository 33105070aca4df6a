"""VGG-16 as DISTS uses it: the image itself and five layers, pooled without aliasing, and how much each channel counts.

The convolutions are torchvision's ImageNet ones, shared with LPIPS; each max-pooling is replaced by ``L2Pooling``
(dingkeyan93/DISTS 1267d8c, DISTS_pytorch/DISTS_pt.py). The channel weights alpha and beta come from the authors' file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Final

import torch
from jaxtyping import Float

from vstain_bench.networks.perceptual import Activations, layer_outputs, load_trunk, per_channel
from vstain_bench.networks.smooth_pooling import L2Pooling
from vstain_bench.networks.tensor_files import fill, read_checkpoint
from vstain_bench.networks.weights import DISTS, VGG16, current_store

CHANNELS: Final = (3, 64, 128, 256, 512, 512)
"""Channels of the image and of the five layers."""
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, for input in [0, 1]


@dataclass(frozen=True)
class StructureTextureNetwork:
    """A trunk and its channel weights on one device; ``texture`` (alpha) and ``structure`` (beta) sum to one."""

    trunk: torch.nn.Module
    texture: tuple[Float[torch.Tensor, " _"], ...]
    structure: tuple[Float[torch.Tensor, " _"], ...]
    mean: torch.Tensor
    deviation: torch.Tensor

    def activations(self, image: Float[torch.Tensor, "3 h w"]) -> Iterator[Activations]:
        """Yield an image in [0, 1] and what each of the five layers makes of it."""
        layers = layer_outputs(self.trunk, (image - self.mean) / self.deviation)
        return chain([image.permute(1, 2, 0)], layers)


class _ChannelWeights(torch.nn.Module):
    """What the authors' file holds."""

    def __init__(self) -> None:
        super().__init__()
        self.alpha = torch.nn.Parameter(torch.empty(1, sum(CHANNELS), 1, 1))
        self.beta = torch.nn.Parameter(torch.empty(1, sum(CHANNELS), 1, 1))


@lru_cache(maxsize=2)
def _load(trunk_path: Path, weights_path: Path, device: torch.device) -> StructureTextureNetwork:
    trunk = load_trunk("vgg", trunk_path, device)
    for part in trunk.children():
        for name, layer in part.named_children():
            if isinstance(layer, torch.nn.MaxPool2d):
                part.add_module(name, L2Pooling())
    weights = _ChannelWeights()
    fill(weights, read_checkpoint(weights_path), weights_path, device)
    alpha, beta = (each.flatten().double() for each in (weights.alpha, weights.beta))
    total = alpha.sum() + beta.sum()
    return StructureTextureNetwork(
        trunk=trunk,
        texture=torch.split(alpha / total, list(CHANNELS)),
        structure=torch.split(beta / total, list(CHANNELS)),
        mean=per_channel(_MEAN, device),
        deviation=per_channel(_DEVIATION, device),
    )


def structure_texture_network(device: torch.device) -> StructureTextureNetwork:
    """Return the network on a device, loaded once per process.

    Raises:
        MachineError: Its weights are missing, damaged, or do not fit.
    """
    store = current_store()
    return _load(store.obtain(VGG16), store.obtain(DISTS), device)
