"""What benchmarks/phantom/reproduce.py says of numbers: claims, stand-ins, detail, and the paper's own tables."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from tests.scripts import load_benchmark
from vstain_bench.base.config import change, parse_assignments
from vstain_bench.base.registry import load_plugins
from vstain_bench.models.contract import RECIPES


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_benchmark("phantom/reproduce")


def scores(**models: dict[str, float]) -> dict[str, dict[str, tuple[float, float | None]]]:
    return {name: {metric: (value, None) for metric, value in found.items()} for name, found in models.items()}


def test_a_claim_is_held_by_the_order_of_numbers(script: ModuleType) -> None:
    claim = script.Claim("lower", 1, "FID", "A", ("B", "C"), more=False)
    for numbers, words in (
        ({"A": 1.0, "B": 2.0, "C": 3.0}, "held (1 against 2)"),
        ({"A": 2.5, "B": 2.0, "C": 3.0}, "not held (2.5 against 2)"),
        ({"A": 2.0, "B": 2.0, "C": 3.0}, "equal (2)"),
        ({"A": 2.0, "B": 2.0, "C": None}, "not scored"),
    ):
        assert claim.check(lambda model, _, numbers=numbers: numbers[model]) == words


def test_a_stand_in_is_taken_for_every_model_or_none_and_marked(script: ModuleType) -> None:
    both = scores(A={"fid_torchmetrics": 30.0, "fd_random": 1.0}, B={"fd_random": 2.0})
    column = next(column for column in script.COLUMNS if column.title == "FID")
    assert script.metric_of(column, both) == "fd_random"
    place = [each.title for each in (*script.COLUMNS, *script.OWN)].index("FID")
    assert script.cells(both, "A")[place] == "1°"
    assert script.cells(both, "A")[0] == "–"
    whole = scores(A={"fid_torchmetrics": 30.0}, B={"fid_torchmetrics": 40.0})
    assert script.cells(whole, "B")[place] == "40"


def test_the_paper_s_claims_hold_in_the_paper(script: ModuleType) -> None:
    """All that its tables can decide; how fine the detail is they do not say."""
    every = scores(**{model: {} for model in ("BCE", "cBCE", "P2P", "CSSP2P", "PPix2Pix", "ASP")})
    tables = [(every, script.published("table1")), (every, script.published("table2"))]
    lines = [
        line for line in script.judged(tables) if line.startswith("| ") and "claim" not in line and "---" not in line
    ]
    assert len(lines) == len(script.CLAIMS)
    for line in lines:
        _, _, _, here, there, _ = (part.strip() for part in line.split("|"))
        assert here == "not scored"
        assert there.startswith("held") or "smoother" in line


def test_detail_is_the_power_of_waves_shorter_than_four_pixels(script: ModuleType, tmp_path: Path) -> None:
    """A wave of amplitude a has a power of a² / 2, above the limit or not at all."""
    columns = np.arange(96)
    for period, expected in ((3, 40**2 / 2), (6, 0.0)):
        wave = 128 + 40 * np.sin(2 * np.pi * columns / period)
        picture = np.rint(np.broadcast_to(wave[None, :, None], (96, 96, 3))).astype(np.uint8)
        Image.fromarray(picture).save(tmp_path / "wave.png")
        assert script.fine_energy(tmp_path / "wave.png") == pytest.approx(expected, abs=1 + 0.03 * expected)


def test_the_small_version_has_settings_that_exist(script: ModuleType) -> None:
    load_plugins()
    for recipe in {**script.ABLATION, **script.COMPARISON}:
        chosen = change(RECIPES[recipe], parse_assignments(script.SMALL[recipe]), where="small")
        assert chosen.crop == 64
        assert chosen.minimum_side <= 64
