"""SSIM, MS-SSIM and CSS against float64 scikit-image, pytorch-msssim, torchmetrics, sewar, and by hand."""

from pathlib import Path

import numpy as np
import pytest
import pytorch_msssim
import sewar
import skimage.data
import torch
from PIL import Image
from scipy.ndimage import correlate1d
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure as torchmetrics_ms_ssim
from torchmetrics.functional.image import structural_similarity_index_measure as torchmetrics_ssim

from vstain_bench.metrics import build
from vstain_bench.phantom import phantom_tile
from vstain_bench.types import Batch, View

Codes = np.ndarray


def observe(name: str, generated: Codes, real: Codes, source: Codes | None = None) -> float:
    """The value of one tile of 8-bit codes, shape (h, w, 3)."""
    sides = {"generated": generated, "real": real, "source": real if source is None else source}
    views = {side: View(("tile",), side, tensor(codes)) for side, codes in sides.items()}
    metric = build(name)
    assert metric.values is not None
    return float(metric.values(metric.observe(Batch(views)).numpy())[0])  # type: ignore[arg-type]  # keys are sides


def tensor(codes: Codes) -> torch.Tensor:
    return torch.from_numpy(codes.astype(np.float32) / 255).permute(2, 0, 1)[None].contiguous()


def precise(codes: Codes) -> torch.Tensor:
    return torch.from_numpy(codes.astype(np.float64) / 255).permute(2, 0, 1)[None].contiguous()


def _tissue() -> tuple[Codes, Codes]:
    image = skimage.data.immunohistochemistry()[:240, :260]
    random = np.random.default_rng(0)
    other = np.clip(np.roll(image, 2, axis=1) * 0.9 + random.normal(0, 8, image.shape) + 9, 0, 255)
    return other.astype(np.uint8), image


def _noise() -> tuple[Codes, Codes]:
    random = np.random.default_rng(1)
    return tuple(random.integers(0, 256, (2, 200, 176, 3), dtype=np.uint8))  # type: ignore[return-value]  # two images


def _bright_background() -> tuple[Codes, Codes]:
    """Nearly constant and bright: where float32 moments cancel worst."""
    random = np.random.default_rng(2)
    real = np.full((180, 200, 3), 241, dtype=np.uint8)
    return (real + random.integers(-1, 2, real.shape)).astype(np.uint8), real


def _phantom() -> tuple[Codes, Codes]:
    tile = phantom_tile(seed=5, label="3+", size=(177, 191))
    return tuple(np.rint(side * 255).astype(np.uint8) for side in (tile.source, tile.real))  # type: ignore[return-value]


PAIRS = {"tissue": _tissue, "noise": _noise, "bright": _bright_background, "phantom, odd sides": _phantom}


@pytest.fixture(params=PAIRS.values(), ids=PAIRS.keys())
def pair(request: pytest.FixtureRequest) -> tuple[Codes, Codes]:
    return request.param()


def wang(generated: Codes, real: Codes) -> float:
    """SSIM by scikit-image in float64 as Wang et al. 2004 define it."""
    return float(
        structural_similarity(
            generated,
            real,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )
    )


def double_css(generated: Codes, source: Codes, line: np.ndarray, margin: int) -> float:
    """The mean contrast-structure map in float64 with scipy, reflect padding (the edge not repeated)."""

    def smooth(values: np.ndarray) -> np.ndarray:
        for axis in (0, 1):
            values = correlate1d(values, line, axis=axis, mode="mirror")
        return values

    one, other = (codes.astype(np.float64) / 255 for codes in (generated, source))
    mean_one, mean_other = smooth(one), smooth(other)
    spread = smooth(one**2) - mean_one**2 + smooth(other**2) - mean_other**2
    both = 2 * (smooth(one * other) - mean_one * mean_other)
    maps = (both + 0.03**2) / (spread + 0.03**2)
    return float(maps[margin : maps.shape[0] - margin, margin : maps.shape[1] - margin].mean())


def gaussian11() -> np.ndarray:
    line = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    return line / line.sum()


def test_ssim_equals_scikit_image_in_float64(pair: tuple[Codes, Codes]) -> None:
    assert observe("ssim", *pair) == pytest.approx(wang(*pair), abs=1e-6)


def test_ssim_skimage7_equals_the_call_of_bci_and_asp(pair: tuple[Codes, Codes]) -> None:
    expected = structural_similarity(*pair, channel_axis=-1, data_range=255)
    assert observe("ssim_skimage7", *pair) == pytest.approx(expected, abs=1e-6)


def test_ms_ssim_equals_pytorch_msssim_in_float64(pair: tuple[Codes, Codes]) -> None:
    window = torch.from_numpy(gaussian11()).view(1, 1, 1, -1).repeat(3, 1, 1, 1)
    expected = pytorch_msssim.ms_ssim(precise(pair[0]), precise(pair[1]), data_range=1.0, win=window).item()
    assert observe("ms_ssim", *pair) == pytest.approx(expected, abs=1e-6)


def test_torchmetrics_variants_equal_torchmetrics_in_float64(pair: tuple[Codes, Codes]) -> None:
    images = precise(pair[0]), precise(pair[1])
    expected = torchmetrics_ssim(*images, data_range=(0.0, 1.0)).item()
    assert observe("ssim_torchmetrics", *pair) == pytest.approx(expected, abs=1e-6)
    expected = torchmetrics_ms_ssim(*images, data_range=(0.0, 1.0), normalize="relu").item()
    assert observe("ms_ssim_torchmetrics", *pair) == pytest.approx(expected, abs=1e-6)


def test_css_equals_its_definition_in_float64(pair: tuple[Codes, Codes]) -> None:
    generated, source = pair
    assert observe("css", generated, generated, source) == pytest.approx(
        double_css(generated, source, gaussian11(), 0), abs=1e-6
    )


def test_css_uniform5_equals_the_call_of_liu_2021(pair: tuple[Codes, Codes]) -> None:
    generated, source = pair
    expected = sewar.full_ref.ssim(source, generated, ws=5)[1]
    assert observe("css_uniform5", generated, generated, source) == pytest.approx(expected, abs=1e-6)


def test_css_global_equals_the_formula_of_the_paper(pair: tuple[Codes, Codes]) -> None:
    generated, source = (codes.reshape(-1, 3) / 255 for codes in pair)
    covariance = ((generated - generated.mean(0)) * (source - source.mean(0))).mean(0)
    expected = ((2 * covariance + 9e-4) / (generated.var(0) + source.var(0) + 9e-4)).mean()
    assert observe("css_global", pair[0], pair[0], pair[1]) == pytest.approx(expected, abs=1e-6)


def test_the_window_variants_differ(pair: tuple[Codes, Codes]) -> None:
    """A premise of having names: the published variants are other numbers."""
    names = ("ssim", "ssim_skimage7", "ssim_torchmetrics")
    values = [observe(name, *pair) for name in names]
    assert len({round(value, 7) for value in values}) == len(names)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (100, 100, 1.0),  # the same colour
        (0, 255, 1e-4 / (1 + 1e-4)),  # black against white: the luminance term alone
        (51, 102, (2 * 0.2 * 0.4 + 1e-4) / (0.2**2 + 0.4**2 + 1e-4)),
    ],
)
def test_ssim_of_constant_tiles_is_the_luminance_term(one: int, other: int, expected: float) -> None:
    tiles = [np.full((16, 16, 3), code, dtype=np.uint8) for code in (one, other)]
    assert observe("ssim", tiles[0], tiles[1]) == pytest.approx(expected, abs=1e-6)


def test_css_is_blind_to_brightness_and_negative_when_inverted() -> None:
    _, image = _tissue()
    half = image // 2
    assert observe("css", half + 100, half, half) == pytest.approx(1.0, abs=1e-6)
    assert observe("css", 255 - image, image, image) < -0.5


@pytest.mark.real_data
def test_figures_of_the_real_tiles(bci_pairs: Path) -> None:
    """Four BCI pairs: SSIM 0.414 and PSNR 19.6 of the model; 0.692 after a shift of 2 px of the real tile."""
    ssim, psnr, shifted = [], [], []
    for path in sorted((bci_pairs / "IHC").iterdir()):
        real, generated = (
            np.asarray(Image.open(folder / path.name).convert("RGB"))
            for folder in (bci_pairs / "IHC", bci_pairs / "model_output_runA")
        )
        ssim.append(observe("ssim", generated, real))
        psnr.append(observe("psnr", generated, real))
        shifted.append(observe("ssim", np.roll(real, 2, axis=1), real))
    assert np.mean(ssim) == pytest.approx(0.414, abs=5e-4)
    assert np.mean(psnr) == pytest.approx(19.55, abs=5e-2)
    assert np.mean(shifted) == pytest.approx(0.692, abs=2e-2)
