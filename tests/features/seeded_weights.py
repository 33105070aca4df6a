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

from vstain_bench.features import inception
from vstain_bench.features.torchvision_schema import prepare_torchvision
from vstain_bench.features.weights import ALEXNET, INCEPTION, VGG16, WEIGHTS, WeightsStore, digest, use_store

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
