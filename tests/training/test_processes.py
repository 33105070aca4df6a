"""Two processes train and validate as one does: each tile counts once, however the batches fall."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch

from tests.training.runs import TOY, weights
from vstain_bench.cli.main import call
from vstain_bench.models.training.loader import Portion
from vstain_bench.phantom import PhantomSet

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("batch", [1, 2, 5, 8])
@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("parts", [1, 2, 3])
def test_each_place_counts_once(batch: int, processes: int, parts: int) -> None:
    """The gradient of a batch is the mean over processes of weighted means: every place ends with the weight 1 / b."""
    places = range(7, 7 + batch)
    counted: Counter[int] = Counter()
    for rank in range(processes):
        shares = Portion(rank, processes, parts).places(places)
        assert 1 <= len(shares) <= parts
        for part, weight in shares:
            for place in part:
                counted[place] += weight / len(part) / processes  # type: ignore[assignment]  # a share of one
    assert counted == pytest.approx(dict.fromkeys(places, 1 / batch))


def arguments_of(phantom: PhantomSet, out: Path) -> list[str]:
    """Train the toy: 7 pairs in batches of 4, so that the last batch leaves one of two processes two, the other one."""
    arguments = [
        "train",
        "toy",
        "--plugin",
        str(TOY),
        "--manifest",
        str(phantom.manifest),
        "--device",
        "cpu",
        "--limit",
        "11",
    ]
    arguments += ["--set", "dropout=0.0", "--set", "batch_size=4", "--epochs", "2", "--threads", "1", "--quiet"]
    arguments += ["--select", "mae", "--metrics", "mae,ssim,dab_w1", "--out", str(out), "--samples", "1"]
    return arguments


def launch(arguments: list[str]) -> None:
    """Give the command to two processes."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "adapters"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
            *("-m", "vstain_bench", *arguments),
        ],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_two_processes_are_as_one(phantom: PhantomSet, tmp_path: Path) -> None:
    assert call(arguments_of(phantom, tmp_path / "1")) == 0
    launch(arguments_of(phantom, tmp_path / "2"))
    one, two = (json.loads((tmp_path / name / "card.json").read_text("utf-8")) for name in ("1", "2"))
    assert (one["processes"], two["processes"]) == (1, 2)
    assert one["data"]["validation"]["tiles"] == 4
    assert one["untrained"] == two["untrained"]  # the same weights: not a bit of any metric differs
    assert one["untrained"]["mae"] > 0.05
    for mine, theirs in zip(one["epochs"], two["epochs"], strict=True):
        assert mine["losses"] == pytest.approx(theirs["losses"], rel=1e-4)
        assert mine["metrics"] == pytest.approx(theirs["metrics"], rel=1e-4)
    for name, tensor in weights(tmp_path / "1").items():
        torch.testing.assert_close(weights(tmp_path / "2")[name], tensor, rtol=1e-4, atol=1e-6)
    assert len((tmp_path / "2" / "metrics.jsonl").read_text("utf-8").splitlines()) == 3  # one process writes
    losses = [epoch["losses"]["generator/l1"] for epoch in two["epochs"]]
    assert losses[1] < losses[0]
