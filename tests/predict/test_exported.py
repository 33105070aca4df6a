"""TorchScript and ONNX files: no code, the same numbers as plain arithmetic, and errors that say what is wrong."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.predict.conftest import Call, codes
from tests.predict.models import Signed, Washed, onnx_file, torchscript
from vstain_bench.errors import VstainError
from vstain_bench.phantom import PhantomSet


def washed(source: Path) -> np.ndarray:
    """``Washed`` in numpy: k / 255 halved, a quarter added, channels reversed."""
    pixels = codes(source).astype(np.float32)[..., ::-1] / np.float32(255)
    return np.rint((np.float32(0.5) * pixels + np.float32(0.25)) * 255).astype(int)


def signed(source: Path) -> np.ndarray:
    """``Signed`` in numpy: on [-1, 1], which is the same as ``Washed`` on [0, 1]."""
    return washed(source)


def write(form: str, folder: Path) -> tuple[str, Path]:
    """One network in one form; returns the adapter and the file."""
    path = folder / form.replace(" ", "-").replace(",", "")
    if form == "torchscript":
        return "torchscript", torchscript(path, Washed())
    if form == "torchscript, signed":
        return "torchscript", torchscript(path, Signed())
    shapes: Mapping[str, Sequence[int | str]] = {
        "onnx": ["b", 3, "h", "w"],
        "onnx, signed": ["b", 3, "h", "w"],
        "onnx, channels last": ["b", "h", "w", 3],
        "onnx, one side": ["b", 3, 32, 32],
        "onnx, one side and batch": [3, 3, 48, 48],
    }
    offset = 0.0 if "signed" in form else 0.25
    return "onnx", onnx_file(path, shape=list(shapes[form]), offset=offset)


FORMS = [
    "torchscript",
    "torchscript, signed",
    "onnx",
    "onnx, signed",
    "onnx, channels last",
    "onnx, one side",
    "onnx, one side and batch",
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("batch_size", [1, 5])
def test_a_file_stains_as_its_network_does(
    form: str, batch_size: int, phantom: PhantomSet, stained: Call, tmp_path: Path
) -> None:
    adapter, weights = write(form, tmp_path)
    settings = ("input=-1..1", "output=-1..1") if "signed" in form else ()
    told: list[str] = []
    stained(adapter, weights=str(weights), settings=settings, source=phantom.source, batch_size=batch_size, told=told)
    for tile in sorted(phantom.source.glob("*.png")):
        difference = np.abs(codes(tmp_path / "out" / tile.name).astype(int) - washed(tile))
        assert difference.max() <= 1
        assert (difference > 0).mean() < 0.01
    assert any("windows of" in line for line in told) == ("one side" in form)


RANGES = [("0..255", "0..255"), ("imagenet", "0..1")]


@pytest.mark.parametrize(("into", "out_of"), RANGES)
def test_every_range(into: str, out_of: str, phantom: PhantomSet, stained: Call, tmp_path: Path) -> None:
    """The network undoes what the range did, so the H&E comes back."""

    class Undo(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            imagenet = into == "imagenet"
            mean, deviation = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)) if imagenet else ((0.0,) * 3, (1.0,) * 3)
            self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
            self.register_buffer("deviation", torch.tensor(deviation).view(1, 3, 1, 1))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images * self.deviation + self.mean

    weights = str(torchscript(tmp_path / "net.pt", Undo()))
    settings = (f"input={into}", f"output={out_of}")
    stained("torchscript", weights=weights, settings=settings, source=phantom.source, limit=2)
    for made in sorted((tmp_path / "out").glob("*.png")):
        assert np.array_equal(codes(made), codes(phantom.source / made.name))


class Picky(torch.nn.Module):
    """Halves and doubles, so that sides must be even to come back."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        small = torch.nn.functional.avg_pool2d(images, 2)
        return images * 0.5 + 0.5 * torch.nn.functional.interpolate(small, scale_factor=2.0)


def test_a_network_that_fails_on_a_size_is_told_and_can_be_helped(odd: Path, stained: Call, tmp_path: Path) -> None:
    asked = {"weights": str(torchscript(tmp_path / "picky.pt", Picky(), scripted=True)), "source": odd}
    with pytest.raises(VstainError) as caught:
        stained("torchscript", **asked)
    for words in ("picky.pt", "97×97 px", "--set multiple=32"):
        assert words in str(caught.value)
    assert stained("torchscript", **asked, settings=("multiple=2",), out="again").images == 4


# what is written, adapter, options, words of the error
FAULTS = [
    (b"not a network", "torchscript", {}, ["no TorchScript module", "torch.jit.trace"]),
    (b"not a network", "onnx", {}, ["onnxruntime cannot read it", "torch.onnx.export"]),
    ("torchscript", "onnx", {}, ["onnxruntime cannot read it"]),
    ("onnx", "torchscript", {}, ["no TorchScript module"]),
    ("onnx", "onnx", {"dtype": "bf16"}, ["--dtype bf16", "onnx computes in fp32"]),
    ("onnx", "onnx", {"settings": ("input=-1..2",)}, ["key 'input'", "'-1..2'"]),
    ("onnx", "onnx", {"settings": ("rang=1",)}, ["key 'rang'", "one of input, output"]),
    ("onnx, one side", "onnx", {"window": 64}, ["--window 64", "32 px, the only side"]),
    ("onnx, one side", "onnx", {"window": "whole"}, ["64×64 px: the network takes 32×32 px alone"]),
]


@pytest.mark.parametrize(("content", "adapter", "options", "words"), FAULTS)
def test_faults_are_told(
    content: bytes | str,
    adapter: str,
    options: dict[str, object],
    words: list[str],
    phantom: PhantomSet,
    stained: Call,
    tmp_path: Path,
) -> None:
    weights = tmp_path / "net.bin"
    if isinstance(content, bytes):
        weights.write_bytes(content)
    else:
        weights = write(content, tmp_path)[1]
    with pytest.raises(VstainError) as caught:
        stained(adapter, weights=str(weights), source=phantom.source, **options)
    for word in words:
        assert word in str(caught.value)
    assert not (tmp_path / "out").exists(), "nothing is left behind"


# shapes of an input that is no RGB image
SHAPES: list[tuple[list[int | str], str]] = [
    (["b", 1, "h", "w"], "float32 images"),
    (["b", 3, 32, 64], "a square"),
    (["b", 3], "float32 images"),
]


@pytest.mark.parametrize(("shape", "words"), SHAPES)
def test_an_onnx_file_that_takes_something_else(
    shape: list[int | str], words: str, phantom: PhantomSet, stained: Call, tmp_path: Path
) -> None:
    from onnx import TensorProto, helper, save

    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("images", "made")]
    graph = helper.make_graph([helper.make_node("Identity", ["images"], ["made"])], "g", value[:1], value[1:])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(tmp_path / "n.onnx"))
    with pytest.raises(VstainError, match=words):
        stained("onnx", weights=str(tmp_path / "n.onnx"), source=phantom.source)
