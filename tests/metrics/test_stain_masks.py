"""Published DAB masks against scikit-image and brute force, and the zeros that they hide."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.spatial.distance import cdist
from skimage.color import hed2rgb, rgb2hed, rgb2hsv
from skimage.morphology import dilation, erosion

from tests.stain_tiles import pair, stained, tensor
from vstain_bench.metrics import build
from vstain_bench.metrics.stain_masks import skimage_dab
from vstain_bench.phantom import phantom_tile
from vstain_bench.types import Batch

SQUARE = np.ones((5, 5), dtype=np.uint8)  # 3 × 3 twice


@pytest.fixture(scope="module")
def pictures() -> tuple[np.ndarray, np.ndarray]:
    one, other = (phantom_tile(seed=seed, label="3+", size=128).real for seed in (3, 5))
    return one, other


@pytest.fixture(scope="module")
def batch(pictures: tuple[np.ndarray, np.ndarray]) -> Batch:
    return pair(tensor(pictures[0]), tensor(pictures[1]))


def _mask(picture: np.ndarray) -> np.ndarray:
    raw = (rgb2hed(picture.astype(np.float64))[..., 2] > 0.07).astype(np.uint8)
    closed = erosion(dilation(raw, SQUARE), SQUARE)
    return np.asarray(ndimage.median_filter(closed, size=5, mode="nearest").astype(bool))


def _rim(mask: np.ndarray) -> np.ndarray:
    padded = np.pad(mask, 1)
    inner = padded[2:, 1:-1] & padded[:-2, 1:-1] & padded[1:-1, 2:] & padded[1:-1, :-2]
    return np.argwhere(mask & ~inner)


def test_dab_is_that_of_scikit_image(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    expected = rgb2hed(pictures[0].astype(np.float64))[..., 2]
    assert skimage_dab(tensor(pictures[0])[0]).numpy() == pytest.approx(expected, abs=1e-6)


def test_masks_are_compared_as_medpy_does(pictures: tuple[np.ndarray, np.ndarray], batch: Batch) -> None:
    generated, real = (_mask(each) for each in pictures)
    assert 0.01 < real.mean() < 0.9, "premise: there is something to compare"
    assert 0.01 < generated.mean() < 0.9
    both, apart = generated & real, cdist(_rim(generated), _rim(real))
    nearest = (apart.min(axis=1), apart.min(axis=0))
    expected = {
        "dice": 2 * both.sum() / (generated.sum() + real.sum()),
        "iou": both.sum() / (generated | real).sum(),
        "tpr": both.sum() / real.sum(),
        "tnr": (~generated & ~real).sum() / (~real).sum(),
        "hd95": np.percentile(np.concatenate(nearest), 95),
        "asd": nearest[0].mean(),
    }
    found = {name: build(f"mask_{name}_kataria").observe(batch).item() for name in expected}
    assert found == pytest.approx(expected, abs=1e-9)


def test_an_empty_mask_counts_zero_even_where_zero_is_best() -> None:
    """As published: a model that stains nothing has a perfect distance, and a right 0 tile has the worst Dice."""
    empty, full = stained(torch.zeros(64, 64)), stained(torch.full((64, 64), 0.8))
    for generated, real in ((empty, full), (full, empty), (empty, empty)):
        for name in ("dice", "iou", "hd95", "asd"):
            assert build(f"mask_{name}_kataria").observe(pair(generated, real)).item() == 0.0
    assert build("mask_dice_kataria").observe(pair(full, full)).item() == 1.0
    assert build("mask_tnr_kataria").observe(pair(empty, empty)).item() == 1.0


def test_saturated_dab_is_that_of_scikit_image(pictures: tuple[np.ndarray, np.ndarray], batch: Batch) -> None:
    shares = []
    for picture in pictures:
        amounts = rgb2hed(picture.astype(np.float64))
        amounts[..., :2] = 0
        shares.append(float((rgb2hsv(hed2rgb(amounts))[..., 1] > 0.15).mean()))
    assert shares[0] != shares[1]
    found = build("positive_fraction_tdkstain").observe(batch).item()
    assert found == pytest.approx(abs(shares[0] - shares[1]), abs=1e-4)
