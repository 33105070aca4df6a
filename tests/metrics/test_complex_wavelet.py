"""CW-SSIM against closed forms, against an implementation without shortcuts, and on real tiles."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from vstain_bench.errors import UsageError
from vstain_bench.images.reader import read_image
from vstain_bench.metrics import complex_wavelet as module
from vstain_bench.metrics.complex_wavelet import band_of, filters, place_weights
from vstain_bench.metrics.definition import build
from vstain_bench.phantom import phantom_tile
from vstain_bench.types import Batch, ImageFile, Images, View


def value(generated: Images, real: Images, **params: object) -> float:
    """Return CW-SSIM of one pair of images, shape (3, h, w)."""
    views = {"generated": View(("tile",), "model", generated[None]), "real": View(("tile",), "real", real[None])}
    return build("cw_ssim", params).observe(Batch(views)).item()  # type: ignore[arg-type]


def noise(height: int, width: int, seed: int) -> Images:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))


def waves(*, side: int, period: float, angle: float, phase: float = 0.0, amplitude: float = 0.25) -> Images:
    """A grey cosine of an amplitude, along an angle in degrees."""
    down, across = torch.meshgrid(*[torch.arange(side, dtype=torch.float64)] * 2, indexing="ij")
    along = across * math.cos(math.radians(angle)) + down * math.sin(math.radians(angle))
    return (0.5 + amplitude * torch.cos(2 * math.pi * along / period + phase)).float().expand(3, -1, -1)


@pytest.fixture(scope="module")
def tissue() -> Images:
    return torch.from_numpy(phantom_tile(seed=5, label="2+", size=256).real).permute(2, 0, 1)


def plain_band(image: Images, level: int, count: int) -> NDArray[np.complex128]:
    """The coefficients from the whole spectrum, evaluated by the definition of the inverse at each place."""
    luma = np.tensordot([0.299, 0.587, 0.114], image.double().numpy(), axes=1)
    height, width = luma.shape
    places = [-(-side // 2 ** (level - 1)) for side in luma.shape]
    spectrum = np.fft.fft2(luma)
    rows, columns = np.fft.fftfreq(height), np.fft.fftfreq(width)  # cycles per px; 0.5 is Nyquist
    back_down = np.exp(2j * np.pi * np.outer(np.arange(places[0]) * height / places[0], rows))
    back_across = np.exp(2j * np.pi * np.outer(columns, np.arange(places[1]) * width / places[1]))
    bands = []
    for orientation in range(count):
        shaped = np.zeros_like(spectrum)
        for i, down in enumerate(rows):
            for j, across in enumerate(columns):
                radius = 2 * math.sqrt(down**2 + across**2)
                if radius == 0 or abs(math.log2(radius) + level) >= 1:
                    continue
                turned = math.atan2(down, across) - math.pi * orientation / count
                turned = (turned + math.pi) % (2 * math.pi) - math.pi
                if abs(turned) < math.pi / 2:
                    gain = 2 * math.cos(math.pi / 2 * (math.log2(radius) + level)) * math.cos(turned) ** (count - 1)
                    shaped[i, j] = gain * spectrum[i, j]
        bands.append(back_down @ shaped @ back_across / luma.size)
    return np.stack(bands)


def plain_cw_ssim(
    generated: Images,
    real: Images,
    *,
    level: int = 4,
    orientations: int = 8,
    window: int = 7,
    k: float = 0.0,
    weighting: str = "gaussian",
) -> float:
    """The index with a loop over every window."""
    first, second = plain_band(generated, level, orientations), plain_band(real, level, orientations)
    _, height, width = first.shape
    middle_down, middle_across = (height - window) / 2, (width - window) / 2
    total = weight_sum = 0.0
    for i in range(height - window + 1):
        for j in range(width - window + 1):
            down, across = (i - middle_down) / (height / 4), (j - middle_across) / (width / 4)
            weight = math.exp(-(down**2 + across**2) / 2) if weighting == "gaussian" else 1.0
            for one, other in zip(first, second, strict=True):
                a, b = (each[i : i + window, j : j + window] for each in (one, other))
                upper = 2 * abs((a * b.conj()).mean()) + k
                total += weight * upper / ((abs(a) ** 2).mean() + (abs(b) ** 2).mean() + k) / orientations
            weight_sum += weight
    return total / weight_sum


@pytest.mark.parametrize(
    ("height", "width", "params"),
    [
        (64, 64, {}),  # the smallest side: a band of 8 x 8 places
        (72, 96, {}),  # not square
        (67, 90, {}),  # sides that the grid does not divide
        (64, 80, {"level": 3}),
        (64, 64, {"level": 3, "orientations": 5}),  # odd: filters of even order
        (64, 64, {"window": 3}),
        (64, 64, {"k": 1e-4}),
        (72, 96, {"weighting": "uniform"}),
    ],
)
def test_equals_the_definition_without_shortcuts(height: int, width: int, params: dict[str, object]) -> None:
    generated, real = noise(height, width, 1), noise(height, width, 2)
    expected = plain_cw_ssim(generated, real, **params)  # type: ignore[arg-type]
    assert value(generated, real, **params) == pytest.approx(expected, abs=1e-12)
    assert 0.1 < expected < 0.9  # premise: a value that a wrong formula would miss


@pytest.mark.parametrize(
    ("size", "expected"), [((64, 64), 0.455193993), ((96, 72), 0.367404423), ((128, 128), 0.339115953)]
)
def test_equals_the_index_over_a_library_s_pyramid(size: tuple[int, int], expected: float) -> None:
    """Its filters come from interpolated tables, hence the tolerance.

    plenoptic 2.1.1: the index by hand over ``SteerablePyramidFreq(size, height=4, order=7, is_complex=True).double()``
    of the luma of ``noise(*size, 1)`` and ``noise(*size, 2)``, scale 3 (``benchmarks/speed/robust.py`` has the lines).
    For sides that are odd its own grid is half a step off, which it warns of.
    """
    assert value(noise(*size, 1), noise(*size, 2)) == pytest.approx(expected, abs=1e-6)


def test_a_wave_at_the_middle_of_the_band_has_coefficients_of_its_amplitude() -> None:
    for orientation, angle in ((0, 0), (4, 90)):
        band = band_of(waves(side=256, period=32, angle=angle, amplitude=0.25), level=4, orientations=8)
        assert band[orientation].abs().numpy() == pytest.approx(0.25, abs=1e-6)
        assert band[(orientation + 4) % 8].abs().max() < 1e-6  # across it: nothing


def test_the_bands_of_all_levels_and_orientations_share_out_the_energy_evenly() -> None:
    """The pyramid is a tight frame: between its outermost octaves the squared gains add up to one constant."""
    side, count = 512, 8
    place = (24, 10)  # cycles per side: within the grids of levels 3, 4 and 5
    total = 0.0
    for level in range(1, 8):
        shaped = filters(side, side, level, count, torch.device("cpu"))
        if max(place) < shaped.shape[1] / 2:
            total += float(
                shaped[:, place[0], place[1]].square().sum() + shaped[:, -place[0], -place[1]].square().sum()
            )
    mean_square = math.comb(2 * (count - 1), count - 1) / 4 ** (count - 1)  # of a cosine to the power N - 1
    assert total == pytest.approx(4 * count * mean_square, rel=1e-12)


@pytest.mark.parametrize("phase", [0.1, 1.0, math.pi])
def test_a_phase_that_is_the_same_everywhere_is_not_seen(phase: float) -> None:
    """A wave whose period divides the tile, displaced by any part of its period."""
    still = waves(side=128, period=32, angle=0)
    assert value(waves(side=128, period=32, angle=0, phase=phase), still, k=1e-6) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("gain", [0.5, 0.8, 1.25])
def test_a_gain_has_the_value_of_two_energies(tissue: Images, gain: float) -> None:
    half = 0.5 * tissue  # within [0, 1] after every gain
    assert value(gain * half + 0.1, half) == pytest.approx(2 * gain / (1 + gain**2), abs=1e-6)


def test_windows_without_energy(tissue: Images) -> None:
    flat = tissue.mean(dim=(1, 2), keepdim=True).expand_as(tissue)
    assert value(flat, tissue) == pytest.approx(0.0, abs=1e-9)
    assert value(flat, flat) == pytest.approx(1.0, abs=1e-9)
    assert value(flat, 0.5 * flat) == pytest.approx(1.0, abs=1e-9)  # colour is not what it compares


def test_displacement_costs_little_and_ever_more(tissue: Images) -> None:
    values = [value(torch.roll(tissue, shift, dims=2), tissue) for shift in (0, 1, 2, 4, 8, 16)]
    assert values[0] == pytest.approx(1.0, abs=1e-12)
    assert values == sorted(values, reverse=True)
    assert 0.997 < values[1] < 1
    assert 0.95 < values[3] < 0.99


def test_the_value_does_not_depend_on_which_side_is_which_or_how_the_tile_lies() -> None:
    one, other = noise(72, 96, 1), noise(72, 96, 2)
    expected = value(one, other)
    assert value(other, one) == pytest.approx(expected, abs=1e-12)
    assert value(one.transpose(1, 2), other.transpose(1, 2)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("weighting", ["gaussian", "uniform"])
def test_place_weights_sum_to_one_and_lie_about_the_middle(weighting: str) -> None:
    weights = place_weights((128, 96), 7, weighting, torch.device("cpu"))  # type: ignore[arg-type]
    assert weights.shape == (122, 90)
    assert weights.sum().item() == pytest.approx(1.0, abs=1e-12)
    assert torch.allclose(weights, weights.flip(0, 1), atol=0, rtol=1e-12)
    ratio = float(weights[0, 45] / weights[61, 45])  # 60.5 places from the middle, of a deviation of 32
    assert ratio == pytest.approx(1.0 if weighting == "uniform" else math.exp(-(60.5**2 - 0.5**2) / 2048), rel=1e-9)


def test_models_share_the_real_side(monkeypatch: pytest.MonkeyPatch, tissue: Images) -> None:
    asked: list[int] = []
    original = module.band_of
    monkeypatch.setattr(module, "band_of", lambda image, **params: asked.append(1) or original(image, **params))
    real = View(("tile",), "real", tissue[None])
    for owner in ("first", "second"):
        batch = Batch({"generated": View(("tile",), owner, tissue[None].flip(3)), "real": real})
        for window in (7, 5):
            build("cw_ssim", {"window": window}).observe(batch)
    assert len(asked) == 3


@pytest.mark.parametrize(("params", "side"), [({}, 64), ({"level": 3}, 32), ({"window": 15}, 113)])
def test_smallest_side(params: dict[str, object], side: int) -> None:
    metric = build("cw_ssim", params)
    assert metric.minimum_side == side
    assert math.isfinite(value(noise(side, side, 1), noise(side, side, 2), **params))


@pytest.mark.parametrize(
    "params",
    [{"level": 0}, {"level": 9}, {"orientations": 1}, {"window": 0}, {"k": -1e-3}, {"weighting": "gaus"}],
)
def test_parameters_out_of_range_are_refused_by_name(params: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=f"parameter '{next(iter(params))}'"):
        build("cw_ssim", params)


def test_real_tiles_answer_as_published_code_does(bci_pairs: Path) -> None:
    """The figures that the authors' code as pyiqa states it gave on real BCI tiles, each within what tiles differ by.

    Measured with 1,024 px IHC tiles against themselves displaced, blurred, or replaced by their mean colour.
    """
    expected = {1: (0.999, 0.001), 2: (0.994, 0.001), 4: (0.977, 0.002), 8: (0.911, 0.006), 16: (0.702, 0.017)}
    for path in sorted((bci_pairs / "IHC").glob("*.png")):
        real = torch.from_numpy(read_image(ImageFile(path)).pixels).permute(2, 0, 1).contiguous()
        for shift, (middle, spread) in expected.items():
            assert value(real[:, :, shift:], real[:, :, :-shift]) == pytest.approx(middle, abs=spread), (path, shift)
        blurred = torch.from_numpy(gaussian_filter(real.numpy(), (0, 4, 4)))
        assert value(blurred, real) == pytest.approx(0.932, abs=0.012)
        assert value(real.mean(dim=(1, 2), keepdim=True).expand_as(real), real) == pytest.approx(0.0, abs=1e-9)
