"""PSNR and mean absolute error against closed forms and scikit-image."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio

from vstain_bench.errors import Undefined
from vstain_bench.metrics import build
from vstain_bench.types import Batch, View


def batch_of(generated: np.ndarray, real: np.ndarray) -> Batch:
    """A batch of 8-bit images, each of shape (b, h, w, 3)."""
    ids = tuple(str(place) for place in range(len(real)))

    def view(owner: str, codes: np.ndarray) -> View:
        return View(ids, owner, torch.from_numpy(codes.astype(np.float32) / 255).permute(0, 3, 1, 2).contiguous())

    return Batch({"generated": view("model", generated), "real": view("real", real)})


@pytest.mark.parametrize("offset", [1, 10, 255])
def test_psnr_of_a_constant_offset(offset: int) -> None:
    real = np.zeros((1, 8, 8, 3), dtype=np.uint8)
    metric = build("psnr")
    rows = metric.observe(batch_of(real + np.uint8(offset), real)).numpy()
    assert metric.score(rows) == pytest.approx(20 * math.log10(255 / offset), abs=1e-6)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), spread=st.integers(1, 120))
def test_psnr_and_mae_equal_scikit_image_and_numpy(seed: int, spread: int) -> None:
    random = np.random.default_rng(seed)
    real = random.integers(0, 256, (1, 12, 9, 3), dtype=np.uint8)
    generated = np.clip(real + random.integers(-spread, spread + 1, real.shape), 0, 255).astype(np.uint8)
    generated[0, 0, 0, 0] = real[0, 0, 0, 0] ^ 1  # never identical
    both = batch_of(generated, real)
    psnr, mae = build("psnr"), build("mae")
    expected = peak_signal_noise_ratio(real[0], generated[0], data_range=255)
    # A pixel is held as k / 255 in float32, which bounds the agreement near identity (50 dB) to 1e-7 of the value.
    assert psnr.score(psnr.observe(both).numpy()) == pytest.approx(expected, rel=1e-7, abs=1e-6)
    difference = np.abs(real.astype(float) - generated.astype(float)).mean() / 255
    assert mae.score(mae.observe(both).numpy()) == pytest.approx(difference, abs=1e-7)


def test_an_identical_tile_is_left_out_of_psnr_and_counted() -> None:
    psnr, rows = build("psnr"), np.array([[0.0], [0.01], [0.1]])
    assert psnr.values is not None
    assert psnr.values(rows).tolist() == [math.inf, pytest.approx(20.0), pytest.approx(10.0)]
    assert psnr.score(rows) == pytest.approx(15.0)


@pytest.mark.parametrize("name", ["psnr", "psnr_pooled"])
def test_all_tiles_identical_has_no_finite_psnr(name: str) -> None:
    with pytest.raises(Undefined, match="not finite"):
        build(name).score(np.zeros((3, 1)))


def test_pooled_psnr_is_decibels_of_the_mean_error() -> None:
    rows = np.array([[0.01], [0.1]])
    assert build("psnr_pooled").score(rows) == pytest.approx(-10 * math.log10(0.055))
    assert build("psnr_pooled").score(rows) < build("psnr").score(rows)


def test_a_missing_value_leaves_the_mean_undefined() -> None:
    with pytest.raises(Undefined, match="1 of 2 tiles"):
        build("mae").score(np.array([[0.1], [np.nan]]))
