"""One golden table: the numbers of a small phantom run, from the day they were first proven, within both sides.

Made by ``python -m tests.test_golden`` after a change that is meant to change a number (then a metric's version rises).
"""

import json
import sys
import tempfile
from pathlib import Path

import pytest

from vstain_bench.base.config import make_config
from vstain_bench.measure.run import run
from vstain_bench.phantom import write_phantom
from vstain_bench.results.table import Table

GOLDEN = Path(__file__).with_name("golden.json")
METRICS = (
    "ssim,ssim_skimage7,ssim_torchmetrics,ms_ssim,ms_ssim_torchmetrics,css,css_uniform5,css_global,psnr,psnr_pooled"
)
METRICS += ",mae,fd_random,kd_random"


def table(folder: Path) -> Table:
    """Score eight tiles of two patients under two simulated models."""
    phantom = write_phantom(folder / "tiles", groups=2, tiles_per_group=4, size=176, seed=11)
    models = {name: phantom.models[name] for name in ("blurred", "shifted")}
    values = {"generated": models, "manifest": phantom.manifest, "metrics": METRICS, "controls": 3}
    return run(make_config(values), folder / "run").table


def numbers(found: Table) -> dict[str, list[float | None]]:
    """Return value, sd and interval of every row, by model, metric and label."""
    return {
        f"{row.model} | {row.metric} | {row.label or 'all'}": [row.value, row.sd, row.low, row.high]
        for row in found.rows
    }


def test_the_golden_table(tmp_path: Path) -> None:
    expected, found = json.loads(GOLDEN.read_text("utf-8")), numbers(table(tmp_path))
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        for value, before in zip(found[key], values, strict=True):
            if before is None:
                assert value is None, key
            else:
                # Another processor's exp and cos may move a phantom's pixel by one code: hence not 1e-6.
                assert value == pytest.approx(before, rel=2e-3, abs=2e-3), key


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        content = json.dumps(numbers(table(Path(place))), indent=0, ensure_ascii=False)
    GOLDEN.write_text(content + "\n", encoding="utf-8")
    sys.stdout.write(f"written: {GOLDEN}\n")
