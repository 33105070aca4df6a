"""Small models in every form in which one can be given to ``predict``."""

import json
import warnings
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import vstain_adapters  # noqa: F401  # registers every recipe
from vstain_bench.base.config import change
from vstain_bench.models.contract import RECIPES, Recipe

SMALL: dict[str, dict[str, object]] = {
    "bce": {"backbone": "resnet18", "encoder_weights": "none"},
    "cbce": {"backbone": "resnet18", "encoder_weights": "none"},
    "p2p": {"backbone": "resnet18", "encoder_weights": "none"},
    "cssp2p": {"backbone": "resnet18", "encoder_weights": "none"},
    "pyramid_pix2pix": {"width": 4, "blocks": 1, "discriminator_width": 4},
    "asp": {"width": 4, "blocks": 1, "layers": (0, 4, 8), "discriminator_layers": 3, "projector_size": 8},
}
"""Settings that make each recipe small enough for a test."""


def small(name: str) -> Recipe:
    return change(RECIPES[name], SMALL[name], where="test")


def generator(name: str, seed: int = 0) -> nn.Module:
    """A small generator with weights from a seed, strong enough to make an image; batch norm has seen something."""
    recipe = small(name)
    network = recipe.build(device=torch.device("cpu"), seed=seed).generator
    random = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            module.running_mean.copy_(0.05 * torch.randn(module.num_features, generator=random))
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and name in ("pyramid_pix2pix", "asp"):
            weight = getattr(module, "weight_orig", module.weight)
            nn.init.kaiming_normal_(weight.data, generator=random)
    return network


def trained(folder: Path, name: str, *, card: str | None = None, seed: int = 0) -> Path:
    """What ``train`` leaves: best.safetensors and its card; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors_of(generator(name, seed)), folder / "best.safetensors")
    content = {"recipe": card or name, "settings": asdict(small(name)), "step": 3}
    (folder / "card.json").write_text(json.dumps(content), "utf-8")
    return folder


def tensors_of(network: nn.Module) -> dict[str, Tensor]:
    return {key: value.contiguous() for key, value in network.state_dict().items()}


class Washed(nn.Module):
    """A network that anyone could export: paler and turned from red to blue, [0, 1] to [0, 1]."""

    def forward(self, images: Tensor) -> Tensor:
        return 0.5 * images.flip(1) + 0.25


class Signed(nn.Module):
    """The same on [-1, 1]."""

    def forward(self, images: Tensor) -> Tensor:
        return 0.5 * images.flip(1)


def torchscript(path: Path, network: nn.Module, *, scripted: bool = False) -> Path:
    """Export a network, traced on one tile of 64 px, or scripted where what it does depends on the tile."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if scripted:
            torch.jit.script(network.eval()).save(str(path))
        else:
            torch.jit.trace(network.eval(), torch.rand(1, 3, 64, 64)).save(str(path))  # type: ignore[no-untyped-call]  # torch
    return path


def onnx_file(path: Path, *, shape: list[int | str] | None = None, scale: float = 0.5, offset: float = 0.25) -> Path:
    """The network of ``Washed`` as ONNX; channels are reversed by a gather, so the layout of the input matters."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper, save

    shape = shape or ["b", 3, "h", "w"]
    axis = 3 if shape[3] == 3 else 1
    constants = {
        "order": np.array([2, 1, 0]),
        "scale": np.array(scale, np.float32),
        "offset": np.array(offset, np.float32),
    }
    nodes = [
        helper.make_node("Gather", ["images", "order"], ["turned"], axis=axis),
        helper.make_node("Mul", ["turned", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["made"]),
    ]
    graph = helper.make_graph(
        nodes,
        "washed",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("made", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    save(model, str(path))
    return path
