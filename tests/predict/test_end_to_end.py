"""From H&E to a table: every kind of model makes a folder that ``run`` scores."""

import json
from pathlib import Path

import pytest

from tests.predict.models import Washed, onnx_file, torchscript, trained
from vstain_bench.cli.main import call
from vstain_bench.phantom import PhantomSet
from vstain_bench.results.folder import RunFolder


def test_every_kind_of_model_is_predicted_and_scored(
    phantom: PhantomSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = {
        "identity": None,
        "torchscript": torchscript(tmp_path / "net.pt", Washed()),
        "onnx": onnx_file(tmp_path / "net.onnx"),
        "cssp2p": trained(tmp_path / "cssp2p", "cssp2p"),
        "pyramid_pix2pix": trained(tmp_path / "pyramid", "pyramid_pix2pix"),
        "asp": trained(tmp_path / "asp", "asp"),
    }
    for adapter, file in weights.items():
        given = ["--weights", str(file)] if file else []
        arguments = [
            "predict",
            adapter,
            *given,
            "--manifest",
            str(phantom.manifest),
            "--out",
            str(tmp_path / "o" / adapter),
        ]
        assert call([*arguments, "-q", "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts["images"] == 12
        assert facts["finished"] is True
    models = [f"{adapter}={tmp_path / 'o' / adapter}" for adapter in weights]
    run = tmp_path / "run"
    arguments = ["run", *models, "--manifest", str(phantom.manifest), "--metrics", "ssim,css,dab_w1", "--controls", "4"]
    assert call([*arguments, "-q", "--out", str(run)]) == 0
    table = RunFolder(run).read_table()
    for adapter in weights:
        row = table.find(adapter, "ssim")
        assert row is not None
        assert row.tiles == 12
        assert row.value is not None
    copied, washed, exported = (table.find(adapter, "css") for adapter in ("identity", "torchscript", "onnx"))
    assert copied is not None
    assert washed is not None
    assert exported is not None
    assert copied.value == pytest.approx(1.0, abs=1e-6), "a copy of the H&E keeps its structure"
    assert washed.value == pytest.approx(exported.value, abs=2e-3), "the same network in two files"
