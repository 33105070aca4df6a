"""Fiji's IOD by its closed form, and correlations of pixels against SciPy and OpenCV's grey."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr

from tests.stain_tiles import pair, read, tensor
from vstain_bench.errors import Undefined
from vstain_bench.metrics import build
from vstain_bench.metrics.stain_fiji import fiji_dab
from vstain_bench.phantom import phantom_tile
from vstain_bench.types import Images

H_DAB = np.array([[0.650, 0.704, 0.286], [0.268, 0.570, 0.776]])


def _light(haematoxylin: float, dab: float) -> Images:
    """A flat tile of these amounts along Fiji's unit vectors; light is (level + 1) / 255, as the plug-in reads it."""
    unit = H_DAB / np.linalg.norm(H_DAB, axis=1, keepdims=True)
    levels = np.round(255 * 10 ** -(haematoxylin * unit[0] + dab * unit[1]) - 1)
    return tensor(np.broadcast_to(levels.astype(np.float32) / 255, (16, 16, 3)).copy())


@pytest.mark.parametrize(
    ("haematoxylin", "dab", "level"),
    [
        (0.0, 0.0, 255),
        (0.0, 0.5, 80.6),  # 255 × 10^-0.5
        (0.3, 0.5, 80.6),  # haematoxylin does not leak into it
        (0.6, 0.0, 255),
    ],
)
def test_the_dab_image_has_its_closed_form(haematoxylin: float, dab: float, level: float) -> None:
    assert float(fiji_dab(_light(haematoxylin, dab)[0]).mean()) == pytest.approx(level, abs=2.0)


def test_the_third_vector_is_the_plug_ins() -> None:
    """Transcribed: what is missing to 1 in each channel's squares, normalised; not the cross product."""
    random = np.random.default_rng(0)
    picture = np.round(random.random((8, 8, 3)) * 255)
    cosines = [row / np.sqrt((row**2).sum()) for row in H_DAB]
    third = np.sqrt(np.maximum(0, 1 - cosines[0] ** 2 - cosines[1] ** 2))
    matrix = np.linalg.inv(np.array([*cosines, third / np.sqrt((third**2).sum())]))
    logs = -(255.0 * np.log((picture + 1) / 255.0)) / np.log(255.0)
    output = np.minimum(np.exp(-((logs @ matrix)[..., 1] - 255.0) * np.log(255.0) / 255.0), 255)
    expected = np.floor(output + 0.5)
    assert fiji_dab(tensor(picture.astype(np.float32) / 255)[0]).numpy() == pytest.approx(expected, abs=0)


def test_only_dark_pixels_are_summed_unless_told_otherwise() -> None:
    """Half of the tile at 0.5 OD, half at 0.3: levels 81 and 128, of which the published threshold of 100 takes one."""
    both = torch.cat([_light(0.0, 0.5), _light(0.0, 0.3)], dim=2)
    glass = _light(0.0, 0.0).repeat(1, 1, 2, 1)
    for threshold, expected in ((100, 0.5 * 256), (255, 0.8 * 256)):
        metric = build("iod_fiji_bias", {"threshold": threshold})
        assert metric.score(metric.observe(pair(both, glass)).numpy()) == pytest.approx(expected, rel=0.02)
    assert build("iod_fiji_r").rows == build("iod_fiji_bias").rows


def test_correlations_of_pixels_equal_scipy() -> None:
    one, other = (phantom_tile(seed=seed, label="3+", size=64).real for seed in (1, 2))
    batch = pair(tensor(one), tensor(other))
    weights = np.array([0.299, 0.587, 0.114])
    grey = [np.round(np.round(each * 255) @ weights).ravel() for each in (one, other)]
    assert build("pixel_r_grey_usigan").observe(batch).item() == pytest.approx(pearsonr(*grey)[0], abs=2e-4)
    channels = [pearsonr(one[..., channel].ravel(), other[..., channel].ravel())[0] for channel in range(3)]
    assert build("pixel_r_rgb_hemit").observe(batch).item() == pytest.approx(np.mean(channels), abs=1e-6)


@pytest.mark.parametrize("name", ["pixel_r_grey_usigan", "pixel_r_rgb_hemit"])
def test_a_constant_tile_has_no_correlation(name: str) -> None:
    metric, flat = build(name), torch.full((1, 3, 16, 16), 0.3)
    noise = torch.rand((1, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    with pytest.raises(Undefined, match="1 of 1 tiles have no value"):
        metric.score(metric.observe(pair(flat, noise)).numpy())


@pytest.mark.real_data
def test_figures_of_the_real_pairs(bci_pairs: Path) -> None:
    """facts 1.3: grey pixels within the four pairs correlate at 0.14, 0.04, 0.06 and 0.56."""
    files = sorted((bci_pairs / "IHC").iterdir())
    real, model = read(*files), read(*(bci_pairs / "model_output_runA" / file.name for file in files))
    found = build("pixel_r_grey_usigan").observe(pair(model, real)).flatten().tolist()
    assert sorted(found) == pytest.approx([0.04, 0.06, 0.14, 0.56], abs=0.01)
