"""Registration: known displacements, refusal of what does not belong together, and landmarks of real sections."""

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.stain_tiles import pair, read
from tests.stress.tiles import perturb
from vstain_bench.errors import Undefined
from vstain_bench.judge.perturbations.geometry import shift
from vstain_bench.metrics import build
from vstain_bench.phantom import phantom_tile
from vstain_bench.stain.density import Separation, separate
from vstain_bench.stain.registration import register, resample
from vstain_bench.types import Images

MPP, SIZE = 0.5, 256
LABELS = ("0", "1+", "2+", "3+")


def as_images(picture: np.ndarray) -> Images:
    return torch.from_numpy(picture).permute(2, 0, 1)[None].contiguous()


@cache
def tile(seed: int) -> Images:
    label = LABELS[seed % 4]
    return as_images(phantom_tile(seed=300 + seed, label=label, size=SIZE, mpp=MPP, group_seed=seed).real)


def haematoxylin(images: Images) -> np.ndarray:
    found: np.ndarray = separate(images, Separation()).haematoxylin[0].numpy()
    return found


def value(name: str, generated: Images, real: Images, mpp: float = MPP) -> float:
    metric = build(name)
    return metric.score(metric.observe(pair(generated, real, mpp)).numpy())


@pytest.mark.parametrize("displacement", [(0.0, 0.0), (1.3, -2.2), (-0.4, 0.7), (7.1, 3.4), (-12.6, 0.2)])
@pytest.mark.parametrize("seed", [0, 2])
def test_a_known_displacement_is_found_to_a_tenth_of_a_pixel(seed: int, displacement: tuple[float, float]) -> None:
    picture = tile(seed)[0].permute(1, 2, 0).numpy()
    found = register(haematoxylin(as_images(shift(picture, *displacement))), haematoxylin(tile(seed)), MPP, local=False)
    assert found.accepted
    assert found.field_um[:, 0, 0] / MPP == pytest.approx(displacement, abs=0.1)
    assert found.after > 0.99


@pytest.mark.parametrize(
    ("name", "amplitude", "factor"), [("elastic_32um", 2.0, 10), ("elastic_32um", 4.0, 5), ("elastic_8um", 1.0, 2)]
)
def test_an_elastic_displacement_is_undone(name: str, amplitude: float, factor: float) -> None:
    real = tile(2)
    moved = perturb(name, real, amplitude)
    found = register(haematoxylin(moved), haematoxylin(real), MPP)
    assert found.accepted
    assert found.after > max(0.9, found.before)
    back = resample(moved[0], found, MPP)
    margin = 20
    inner = (..., slice(margin, -margin), slice(margin, -margin))
    errors = [float((each[inner] - real[0][inner]).square().mean()) for each in (moved[0], back)]
    assert errors[1] < errors[0] / factor


def test_unrelated_tiles_are_refused_and_related_ones_are_not() -> None:
    maps = [haematoxylin(tile(seed)) for seed in range(12)]
    unrelated = [register(one, other, MPP) for a, one in enumerate(maps) for b, other in enumerate(maps) if a != b]
    assert np.mean([not found.accepted for found in unrelated]) >= 0.95
    assert all(math.isinf(found.residual_um) for found in unrelated if not found.accepted)
    assert all(not found.field_um.any() for found in unrelated if not found.accepted)
    related = [register(haematoxylin(perturb("elastic_32um", tile(n), 4.0)), maps[n], MPP) for n in range(4)]
    assert all(found.accepted for found in related)


def test_no_place_moves_further_than_the_bound() -> None:
    found = register(haematoxylin(perturb("translation", tile(1), 4.0)), haematoxylin(tile(1)), MPP, bound_um=3.0)
    assert float(np.hypot(*found.field_um).max()) <= 3.0 + 1e-9


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (np.random.default_rng(0).uniform(size=(64, 64)), "a tile of 32 µm holds 0 displacements"),
        (np.zeros((256, 256)), "no haematoxylin pattern"),
    ],
)
def test_what_cannot_be_registered_is_undefined(picture: np.ndarray, reason: str) -> None:
    with pytest.raises(Undefined, match=reason):
        register(picture, picture, MPP)


def test_registered_metrics_forgive_a_displacement_and_no_defect() -> None:
    real = tile(2)
    moved = perturb("translation", real, 3.0)
    assert value("ssim", moved, real) < 0.7
    assert value("ssim_registered", moved, real) > 0.97
    assert value("psnr_registered", moved, real) > value("psnr", moved, real) + 10
    assert value("registration_residual", moved, real) == pytest.approx(3.0, abs=0.1)
    assert value("registration_refused", moved, real) == 0.0
    for defect, severity in (("blur", 1.0), ("dab_loss", 75.0), ("hallucinated_nests", 10.0), ("deleted_nests", 10.0)):
        wrong = perturb(defect, real, severity)
        assert value("ssim_registered", wrong, real) == pytest.approx(value("ssim", wrong, real), abs=0.03), defect


def test_a_refused_tile_is_compared_as_it_lies() -> None:
    other, real = tile(3), tile(2)
    assert value("registration_refused", other, real) == 1.0
    margin = 16
    inner = (..., slice(margin, -margin), slice(margin, -margin))
    cut = [each[inner].contiguous() for each in (other, real)]
    assert value("ssim_registered", other, real) == pytest.approx(value("ssim", *cut), abs=1e-6)


def test_the_place_of_the_whole_tile_is_a_nuisance() -> None:
    real = tile(2)
    picture = real[0].permute(1, 2, 0).numpy()
    for pixels in ((5, -3), (0, 7)):
        assert value("ssim_shift_marginal", as_images(shift(picture, *pixels)), real) == pytest.approx(1.0, abs=1e-6)
    assert value("ssim_shift_marginal", as_images(shift(picture, 12, 0)), real) < 0.9, "6 µm is beyond 4 µm"
    wrong = perturb("blur", real, 1.0)
    assert value("ssim_shift_marginal", wrong, real) == pytest.approx(value("ssim", wrong, real), abs=0.03)


def test_the_best_place_is_that_of_an_exhaustive_search() -> None:
    generated, real = perturb("serial_section", tile(1), 30.0), tile(1)
    picture = generated[0].permute(1, 2, 0).numpy()
    generated = as_images(shift(picture, 2, -1))[..., :96, :96].contiguous()
    real = real[..., :96, :96].contiguous()
    radius, inner = 4, real[..., 4:-4, 4:-4].contiguous()
    found = [
        value("ssim", generated[..., down : down + 88, across : across + 88].contiguous(), inner)
        for down in range(9)
        for across in range(9)
        if math.hypot(down - radius, across - radius) <= radius
    ]
    metric = build("ssim_shift_marginal", {"radius_um": 2.0})
    assert metric.score(metric.observe(pair(generated, real, MPP)).numpy()) == pytest.approx(max(found), abs=1e-6)


@pytest.mark.real_data
def test_consecutive_sections_and_other_patients_are_refused_and_the_same_section_is_not(bci_pairs: Path) -> None:
    """The pairs of BCI lie tens of µm apart: within 8 µm there is nothing to be found, and it says so."""
    reals = [haematoxylin(read(file)) for file in sorted((bci_pairs / "IHC").glob("*.png"))]
    sources = [haematoxylin(read(file)) for file in sorted((bci_pairs / "HE").glob("*.png"))]
    assert not any(register(one, other, 0.25).accepted for one, other in zip(sources, reals, strict=True))
    assert not any(register(reals[n], reals[n - 1], 0.25).accepted for n in range(4))
    file = sorted((bci_pairs / "IHC").glob("*.png"))[0]
    moved = as_images(shift(read(file)[0].permute(1, 2, 0).numpy(), 5.3, -9.6))
    found = register(haematoxylin(moved), reals[0], 0.25, local=False)
    assert found.accepted
    assert found.field_um[:, 0, 0] / 0.25 == pytest.approx((5.3, -9.6), abs=0.1)
