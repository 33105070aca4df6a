"""Published meanings against a plain transcription of their formulas, and their figures on four real pairs."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from skimage.color import combine_stains, hed_from_rgb, rgb2gray, rgb_from_hed, separate_stains

from tests.stain_tiles import pair, read, tensor
from vstain_bench.metrics import build
from vstain_bench.phantom import phantom_tile
from vstain_bench.types import Batch


@pytest.fixture(scope="module")
def pictures() -> tuple[np.ndarray, np.ndarray]:
    one, other = (phantom_tile(seed=seed, label="3+", size=96).real for seed in (1, 2))
    return one, other


@pytest.fixture(scope="module")
def batch(pictures: tuple[np.ndarray, np.ndarray]) -> Batch:
    return pair(tensor(pictures[0]), tensor(pictures[1]))


def _row(name: str, batch: Batch) -> list[float]:
    return build(name).observe(batch)[0].tolist()


def test_rgb_densities(pictures: tuple[np.ndarray, np.ndarray], batch: Batch) -> None:
    density = [-np.log10(np.maximum(each.astype(np.float64), 1 / 255)) for each in pictures]
    means, powers = ([float((each**power).mean()) for each in density] for power in (1.0, 1.8))
    assert _row("miod_rgb_bias", batch) == pytest.approx(means, abs=1e-6)
    assert build("miod_rgb_mae").score(np.array([means])) == pytest.approx(abs(means[0] - means[1]))
    assert _row("mfod_rgb_mae", batch) == pytest.approx(powers, abs=1e-6)
    assert build("iod_rgb_r").rows == build("miod_rgb_bias").rows


def test_focal_density_equals_scikit_image_step_by_step(pictures: tuple[np.ndarray, np.ndarray], batch: Batch) -> None:
    means = []
    for picture in pictures:
        stains = separate_stains(picture.astype(np.float64), hed_from_rgb)
        stains[..., :2] = 0
        grey = rgb2gray(combine_stains(stains, rgb_from_hed))
        density = np.maximum(np.log10(1 / (grey + 10 ** -(math.e ** (1 / 1.8)))), 0) ** 1.8
        means.append(np.where(density < 0.15, 0, density).mean())
    assert means[0] > 1e-3, "premise: 3+ membranes are dark enough to be seen"
    assert _row("fod_psp", batch) == pytest.approx([abs(means[0] - means[1])], abs=1e-6)


def _softplus_dab(picture: np.ndarray) -> np.ndarray:
    vectors = np.array([[0.268, 0.570, 0.776], [0.650, 0.704, 0.286]])
    density = -np.log10(np.clip(picture.astype(np.float64), 1e-6, 1) + 1e-6)
    return np.log1p(np.exp(5 * (density @ np.linalg.pinv(vectors.T).T)[..., 0])) / 5


def test_kl_and_strongest_tenth(pictures: tuple[np.ndarray, np.ndarray], batch: Batch) -> None:
    maps = [_softplus_dab(each) for each in pictures]
    top = max(each.max() for each in maps) + 1e-6
    shares = [np.histogram(each, bins=256, range=(0, top), density=True)[0] + 1e-10 for each in maps]
    expected = entropy(shares[0] / shares[0].sum(), shares[1] / shares[1].sum())
    assert _row("dab_kl_unistain", batch) == pytest.approx([expected], rel=1e-3)
    assert _row("dab_jsd_unistain", batch) == pytest.approx([jensenshannon(*shares) ** 2], rel=1e-3)
    tenths = [each[each >= np.quantile(each, 0.9)].mean() for each in maps]
    assert _row("dab_p90_r_unistain", batch) == pytest.approx(tenths, abs=1e-5)
    error = build("dab_p90_mae_unistain")
    assert error.rows == build("dab_p90_r_unistain").rows
    assert error.score(np.array([tenths])) == pytest.approx(abs(tenths[0] - tenths[1]))


def test_jsd_on_own_ranges(pictures: tuple[np.ndarray, np.ndarray], batch: Batch) -> None:
    counts = []
    for picture in pictures:
        logs = np.log(np.maximum(picture.astype(np.float64), 1e-6)) / math.log(1e-6)
        counts.append(np.histogram((logs @ np.linalg.inv(rgb_from_hed))[..., 2], bins=150)[0])
    assert _row("dab_jsd_cssp2p", batch) == pytest.approx([jensenshannon(*counts, base=2)], abs=3e-3)


@pytest.mark.real_data
def test_figures_of_the_real_pairs(bci_pairs: Path) -> None:
    """facts 1.3: UNIStainNet's Pearson-R is 0.96 on the four pairs; the mean FOD of every tile is below 0.0005."""
    files = sorted((bci_pairs / "IHC").iterdir())
    real, model = read(*files), read(*(bci_pairs / "model_output_runA" / file.name for file in files))
    metric = build("dab_p90_r_unistain")
    assert metric.score(metric.observe(pair(model, real)).numpy()) == pytest.approx(0.960, abs=0.001)
    white = tensor(np.ones((1024, 1024, 3), dtype=np.float32)).expand(4, -1, -1, -1)
    assert build("fod_psp").observe(pair(white, real)).max() < 0.0005
