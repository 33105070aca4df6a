"""One golden table: the numbers of a small run, each within the noise that a gate allows it (``gate/tolerances.py``).

Its tiles are made of integers alone: a phantom's exp and cos may round to another code on another processor, and one
code moves SSIM by more than that noise. Made by ``python -m tests.test_golden`` after a change that is meant to change
a number (then a metric's version rises).
"""

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vstain_bench.base.config import make_config
from vstain_bench.judge.gate.tolerances import noise_of
from vstain_bench.measure.run import run
from vstain_bench.results.table import Table

GOLDEN = Path(__file__).with_name("golden.json")
METRICS = (
    "ssim,ssim_skimage7,ssim_torchmetrics,ms_ssim,ms_ssim_torchmetrics,css,css_uniform5,css_global,psnr,psnr_pooled"
)
METRICS += ",mae,fd_random,kd_random"
SIDE = 176

Numbers = dict[str, list[float | None]]


def texture(name: str) -> np.ndarray:
    """Codes of 0 to 255, coarse to fine, from the bytes of a hash."""
    codes = np.zeros((SIDE, SIDE, 3), dtype=np.int64)
    for block, weight in ((16, 5), (4, 2), (1, 1)):
        cells = SIDE // block
        noise = hashlib.shake_256(f"{name} {block}".encode()).digest(3 * cells * cells)
        cell = np.frombuffer(noise, dtype=np.uint8).reshape(cells, cells, 3).astype(np.int64)
        codes += weight * cell.repeat(block, axis=0).repeat(block, axis=1)
    return codes // 8


def blurred(codes: np.ndarray) -> np.ndarray:
    """The mean of 5 × 5 px, rounded down."""
    steps = range(-2, 3)
    return sum(np.roll(codes, (down, right), axis=(0, 1)) for down in steps for right in steps) // 25


def write_tiles(folder: Path) -> Path:
    """Write eight tiles of two patients and four labels, and two models; return their manifest."""
    lines = ["tile,source,real,generated:blurred,generated:shifted,group,label"]
    for number in range(8):
        real = texture(f"real {number}") * (number + 5) // 12
        sides = {
            "source": (real + texture(f"source {number}")) // 2,
            "real": real,
            "blurred": blurred(real),
            "shifted": np.roll(real, 3, axis=1),
        }
        for side, codes in sides.items():
            (folder / side).mkdir(parents=True, exist_ok=True)
            Image.fromarray(codes.astype(np.uint8)).save(folder / side / f"{number}.png")
        label = ("0", "1+", "2+", "3+")[number % 4]
        lines.append(",".join([f"t{number}", *(f"{side}/{number}.png" for side in sides), f"p{number // 4}", label]))
    manifest = folder / "tiles.csv"
    manifest.write_text("\n".join(lines) + "\n", "utf-8")
    return manifest


def table(folder: Path) -> Table:
    """Score them."""
    values = {"manifest": write_tiles(folder / "tiles"), "metrics": METRICS, "controls": 3}
    return run(make_config(values), folder / "run").table


def numbers(found: Table) -> Numbers:
    """Return value, sd and interval of every row, by model, metric and label."""
    return {
        f"{row.model} | {row.metric} | {row.label or 'all'}": [row.value, row.sd, row.low, row.high]
        for row in found.rows
    }


def differences(found: Numbers, expected: Numbers) -> Iterator[str]:
    """Yield what differs by more than the noise of its family of metrics."""
    if found.keys() != expected.keys():
        yield f"rows: {sorted(found.keys() ^ expected.keys())}"
    for key in found.keys() & expected.keys():
        noise = noise_of(key.split(" | ")[1])
        for name, value, before in zip(("value", "sd", "low", "high"), found[key], expected[key], strict=True):
            same = value is before if value is None or before is None else abs(value - before) <= noise.allowed(before)
            if not same:
                yield f"{key}, {name}: {value}, not {before}"


@pytest.fixture(scope="module")
def golden() -> Numbers:
    return json.loads(GOLDEN.read_text("utf-8"))


def test_the_golden_table(tmp_path: Path, golden: Numbers) -> None:
    assert sorted(differences(numbers(table(tmp_path)), golden)) == []


def test_a_move_of_any_number_by_a_twentieth_is_noticed(golden: Numbers) -> None:
    """Each number alone, up and down; what is 0, becomes 0 or becomes a number where there was none, too."""
    for key, values in golden.items():
        for place, value in enumerate(values):
            for moved in (1.05 * value, 0.95 * value, 0.0, None) if value else (0.05,):
                changed = [*values[:place], moved, *values[place + 1 :]]
                assert len(list(differences({key: changed}, {key: values}))) == 1, f"{key}: {value} to {moved}"
    assert list(differences({**golden, "another row": [0.0]}, golden))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        content = json.dumps(numbers(table(Path(place))), indent=0, ensure_ascii=False)
    GOLDEN.write_text(content + "\n", encoding="utf-8")
    sys.stdout.write(f"written: {GOLDEN}\n")
