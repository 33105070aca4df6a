"""Other people's networks and embeddings: the contract, exact weights, and errors that name what is wrong."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vstain_bench.errors import InputError, MachineError, Undefined, UsageError, VstainError
from vstain_bench.networks.encoders import build_encoder
from vstain_bench.networks.feeding import feed
from vstain_bench.networks.torchvision_schema import prepare_torchvision
from vstain_bench.types import Images, Rows, View

IMAGES = torch.rand(3, 3, 48, 40, generator=torch.Generator().manual_seed(0))


def view_of(images: Images, owner: str = "real") -> View:
    return View(tuple("abcdefghijklmnop"[: len(images)]), owner, images)


class ChannelMeans(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((2, 3))


class Maps(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images


class Infinite(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return 1 / (0 * images.mean((2, 3)))


def script(module: torch.nn.Module, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(module, IMAGES[:1]), path)
    return path


def test_torchscript_features(tmp_path: Path) -> None:
    path = script(ChannelMeans(), tmp_path / "means@home.pt")  # an @ in the name is no side
    found = build_encoder(f"torchscript:{path}").encode(view_of(IMAGES))
    assert torch.allclose(found, IMAGES.mean((2, 3)), atol=1e-6)
    constant = torch.full((1, 3, 40, 56), 0.25)
    resized = build_encoder(f"torchscript:{path}@32").encode(view_of(constant))
    assert resized.tolist() == [pytest.approx([0.25] * 3, abs=1e-6)]


def test_torchscript_signature_is_the_content(tmp_path: Path) -> None:
    first, copy = script(ChannelMeans(), tmp_path / "a.pt"), tmp_path / "b.pt"
    copy.write_bytes(first.read_bytes())
    other = script(Maps(), tmp_path / "c.pt")
    names = [build_encoder(f"torchscript:{spec}").signature for spec in (first, copy, other, f"{first}@32")]
    assert names[0] == names[1]
    assert len(set(names)) == 3


@pytest.mark.parametrize(
    ("module", "message"),
    [(Maps(), r"into \(1, 3, 48, 40\)"), (Infinite(), "not finite")],
)
def test_torchscript_contract(tmp_path: Path, module: torch.nn.Module, message: str) -> None:
    path = script(module, tmp_path / "a.pt")
    with pytest.raises(InputError, match=message):
        build_encoder(f"torchscript:{path}").encode(view_of(IMAGES))


def timm_file(tmp_path: Path, *, keep_classifier: bool) -> Path:
    prepare_torchvision()
    import timm

    torch.manual_seed(0)
    network = timm.create_model("resnet10t", pretrained=False, num_classes=1000 if keep_classifier else 0)
    path = tmp_path / "network.safetensors"
    save_file(network.state_dict(), path)
    return path


@pytest.mark.parametrize("keep_classifier", [True, False])  # timm's own files, and those of feature extractors
def test_timm_features_equal_timms(tmp_path: Path, keep_classifier: bool) -> None:
    path = timm_file(tmp_path, keep_classifier=keep_classifier)
    import timm
    from safetensors.torch import load_file

    network = timm.create_model("resnet10t", pretrained=False, num_classes=0).eval()
    network.load_state_dict({key: value for key, value in load_file(path).items() if not key.startswith("fc.")})
    images = torch.rand(2, 3, 176, 176, generator=torch.Generator().manual_seed(1))  # the network's own input size
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        expected = network((images - mean.view(3, 1, 1)) / deviation.view(3, 1, 1))
    found = build_encoder(f"timm:resnet10t@{path}").encode(view_of(images))
    assert found.shape == (2, 512)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_timm_weights_must_fit(tmp_path: Path) -> None:
    path = timm_file(tmp_path, keep_classifier=False)
    with pytest.raises(MachineError, match="Missing key"):
        build_encoder(f"timm:resnet18@{path}").encode(view_of(IMAGES))


def embeddings(folder: Path, **files: dict[str, object]) -> str:
    for name, arrays in files.items():
        np.savez(folder / f"{name}.npz", **arrays)
    return f"embeddings:{folder}"


def vectors(keys: str, length: int = 4) -> dict[str, object]:
    return {key: np.arange(length) + float(ord(key)) for key in keys}


def test_embeddings_are_found_by_tile_id(tmp_path: Path) -> None:
    encoder = build_encoder(embeddings(tmp_path, real=vectors("cbax"), model=vectors("abc")))
    found = encoder.encode(view_of(IMAGES, "model"))
    assert found.dtype == torch.float32
    assert found[:, 0].tolist() == [ord(key) for key in "abc"]
    with pytest.raises(Undefined, match="no embeddings for control:mean colour"):
        encoder.encode(view_of(IMAGES, "control:mean colour"))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (vectors("ab"), "1 of 3 tiles are missing: 'c'"),
        (vectors("ab") | {"c": np.zeros(5)}, "arrays of shapes"),
        (vectors("ab") | {"c": np.zeros((4, 1))}, "arrays of shapes"),
        (vectors("ab") | {"c": np.full(4, np.nan)}, "tile 'c' has values that are no finite numbers"),
        (vectors("ab") | {"c": np.array(["a", "b", "c", "d"])}, "tile 'c' has values that are no finite numbers"),
        (vectors("ab") | {"c": np.array([1, 2, 3, object()], dtype=object)}, "cannot be read"),  # would be unpickled
    ],
)
def test_broken_embeddings_are_refused(tmp_path: Path, arrays: dict[str, object], message: str) -> None:
    encoder = build_encoder(embeddings(tmp_path, real=vectors("abc"), model=arrays))
    with pytest.raises(InputError, match=message):
        encoder.encode(view_of(IMAGES, "model"))


def test_missing_tiles_are_counted_and_the_first_ten_named(tmp_path: Path) -> None:
    encoder = build_encoder(embeddings(tmp_path, real=vectors("p")))
    with pytest.raises(InputError, match=r"15 of 16 tiles are missing: 'a', .*'j';") as caught:
        encoder.encode(view_of(torch.zeros(16, 3, 1, 1)))
    assert "'k'" not in str(caught.value)


def test_a_model_without_a_file_is_an_error(tmp_path: Path) -> None:
    encoder = build_encoder(embeddings(tmp_path, real=vectors("abc"), other=vectors("abc")))
    with pytest.raises(InputError, match=r"model.npz: no such file; expected .*there are other, real"):
        encoder.encode(view_of(IMAGES, "model"))


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("torchscript:", UsageError, "no file is named"),
        ("torchscript:absent.pt", MachineError, "no file absent.pt"),
        ("torchscript:absent.pt@0", UsageError, "0 px"),
        ("timm:resnet10t", UsageError, "no weight file is named"),  # never a network with random weights
        ("timm:resnet10t@absent.pth", MachineError, "no file absent.pth"),
        ("timm:resnett10t@absent.pth", UsageError, "Did you mean 'resnet10t'"),
        ("embeddings:", UsageError, "no folder is named"),
        ("embeddings:absent", InputError, "no file absent/real.npz"),
        ("unknown", UsageError, "unknown name"),
    ],
)
def test_what_cannot_be_built_is_explained(spec: str, error: type[VstainError], message: str) -> None:
    with pytest.raises(error, match=message):
        build_encoder(spec)


def test_a_file_that_is_no_torchscript_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(1)}, tmp_path / "state.pt")
    with pytest.raises(MachineError, match="no TorchScript module"):
        build_encoder(f"torchscript:{tmp_path / 'state.pt'}").encode(view_of(IMAGES))


def test_a_batch_is_fed_tile_by_tile_on_the_cpu() -> None:
    sizes: list[int] = []

    def network(images: Images) -> Rows:
        sizes.append(len(images))
        assert not torch.is_grad_enabled()
        return images.double().mean((2, 3))

    rows = feed(IMAGES, network, name="test")
    assert sizes == [1, 1, 1]
    assert rows.dtype == torch.float32
    assert torch.allclose(rows, IMAGES.mean((2, 3)), atol=1e-6)
