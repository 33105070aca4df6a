"""Light, background and stain: exact inverses, known amounts, other libraries, and real tiles with labelled nuclei."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from skimage.color import rgb2hed
from torch.utils._python_dispatch import TorchDispatchMode

from tests.stain_tiles import pair, read, stained, tensor, view_of
from vstain_bench.errors import UsageError
from vstain_bench.metrics.stain_amount import positive_fractions
from vstain_bench.phantom import Defects, phantom_tile, render_ihc
from vstain_bench.stain.density import (
    DARKEST,
    FALLBACK,
    VECTORS,
    Separation,
    estimate_vectors,
    estimate_white,
    mix,
    optical_density,
    separate,
    stain_maps,
    unmix,
)


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_vectors_are_of_unit_length_and_unmixing_is_the_inverse(name: str) -> None:
    matrix = VECTORS[name].matrix
    assert np.linalg.norm(matrix, axis=1) == pytest.approx(1.0, abs=1e-12)
    amounts = torch.rand((3, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(unmix(mix(amounts, matrix), matrix), amounts, atol=1e-12)


PUBLISHED = {
    # scikit-image 0.26.0, skimage/color/colorconv.py:646 (rgb_from_hdx), there from G. Landini's ImageJ plug-in
    "h-dab": ((0.650, 0.704, 0.286), (0.268, 0.570, 0.776)),
    # the same file, line 638 (rgb_from_hed): Ruifrok and Johnston 2001, Anal Quant Cytol Histol 23:291-299
    "hed": ((0.65, 0.70, 0.29), (0.07, 0.99, 0.11), (0.27, 0.57, 0.78)),
}


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_vectors_are_those_of_their_source(name: str) -> None:
    stains, rows = VECTORS[name], PUBLISHED[name]
    for row, published in zip(stains.matrix, rows, strict=len(rows) == 3):
        assert row == pytest.approx(np.array(published) / np.linalg.norm(published), abs=1e-12)
    assert (stains.haematoxylin, stains.dab) == (0, 1 if name == "h-dab" else 2), "the row of each stain"


def test_the_residual_of_h_dab_is_square_to_both() -> None:
    first, second, third = VECTORS["h-dab"].matrix
    assert third @ first == pytest.approx(0, abs=1e-12)
    assert third @ second == pytest.approx(0, abs=1e-12)


def test_optical_density_has_its_closed_form_and_its_floor() -> None:
    picture = torch.tensor([1.0, 0.1, 0.0]).view(3, 1, 1)
    white = torch.tensor([1.0, 1.0, 0.5])
    expected = [0.0, 1.0, -np.log10(DARKEST / 0.5)]
    assert optical_density(picture, white).flatten().tolist() == pytest.approx(expected, abs=1e-6)


def test_hed_equals_scikit_image_where_nothing_is_clipped() -> None:
    """scikit-image divides by -ln(1e-6), takes vectors as given and clips at 0: × 6 and each vector's length here."""
    amounts = torch.rand((3, 32, 32), generator=torch.Generator().manual_seed(1)) * 0.4 + 0.02
    picture = 10 ** -mix(amounts, VECTORS["hed"].matrix)
    theirs = rgb2hed(picture.permute(1, 2, 0).numpy())
    lengths = np.linalg.norm([(0.65, 0.70, 0.29), (0.07, 0.99, 0.11), (0.27, 0.57, 0.78)], axis=1)
    maps = separate(picture[None], Separation("255", "hed"))
    assert maps.haematoxylin[0].numpy() == pytest.approx(theirs[..., 0] * 6 * lengths[0], abs=1e-5)
    assert maps.dab[0].numpy() == pytest.approx(theirs[..., 2] * 6 * lengths[2], abs=1e-5)


@pytest.mark.parametrize(
    ("level", "seen"),
    [
        (255, True),
        (200, True),  # grey glass of some scanners
        (150, True),
        (120, False),  # too dark for glass: the fallback
    ],
)
def test_the_background_is_what_glass_lets_through(level: int, seen: bool) -> None:
    dab = torch.zeros(64, 64)
    dab[16:48] = 0.6
    white, glass = estimate_white(stained(dab, haematoxylin=0.0, white=level / 255)[0])
    assert glass is seen
    assert white.tolist() == pytest.approx([level / 255 if seen else FALLBACK] * 3, abs=1e-3)


def test_a_tile_full_of_stain_falls_back_and_says_so() -> None:
    maps = separate(stained(torch.full((64, 64), 0.6)), Separation())
    assert maps.seen == (False,)
    assert maps.white.flatten().tolist() == pytest.approx([FALLBACK] * 3)


def test_known_amounts_come_back_whatever_the_background() -> None:
    dab = torch.zeros(64, 64)
    dab[:32] = torch.linspace(0, 1.2, 64)
    for white in (1.0, 0.7):
        maps = separate(stained(dab, haematoxylin=0.0, white=white), Separation())
        assert maps.dab[0].numpy() == pytest.approx(dab.numpy(), abs=2e-3)
        assert float(maps.haematoxylin.abs().max()) < 2e-3


def test_a_given_background_is_taken_as_given() -> None:
    assert Separation("204").fixed == pytest.approx((0.8,) * 3)
    assert Separation("255/204/51").fixed == pytest.approx((1.0, 0.8, 0.2))
    assert separate(stained(torch.zeros(32, 32)), Separation("204")).white.flatten().tolist() == pytest.approx(
        [0.8] * 3
    )


@pytest.mark.parametrize("wrong", ["slid", "0", "256", "1/2", "", "nan"])
def test_a_wrong_background_is_refused(wrong: str) -> None:
    with pytest.raises(UsageError, match="background"):
        Separation(wrong)


def test_wrong_vectors_are_refused_with_a_proposal() -> None:
    with pytest.raises(UsageError, match="Did you mean 'macenko'"):
        Separation("tile", "macenco")


def test_macenko_finds_the_vectors_that_stained_the_slide() -> None:
    """Both vectors of a phantom slide within 6°, nearer than the usual ones; a tile with one stain has none to find."""
    tiles = [phantom_tile(seed=seed, label="3+", size=192, group_seed=5) for seed in (1, 2)]
    images = tensor(*(tile.real for tile in tiles))
    found = estimate_vectors(list(images), estimate_white(images[0])[0])
    assert found is not None
    true = tiles[0].tissue.stain.vectors
    for row, name in enumerate(("counterstain", "dab")):
        assert np.degrees(np.arccos(found[row] @ true[name])) < 6
    assert estimate_vectors(torch.ones(1, 3, 64, 64), torch.ones(3)) is None
    only = stained(torch.zeros(64, 64), haematoxylin=0.4)
    assert estimate_vectors(only, torch.ones(3)) is None
    assert separate(only, Separation("255", "macenko")).matrices[0] == pytest.approx(VECTORS["h-dab"].matrix)


def test_maps_are_made_once_per_view_and_tile_by_tile() -> None:
    images = torch.rand((3, 3, 40, 40), generator=torch.Generator().manual_seed(3))
    view = view_of(images)
    maps = stain_maps(view, Separation())
    assert stain_maps(view, Separation()) is maps
    assert stain_maps(view, Separation("255")) is not maps
    for place in range(3):
        assert torch.equal(separate(images[place : place + 1], Separation()).dab[0], maps.dab[place])


@pytest.mark.parametrize("gain", [0.5, 0.8, 1.25])
def test_an_injected_gain_is_recovered(gain: float) -> None:
    """On phantoms whose slides have vectors and glass of their own: the change of mean DAB within 0.005 OD or 15 %.

    What remains: the usual vectors are not the slide's, and one grey level of I0 is 0.002 OD.
    """
    for seed, label in ((1, "2+"), (2, "3+"), (3, "3+"), (4, "2+")):
        tile = phantom_tile(seed=seed, label=label, size=192, group_seed=seed)
        generated = render_ihc(tile.tissue, Defects(dab_gain=gain), exposure="model")
        true = float(generated.dab.mean() - tile.truth.dab.mean())
        batch = pair(tensor(generated.image), tensor(tile.real))
        sides = [stain_maps(batch.view(side), Separation()).dab.double().mean() for side in ("generated", "real")]
        assert float(sides[0] - sides[1]) == pytest.approx(true, abs=max(0.005, 0.15 * abs(true)))


class Work(TorchDispatchMode):
    """Counts operations and the numbers that they write."""

    operations = written = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        self.operations += 1
        self.written += sum(
            each.numel() for each in (made if isinstance(made, tuple) else (made,)) if torch.is_tensor(each)
        )
        return made


def test_separating_takes_as_many_operations_for_a_large_tile_and_few_numbers_a_pixel() -> None:
    """What its speed rests on (0.033 s for 1024 px on one idle core): no loop over pixels, no pass too many."""
    tile = tensor(phantom_tile(seed=1, label="3+", size=128).real)
    done = []
    for side in (128, 512):
        with Work() as work:
            separate(tile.repeat(1, 1, side // 128, side // 128), Separation())
        done.append(work)
    assert done[0].operations == done[1].operations
    assert done[1].written / 512**2 < 60, "numbers written per pixel: 46.5"


@pytest.mark.real_data
def test_the_background_decides_the_positive_fraction(bci_blurry: Path) -> None:
    """Grey glass (I0 about 173): at an OD of 0.15 all is positive when I0 is 255, next to nothing when estimated."""
    crops = read(*sorted((bci_blurry / "IHC").iterdir()))
    fractions = {
        background: positive_fractions(separate(crops, Separation(background)).dab, [0.15])[:, 0].tolist()
        for background in ("255", "tile")
    }
    assert fractions["255"] == pytest.approx([0.032, 1.000, 0.987, 0.428], abs=0.002)
    assert fractions["tile"] == pytest.approx([0.025, 0.000, 0.030, 0.310], abs=0.002)


def _labelled(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Positive and negative nuclei of a DeepLIIF segmentation: red and blue; green is border."""
    red, green, blue = np.moveaxis(np.asarray(Image.open(file).convert("RGB")), -1, 0)
    return (red > 128) & (green < 128), (blue > 128) & (green < 128) & (red <= 128)


def labelled_nuclei(folder: Path) -> list[tuple[Path, np.ndarray, np.ndarray, int]]:
    """Per tile: its picture, the label image of its nuclei, their numbers, and how many of the first are positive."""
    found = []
    for pictures, segmentations in (("ihc", "seg_groundtruth"), ("registered6/IHC", "registered6/Seg")):
        for picture in sorted((folder / pictures).iterdir()):
            positive, negative = _labelled(folder / segmentations / picture.name)
            areas, number = ndimage.label(positive)
            rest, more = ndimage.label(negative)
            labels = np.where(rest > 0, rest + number, areas)
            sizes = ndimage.sum_labels(labels > 0, labels, np.arange(1, number + more + 1))
            kept = np.flatnonzero(sizes >= 20) + 1  # specks of the colour coding
            found.append((picture, labels, kept, int((kept <= number).sum())))
    return found


@pytest.mark.real_data
def test_labelled_nuclei_are_told_apart_by_their_dab(deepliif: Path) -> None:
    """590 nuclei, 80 positive (Ki67): mean DAB OD per nucleus at 0.20 gives F1 0.894."""
    dab, positive = [], []
    for picture, labels, kept, number in labelled_nuclei(deepliif):
        maps = separate(read(picture), Separation())
        assert maps.seen == (True,)
        dab.append(np.asarray(ndimage.mean(maps.dab[0].numpy(), labels, kept)))
        positive.append(np.arange(len(kept)) < number)
    density, truth = np.concatenate(dab), np.concatenate(positive)
    assert (len(truth), truth.sum()) == (590, 80)
    for threshold, expected in ((0.15, 0.880), (0.20, 0.894), (0.25, 0.893)):
        called = density > threshold
        score = 2 * (called & truth).sum() / (called.sum() + truth.sum())
        assert score == pytest.approx(expected, abs=0.005)
        assert score >= 0.85
