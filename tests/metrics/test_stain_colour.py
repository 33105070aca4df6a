"""Colour differences against scikit-image and the published test pairs."""

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000, rgb2lab

from tests.stain_tiles import pair, stained, tensor
from vstain_bench.metrics import build
from vstain_bench.metrics.stain_colour import brightest, ciede2000, lab


def test_lab_and_difference_equal_scikit_image() -> None:
    random = np.random.default_rng(0)
    first, second = (random.random((64, 64, 3)).astype(np.float32) for _ in range(2))
    ours = [lab(tensor(each)[0].double()) for each in (first, second)]
    theirs = [rgb2lab(each.astype(np.float64)) for each in (first, second)]
    assert ours[0].permute(1, 2, 0).numpy() == pytest.approx(theirs[0], abs=1e-3)
    expected = deltaE_ciede2000(*theirs)
    assert ciede2000(*ours).numpy() == pytest.approx(expected, abs=2e-3)
    assert float(build("de2000").observe(pair(tensor(first), tensor(second)))) == pytest.approx(
        expected.mean(), abs=1e-3
    )


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [  # Sharma, Wu, Dalal 2005, table 1: pairs 1, 4, 7, 10, 17, 25
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0),
        ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
        ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0010), 7.1792),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ],
)
def test_published_pairs(
    first: tuple[float, float, float], second: tuple[float, float, float], expected: float
) -> None:
    colours = [torch.tensor(each, dtype=torch.float64) for each in (first, second)]
    assert float(ciede2000(*colours)) == pytest.approx(expected, abs=5e-5)


def test_the_background_drifts_and_stain_does_not_count() -> None:
    dab = torch.zeros(64, 64)
    dab[:32] = 0.5
    real = stained(dab)
    drift = build("background_drift")
    assert float(drift.observe(pair(stained(dab * 2), real))) == pytest.approx(0.0, abs=1e-4)
    values = [float(drift.observe(pair(stained(dab, white=white), real))) for white in (0.95, 0.9, 0.8)]
    assert values == sorted(values)
    assert values[0] > 0.5
    assert brightest(real[0]).tolist() == pytest.approx([float(channel.max()) for channel in real[0]])
