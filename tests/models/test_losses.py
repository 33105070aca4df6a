"""Losses obey their laws and equal computations by other means, in float64 with numpy, scipy and torch's own."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve, correlate1d
from scipy.special import log_expit

from vstain_adapters.shared.imagenet import normalise
from vstain_adapters.shared.losses import adaptive_patch_nce as adaptive
from vstain_adapters.shared.losses.adversarial_bce import discriminator_bce, generator_bce
from vstain_adapters.shared.losses.conditional_bce import conditioned
from vstain_adapters.shared.losses.css import css_loss
from vstain_adapters.shared.losses.gaussian_pyramid import gaussian_pyramid_l1, levels
from vstain_adapters.shared.losses.lsgan import discriminator_lsgan, generator_lsgan
from vstain_adapters.shared.losses.octave_l1 import next_octave, octave_l1
from vstain_adapters.shared.losses.patch_nce import patch_nce
from vstain_adapters.shared.losses.pyramid_l1 import OCTAVES, halve, pyramid, pyramid_l1
from vstain_bench.metrics import build
from vstain_bench.phantom import phantom_tile
from vstain_bench.types import Batch, View

Array = np.ndarray
GAUSS3 = np.exp(-0.5 * np.array([-1, 0, 1]) ** 2) / np.exp(-0.5 * np.array([-1, 0, 1]) ** 2).sum()


def tiles(count: int = 2, size: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    """H&E and IHC of synthetic tissue, (b, 3, size, size)."""
    drawn = [phantom_tile(seed=seed, label="3+", size=(size, size)) for seed in range(count)]
    sides = [[torch.from_numpy(np.array(side)) for side in (tile.source, tile.real)] for tile in drawn]
    return tuple(  # type: ignore[return-value]  # two sides
        torch.stack([pair[side] for pair in sides]).permute(0, 3, 1, 2).float().contiguous() for side in (0, 1)
    )


SOURCE, REAL = tiles()
assert float((SOURCE - REAL).abs().mean()) > 0.05, "premise: the stains are not alike"


# --- adversarial ---


def test_bce_by_its_formula() -> None:
    torch.manual_seed(0)
    real, generated = torch.randn(2, 1, 5, 5) * 20, torch.randn(2, 1, 5, 5) * 20
    terms = discriminator_bce(real, generated)
    assert float(terms["real"]) == pytest.approx(-log_expit(real.double().numpy()).mean() / 2, rel=1e-6)
    assert float(terms["generated"]) == pytest.approx(-log_expit(-generated.double().numpy()).mean() / 2, rel=1e-6)
    assert float(generator_bce(generated)) == pytest.approx(-log_expit(generated.double().numpy()).mean(), rel=1e-6)
    ignorant = torch.zeros(1, 1, 3, 3)
    assert float(sum(discriminator_bce(ignorant, ignorant).values())) == pytest.approx(math.log(2), abs=1e-6)


def test_lsgan_by_its_formula() -> None:
    real, generated = torch.tensor([[[[0.5, 1.0]]]]), torch.tensor([[[[0.0, 2.0]]]])
    terms = discriminator_lsgan(real, generated)
    assert float(terms["real"]) == pytest.approx((0.25 + 0) / 2 / 2)
    assert float(terms["generated"]) == pytest.approx((0 + 4) / 2 / 2)
    assert float(generator_lsgan(generated)) == pytest.approx((1 + 1) / 2)


def test_a_pair_is_six_channels_in_the_order_asked_for() -> None:
    assert torch.equal(conditioned(REAL, SOURCE, first="ihc")[:, 3:], SOURCE)
    assert torch.equal(conditioned(REAL, SOURCE, first="source")[:, :3], SOURCE)


# --- pyramids ---


def double_halve(image: Array) -> Array:
    """CSSP2P's step for one channel in float64: scipy's convolution, then a pool written out."""
    for _ in range(4):
        image = convolve(image, np.outer(GAUSS3, GAUSS3), mode="constant")
    padded = np.pad(image, 1)
    height, width = (side + 1 for side in image.shape)
    return np.array(
        [[padded[row : row + 3, column : column + 3].mean() for column in range(0, width - 1, 2)]
         for row in range(0, height - 1, 2)]
    )  # fmt: skip


def double_octave(image: Array) -> Array:
    """Pyramid Pix2Pix's step for one channel in float64."""
    for _ in range(4):
        image = convolve(image, np.outer(GAUSS3, GAUSS3), mode="mirror")
    return image[::2, ::2]


def double_levels(image: Array, count: int) -> list[Array]:
    """ASP's pyramid of one channel in float64."""
    line, found = np.array([1, 4, 6, 4, 1]) / 16, []
    for _ in range(count - 1):
        blurred = correlate1d(correlate1d(image, line, axis=0, mode="mirror"), line, axis=1, mode="mirror")
        found.append(blurred)
        image = blurred[::2, ::2]
    return [*found, image]


def channels(images: torch.Tensor) -> list[Array]:
    return list(images.flatten(0, 1).double().numpy())


def double_pyramid_l1(generated: torch.Tensor, real: torch.Tensor, step: Callable[[Array], Array]) -> list[float]:
    """The mean absolute difference at four octaves; both sides are reduced, then compared."""
    one, other, found = channels(generated), channels(real), []
    for _ in range(OCTAVES):
        found.append(float(np.mean([np.abs(a - b).mean() for a, b in zip(one, other, strict=True)])))
        one, other = [step(image) for image in one], [step(image) for image in other]
    return found


@pytest.mark.parametrize("size", [48, 45])  # 45: odd sides on the way down
@pytest.mark.parametrize("variant", ["paper", "released"])
def test_pyramid_l1_equals_the_float64_pyramids_of_both_sides(variant: str, size: int) -> None:
    generated, real = SOURCE[..., :size, :size], REAL[..., :size, :size]
    expected = np.mean(double_pyramid_l1(generated, real, double_halve))
    found = pyramid_l1(generated, real, variant=variant)  # type: ignore[arg-type]  # a Literal
    assert float(found) == pytest.approx(expected, rel=1e-5)


def gradient(loss: Callable[[torch.Tensor], torch.Tensor], at: torch.Tensor) -> torch.Tensor:
    images = at.clone().requires_grad_()
    (found,) = torch.autograd.grad(loss(images), images)
    return found


def test_the_gradient_stops_at_the_full_resolution_in_released() -> None:
    found = gradient(lambda images: pyramid_l1(images, REAL, variant="released"), SOURCE)
    plain = gradient(lambda images: (images - REAL).abs().mean(), SOURCE)
    torch.testing.assert_close(found, 0.25 * plain, atol=0, rtol=0)


def test_the_gradient_reaches_every_octave_in_paper() -> None:
    """What each octave adds, computed on its own; none is nothing, and together they are the loss's gradient."""
    found = gradient(lambda images: pyramid_l1(images, REAL, variant="paper"), SOURCE)
    parts = [
        gradient(lambda images, octave=octave: pyramid(images - REAL, halve, OCTAVES)[octave].abs().mean() / 4, SOURCE)  # type: ignore[misc]  # mypy cannot infer a default's type
        for octave in range(OCTAVES)
    ]
    assert all(float(part.abs().sum()) > 0.01 for part in parts)
    torch.testing.assert_close(found, sum(parts, start=torch.zeros_like(found)), atol=1e-9, rtol=1e-4)


def test_a_difference_that_only_coarse_octaves_forgive() -> None:
    """Noise vanishes with the octaves, a flat error stays; hence the mean falls for one and not for the other."""
    torch.manual_seed(0)
    noise = (torch.rand(1, 3, 64, 64) - 0.5).sign() * 0.1
    ignored, kept = (
        pyramid_l1(noise, noise * 0, variant="paper"),
        pyramid_l1(noise * 0 + 0.1, noise * 0, variant="paper"),
    )
    assert float(ignored) < 0.35 * 0.1
    assert 0.8 * 0.1 < float(kept) <= 0.1


@pytest.mark.parametrize("count", [1, 2, 4])
def test_octave_l1_equals_the_float64_pyramids_of_both_sides(count: int) -> None:
    generated, real = 2 * SOURCE - 1, 2 * REAL - 1
    expected = 25 * sum(double_pyramid_l1(generated, real, double_octave)[:count])
    assert float(octave_l1(generated, real, weights=[25.0] * count)) == pytest.approx(expected, rel=1e-5)
    assert next_octave(generated).shape[-1] == 24


def test_gaussian_pyramid_equals_the_float64_pyramids_of_both_sides() -> None:
    weights = [0.015625, 0.03125, 0.0625, 0.125, 0.25, 1.0]  # ASP b113ed2 experiments/mist_launcher.py:34
    generated, real = 2 * SOURCE - 1, 2 * REAL - 1
    terms = []
    for one, other in zip(channels(generated), channels(real), strict=True):
        pairs = zip(weights, double_levels(one, 6), double_levels(other, 6), strict=True)
        terms.append([weight * np.abs(a - b).mean() for weight, a, b in pairs])
    assert float(gaussian_pyramid_l1(generated, real, weights=weights)) == pytest.approx(np.mean(terms), rel=1e-5)
    assert [level.shape[-1] for level in levels(generated, 6)] == [48, 24, 12, 6, 3, 2]


@pytest.mark.parametrize(
    "loss",
    [
        lambda images: pyramid_l1(images, REAL, variant="paper"),
        lambda images: pyramid_l1(images, REAL, variant="released"),
        lambda images: octave_l1(images, REAL, weights=[25.0] * 4),
        lambda images: gaussian_pyramid_l1(images, REAL, weights=[1.0] * 5),
        lambda images: css_loss(images, REAL, variant="paper"),
    ],
)
def test_a_copy_costs_nothing_and_anything_else_something(loss: Callable[[torch.Tensor], torch.Tensor]) -> None:
    assert float(loss(REAL)) == pytest.approx(0, abs=1e-6)
    assert float(loss(SOURCE)) > 1e-3


# --- CSS ---


def css_of_the_metric(generated: torch.Tensor, source: torch.Tensor) -> Array:
    ids = tuple(str(number) for number in range(len(generated)))
    views = {side: View(ids, side, images) for side, images in (("generated", generated), ("source", source))}
    metric = build("css")
    assert metric.values is not None
    return metric.values(metric.observe(Batch(views)).double().numpy())  # type: ignore[arg-type]  # keys are sides


def double_css(generated: Array, source: Array, value_range: float) -> float:
    """One channel in float64 with scipy."""
    line = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))

    def smooth(values: Array) -> Array:
        for axis in (0, 1):
            values = correlate1d(values, line / line.sum(), axis=axis, mode="mirror")
        return values

    means = smooth(generated), smooth(source)
    spread = smooth(generated**2) - means[0] ** 2 + smooth(source**2) - means[1] ** 2
    constant = (0.03 * value_range) ** 2
    covariance = smooth(generated * source) - means[0] * means[1]
    return float(((2 * covariance + constant) / (spread + constant)).mean())


def test_css_loss_of_the_paper_is_that_of_the_metric() -> None:
    expected = -np.log((css_of_the_metric(REAL, SOURCE) + 1) / 2 + 1e-8).mean()
    assert float(css_loss(REAL, SOURCE, variant="paper")) == pytest.approx(expected, abs=2e-6)


def test_css_loss_does_not_see_brightness_and_sees_contrast() -> None:
    assert float(css_loss(SOURCE * 0.9 + 0.05, SOURCE, variant="paper")) < 0.05
    assert float(css_loss(SOURCE + 0.03, SOURCE, variant="paper")) == pytest.approx(0, abs=1e-5)
    assert float(css_loss(1 - SOURCE, SOURCE, variant="paper")) > 1.0  # the negative has the opposite structure


def test_css_loss_as_released_by_scipy() -> None:
    """Against the normalised H&E, with the greater of both ranges; a perfect copy then costs something."""
    for generated in (REAL, SOURCE):
        scaled = normalise(SOURCE)
        value_range = max(float(images.max() - images.min()) for images in (generated, scaled))
        pairs = list(zip(channels(generated), channels(scaled), strict=True))
        maps = np.array([double_css(one, other, value_range) for one, other in pairs]).reshape(2, 3)
        expected = -np.log((maps.mean(axis=1) + 1) / 2 + 1e-8).mean()
        found = float(css_loss(generated, SOURCE, variant="released"))
        assert found == pytest.approx(expected, abs=2e-6)
    assert 0.05 < found < 0.6


@pytest.mark.real_data
def test_a_copy_of_real_tissue_costs_a_fifth_as_released(bci_pairs: object) -> None:
    """Measured on the authors' code: css of about 0.63 for a copy, hence a loss of 0.2."""
    from PIL import Image

    from tests.conftest import REAL_DATA

    path = sorted((REAL_DATA / "bci_pairs" / "HE").iterdir())[0]
    pixels = np.asarray(Image.open(path).convert("RGB"))[:512, :512]
    source = torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)[None]
    assert float(css_loss(source, source, variant="released")) == pytest.approx(0.2, abs=0.08)
    assert float(css_loss(source, source, variant="paper")) == pytest.approx(0, abs=1e-6)


def test_css_loss_is_computed_in_float32_under_autocast() -> None:
    expected = css_loss(REAL, SOURCE, variant="paper")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(css_loss(REAL, SOURCE, variant="paper"), expected)


# --- contrastive ---


def units(rows: int, size: int, seed: int) -> torch.Tensor:
    drawn = torch.randn(rows, size, generator=torch.Generator().manual_seed(seed))
    return drawn / drawn.norm(dim=1, keepdim=True)


def double_nce(query: Array, key: Array, images: int, temperature: float) -> Array:
    """Row by row in float64."""
    count, losses = len(query) // images, []
    for row in range(len(query)):
        own = range(row // count * count, row // count * count + count)
        against = [query[row] @ key[row]] + [-10.0 if other == row else query[row] @ key[other] for other in own]
        logits = np.array(against) / temperature
        losses.append(np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[0])
    return np.array(losses)


@pytest.mark.parametrize("images", [1, 3])
@pytest.mark.parametrize("temperature", [0.07, 2.0])  # 2: the place itself, at -10, is not quite nothing
def test_patch_nce_row_by_row(images: int, temperature: float) -> None:
    query, key = units(12, 5, 0), units(12, 5, 1)
    expected = double_nce(query.double().numpy(), key.double().numpy(), images, temperature)
    found = patch_nce(query, key, images=images, temperature=temperature)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_patch_nce_of_places_all_alike_is_the_logarithm_of_their_number() -> None:
    same = units(1, 8, 0).repeat(50, 1)
    np.testing.assert_allclose(patch_nce(same, same, images=1).numpy(), math.log(50), atol=1e-5)


def test_no_gradient_flows_into_the_other_image() -> None:
    query, key = units(6, 4, 0).requires_grad_(), units(6, 4, 1).requires_grad_()
    patch_nce(query, key, images=1).sum().backward()
    assert query.grad is not None
    assert float(query.grad.abs().sum()) > 0
    assert key.grad is None


# p at t = 0, 0.5, 0.75 and 0.975 where the learning rate decays from 0.75 on (30 + 10 epochs)
TRUST: dict[adaptive.Schedule, tuple[float, float, float, float]] = {
    "sigmoid": (0.993307149, 0.5, 0.075858180, 0.008577485),
    "linear": (1.0, 0.5, 0.25, 0.025),
    "lambda": (1.0, 1.0, 1.0, 0.1),
    "zero": (1.0, 1.0, 1.0, 1.0),
}
# v at similarities of -0.5, 0, 0.5 and 1
DESERVE: dict[adaptive.Lookup, tuple[float, float, float, float]] = {
    "top": (0.0, 0.0, math.sqrt(0.75), 1.0),
    "linear": (0.0, 0.0, 0.5, 1.0),
    "bell": (0.3989422804 * math.exp(-8), 0.3989422804 * math.exp(-2), 0.3989422804, 0.3989422804 * math.exp(-2)),
    "uniform": (1.0, 1.0, 1.0, 1.0),
}


@pytest.mark.parametrize("schedule", TRUST)
@pytest.mark.parametrize("lookup", DESERVE)
def test_weights_of_every_schedule_and_lookup(schedule: adaptive.Schedule, lookup: adaptive.Lookup) -> None:
    similarity = torch.tensor([-0.5, 0.0, 0.5, 1.0])
    for progress, share in zip((0.0, 0.5, 0.75, 0.975), TRUST[schedule], strict=True):
        raw = share + (1 - share) * np.array(DESERVE[lookup])
        found = adaptive.patch_weights(
            similarity, schedule=schedule, lookup=lookup, progress=progress, decay_start=0.75
        )
        np.testing.assert_allclose(found.numpy(), raw * 4 / raw.sum(), rtol=1e-5)
        assert float(found.sum()) == pytest.approx(4, abs=1e-5)


def test_weights_sum_to_the_number_of_places_and_fall_with_what_does_not_match() -> None:
    query, key = units(256, 16, 0), units(256, 16, 1)
    similarity = (query * key).sum(dim=1)
    found = adaptive.patch_weights(similarity, schedule="lambda", lookup="linear", progress=0.975, decay_start=0.75)
    assert float(found.sum()) == pytest.approx(256, abs=1e-2)
    order = similarity.argsort()
    assert (found[order].diff() >= 0).all()
    assert float(found.max()) > 2 * float(found.min())


def test_adaptive_loss_is_weight_times_patch_nce() -> None:
    query, key = units(20, 6, 2), units(20, 6, 3)
    losses = double_nce(query.double().numpy(), key.double().numpy(), 2, 0.07)
    raw = 0.5 + 0.5 * np.maximum((query.double() * key.double()).sum(dim=1).numpy(), 0)
    found = adaptive.adaptive_patch_nce(
        query, key, images=2, schedule="linear", lookup="linear", progress=0.5, decay_start=0.75
    )
    np.testing.assert_allclose(found.numpy(), losses * raw * 20 / raw.sum(), rtol=1e-4, atol=1e-5)
    for schedule, lookup in (("zero", "linear"), ("linear", "uniform")):  # all places alike: PatchNCE itself
        plain = adaptive.adaptive_patch_nce(
            query, key, images=2, schedule=schedule, lookup=lookup, progress=0.9, decay_start=0.75  # type: ignore[arg-type]  # Literals
        )  # fmt: skip
        np.testing.assert_allclose(plain.numpy(), losses, rtol=1e-5, atol=1e-5)
