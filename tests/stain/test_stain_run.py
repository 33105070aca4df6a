"""Stain metrics through the main job: the pixel size reaches them, and nothing depends on how tiles are batched."""

from pathlib import Path

import numpy as np
import pytest
import torch

from vstain_bench.base.config import RunConfig, make_config
from vstain_bench.measure.run import run
from vstain_bench.phantom import PhantomSet
from vstain_bench.types import Batch, View

METRICS = (
    "dab_od_bias", "dab_od_mae", "dab_ccc", "dab_tile_r", "dab_w1", "dab_js", "dab_block_r", "dab_tolerance_dice",
    "hallucinated_dab_area", "omitted_dab_area", "h_score_error", "dab_positive_fraction_error", "tile_retrieval",
    "nuclei_f1", "nuclei_count_error", "background_drift",
)  # fmt: skip


def _config(phantom: PhantomSet, **changes: object) -> RunConfig:
    values = {"generated": dict(phantom.models), "metrics": ",".join(METRICS), "controls": 6, "workers": 0}
    return make_config({**values, **changes})


def test_a_run_holds_every_stain_metric_and_the_batch_changes_no_byte(phantom: PhantomSet, tmp_path: Path) -> None:
    runs = [run(_config(phantom, manifest=phantom.manifest, batch_size=size), tmp_path / str(size)) for size in (1, 5)]
    table = runs[0].table
    assert runs[0].folder.results.read_bytes() == runs[1].folder.results.read_bytes()
    for name in METRICS:
        row = table.find("faithful", name)
        assert row is not None
        assert row.status == "ok", row.reason
    bias = table.find("faithful", "dab_od_bias")
    assert bias is not None
    assert table.metric(bias).better == "target"
    assert bias.unbeaten == ()


def test_without_a_pixel_size_the_table_says_what_to_pass(phantom: PhantomSet, tmp_path: Path) -> None:
    folders = {"real": phantom.real, "metrics": "dab_w1,dab_block_r"}
    table = run(_config(phantom, **folders), tmp_path / "without").table
    row, other = table.find("faithful", "dab_block_r"), table.find("faithful", "dab_w1")
    assert row is not None
    assert (row.status, row.reason) == ("undefined", "needs µm per pixel: pass --mpp")
    assert other is not None
    assert other.status == "ok"
    known = run(_config(phantom, **folders, mpp=0.5), tmp_path / "with").table.find("faithful", "dab_block_r")
    assert known is not None
    assert known.value is not None
    assert np.isfinite(known.value)


def test_sides_of_different_pixel_size_are_no_batch() -> None:
    images = torch.zeros(1, 3, 8, 8)
    with pytest.raises(ValueError, match="different pixel size"):
        Batch({"generated": View(("a",), "model", images, (0.5,)), "real": View(("a",), "real", images, (0.25,))})
    with pytest.raises(ValueError, match="1 pixel sizes for 2 tiles"):
        View(("a", "b"), "real", images.expand(2, -1, -1, -1), (0.5,))
    assert Batch({"real": View(("a",), "real", images)}).mpp == (None,)
