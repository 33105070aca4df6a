"""The page on extending works as printed: its code is taken from the page and run."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gate.cases import accepted
from vstain_bench.cli.main import call
from vstain_bench.features import ENCODERS
from vstain_bench.gate.outputs import OUTPUTS
from vstain_bench.metrics import METRICS
from vstain_bench.nuclei import NUCLEI_DETECTORS
from vstain_bench.phantom import PhantomSet
from vstain_bench.results.folder import RunFolder

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"


def blocks() -> dict[str, str]:
    """The page's code by what it shows."""
    found = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)
    assert len(found) == 4, "premise: the page shows a metric, a nuclei detector, an encoder and a format of a gate"
    return dict(zip(("metric", "detector", "encoder", "gate format"), found, strict=True))


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
    assert row.signature == "saturation_error|cmp:generated-real|power:2.0|v:1"
    assert row.value is not None
    assert row.low is not None
    assert control.value is not None
    assert row.value < control.value
    distance = table.find("faithful", "fd_mean-colour")
    assert distance is not None
    assert "mean-colour-v1" in distance.signature
    capsys.readouterr()
    assert call(["list", "metrics", *options[:2]]) == 0
    assert "saturation_error" in capsys.readouterr().out


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
    assert "detector:stardist" in f1.signature
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
    file.write_text(blocks()["gate format"], "utf-8")
    table.write_text(accepted().to_json(), "utf-8")
    try:
        assert call(["gate", str(table), "--baseline", str(table), "--plugin", str(file), "--format", "word"]) == 0
        assert capsys.readouterr().out == "passed\n"
        assert call(["list", "gate-formats"]) == 0
        assert "one word, for a shell" in capsys.readouterr().out
    finally:
        OUTPUTS.remove("word")
