"""The project's own gate: a planted regression turns the very script red that .ci/run calls, and nothing else does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from vstain_bench.base.config import RunConfig
from vstain_bench.errors import UsageError
from vstain_bench.judge.gate.accept import accept
from vstain_bench.judge.gate.config import GateConfig
from vstain_bench.judge.gate.job import gate
from vstain_bench.measure.run import run
from vstain_bench.phantom import PhantomSet
from vstain_bench.present.sentences.gate import changes
from vstain_bench.results.baseline import make_baseline, parse_baseline
from vstain_bench.results.verdict import Verdict

ROOT = Path(__file__).parents[2]
PHANTOM = ROOT / "benchmarks" / "phantom"


def test_the_ci_calls_the_gate() -> None:
    assert "gate" in (ROOT / ".ci" / "run").read_text("utf-8").splitlines()[-1].split()
    assert "benchmarks/phantom/gate.sh build/gate" in (ROOT / "Makefile").read_text("utf-8")


def test_the_baseline_is_as_accepted_and_names_no_place() -> None:
    text = (PHANTOM / "baseline.json").read_text("utf-8")
    baseline = parse_baseline(text, "baseline.json")
    assert baseline is not None
    assert baseline.digest in text
    assert not re.search(r"""["' (]/\w+/""", text), "an absolute path"


def test_a_baseline_of_version_1_0_is_read_and_proven_by_its_digest() -> None:
    text = Path(__file__).with_name("baseline-1.0.json").read_text("utf-8")  # the project's own, as it was
    assert '"baseline_version": "1.0"' in text, "the premise"
    assert "0.05493868604233221" in text, "the premise"
    baseline = parse_baseline(text, "baseline.json")
    assert baseline is not None
    assert baseline.table.metric("dab_od_bias").better == "target"
    with pytest.raises(UsageError, match="the digest differs"):
        parse_baseline(text.replace("0.05493868604233221", "0.05493868604233222"), "baseline.json")


def script(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GITHUB_")}
    environment |= {"PYTHON": sys.executable, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'adapters'}"}
    command = ["bash", str(PHANTOM / "gate.sh"), str(out), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def soften(folder: Path) -> None:
    """Blend every tile of a model with 1.6 % of its blurred self: what a slightly worse decoder does."""
    for path in folder.iterdir():
        pixels = np.asarray(Image.open(path)).astype(np.float64)
        softer = pixels + 0.016 * (gaussian_filter(pixels, (2, 2, 0)) - pixels)
        Image.fromarray(np.clip(np.rint(softer), 0, 255).astype(np.uint8)).save(path)


def test_a_planted_regression_of_three_percent_turns_the_script_red(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(PHANTOM / "tiles.py"), str(tmp_path / "tiles")], check=True)
    soften(tmp_path / "tiles" / "models" / "faithful")
    done = script(tmp_path, "--write", f"json={tmp_path / 'gate.json'}")
    assert done.returncode == 1, done.stderr
    assert "The gate fails" in done.stdout
    found = Verdict.model_validate_json((tmp_path / "gate.json").read_text("utf-8")).findings
    (distance,) = [each for each in found if (each.model, each.metric, each.label) == ("faithful", "fd_random", None)]
    assert distance.kind == "worse"
    assert distance.baseline is not None
    assert distance.worsening is not None
    assert 0.03 <= distance.worsening / distance.baseline <= 0.04
    untouched = {each.kind for each in found if each.model != "faithful"}
    assert untouched <= {"same", "within", "void"}, "what was not degraded agrees: the script can be green"


PLANTED = [
    # FID against the accepted one, under the built-in tolerance of fid (0.01 + 0.1 %)
    (1.03, "worse"),
    (0.97, "better"),
    (1.0003, "within"),
    (1.0, "same"),
]


@pytest.fixture
def fid_run(phantom: PhantomSet, seeded_weights: Path, tmp_path: Path) -> Path:
    """A run of FID over Inception with seeded weights."""
    config = RunConfig(
        generated={"blurred": phantom.models["blurred"]}, manifest=phantom.manifest, metrics="fid", controls=0,
        labels="none", weights_dir=seeded_weights, offline=True,
    )  # fmt: skip
    return run(config, tmp_path / "run").folder.path


def test_a_planted_regression_of_fid_is_found(fid_run: Path, tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    assert accept(GateConfig(run=fid_run, baseline=path), "first", changes).written
    accepted = parse_baseline(path.read_text("utf-8"), "")
    assert accepted is not None
    (row,) = accepted.table.rows
    assert row.value is not None
    for factor, kind in PLANTED:
        before = row.model_copy(update={"value": row.value / factor})
        table = accepted.table.model_copy(update={"rows": (before,)})
        path.write_text(make_baseline(table, reason="planted").to_json(), "utf-8")
        verdict = gate(GateConfig(run=fid_run, baseline=path))
        assert [each.kind for each in verdict.findings] == [kind], factor
        assert verdict.passed is (kind != "worse")


@pytest.mark.real_data
def test_real_pairs_with_a_missing_prediction_are_refused(bci_pairs: Path, tmp_path: Path) -> None:
    """Run A predicts four tiles, run B three: no number of B may pass beside A, whatever its value."""
    runs = {}
    for name in ("model_output_runA", "model_output_runB"):
        config = RunConfig(
            generated={"mine": bci_pairs / name}, real=bci_pairs / "IHC", source=bci_pairs / "HE", metrics="psnr,mae",
            on_error="skip", controls=0,
        )  # fmt: skip
        runs[name] = run(config, tmp_path / name).folder.path
    verdict = gate(GateConfig(run=runs["model_output_runB"], baseline=runs["model_output_runA"]))
    assert not verdict.passed
    assert {each.kind for each in verdict.findings} <= {"incomparable", "missing"}
    told = "4 tiles in the baseline and 3 in the run (1 left out in the run)"
    assert all(told in (each.cause or "") for each in verdict.of("incomparable"))
    assert verdict.of("incomparable")
    assert gate(GateConfig(run=runs["model_output_runA"], baseline=runs["model_output_runA"])).passed
