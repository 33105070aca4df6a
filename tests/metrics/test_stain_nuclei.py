"""Nuclei: known blobs, the phantom's true nuclei, labelled real ones, and a detector of one's own."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from tests.stain.test_stain import labelled_nuclei
from tests.stain_tiles import pair, read, stained, tensor, view_of
from vstain_bench.errors import UsageError
from vstain_bench.metrics import build
from vstain_bench.metrics.stain_nuclei import f1_of_nuclei, match_nuclei
from vstain_bench.phantom import Defects, Displacement, phantom_tile, render_ihc
from vstain_bench.stain.density import Separation, separate
from vstain_bench.stain.nuclei import NUCLEI_DETECTORS, POSITIVE_OD, Centres, dab_of_nuclei, find_blobs
from vstain_bench.types import View


def test_a_pair_is_one_to_one() -> None:
    first = np.array([[0.0, 0.0], [0.0, 5.0]])
    second = np.array([[0.0, 2.5]])
    assert match_nuclei(first, second, 6.0) == 1
    assert f1_of_nuclei(first, second, 6.0) == pytest.approx(2 / 3)
    chain = np.array([[0.0, 4.0], [0.0, -4.0]])  # the nearest pairing would leave one alone
    assert match_nuclei(first, chain, 4.5) == 2
    assert f1_of_nuclei(np.empty((0, 2)), np.empty((0, 2)), 6.0) == 1.0
    assert f1_of_nuclei(first, np.empty((0, 2)), 6.0) == 0.0


@pytest.mark.parametrize("mpp", [0.25, 0.46, 0.5, 1.0])
def test_discs_are_found_where_they_are_at_any_magnification(mpp: float) -> None:
    centres = np.array([[20.0, 20.0], [20.0, 32.0], [50.0, 30.0], [60.3, 60.8]])
    side = round(80 / mpp)
    place = (np.arange(side) + 0.5) * mpp
    away = np.hypot(place[:, None, None] - centres[:, 0], place[None, :, None] - centres[:, 1]).min(axis=2)
    found = find_blobs(0.1 + 0.25 * np.clip((4.0 - away) / mpp + 0.5, 0, 1), mpp)
    assert len(found) == 4
    nearest = np.hypot(*(found[:, None] - centres).transpose(2, 0, 1)).min(axis=0)
    assert nearest.max() < 0.4
    assert len(find_blobs(np.full((100, 100), 0.3), mpp)) == 0


def test_true_nuclei_of_phantoms_are_found() -> None:
    """All four scores: 309 nuclei within 4 µm at F1 0.90 or more per tile, their number within 15 %."""
    for seed, label in ((1, "0"), (2, "1+"), (3, "2+"), (4, "3+")):
        tile = phantom_tile(seed=seed, label=label, size=256, group_seed=seed)
        (found,) = NUCLEI_DETECTORS["log-haematoxylin"](view_of(tensor(tile.real)), Separation())
        true = tile.truth.nuclei_um
        assert f1_of_nuclei(found, true, 4.0) >= 0.90
        assert len(found) == pytest.approx(len(true), rel=0.15)


def test_displaced_nuclei_agree_and_other_tiles_do_not() -> None:
    tiles = [phantom_tile(seed=seed, label="2+", size=256) for seed in (1, 2)]
    moved = render_ihc(tiles[0].tissue, Defects(displacement=Displacement(shift_um=(2.0, 2.0))), exposure="model").image
    f1 = build("nuclei_f1")
    right, wrong = (float(f1.observe(pair(tensor(each), tensor(tiles[0].real)))) for each in (moved, tiles[1].real))
    assert right > 0.9
    assert wrong < right - 0.2
    counts = build("nuclei_count_error").observe(pair(tensor(moved), tensor(tiles[0].real)))
    assert float(counts) * (256 * 0.5 / 1000) ** 2 <= 8, "nuclei"


def test_a_detector_of_ones_own_is_a_parameter() -> None:
    def corner(view: View, separation: Separation) -> list[Centres]:
        return [np.array([[1.0, 1.0]]) for _ in view.ids]

    NUCLEI_DETECTORS.register("corner")(corner)
    try:
        metric = build("nuclei_f1", {"detector": "corner"})
        images = torch.rand((2, 3, 64, 64), generator=torch.Generator().manual_seed(0))
        assert metric.observe(pair(images, images.flip(2))).flatten().tolist() == [1.0, 1.0]
        assert "detector:corner" in metric.signature
    finally:
        NUCLEI_DETECTORS.remove("corner")
    with pytest.raises(UsageError, match="unknown name"):
        build("nuclei_f1", {"detector": "corner"})


@pytest.mark.real_data
def test_labelled_nuclei_are_found_in_part(deepliif: Path) -> None:
    """590 labelled nuclei (Ki67, 0.25 µm/px): F1 0.75 at 6 µm; touching nuclei and pale ones are what it misses."""
    pairs = found = labelled = 0
    for picture, labels, kept, _ in labelled_nuclei(deepliif):
        (centres,) = NUCLEI_DETECTORS["log-both-stains"](view_of(read(picture), mpp=0.25), Separation())
        true = (np.array(ndimage.center_of_mass(labels > 0, labels, kept)) + 0.5) * 0.25
        pairs += match_nuclei(centres, true, 6.0)
        found, labelled = found + len(centres), labelled + len(true)
    assert labelled == 590
    assert 2 * pairs / (found + labelled) == pytest.approx(0.746, abs=0.01)


def test_the_dab_of_a_nucleus_is_the_mean_of_its_core() -> None:
    dab = np.zeros((40, 40))
    dab[10:20, 10:20] = 0.4
    centres = np.array([[7.5, 7.5], [15.0, 15.0], [0.0, 0.0], [5.0, 7.5]])  # inside, outside, corner, on the edge
    found = dab_of_nuclei(dab, centres, mpp=0.5, radius_um=2.0)
    assert found[:3] == pytest.approx([0.4, 0.0, 0.0])
    assert 0.15 < found[3] < 0.3
    assert dab_of_nuclei(dab, np.empty((0, 2)), mpp=0.5).shape == (0,)


def _field(positive: int, negative: int) -> torch.Tensor:
    """A tile of 64 µm with discs of 4 µm: positive ones of 0.6 OD of DAB, the others of haematoxylin."""
    side = 128
    place = (np.arange(side) + 0.5) * 0.5
    dab, haematoxylin = np.zeros((side, side)), np.full((side, side), 0.05)
    for number in range(positive + negative):
        row, column = divmod(number, 4)
        disc = np.hypot(place[:, None] - 10 - 14 * row, place[None] - 10 - 14 * column) < 4
        (dab if number < positive else haematoxylin)[disc] = 0.6
    stain = stained(dab, haematoxylin=0.0)
    counter = stained(np.zeros((side, side)), haematoxylin=0.0)
    light = 10 ** -(torch.from_numpy(haematoxylin).float() * torch.tensor([0.650, 0.704, 0.286]).view(3, 1, 1))
    return stain * counter * light[None]


def test_the_index_of_positive_nuclei_is_counted_on_both_sides() -> None:
    metric = build("nuclei_positive_fraction_error", {"background": "255"})
    rows = metric.observe(
        pair(torch.cat([_field(6, 6), _field(0, 0)]), torch.cat([_field(3, 9), _field(0, 0)]))
    ).numpy()
    assert rows.tolist() == [[12, 6, 12, 3], [0, 0, 0, 0]]
    assert metric.values is not None
    assert metric.values(rows).tolist() == [0.25, 0.0]
    assert metric.describe is not None
    assert metric.describe(rows)["generated"] == {"nuclei": 12, "positive nuclei": 6}
    for threshold, positive in ((0.55, [6, 3]), (0.65, [0, 0])):
        other = build("nuclei_positive_fraction_error", {"background": "255", "threshold": threshold})
        assert other.observe(pair(_field(6, 6), _field(3, 9))).tolist() == [[12, positive[0], 12, positive[1]]]


@pytest.mark.real_data
def test_labelled_nuclei_are_told_apart_at_their_centres(deepliif: Path) -> None:
    """590 labelled nuclei, 80 of them positive: F1 0.901 from the discs of 2 µm at the threshold of the metric."""
    called, truth = [], []
    for picture, labels, kept, number in labelled_nuclei(deepliif):
        centres = (np.array(ndimage.center_of_mass(labels > 0, labels, kept)) + 0.5) * 0.25
        dab = separate(read(picture), Separation()).dab[0].numpy()
        called.append(dab_of_nuclei(dab, centres, mpp=0.25) > POSITIVE_OD)
        truth.append(np.arange(len(kept)) < number)
    positive, true = np.concatenate(called), np.concatenate(truth)
    assert 2 * (positive & true).sum() / (positive.sum() + true.sum()) == pytest.approx(0.901, abs=0.005)
