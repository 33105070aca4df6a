"""AlexNet and VGG-16 as LPIPS uses them: the activations after five ReLUs, and how much each channel counts.

The graphs are those of the ``lpips`` package; their values come from torchvision's ImageNet weight files, the
channel weights ("linear heads", version 0.1) from the package itself. All are verified and loaded strictly: the
package's own constructor downloads the one and forgives missing keys in the other.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import torch
from jaxtyping import Float

from vstain_bench.networks.tensor_files import fill, lay_out_channels_last, read_checkpoint
from vstain_bench.networks.torchvision_schema import prepare_torchvision
from vstain_bench.networks.weights import ALEXNET, LPIPS_ALEX, LPIPS_VGG, VGG16, current_store

Trunk = Literal["alex", "vgg"]
Activations = Float[torch.Tensor, "h w c"]
"""The activations of one tile after one ReLU, channels last in memory."""

TRUNK_WEIGHTS: Final[dict[Trunk, str]] = {"alex": ALEXNET, "vgg": VGG16}
HEAD_WEIGHTS: Final[dict[Trunk, str]] = {"alex": LPIPS_ALEX, "vgg": LPIPS_VGG}
MINIMUM_SIDE: Final[dict[Trunk, int]] = {"alex": 31, "vgg": 16}
"""Smallest side that leaves at least one place after the last pooling."""
CLASSIFIERS: Final[dict[Trunk, tuple[str, ...]]] = {
    "alex": ("classifier.1.", "classifier.4.", "classifier.6."),
    "vgg": ("classifier.0.", "classifier.3.", "classifier.6."),
}
"""Layers of the weight files that are not part of the trunk."""

SHIFT: Final = (-0.030, -0.088, -0.188)
SCALE: Final = (0.458, 0.448, 0.450)
"""Mean and deviation of ImageNet colours, as LPIPS writes them for input in [-1, 1] (Zhang et al. 2018)."""


def layer_outputs(trunk: torch.nn.Module, image: Float[torch.Tensor, "3 h w"]) -> Iterator[Activations]:
    """Yield what each part of a trunk lets through, one after the other."""
    signal = image.unsqueeze(0).contiguous(memory_format=torch.channels_last)
    for part in trunk.children():
        signal = part(signal)
        yield signal[0].permute(1, 2, 0)


def per_channel(values: tuple[float, ...], device: torch.device) -> Float[torch.Tensor, "c 1 1"]:
    """Return one number per channel, to be used with an image of shape (c, h, w)."""
    return torch.tensor(values, device=device).view(-1, 1, 1)


@dataclass(frozen=True)
class PerceptualNetwork:
    """A trunk and its channel weights on one device."""

    trunk: torch.nn.Module
    heads: tuple[Float[torch.Tensor, " _"], ...]
    shift: torch.Tensor
    scale: torch.Tensor

    def activations(self, image: Float[torch.Tensor, "3 h w"]) -> Iterator[Activations]:
        """Yield what each of the five ReLUs lets through, for an image in [-1, 1]."""
        return layer_outputs(self.trunk, (image - self.shift) / self.scale)


def load_trunk(trunk: Trunk, path: Path, device: torch.device) -> torch.nn.Module:
    """Return the five parts of a trunk with the values of torchvision's weight file."""
    prepare_torchvision()
    from lpips import pretrained_networks

    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore", UserWarning)  # the package uses an argument that torchvision discourages
        graph: torch.nn.Module = (
            pretrained_networks.alexnet(pretrained=False)
            if trunk == "alex"
            else pretrained_networks.vgg16(pretrained=False)
        )
    return lay_out_channels_last(fill(graph, _renamed(graph, trunk, path), path, device))


@lru_cache(maxsize=4)
def _load(trunk: Trunk, trunk_path: Path, head_path: Path, device: torch.device) -> PerceptualNetwork:
    heads = read_checkpoint(head_path)
    return PerceptualNetwork(
        trunk=load_trunk(trunk, trunk_path, device),
        heads=tuple(heads[f"lin{layer}.model.1.weight"].flatten().to(device) for layer in range(5)),
        shift=per_channel(SHIFT, device),
        scale=per_channel(SCALE, device),
    )


def _renamed(graph: torch.nn.Module, trunk: Trunk, path: Path) -> dict[str, torch.Tensor]:
    """Return the file's tensors under the graph's names: ``features.3.bias`` is ``slice2.3.bias`` there.

    The classifier's layers are left out by name; any other key keeps its name and is then refused.
    """
    names = {f"features.{name.partition('.')[2]}": name for name in graph.state_dict()}
    tensors = read_checkpoint(path).items()
    return {names.get(key, key): value for key, value in tensors if not key.startswith(CLASSIFIERS[trunk])}


def perceptual_network(trunk: Trunk, device: torch.device) -> PerceptualNetwork:
    """Return the network on a device, loaded once per process.

    Raises:
        MachineError: Its weights are missing, damaged, or do not fit.
    """
    store = current_store()
    paths = store.obtain(TRUNK_WEIGHTS[trunk]), store.obtain(HEAD_WEIGHTS[trunk])
    return _load(trunk, *paths, device)
