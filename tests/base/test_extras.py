"""Someone who only scores needs no extra; what needs one names it."""

import importlib.metadata
import importlib.util
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.predict.models import onnx_file
from vstain_adapters.shared.networks.unet import Unet
from vstain_bench.base.extras import EXTRAS, extra
from vstain_bench.errors import MachineError
from vstain_bench.phantom import PhantomSet

PACKAGES = sorted(package for packages in EXTRAS.values() for package in packages)

SCRIPT = """
import contextlib, importlib.abc, io, json, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in json.loads(sys.argv[1]):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)

sys.meta_path.insert(0, Absent())
from vstain_bench.cli.main import call

for arguments in json.loads(sys.argv[2]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = call(arguments)
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""


def without_extras(*commands: list[str]) -> list[tuple[int, str, str]]:
    """Return exit code, stdout and stderr of commands in a process that cannot import a package of any extra."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(PACKAGES), json.dumps(commands)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return onnx_file(tmp_path / "net.onnx")


def test_scoring_needs_no_extra_and_what_needs_one_names_it(phantom: PhantomSet, tmp_path: Path, network: Path) -> None:
    for package in PACKAGES:
        assert importlib.util.find_spec(package) is not None, "premise: it is installed"
    out, real = tmp_path / "run", ["--real", str(phantom.real), "--source", str(phantom.source)]
    tiles = [f"faithful={phantom.models['faithful']}", "--manifest", str(phantom.manifest), "-q"]
    (tmp_path / "r10.pth").write_bytes(b"never read")
    timm = f"timm:resnet10t@{tmp_path / 'r10.pth'}"
    run, show, listed, train, encoder, onnx = without_extras(
        ["run", *tiles, "--metrics", "ssim,psnr", "--controls", "4", "--out", str(out)],
        ["show", str(out), "--format", "md"],
        ["list", "recipes"],
        ["train", "cssp2p", *real, "--out", str(tmp_path / "t")],
        ["run", *tiles, "--metrics", "ssim", "--encoder", timm, "--out", str(tmp_path / "e")],
        ["predict", "onnx", "--weights", str(network), *real[2:], "--out", str(tmp_path / "p")],
    )
    assert [run[0], show[0], listed[0]] == [0, 0, 0], (run, show, listed)
    assert "ssim" in show[1]
    assert "cssp2p" in listed[1]
    for (code, stdout, stderr), name in ((train, "train"), (encoder, "encoders"), (onnx, "onnx")):
        assert (code, stdout) == (6, "")
        assert f"pip install 'vstain-bench[{name}]'" in stderr


def test_a_trained_model_names_the_extra_of_its_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "segmentation_models_pytorch", None)
    with pytest.raises(MachineError, match=r"U-Net of the CSSP2P paper.*pip install 'vstain-bench\[train\]'"):
        Unet(backbone="resnet18")


def test_another_missing_module_is_no_extra() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"), extra("train", "train"):
        import no_such_module  # type: ignore[import-not-found]  # noqa: F401  # it does not exist
    named = r"'accelerate\.absent' is not installed.*vstain-bench\[train\]"
    with pytest.raises(MachineError, match=named), extra("train", "train"):
        import accelerate.absent  # type: ignore[import-not-found]  # noqa: F401  # nor does it


def test_the_extras_are_those_of_the_project() -> None:
    """Both are entered by hand: pyproject.toml with the names of distributions, the code with those of imports."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    declared = project["optional-dependencies"]
    known = importlib.metadata.packages_distributions()
    for name, packages in EXTRAS.items():
        distributions = {line.partition(">=")[0] for line in declared[name]}
        assert distributions == {known[package][0].replace("_", "-") for package in packages}
        assert not distributions & {line.partition(">=")[0] for line in project["dependencies"]}
    assert declared["all"] == [f"vstain-bench[{','.join(EXTRAS)}]"]
    assert "vstain-bench[all]" in declared["dev"]
