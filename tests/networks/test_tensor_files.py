"""Weight files are read without running what they contain."""

import os
import pickle
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vstain_bench.errors import MachineError
from vstain_bench.networks.tensor_files import fill, read_checkpoint, read_torchscript


class Trap:
    """Its pickle creates a file when loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.mkdir, (str(self.path), 0o700)


def test_code_in_a_file_is_refused_and_not_run(tmp_path: Path) -> None:
    for name, write in (
        ("torch.pth", torch.save),
        ("plain.pkl", lambda what, path: path.write_bytes(pickle.dumps(what))),
    ):
        path = tmp_path / name
        write({"weight": Trap(tmp_path / "sprung")}, path)
        with pytest.raises(MachineError, match="cannot be read as weights"):
            read_checkpoint(path)
        assert not (tmp_path / "sprung").exists()
        torch.load(path, weights_only=False) if name == "torch.pth" else pickle.loads(path.read_bytes())
        assert (tmp_path / "sprung").exists()  # the trap works
        (tmp_path / "sprung").rmdir()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_truncated_files_are_refused(tmp_path: Path, share: float) -> None:
    for path, write in ((tmp_path / "a.pth", torch.save), (tmp_path / "a.safetensors", save_file)):
        write({"weight": torch.ones(100)}, path)
        assert read_checkpoint(path)["weight"].sum() == 100
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(MachineError, match="cannot be read as weights"):
            read_checkpoint(path)


@pytest.mark.parametrize("content", [torch.ones(2), {"weight": 1.0}, {"state_dict": {"weight": torch.ones(2)}}])
def test_other_contents_are_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(MachineError, match="something else than named tensors"):
        read_checkpoint(tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"weight": torch.ones(1, 2)}, 'Missing key.*"bias"'),
        ({"weight": torch.ones(1, 2), "bias": torch.ones(1), "more": torch.ones(1)}, 'Unexpected key.*"more"'),
        ({"weight": torch.ones(1, 3), "bias": torch.ones(1)}, "size mismatch for weight"),
    ],
)
def test_keys_and_shapes_must_fit(tensors: dict[str, torch.Tensor], message: str) -> None:
    with torch.device("meta"):
        network = torch.nn.Linear(2, 1)
    with pytest.raises(MachineError, match=message):
        fill(network, tensors, Path("a.pth"), torch.device("cpu"))


def test_a_filled_network_is_for_inference() -> None:
    with torch.device("meta"):
        network = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Dropout())
    fill(network, {"0.weight": torch.ones(1, 2), "0.bias": torch.ones(1)}, Path("a.pth"), torch.device("cpu"))
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert network(torch.ones(1, 2)).item() == 3


def test_a_torchscript_module_that_was_saved_in_training_is_evaluated(tmp_path: Path) -> None:
    path = tmp_path / "dropout.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch discourages the format for new programs
        torch.jit.save(torch.jit.script(torch.nn.Dropout(0.5).train()), path)  # type: ignore[no-untyped-call]  # torch
    module = read_torchscript(path, torch.device("cpu"), where="here")
    assert torch.equal(module(torch.ones(100)), torch.ones(100))
    (tmp_path / "broken.pt").write_bytes(b"nothing")
    with pytest.raises(MachineError, match=r"here: the file is no TorchScript module .* Put it there\."):
        read_torchscript(tmp_path / "broken.pt", torch.device("cpu"), where="here", next_step="Put it there.")
