"""stain_fidelity: closed forms, a plain second computation, what it forgives, what it notices, and real tiles."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from tests.stain_tiles import pair, read, stained
from tests.stress.tiles import MPP, perturb, phantoms
from vstain_bench.errors import Undefined
from vstain_bench.metrics import build
from vstain_bench.metrics.stain_fidelity import ASPECTS, Comparison, Fidelity, examine
from vstain_bench.phantom import phantom_tile
from vstain_bench.stain.density import Separation, stain_maps
from vstain_bench.types import Batch, Images

METRIC = build("stain_fidelity")
SIZE = 160  # 80 µm: as small as 5 % of nests fit in


def value(generated: Images, real: Images, mpp: float = MPP) -> float:
    return METRIC.score(METRIC.observe(pair(generated, real, mpp)).numpy())


def fidelity(batch: Batch, comparison: Comparison | None = None, background: str = "tile") -> Fidelity:
    return examine(batch, Separation(background), comparison or Comparison())[0]


@pytest.mark.parametrize(("amount", "other"), [(0.2, 0.1), (0.3, 0.24), (0.02, 0.01), (0.0, 0.4)])
def test_flat_tiles_differ_by_the_formula_in_one_aspect(amount: float, other: float) -> None:
    plain = np.ones((96, 96), dtype=np.float32)
    found = fidelity(pair(stained(other * plain), stained(amount * plain)), background="255").deviations
    expected = ((amount - other) ** 2 / (amount**2 + other**2 + 0.01**2)) ** 0.5
    assert found["DAB amount"] == pytest.approx(expected, abs=1e-4)
    assert [value for name, value in found.items() if name != "DAB amount"] == pytest.approx([0] * 5, abs=2e-3)
    score = value(stained(other * plain), stained(amount * plain))
    assert 0 <= score <= 1
    whole = build("stain_fidelity", {"background": "255"})
    rows = whole.observe(pair(stained(other * plain), stained(amount * plain))).numpy()
    assert whole.score(rows) == pytest.approx(1 - expected / 6**0.25, abs=1e-4)


def plainly(generated: Images, real: Images, mpp: float, radius_um: float) -> float:
    """The definition once more: Gaussians of full size, nothing thinned out, one place at a time."""

    def smooth(plane: np.ndarray, sigma_um: float) -> np.ndarray:
        return ndimage.gaussian_filter(plane, sigma_um / mpp, mode="mirror", truncate=3.0)

    def described(images: Images) -> list[tuple[np.ndarray, float, int]]:
        maps = stain_maps(pair(images, images, mpp).view("real"), Separation())
        planes = [each[0].double().numpy() for each in (maps.haematoxylin, maps.dab, maps.residual)]
        found = [(smooth(np.maximum(planes[n], 0) if n < 2 else planes[n], 8.0), 0.01**2, n) for n in range(3)]
        for number, plane in enumerate(planes):
            before = plane
            for band, sigma in enumerate((0.5, 1.0, 2.0, 4.0)):
                after = smooth(plane, sigma)
                if (number, band) != (2, 0):
                    found.append((smooth((before - after) ** 2, 8.0) ** 0.5, 0.001**2, 3 + number))
                before = after
        return found

    one, other = described(generated), described(real)
    step = round(2.0 / mpp)
    reach = int(radius_um // 2.0)
    shape = one[0][0].shape
    moves = [(a, b) for a in range(-reach, reach + 1) for b in range(-reach, reach + 1) if np.hypot(a, b) <= reach]
    errors = []
    for down, across in moves:
        aspects = np.zeros((6, *shape))
        for aspect in range(6):
            members = [(p, q, c) for (p, c, n), (q, _, _) in zip(one, other, strict=True) if n == aspect]
            for p, q, c in members:
                margin = reach * step
                moved = np.pad(p, margin, mode="reflect")
                moved = moved[margin + down * step :, margin + across * step :][: shape[0], : shape[1]]
                similarity = (2 * moved * q + c) / (moved**2 + q**2 + c)
                aspects[aspect] += np.minimum(1 - similarity, 1) / len(members)
        errors.append(aspects)
    fit = [smooth(each.mean(axis=0), 8.0) for each in errors]
    best = np.argmin(fit, axis=0)
    chosen = np.take_along_axis(np.stack(errors), best[None, None], axis=0)[0]
    edge = round(4.0 / mpp)
    deviations = np.sqrt(chosen[:, edge:-edge, edge:-edge].mean(axis=(1, 2)))
    return float(1 - np.mean(deviations**4) ** 0.25)


@pytest.mark.parametrize(
    ("name", "severity"), [("translation", 4.0), ("blur", 1.0), ("dab_loss", 50.0), ("dab_relocation", 100.0)]
)
def test_a_plain_computation_gives_the_same(name: str, severity: float) -> None:
    real = phantoms(128)[:1]
    other = perturb(name, real, severity)
    expected = plainly(other, real, MPP, 8.0)
    assert expected < 0.995  # something to measure
    assert value(other, real) == pytest.approx(expected, abs=0.012)


RIGHT = [("translation", 1.0), ("translation", 2.0), ("translation", 4.0), ("elastic_32um", 2.0), ("elastic_32um", 4.0)]
WRONG = [
    ("blur", 0.5),
    ("blur", 1.0),
    ("dab_loss", 20.0),
    ("dab_loss", 50.0),
    ("dab_excess", 25.0),
    ("dab_excess", 50.0),
    ("dab_relocation", 100.0),
    ("hallucinated_nests", 5.0),
    ("hallucinated_nests", 10.0),
    ("jpeg_420", 50.0),
]


@pytest.mark.parametrize("seed", [31, 32])
def test_a_right_tile_elsewhere_outranks_an_aligned_wrong_one(seed: int) -> None:
    picture = phantom_tile(seed=seed, label="2+", size=SIZE, mpp=MPP).real
    real = torch.from_numpy(picture).permute(2, 0, 1)[None].contiguous()
    right = {case: value(perturb(case[0], real, case[1]), real) for case in RIGHT}
    wrong = {case: value(perturb(case[0], real, case[1]), real) for case in WRONG}
    assert min(right.values()) > max(wrong.values()), (right, wrong)
    assert min(right.values()) > 0.95
    ssim = build("ssim")
    scores = [ssim.score(ssim.observe(pair(perturb(n, real, s), real)).numpy()) for n, s in (RIGHT[1], WRONG[2])]
    assert scores[0] < scores[1]  # SSIM says the opposite


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("blur", (0.125, 0.25, 0.5, 1.0, 2.0)),
        ("dab_loss", (20.0, 50.0, 75.0, 100.0)),
        ("dab_excess", (25.0, 50.0, 100.0)),
        ("dab_relocation", (25.0, 50.0, 100.0)),
        ("hallucinated_nests", (1.0, 5.0, 10.0, 20.0)),
    ],
)
def test_more_of_a_defect_is_worse(name: str, levels: tuple[float, ...]) -> None:
    picture = phantom_tile(seed=31, label="2+", size=SIZE, mpp=MPP).real
    real = torch.from_numpy(picture).permute(2, 0, 1)[None].contiguous()
    values = [1.0, *(value(perturb(name, real, level), real) for level in levels)]
    assert all(after < before for before, after in pairwise(values)), values


@pytest.mark.parametrize(
    ("name", "severity", "worst"),
    [
        ("dab_loss", 75.0, "DAB amount"),
        ("haematoxylin_loss", 40.0, "haematoxylin amount"),
        ("blur", 1.0, "haematoxylin texture"),
        ("jpeg_420", 50.0, "colour beyond the stains"),
    ],
)
def test_each_aspect_answers_its_own_defect(name: str, severity: float, worst: str) -> None:
    real = phantoms(128)[:1]
    deviations = fidelity(pair(perturb(name, real, severity), real)).deviations
    assert list(deviations) == [aspect.name for aspect in ASPECTS]
    assert deviations[worst] > 0.8 * max(deviations.values())
    assert deviations[worst] > 3 * min(deviations.values())


def test_the_map_shows_where_and_how_far() -> None:
    real = phantoms(160)[:1]
    moved = fidelity(pair(perturb("translation", real, 4.0), real))
    inner = moved.displacement_um[4:-4, 4:-4]
    assert np.median(inner) == pytest.approx(4.0, abs=1.0)
    darker = real.clone()
    darker[..., :80] *= 0.7  # the left half is wrong
    error = fidelity(pair(darker, real)).error
    assert error[:, :16].mean() > 5 * error[:, -16:].mean()


def test_the_pixel_size_does_not_matter() -> None:
    found = []
    for size, mpp in ((160, 0.5), (320, 0.25)):
        tile = phantom_tile(seed=31, label="2+", size=size, mpp=mpp)
        real = torch.from_numpy(tile.real).permute(2, 0, 1)[None].contiguous()
        found.append(value(perturb("dab_loss", real, 50.0, mpp=mpp), real, mpp))
    assert found[0] == pytest.approx(found[1], abs=0.02)


def test_without_forgiveness_a_displacement_costs_more() -> None:
    real = phantoms(128)[:1]
    moved = perturb("translation", real, 4.0)
    strict = build("stain_fidelity", {"radius_um": 0.0})
    assert strict.score(strict.observe(pair(moved, real)).numpy()) < value(moved, real) - 0.02


@pytest.mark.parametrize(
    ("size", "mpp", "reason"),
    [
        (64, None, "needs µm per pixel"),
        (64, 2.0, "pixels of 1 µm or finer; these have 2 µm"),
        (48, 0.5, "tiles of at least 26 µm; one has 24 µm"),
    ],
)
def test_what_it_cannot_measure_is_undefined(size: int, mpp: float | None, reason: str) -> None:
    real = phantoms(size)[:1]
    with pytest.raises(Undefined, match=reason):
        METRIC.observe(pair(real, real, mpp))


@pytest.mark.real_data
def test_on_real_pairs_a_model_beats_another_patient_beats_the_copy_beats_one_colour(bci_pairs: Path) -> None:
    files = sorted((bci_pairs / "IHC").glob("*.png"))
    reals = {file.name: read(file)[..., 256:768, 256:768] for file in files}
    for name, real in reals.items():
        model, source = (
            read(bci_pairs / folder / name)[..., 256:768, 256:768] for folder in ("model_output_runA", "HE")
        )
        others = [value(other, real, 0.25) for key, other in reals.items() if key != name]
        colour = real.mean(dim=(2, 3), keepdim=True).expand_as(real).contiguous()
        row = [value(model, real, 0.25), float(np.mean(others)), value(source, real, 0.25), value(colour, real, 0.25)]
        assert row == sorted(row, reverse=True), (name, row)
