"""The page on extending works as printed: its code is taken from the page and run."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from vstain_bench.cli.main import call
from vstain_bench.features import ENCODERS
from vstain_bench.metrics import METRICS
from vstain_bench.phantom import PhantomSet
from vstain_bench.results.folder import RunFolder

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[list[Path]]:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)
    assert len(blocks) == 2, "premise: the page shows a metric and an encoder"
    files = []
    for name, block in zip(("saturation_plugin", "encoder_plugin"), blocks, strict=True):
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
