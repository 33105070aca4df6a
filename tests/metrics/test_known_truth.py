"""What is injected into synthetic tissue is what the metrics measure, within the tolerances that stand here.

A phantom's true stain under every pixel is known, so the truth of each case is computed from the true maps, by the
definition of the quantity and without an image. The metrics see pictures only: 8 bits, sensor noise, a microscope's
blur, and slides whose white and stain vectors are not the usual ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.stats import wasserstein_distance

from tests.stain.test_stain import labelled_nuclei
from tests.stain_tiles import codes, pair, read, tensor
from vstain_bench.measure.protocol import read_protocol
from vstain_bench.metrics import build
from vstain_bench.metrics.stain_place import find_unmatched
from vstain_bench.phantom import Defects, Displacement, PhantomTile, Rendering, phantom_tile, render_ihc
from vstain_bench.stain.density import Separation, separate
from vstain_bench.stain.nuclei import NUCLEI_DETECTORS, POSITIVE_OD, dab_of_nuclei
from vstain_bench.types import Batch, View

Slide = tuple[int, str]  # seed of the tile and of its patient, and the HER2 score
SLIDES: tuple[Slide, ...] = ((1, "2+"), (2, "3+"), (3, "3+"), (4, "2+"))
PALE: tuple[Slide, ...] = ((1, "1+"), (2, "1+"), (3, "0"), (5, "0"))  # nests of their own would hide invented ones
DARK: tuple[Slide, ...] = ((1, "3+"), (2, "3+"), (3, "3+"), (4, "3+"))
Map = np.ndarray
Truth = Callable[[Map, Map], float]


@cache
def _tile(slide: Slide) -> PhantomTile:
    seed, label = slide
    return phantom_tile(seed=seed, label=label, size=256, group_seed=seed)


@cache
def _rendered(slide: Slide, defects: Defects) -> tuple[Rendering, Batch]:
    made = render_ihc(_tile(slide).tissue, defects, exposure="model")
    return made, pair(tensor(made.image), tensor(_tile(slide).real))


def _value(name: str, batch: Batch, **params: object) -> float:
    metric = build(name, params)
    return metric.score(metric.observe(batch).numpy())


def _mean_difference(generated: Map, real: Map) -> float:
    return float(generated.mean() - real.mean())


def _above(threshold: float, generated: Map, real: Map) -> float:
    return float((generated > threshold).mean() - (real > threshold).mean())


def _h_difference(generated: Map, real: Map) -> float:
    return 100 * abs(sum(_above(lower, generated, real) for lower in (0.15, 0.30, 0.50)))


def _sweep(generated: Map, real: Map) -> float:
    return float(np.mean([abs(_above(0.05 * step, generated, real)) for step in range(1, 11)]))


@dataclass(frozen=True)
class Amount:
    """A metric of amount, its truth from the true DAB maps, and how near it comes: the larger of the two."""

    metric: str
    truth: Truth
    relative: float
    absolute: float


AMOUNTS = [
    # the usual vectors are not the slide's, and one grey level of I0 is 0.002 OD
    Amount("dab_od_bias", _mean_difference, 0.12, 0.002),
    Amount("dab_od_mae", lambda one, other: abs(_mean_difference(one, other)), 0.12, 0.002),
    Amount("dab_w1", lambda one, other: float(wasserstein_distance(one.ravel(), other.ravel())), 0.12, 0.002),
    # a threshold falls where many pixels are: the share near it decides
    Amount("dab_positive_fraction_error", lambda one, other: abs(_above(0.15, one, other)), 0.0, 0.012),
    Amount("dab_positive_fraction_sweep", _sweep, 0.05, 0.004),
    Amount("h_score_error", _h_difference, 0.05, 0.8),
]


@pytest.mark.parametrize("gain", [0.5, 0.8, 1.25])
@pytest.mark.parametrize("amount", AMOUNTS, ids=[each.metric for each in AMOUNTS])
def test_an_injected_gain_is_recovered(amount: Amount, gain: float) -> None:
    for slide in SLIDES:
        made, batch = _rendered(slide, Defects(dab_gain=gain))
        true = amount.truth(made.dab, _tile(slide).truth.dab)
        assert abs(true) > amount.absolute, "premise: the gain shows"
        assert _value(amount.metric, batch) == pytest.approx(true, rel=amount.relative, abs=amount.absolute)


def test_a_gain_is_read_off_the_means() -> None:
    """Mean DAB of generated over real, all slides together: within 6 %; the usual vectors leave an offset."""
    for gain in (0.5, 0.8, 1.25):
        rows = [build("dab_od_mae").observe(_rendered(slide, Defects(dab_gain=gain))[1])[0] for slide in SLIDES]
        generated, real = torch.stack(rows).sum(dim=0).tolist()
        assert generated / real == pytest.approx(gain, rel=0.06)


@pytest.mark.parametrize("gain", [1.0, 0.5])
@pytest.mark.parametrize("shift_um", [0.0, 1.0, 2.0, 4.0])
def test_an_injected_shift_is_recovered(shift_um: float, gain: float) -> None:
    """By registration, within 0.02 µm (0.04 px), whatever the amount of stain."""
    moved = Defects(dab_gain=gain, displacement=Displacement(shift_um=(0.6 * shift_um, 0.8 * shift_um)))
    for slide in SLIDES:
        assert _value("registration_residual", _rendered(slide, moved)[1]) == pytest.approx(shift_um, abs=0.02)


@dataclass(frozen=True)
class Unmoved:
    """What a displacement of a right stain leaves as it is: the value, and how far a metric may be from it."""

    metric: str
    shift_um: float
    value: float
    absolute: float


UNMOVED = [
    Unmoved("dab_od_bias", 2.0, 0.0, 0.002),  # tissue beyond the border moves in
    Unmoved("dab_w1", 2.0, 0.0, 0.003),
    Unmoved("h_score_error", 2.0, 0.0, 1.0),
    Unmoved("hallucinated_dab_area", 4.0, 0.0, 100.0),  # 0.01 % of the tile
    Unmoved("omitted_dab_area", 4.0, 0.0, 100.0),
    Unmoved("dab_tolerance_dice", 1.0, 1.0, 0.005),  # the tolerance is 2 µm
    Unmoved("nuclei_f1", 4.0, 1.0, 0.09),  # within 6 µm, but for those that leave the tile
]


@pytest.mark.parametrize("case", UNMOVED, ids=[f"{each.metric}-{each.shift_um:g}um" for each in UNMOVED])
def test_a_shift_within_what_a_metric_forgives_changes_nothing(case: Unmoved) -> None:
    shift = Defects(displacement=Displacement(shift_um=(0.6 * case.shift_um, 0.8 * case.shift_um)))
    for slide in SLIDES:
        assert _value(case.metric, _rendered(slide, shift)[1]) == pytest.approx(case.value, abs=case.absolute)


@pytest.mark.parametrize("shift_um", [4.0, 8.0])
def test_a_shift_beyond_the_tolerance_is_seen(shift_um: float) -> None:
    """Dice within 2 µm and nuclei within 3 µm fall; block means fall more the smaller the block."""
    shift = Defects(displacement=Displacement(shift_um=(0.6 * shift_um, 0.8 * shift_um)))
    for slide in SLIDES:
        batch = _rendered(slide, shift)[1]
        assert _value("dab_tolerance_dice", batch) < 0.95
        assert _value("nuclei_f1", batch, radius_um=3.0) < 0.75
        blocks = [_value(name, batch) for name in ("dab_block_r_4um", "dab_block_r", "dab_block_r_16um")]
        assert blocks == sorted(blocks)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_invented_nests_are_counted_and_their_area_is_measured(number: int) -> None:
    """Their number exactly; their area 1.0 to 1.5 times the nest: the local mean adds a rim of up to 3 µm."""
    for slide in PALE:
        made, batch = _rendered(slide, Defects(hallucinate=number, hallucinate_radius_um=15.0))
        (found,) = find_unmatched(batch, Separation(), hallucinated=True)
        assert len(found.patches) == number
        if number:
            ratio = sum(patch.area_um2 for patch in found.patches) / sum(made.injected.hallucinated_um2)
            assert 1.0 < ratio < 1.5
        assert _value("omitted_dab_area", batch) == 0.0


@pytest.mark.parametrize("defects", [Defects(omit=1), Defects(hallucinate=2, hallucinate_radius_um=15.0)])
def test_areas_are_those_of_the_true_stain(defects: Defects) -> None:
    """The same definition on the true maps: within 25 % on each of four slides of 3+, within 10 % on all together."""
    name = "omitted_dab_area" if defects.omit else "hallucinated_dab_area"
    seen, true = [], []
    for slide in DARK:
        made, batch = _rendered(slide, defects)
        seen.append(_value(name, batch))
        true.append(_true_area(made.dab, _tile(slide).truth.dab, hallucinated=not defects.omit))
        assert true[-1] > 0, "premise: the nest lies apart from others"
        assert seen[-1] == pytest.approx(true[-1], rel=0.25, abs=2000)
    assert sum(seen) == pytest.approx(sum(true), rel=0.10)


def _true_area(generated: Map, real: Map, *, hallucinated: bool) -> float:
    """The definition of the metric on true maps of 0.5 µm per pixel: local means of 3 µm on cells of 1 µm."""

    def local(dab: Map) -> Map:
        cells = dab.reshape(128, 2, 128, 2).mean(axis=(1, 3))
        return np.asarray(ndimage.gaussian_filter(cells, 3.0, mode="nearest"))

    stained, other = (local(dab) for dab in ((generated, real) if hallucinated else (real, generated)))
    present = other > 0.05
    away = ndimage.distance_transform_edt(~present) if present.any() else np.full(present.shape, np.inf)
    return 1e6 * float(((stained > 0.10) & (away > 8.0)).mean())


@pytest.mark.parametrize("factor", [0.8, 0.9, 1.0])
def test_an_injected_background_is_recovered(factor: float) -> None:
    """Light × 0.8 is 0.097 OD; 0.002 is one grey level."""
    for slide in SLIDES:
        real = tensor(_tile(slide).real)
        batch = pair(codes(real * factor), real)
        assert _value("background_od_bias", batch) == pytest.approx(np.log10(factor), abs=0.002)
        assert _value("dab_od_bias", batch) == pytest.approx(0.0, abs=0.004), "it is no stain"


def test_true_nuclei_are_counted() -> None:
    """312 nuclei of four slides: within 15 % on each, 5 % on all together."""
    found, true = [], []
    for slide in SLIDES:
        (centres,) = NUCLEI_DETECTORS["log-haematoxylin"](_rendered(slide, Defects())[1].view("real"), Separation())
        found.append(len(centres))
        true.append(len(_tile(slide).truth.nuclei_um))
    assert found == pytest.approx(true, rel=0.15)
    assert sum(found) == pytest.approx(sum(true), rel=0.05)


PERFECT = [metric.name for metric in read_protocol("stain").metrics if metric.perfect is not None]


@pytest.mark.parametrize("name", PERFECT)
def test_identical_tiles_give_the_perfect_value(name: str) -> None:
    real, labels = tensor(*(_tile(slide).real for slide in SLIDES)), tuple(label for _, label in SLIDES)
    ids, mpp = tuple(f"tile{place}" for place in range(len(SLIDES))), (0.5,) * len(SLIDES)
    batch = Batch(
        {"generated": View(ids, "model", real, mpp, labels=labels), "real": View(ids, "real", real, mpp, labels=labels)}
    )
    metric = build(name)
    assert metric.score(metric.observe(batch).numpy()) == pytest.approx(metric.perfect, abs=1e-6)


@pytest.mark.real_data
def test_labelled_nuclei_are_told_positive_from_negative(deepliif: Path) -> None:
    """Six Ki67 tiles, 590 labelled nuclei (580 and some specks) of which 80 are positive: F1 0.90, at least 0.85."""
    called, truth = [], []
    for picture, labels, kept, number in labelled_nuclei(deepliif):
        centres = (np.array(ndimage.center_of_mass(labels > 0, labels, kept)) + 0.5) * 0.25
        dab = separate(read(picture), Separation()).dab[0].numpy()
        called.append(dab_of_nuclei(dab, centres, mpp=0.25) > POSITIVE_OD)
        truth.append(np.arange(len(kept)) < number)
    positive, true = np.concatenate(called), np.concatenate(truth)
    assert len(true) >= 580
    assert 2 * (positive & true).sum() / (positive.sum() + true.sum()) >= 0.85
