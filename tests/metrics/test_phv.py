"""PHV against torchvision's own graph with forward hooks, on seeded weights; its two meanings and their weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.networks.seeded_weights import residual_values
from tests.stain_tiles import pair, tensor
from vstain_bench.errors import MachineError
from vstain_bench.metrics import METRICS, build
from vstain_bench.networks.weights import WeightsStore, use_store
from vstain_bench.phantom import Defects, phantom_tile, render_ihc
from vstain_bench.types import Batch

NAMES = [name for name in METRICS if name.startswith("phv_")]


@pytest.fixture(scope="module")
def batch() -> Batch:
    tiles = [phantom_tile(seed=seed, label="2+", size=64) for seed in (1, 2)]
    generated = [render_ihc(tile.tissue, Defects(dab_gain=0.8), exposure="model").image for tile in tiles]
    return pair(tensor(*generated), tensor(*(tile.real for tile in tiles)))


def _answers(name: str, images: torch.Tensor) -> list[torch.Tensor]:
    """Channel means after the four groups, by hooks on the whole network, tiles one by one."""
    from torchvision import models

    network = getattr(models, name)(weights=None)
    network.load_state_dict(residual_values(name))
    kept: list[torch.Tensor] = []
    for group in (network.layer1, network.layer2, network.layer3, network.layer4):
        group.register_forward_hook(lambda module, given, out: kept.append(out.mean(dim=(2, 3))))
    with torch.no_grad():
        network.eval()(images)
    return kept


def _shares(name: str, batch: Batch, mean: list[float], deviation: list[float], thresholds: list[float]) -> np.ndarray:
    scale = [torch.tensor(each).view(1, 3, 1, 1) for each in (mean, deviation)]
    sides = [_answers(name, (batch.side(side) - scale[0]) / scale[1]) for side in ("generated", "real")]
    return np.array(
        [
            ((one - other).abs() > threshold).double().mean(dim=1).numpy()
            for threshold, one, other in zip(thresholds, *sides, strict=False)
        ]
    ).T


def test_asp_counts_channels_that_differ(batch: Batch, seeded_weights: Path) -> None:
    """ASP's input is (x + 1) / 2 for x in [0, 1], then ImageNet's statistics: in one step 2 mean - 1, 2 deviation."""
    mean, deviation = [2 * each - 1 for each in (0.485, 0.456, 0.406)], [2 * each for each in (0.229, 0.224, 0.225)]
    expected = _shares("resnet50", batch, mean, deviation, [0.01] * 4)
    assert expected.min() < 0.9
    rows = build("phv_asp").observe(batch).numpy()
    assert rows == pytest.approx(expected, abs=2 / 256)  # a channel on the threshold may fall on either side
    for layer in (1, 2, 3, 4):
        assert build(f"phv_asp_layer{layer}").score(rows) == pytest.approx(rows[:, layer - 1].mean())
        assert build(f"phv_asp_layer{layer}").rows == build("phv_asp").rows
    assert build("phv_asp").score(rows) == pytest.approx(rows.mean())


def test_pc_stain_counts_channels_that_agree(batch: Batch, seeded_weights: Path) -> None:
    expected = _shares("resnet18", batch, [0.5] * 3, [0.5] * 3, [0.02, 0.01, 0.005])
    for layer in (1, 2, 3):
        metric = build(f"phv_pcstain_layer{layer}")
        rows = metric.observe(batch).numpy()
        assert metric.score(rows) == pytest.approx(100 * (1 - expected[:, layer - 1].mean()), abs=100 * 2 / 64)
    strict = build("phv_pcstain_layer3", {"threshold": 0.0025})
    assert strict.score(strict.observe(batch).numpy()) < metric.score(rows)


@pytest.mark.parametrize("name", NAMES)
def test_without_its_weights_there_is_no_value(name: str, batch: Batch, tmp_path: Path) -> None:
    metric = build(name)
    assert len(metric.needs) == 1
    with use_store(WeightsStore(tmp_path, offline=True)), pytest.raises(MachineError, match="weights fetch resnet"):
        metric.observe(batch)
