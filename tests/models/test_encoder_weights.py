"""Where an encoder's weights come from is always said, and never guessed."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.networks.seeded_weights import draw_all, register
from vstain_adapters.shared.encoder_weights import load_encoder
from vstain_adapters.shared.networks.resunet import ResUnet
from vstain_adapters.shared.networks.unet import Unet
from vstain_bench.errors import MachineError, UsageError
from vstain_bench.networks.torchvision_schema import prepare_torchvision
from vstain_bench.networks.weights import RESNET50, WeightsStore, WeightsUnavailable, use_store

Tensors = dict[str, torch.Tensor]


def resnet(name: str) -> Tensors:
    """What torchvision publishes of this network, batch norm and classifier included, with seeded values."""
    prepare_torchvision()
    import torchvision

    with torch.device("meta"):
        network = getattr(torchvision.models, name)(weights=None)
    return draw_all(network, "", 1)


@pytest.fixture(scope="module")
def small() -> Tensors:
    return resnet("resnet18")


@pytest.fixture
def file(small: Tensors, tmp_path: Path) -> Path:
    path = tmp_path / "resnet18.pth"
    torch.save(small, path)
    return path


def assert_taken(encoder: torch.nn.Module, tensors: Tensors) -> None:
    state = encoder.state_dict()
    assert state
    for key, value in state.items():
        assert torch.equal(value, tensors[key]), key


def test_a_file_fills_every_convolution(file: Path, small: Tensors) -> None:
    network = Unet(backbone="resnet18")
    before = {key: value.clone() for key, value in network.decoder.state_dict().items()}
    origin = load_encoder(network.encoder, str(file), backbone="resnet18")
    assert_taken(network.encoder, small)
    assert all(torch.equal(value, before[key]) for key, value in network.decoder.state_dict().items())
    assert origin.startswith("encoder from resnet18.pth, SHA-256 ")
    assert len(origin.rpartition(" ")[2]) == 64


def test_a_safetensors_file_without_classifier_will_do(small: Tensors, tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    save_file({key: value for key, value in small.items() if not key.startswith("fc.")}, path)
    network = Unet(backbone="resnet18")
    load_encoder(network.encoder, str(path), backbone="resnet18")
    assert_taken(network.encoder, small)


def test_none_is_said_aloud_and_changes_nothing() -> None:
    network = Unet(backbone="resnet18")
    before = {key: value.clone() for key, value in network.state_dict().items()}
    assert load_encoder(network.encoder, "none", backbone="resnet18") == "encoder from scratch: random weights"
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_imagenet_goes_through_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verified file, for both generators; the authors' keeps its unused classifier."""
    tensors = resnet("resnet50")
    path = tmp_path / "resnet50-11ad3fa6.pth"
    torch.save(tensors, path)
    register(monkeypatch, RESNET50, path)
    with use_store(WeightsStore(tmp_path, offline=True)):
        for encoder in (Unet().encoder, ResUnet().encoder.model):
            origin = load_encoder(encoder, "imagenet", backbone="resnet50")
            assert_taken(encoder, tensors)
            assert "resnet50-11ad3fa6.pth (ImageNet, IMAGENET1K_V2)" in origin
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        with pytest.raises(MachineError, match="not the published file"):
            load_encoder(encoder, "imagenet", backbone="resnet50")


def test_missing_imagenet_weights_are_an_error_that_names_both_ways_out(tmp_path: Path) -> None:
    with use_store(WeightsStore(tmp_path, offline=True)), pytest.raises(WeightsUnavailable) as told:
        load_encoder(torch.nn.Identity(), "imagenet", backbone="resnet50")
    assert "vstain-bench weights fetch resnet50-imagenet" in str(told.value)
    assert "--encoder-weights none" in str(told.value)


def test_imagenet_weights_of_another_backbone_are_not_invented() -> None:
    with pytest.raises(UsageError, match="those of a resnet50"):
        load_encoder(torch.nn.Identity(), "imagenet", backbone="resnet18")


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(UsageError, match=r"no such file.*'imagenet', 'none', or a file"):
        load_encoder(torch.nn.Identity(), "imagnet", backbone="resnet18")


# what happens to the file, and what the error says
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda tensors: tensors.pop("layer2.0.conv1.weight"), "1 missing (layer2.0.conv1.weight)"),
        (
            lambda tensors: tensors.update({"conv1.weight": torch.zeros(64, 1, 7, 7)}),
            "1 of another shape (conv1.weight)",
        ),
        (lambda tensors: tensors.update({"layer9.weight": torch.zeros(1)}), "1 unknown (layer9.weight)"),
    ],
)
def test_a_file_of_something_else_is_refused_and_nothing_is_loaded(
    damage: object, words: str, small: Tensors, tmp_path: Path
) -> None:
    tensors = dict(small)
    damage(tensors)  # type: ignore[operator]  # a lambda of the table
    path = tmp_path / "other.pth"
    torch.save(tensors, path)
    network = Unet(backbone="resnet18")
    before = network.encoder.state_dict()["layer1.0.conv1.weight"].clone()
    with pytest.raises(MachineError) as told:
        load_encoder(network.encoder, str(path), backbone="resnet18")
    assert words in str(told.value)
    assert torch.equal(network.encoder.state_dict()["layer1.0.conv1.weight"], before)
