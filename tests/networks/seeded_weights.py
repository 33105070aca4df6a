"""Weight files with seeded random values in place of the published ones, registered as if they were those.

What is tested with them is the definition around a network and the agreement with the libraries that define it;
published values need the published files.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch

from vstain_bench.networks.encoders import inception
from vstain_bench.networks.torchvision_schema import prepare_torchvision
from vstain_bench.networks.weights import (
    ALEXNET,
    DISTS,
    INCEPTION,
    RESNET18,
    RESNET50_V1,
    ST_LPIPS_ALEX,
    ST_LPIPS_VGG,
    VGG16,
    WEIGHTS,
    WeightsStore,
    digest,
    use_store,
)

prepare_torchvision()


def draw(tensor: torch.Tensor, key: str, generator: torch.Generator) -> torch.Tensor:
    """Return values of the tensor's shape that keep activations within bounds through many layers."""
    if key.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if tensor.ndim > 1:
        return torch.randn(tensor.shape, generator=generator) * (2 / tensor[0].numel()) ** 0.5
    if key.endswith(("running_var", "bn.weight")):
        return 0.5 + torch.rand(tensor.shape, generator=generator)
    return 0.1 * torch.randn(tensor.shape, generator=generator)


def draw_all(network: torch.nn.Module, prefix: str, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {prefix + key: draw(value, key, generator) for key, value in network.state_dict().items()}


def inception_values() -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        graph = inception._graph()
    classifier = torch.nn.Linear(2048, 1008)
    return draw_all(graph, "", 1) | draw_all(classifier, "fc.", 2)


@cache
def trunk_values(name: str) -> dict[str, torch.Tensor]:
    """Return the trunk's values; the classifier, which is left out by name, is one number instead of 10^8."""
    import torchvision

    with torch.device("meta"):
        features = getattr(torchvision.models, name)(weights=None).features
    return draw_all(features, "features.", 3) | {"classifier.6.bias": torch.zeros(1)}


def dists_values() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    return {name: torch.rand(1, 1475, 1, 1, generator=generator) for name in ("alpha", "beta")}


# What ST-LPIPS's published module calls its convolutions and smoothing filters, in its own order.
SHIFT_TOLERANT = {
    "alex": {
        "slice1.0": (64, 3, 11), "slice1.1": 64, "slice2.4": 64, "slice2.5": (192, 64, 5), "slice3.8": 192,
        "slice3.9": (384, 192, 3), "slice4.11": (256, 384, 3), "slice5.13": (256, 256, 3),
    },
    "vgg": {
        "slice1.0": (64, 3, 3), "slice1.2": (64, 64, 3), "slice2.5": 64, "slice2.6": (128, 64, 3),
        "slice2.8": (128, 128, 3), "slice3.11": 128, "slice3.12": (256, 128, 3), "slice3.14": (256, 256, 3),
        "slice3.16": (256, 256, 3), "slice4.19": 256, "slice4.20": (512, 256, 3), "slice4.22": (512, 512, 3),
        "slice4.24": (512, 512, 3), "slice5.27": 512, "slice5.28": (512, 512, 3), "slice5.30": (512, 512, 3),
        "slice5.32": (512, 512, 3),
    },
}  # fmt: skip
WIDTHS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}


@cache
def shift_tolerant_values(net: str) -> dict[str, torch.Tensor]:
    """Return values under every name that the state of ST-LPIPS's module has, its repetitions included."""
    generator = torch.Generator().manual_seed(5)
    values = {
        "scaling_layer.shift": torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1),
        "scaling_layer.scale": torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1),
    }
    binomial = torch.outer(torch.tensor([1.0, 2.0, 1.0]), torch.tensor([1.0, 2.0, 1.0])) / 16
    for name, shape in SHIFT_TOLERANT[net].items():
        if isinstance(shape, int):
            values[f"net.{name}.filt"] = binomial.repeat(shape, 1, 1, 1)
        else:
            width, channels, taps = shape
            values[f"net.{name}.weight"] = draw(torch.empty(width, channels, taps, taps), name, generator)
            values[f"net.{name}.bias"] = draw(torch.empty(width), name, generator)
    for number, width in enumerate(WIDTHS[net]):
        sums = torch.rand(1, width, 1, 1, generator=generator)
        values |= {f"lin{number}.model.1.weight": sums, f"lins.{number}.model.1.weight": sums}
    return values


@cache
def residual_values(name: str) -> dict[str, torch.Tensor]:
    """Return values of a ResNet whose answers stay within bounds: each block adds a quarter of its branch."""
    import torchvision

    with torch.device("meta"):
        network = getattr(torchvision.models, name)(weights=None)
    values = draw_all(network, "", 6)
    for part, module in network.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            last = part.endswith("bn3" if name == "resnet50" else "bn2")
            values[f"{part}.weight"] = (
                0.5 + values[f"{part}.running_var"] if not last else values[f"{part}.bias"] + 0.25
            )
    return values


def register(patch: pytest.MonkeyPatch, name: str, path: Path) -> None:
    """Let the registry know this file's content as the published one."""
    known = replace(WEIGHTS[name], size=path.stat().st_size, sha256=digest(path))
    patch.setitem(WEIGHTS._items, name, known)


_files: dict[str, Path] = {}


def seeded_files(factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the seeded files by the name of what they stand for, written once per session."""
    if not _files:
        folder = factory.mktemp("weights")
        values = {INCEPTION: inception_values(), ALEXNET: trunk_values("alexnet"), VGG16: trunk_values("vgg16")}
        values |= {DISTS: dists_values()}
        values |= {ST_LPIPS_ALEX: shift_tolerant_values("alex"), ST_LPIPS_VGG: shift_tolerant_values("vgg")}
        values |= {RESNET18: residual_values("resnet18"), RESNET50_V1: residual_values("resnet50")}
        for name, tensors in values.items():
            torch.save(tensors, folder / WEIGHTS[name].file)
            _files[name] = folder / WEIGHTS[name].file
    return _files


@pytest.fixture
def seeded_weights(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the seeded files, in use as the store for one test; elsewhere the published ones stay known."""
    files = seeded_files(tmp_path_factory)
    for name, path in files.items():
        register(monkeypatch, name, path)
    folder = files[INCEPTION].parent
    with use_store(WeightsStore(folder, offline=True)):
        yield folder
