"""Distances of DAB histograms against SciPy, and the published one that is blind to the amount of stain."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from tests.stain_tiles import pair, stained, tensor, with_dab
from vstain_bench.metrics import build
from vstain_bench.metrics.stain_distribution import FINE, LARGEST, histograms
from vstain_bench.phantom import phantom_tile
from vstain_bench.stain.density import Separation, stain_maps
from vstain_bench.types import Batch


def _value(name: str, batch: Batch) -> float:
    return float(build(name).observe(batch)[0])


@pytest.fixture(scope="module")
def batch() -> Batch:
    tiles = [phantom_tile(seed=seed, label=label, size=96) for seed, label in ((1, "2+"), (2, "3+"))]
    return pair(tensor(tiles[0].real), tensor(tiles[1].real))


def test_w1_equals_scipy_on_the_pixels(batch: Batch) -> None:
    sides = [
        stain_maps(batch.view(side), Separation()).dab.flatten().clamp(0, LARGEST) for side in ("generated", "real")
    ]
    assert _value("dab_w1", batch) == pytest.approx(wasserstein_distance(*(side.numpy() for side in sides)), abs=1e-3)


def test_js_equals_scipy_on_the_histograms(batch: Batch) -> None:
    maps = [stain_maps(batch.view(side), Separation()).dab for side in ("generated", "real")]
    counts = [np.histogram(each.clamp(0, LARGEST - 1e-6), bins=100, range=(0, LARGEST))[0] for each in maps]
    assert _value("dab_js", batch) == pytest.approx(jensenshannon(*counts, base=2), abs=2e-3)


def test_histograms_are_shares_with_both_ends_counted() -> None:
    dab = torch.zeros(32, 32)
    dab[:8] = 2.0
    shares = histograms(pair(stained(dab), stained(dab)).view("real"), Separation("255"))
    assert shares.shape == (1, FINE)
    assert shares.sum() == pytest.approx(1.0)
    assert float(shares[0, -1]) == pytest.approx(0.25)


def test_a_histogram_on_its_own_range_is_blind_to_the_amount_of_stain() -> None:
    """CSSP2P's JSD: nothing for DAB halved or quartered, much for one dark pixel; with a shared range the reverse."""
    dab = torch.rand((96, 96), generator=torch.Generator().manual_seed(0)) ** 3 * 0.8
    real = stained(dab, haematoxylin=0.0)
    speck = dab.clone()
    speck[5, 5] = 2.0
    blind, seeing = {}, {}
    for name, other in {
        "half": stained(dab / 2, haematoxylin=0.0),
        "quarter": stained(dab / 4, haematoxylin=0.0),
        "speck": stained(speck, haematoxylin=0.0),
    }.items():
        blind[name] = _value("dab_jsd_cssp2p", pair(other, real))
        seeing[name] = _value("dab_js", pair(other, real))
    assert blind["half"] < 0.01
    assert blind["quarter"] < 0.01
    assert blind["speck"] > 0.3
    assert seeing["half"] > 0.25
    assert seeing["quarter"] > seeing["half"] + 0.1
    assert seeing["speck"] < 0.02


def test_a_gain_moves_the_shared_range_on_a_phantom() -> None:
    real = tensor(phantom_tile(seed=1, label="3+", size=128).real)
    distances = [_value("dab_js", pair(with_dab(real, gain), real)) for gain in (0.9, 0.75, 0.5, 0.25)]
    assert distances == sorted(distances)
    assert distances[-1] > 0.4
