"""The page on extending works as printed: its code is taken from the page and run."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.gate.cases import accepted
from vstain_bench.cli.main import call
from vstain_bench.measure.controls import CONTROLS
from vstain_bench.metrics import METRICS
from vstain_bench.models.contract import ADAPTERS, RECIPES
from vstain_bench.networks.encoders import ENCODERS
from vstain_bench.phantom import PhantomSet
from vstain_bench.present.formats import FORMATS
from vstain_bench.results.folder import RunFolder
from vstain_bench.stain.nuclei import NUCLEI_DETECTORS
from vstain_bench.testing import LAWS
from vstain_bench.tiles.layouts import LAYOUTS

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"


def blocks() -> dict[str, str]:
    """The page's code by what it shows."""
    found = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)
    shown = ("metric", "laws", "detector", "encoder", "layout", "control", "recipe", "adapter", "format")
    assert len(found) == len(shown), f"premise: the page shows {', '.join(shown)}"
    return dict(zip(shown, found, strict=True))


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[list[Path]]:
    files = []
    for name, block in (("saturation_plugin", blocks()["metric"]), ("encoder_plugin", blocks()["encoder"])):
        file = tmp_path / f"{name}_{tmp_path.name}.py"
        file.write_text(block, "utf-8")
        files.append(file)
    yield files
    METRICS.remove("saturation_error")
    ENCODERS.remove("mean-colour")


def test_a_metric_and_an_encoder_in_files_of_their_own(
    plugins: list[Path], phantom: PhantomSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [part for file in plugins for part in ("--plugin", str(file))]
    arguments = ["run", "-q", *(f"{name}={path}" for name, path in phantom.models.items())]
    arguments += [
        "--manifest",
        str(phantom.manifest),
        "--metrics",
        "ssim,saturation_error(power=2.0)",
        "--controls",
        "3",
    ]
    arguments += ["--controls", "3"]
    assert call([*arguments, *options, "--encoder", "mean-colour", "--out", str(tmp_path / "run")]) == 0
    table = RunFolder(tmp_path / "run").read_table()
    row, control = table.find("faithful", "saturation_error"), table.find("control:mean-colour", "saturation_error")
    assert row is not None
    assert control is not None
    assert table.metric(row).signature == "saturation_error|cmp:generated-real|power:2.0|v:1"
    assert row.value is not None
    assert row.low is not None
    assert control.value is not None
    assert row.value < control.value
    distance = table.find("faithful", "fd_mean-colour")
    assert distance is not None
    assert "mean-colour-v1" in table.metric(distance).signature
    capsys.readouterr()
    assert call(["list", "metrics", *options[:2]]) == 0
    assert "saturation_error" in capsys.readouterr().out


def test_the_page_s_test_of_a_metric_runs_every_law(tmp_path: Path) -> None:
    (tmp_path / "saturation.py").write_text(blocks()["metric"], "utf-8")
    (tmp_path / "test_saturation.py").write_text(blocks()["laws"], "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_saturation.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    skipped = 2  # it has no leave_out, and no parameter that is a text
    assert f"{len(LAWS) - skipped} passed, {skipped} skipped" in done.stdout


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("raise RuntimeError('broken')", "RuntimeError: broken"),
        ("from vstain_bench.metrics import METRICS\n@METRICS.register('ssim')\ndef ssim(): ...", "registered already"),
    ],
)
def test_a_plugin_that_fails_is_named(
    content: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "failing_plugin.py"
    file.write_text(content, "utf-8")
    assert call(["list", "metrics", "--plugin", str(file)]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert "failing_plugin.py" in told


def test_a_missing_plugin_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["list", "metrics", "--plugin", "/no/such/file.py"]) == 2
    assert "no such Python file" in capsys.readouterr().err


def test_a_layout_in_a_file_of_its_own(phantom: PhantomSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, root = tmp_path / f"cohort_{tmp_path.name}.py", tmp_path / "data"
    file.write_text(blocks()["layout"], "utf-8")
    tiles = sorted(phantom.real.glob("*.png"))[:4]
    for number, tile in enumerate(tiles):
        name = f"P{number // 2}_{number}.png"
        for side, folder in (("HE", phantom.source), ("IHC", phantom.real), ("out", phantom.models["faithful"])):
            place = root / side / ("test" if side != "out" else "")
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / tile.name, place / name)
    arguments = ["run", "-q", str(root / "out"), "--dataset", "cohort", "--root", str(root), "--plugin", str(file)]
    try:
        assert call([*arguments, "--metrics", "ssim,css", "--controls", "0", "--out", str(tmp_path / "run")]) == 0
        capsys.readouterr()
        assert call(["list", "datasets"]) == 0
        assert "our cohort" in capsys.readouterr().out
    finally:
        LAYOUTS.remove("cohort")
    inputs = RunFolder(tmp_path / "run").read_table().inputs
    assert (inputs.tiles, inputs.groups, inputs.mpp, inputs.has_source) == (4, 2, (0.5,), True)


def test_a_control_in_a_file_of_its_own(
    phantom: PhantomSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its row by hand; a run of other controls is not continued."""
    file, out = tmp_path / f"grey_real_{tmp_path.name}.py", tmp_path / "run"
    file.write_text(blocks()["control"], "utf-8")
    arguments = ["run", "-q", str(phantom.models["faithful"]), "--real", str(phantom.real), "--metrics", "mae"]
    arguments += ["--controls", "12", "--out", str(out)]
    try:
        assert call([*arguments, "--plugin", str(file)]) == 0
    finally:
        CONTROLS.remove("grey-real")
    row = RunFolder(out).read_table().find("control:grey-real", "mae")
    assert row is not None
    real = [np.asarray(Image.open(path), float) / 255 for path in sorted(phantom.real.glob("*.png"))]
    expected = np.mean([np.abs(tile - tile.mean(axis=2, keepdims=True)).mean() for tile in real])
    assert row.value == pytest.approx(expected, abs=1e-6)
    capsys.readouterr()
    assert call(arguments) == 2
    assert "control:grey-real" in capsys.readouterr().err


STARDIST = """
import numpy as np

class StarDist2D:
    @classmethod
    def from_pretrained(cls, name):
        assert name == "2D_versatile_he"
        return cls()

    def predict_instances(self, light):
        assert light.shape == (64, 64, 3)
        assert 0 < light.min() and light.max() < 1.3
        darkest = np.unravel_index(light.sum(axis=2).argmin(), (64, 64))
        return np.zeros((64, 64), int), {"points": np.array([darkest, (5, 6)])}
"""


@pytest.fixture
def detector(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / f"stardist_nuclei_{tmp_path.name}.py"
    file.write_text(blocks()["detector"], "utf-8")
    yield file
    NUCLEI_DETECTORS.remove("stardist")
    for name in [name for name in sys.modules if name.split(".")[0] == "stardist"]:
        del sys.modules[name]


def _arguments(phantom: PhantomSet, plugin: Path, out: Path) -> list[str]:
    metrics = "nuclei_f1(detector=stardist),nuclei_count_error(detector=stardist)"
    options = ["--metrics", metrics, "--controls", "0", "--plugin", str(plugin), "--out", str(out)]
    return ["run", "-q", str(phantom.models["faithful"]), "--real", str(phantom.real), "--mpp", "0.5", *options]


def test_the_page_s_detector_works_with_a_package_of_stardist_s_form(
    detector: Path, phantom: PhantomSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package with the two calls that the page uses stands in for StarDist: its centres reach the metrics in µm."""
    package = tmp_path / "packages" / "stardist"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "models.py").write_text(STARDIST, "utf-8")
    monkeypatch.syspath_prepend(str(package.parent))
    assert call(_arguments(phantom, detector, tmp_path / "run")) == 0
    table = RunFolder(tmp_path / "run").read_table()
    f1, count = (table.find("faithful", name) for name in ("nuclei_f1", "nuclei_count_error"))
    assert f1 is not None
    assert count is not None
    assert "detector:stardist" in table.metric(f1).signature
    assert count.value == 0.0, "two in every tile"
    assert f1.value is not None
    assert 0.5 <= f1.value < 1.0, "one is at the same place in every tile, the other where it is darkest"


def test_without_the_package_the_run_is_refused_before_anything_is_scored(
    detector: Path, phantom: PhantomSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(_arguments(phantom, detector, tmp_path / "run")) == 2
    told = capsys.readouterr().err
    assert "No module named 'stardist'" in told
    assert detector.name in told
    assert not (tmp_path / "run").exists()


def test_a_format_of_a_gate_in_a_file_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    file, table = tmp_path / f"word_plugin_{tmp_path.name}.py", tmp_path / "results.json"
    file.write_text(blocks()["format"], "utf-8")
    table.write_text(accepted().to_json(), "utf-8")
    try:
        assert call(["gate", str(table), "--baseline", str(table), "--plugin", str(file), "--format", "word"]) == 0
        assert capsys.readouterr().out == "nothing is best\n"
        assert call(["list", "reports"]) == 0
        assert "the best numbers alone" in capsys.readouterr().out
    finally:
        FORMATS.remove("word")


@pytest.fixture
def tinted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The page's model as the folder that the page calls it."""
    folder = tmp_path / "tinted"
    folder.mkdir()
    (folder / "__init__.py").write_text(blocks()["recipe"], "utf-8")
    monkeypatch.chdir(tmp_path)
    yield folder
    RECIPES.remove("tinted")
    sys.modules.pop("tinted", None)


def test_a_model_is_one_folder_in_under_40_lines(
    tinted: Path, phantom: PhantomSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The very lines of the page: listed, a checkpoint of it predicted, and its tiles scored."""
    assert len(blocks()["recipe"].splitlines()) < 40
    assert call(["list", "recipes", "--plugin", "tinted"]) == 0
    assert "tinted a convolution of 1 px against a PatchGAN" in capsys.readouterr().out
    recipe = RECIPES["tinted"]
    weights = tmp_path / "runs" / "tinted"
    weights.mkdir(parents=True)
    tensors = recipe.build(device=torch.device("cpu"), seed=0).generator.state_dict()
    tensors["0.weight"] = torch.eye(3).flip(0).view(3, 3, 1, 1).contiguous()
    save_file(tensors, weights / "best.safetensors")
    (weights / "card.json").write_text(json.dumps({"recipe": "tinted", "settings": asdict(recipe)}), "utf-8")
    arguments = ["predict", "tinted", "--plugin", "tinted", "--weights", str(weights), "--manifest"]
    assert call([*arguments, str(phantom.manifest), "--out", str(tmp_path / "out"), "-q"]) == 0
    tile = sorted(phantom.source.glob("*.png"))[0]
    signed = 2 * (np.asarray(Image.open(tile)).astype(np.float32) / 255) - 1
    made = np.asarray(Image.open(tmp_path / "out" / tile.name)).astype(int)
    assert np.abs(made - (np.tanh(signed[..., ::-1]) + 1) / 2 * 255).max() < 0.51, "red and blue exchanged, by hand"
    scored = ["run", "-q", str(tmp_path / "out"), "--manifest", str(phantom.manifest), "--metrics", "ssim"]
    assert call([*scored, "--controls", "0", "--out", str(tmp_path / "run")]) == 0
    row = RunFolder(tmp_path / "run").read_table().find("out", "ssim")
    assert row is not None
    assert row.tiles == 12


def test_the_page_s_model_is_trained_and_its_checkpoint_predicted(
    tinted: Path, phantom: PhantomSet, tmp_path: Path
) -> None:
    """``train`` with the page's setting; what ``predict`` makes of it is nearer to the real IHC than grey is."""
    place = ["--manifest", str(phantom.manifest), "--plugin", "tinted"]
    chosen = ["--set", "side=3", "--set", "lr=0.02", "--epochs", "8", "--select", "mae", "--metrics", "mae"]
    assert call(["train", "tinted", *place, *chosen, "--samples", "0", "-q", "--out", "runs/tinted"]) == 0
    card = json.loads((tmp_path / "runs" / "tinted" / "card.json").read_text("utf-8"))
    assert card["settings"]["side"] == 3
    assert call(["predict", "tinted", "--weights", "runs/tinted", *place, "--out", "out/tinted", "-q"]) == 0
    errors = []
    for path in sorted(phantom.real.glob("*.png")):
        files = (path, tmp_path / "out" / "tinted" / path.name)
        real, made = (np.asarray(Image.open(file), float) for file in files)
        errors.append((np.abs(made - real).mean(), np.abs(127.5 - real).mean()))
    ours, grey = np.mean(errors, axis=0)
    assert ours < 0.6 * grey


def test_an_adapter_alone_in_a_file_of_its_own(phantom: PhantomSet, tmp_path: Path) -> None:
    file = tmp_path / f"elsewhere_{tmp_path.name}.py"
    file.write_text(blocks()["adapter"], "utf-8")
    network = torch.nn.Conv2d(3, 3, 3)
    torch.nn.init.dirac_(network.weight)
    torch.nn.init.zeros_(network.bias)
    torch.save({"state_dict": network.state_dict()}, tmp_path / "net.pth")
    arguments = ["predict", "elsewhere", "--plugin", str(file), "--source", str(phantom.source), "-q", "--weights"]
    try:
        assert call([*arguments, str(tmp_path / "net.pth"), "--out", str(tmp_path / "out")]) == 0
        torch.save({"weight": torch.zeros(3, 3, 5, 5), "bias": torch.zeros(3)}, tmp_path / "other.pth")
        assert call([*arguments, str(tmp_path / "other.pth"), "--out", str(tmp_path / "other")]) == 6
    finally:
        ADAPTERS.remove("elsewhere")
    for path in phantom.source.glob("*.png"):
        assert np.array_equal(np.asarray(Image.open(path)), np.asarray(Image.open(tmp_path / "out" / path.name)))


def test_a_plugin_folder_is_a_package_of_its_own_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "of_two_modules"
    folder.mkdir()
    (folder / "__init__.py").write_text("from of_two_modules.words import WORD\nassert WORD == 'one'\n", "utf-8")
    (folder / "words.py").write_text("WORD = 'one'\n", "utf-8")
    try:
        assert call(["list", "metrics", "--plugin", str(folder)]) == 0
        assert call(["list", "metrics", "--plugin", str(folder)]) == 0, "the same once more is no fault"
    finally:
        for name in ("of_two_modules", "of_two_modules.words"):
            sys.modules.pop(name, None)
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "__init__.py").touch()
    capsys.readouterr()
    assert call(["list", "metrics", "--plugin", str(tmp_path / "json")]) == 2
    assert "another module called 'json'" in capsys.readouterr().err
    (tmp_path / "bare").mkdir()
    assert call(["list", "metrics", "--plugin", str(tmp_path / "bare")]) == 2
    assert "a folder without __init__.py" in capsys.readouterr().err
