"""How weights begin, and the spectral norm that ASP and CSSP2P put on them."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

Wrap = Callable[[nn.Module], nn.Module]


def plain(layer: nn.Module) -> nn.Module:
    """Return the layer as it is: no weight norm."""
    return layer


def spectral(layer: nn.Module) -> nn.Module:
    """Divide the layer's weight by its largest singular value (Miyato et al. 2018), one power iteration per step.

    The form whose state dict holds ``weight_orig``, ``weight_u`` and ``weight_v``, as the published ones do.
    """
    return spectral_norm(layer)


def draw_normal(weight: Tensor) -> None:
    """Normal of deviation 0.02: how pix2pix begins (Isola et al. 2017, appendix 6.2)."""
    nn.init.normal_(weight, 0.0, 0.02)


def draw_xavier(weight: Tensor) -> None:
    """Xavier's normal times 0.02: how CUT and ASP begin (``init_type xavier``, ``init_gain 0.02``)."""
    nn.init.xavier_normal_(weight, gain=0.02)


def initialise(network: nn.Module, draw: Callable[[Tensor], None]) -> None:
    """Draw every convolution and linear layer with a bias of zero; batch norm begins at a scale of N(1, 0.02)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            normed = getattr(module, "weight_orig", None)
            draw(module.weight if normed is None else normed)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)


def fold_spectral_norm(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict with plain weights: W = weight_orig / (uᵀ W v), with the u and v that were stored.

    The result fits the same network built without spectral norm, which is what a forward pass in ``eval`` computes.
    A script that leaves the network in ``train`` mode, as ASP's test does, iterates u and v on, a difference near 1e-4.
    """
    folded = {}
    for key, tensor in tensors.items():
        weight, _, part = key.rpartition("_")
        if part == "orig":
            left, right = tensors[f"{weight}_u"].double(), tensors[f"{weight}_v"].double()
            folded[weight] = (tensor / torch.dot(left, tensor.double().flatten(1) @ right)).to(tensor.dtype)
        elif f"{weight}_orig" not in tensors:
            folded[key] = tensor
    return folded
