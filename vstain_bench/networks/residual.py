"""ResNet-18 and ResNet-50 of torchvision: what the four groups of layers give, averaged over places.

The graphs are torchvision's; the values come from its first ImageNet weight files (``IMAGENET1K_V1``, what
``pretrained=True`` meant), verified and loaded strictly.
"""

from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, cast

import torch
from jaxtyping import Float

from vstain_bench.networks.tensor_files import fill, lay_out_channels_last, read_checkpoint
from vstain_bench.networks.torchvision_schema import prepare_torchvision
from vstain_bench.networks.weights import RESNET18, RESNET50_V1, current_store

Depth = Literal["resnet18", "resnet50"]
ChannelMeans = tuple[Float[torch.Tensor, " _"], ...]
"""Mean over places of each channel, one vector per group of layers, float64."""

RESIDUAL_WEIGHTS: Final[dict[Depth, str]] = {"resnet18": RESNET18, "resnet50": RESNET50_V1}
MINIMUM_SIDE: Final = 32
"""Smallest side that leaves one whole place after five halvings."""


@lru_cache(maxsize=2)
def _load(depth: Depth, path: Path, device: torch.device) -> torch.nn.Module:
    prepare_torchvision()
    from torchvision import models

    with torch.device("meta"):
        graph = cast(torch.nn.Module, getattr(models, depth)(weights=None))
    return lay_out_channels_last(fill(graph, read_checkpoint(path), path, device))


def residual_network(depth: Depth, device: torch.device) -> torch.nn.Module:
    """Return the network on a device, loaded once per process.

    Raises:
        MachineError: its weights are missing, damaged, or do not fit.
    """
    return _load(depth, current_store().obtain(RESIDUAL_WEIGHTS[depth]), device)


@torch.inference_mode()
def channel_means(network: torch.nn.Module, image: Float[torch.Tensor, "3 h w"]) -> ChannelMeans:
    """Return the mean over places of every channel after each of the four groups of layers, for one prepared image."""
    parts = dict(network.named_children())
    signal = image.unsqueeze(0).contiguous(memory_format=torch.channels_last)
    for name in ("conv1", "bn1", "relu", "maxpool"):
        signal = parts[name](signal)
    means = []
    for name in ("layer1", "layer2", "layer3", "layer4"):
        signal = parts[name](signal)
        means.append(signal[0].double().mean(dim=(1, 2)))
    return tuple(means)
