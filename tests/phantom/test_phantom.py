"""Phantom tissue: the truth is true, the pictures follow from it, and every knob does what it says."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.registration import optical_flow_ilk, phase_cross_correlation

from vstain_bench.errors import UsageError
from vstain_bench.phantom import (
    RUIFROK,
    SCORES,
    SIMULATED_MODELS,
    Defects,
    Displacement,
    PhantomTile,
    phantom_tile,
    plan_phantom,
    render_ihc,
)
from vstain_bench.phantom.stains import stain_slides, transmit


@pytest.fixture(scope="module")
def tile() -> PhantomTile:
    return phantom_tile(seed=5, label="3+", group_seed=25, size=192)


def unmix(picture, tile, *, stains, white):
    """Invert Beer-Lambert by least squares with the slide's own vectors: optical density of each stain."""
    density = -np.log10(np.maximum(picture.astype(np.float64), 1 / 255) / white)
    matrix = np.stack([tile.tissue.stain.vectors[name] for name in stains])
    solved = density.reshape(-1, 3) @ np.linalg.pinv(matrix)
    return dict(zip(stains, np.moveaxis(solved.reshape(*picture.shape[:2], len(stains)), -1, 0), strict=True))


def unmix_ihc(picture, tile):
    return unmix(picture, tile, stains=("counterstain", "dab"), white=tile.tissue.stain.real_white)


def correlation(first, second):
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


# --- Pictures


@pytest.mark.parametrize(
    ("size", "mpp"),
    [
        (64, 0.5),  # smallest tile in use
        ((71, 100), 0.5),  # neither square nor even
        (64, 0.25),  # 40x
        ((33, 64), 1.0),  # two samples per pixel
        (48, 1.3),  # a pixel that is no multiple of the sample
    ],
)
def test_any_size_gives_8_bit_pictures_and_maps_of_that_size(size, mpp):
    made = phantom_tile(seed=1, size=size, mpp=mpp, misalignment=Displacement(shift_um=(1.0, -2.0)))
    shape = (size, size) if isinstance(size, int) else size
    for picture in (made.source, made.real):
        assert picture.shape == (*shape, 3)
        assert picture.dtype == np.float32
        levels = np.arange(256, dtype=np.uint8).astype(np.float32) / np.float32(255)
        assert np.isin(picture, levels).all()
    truth = made.truth
    for name in ("tumour", "background", "haematoxylin", "eosin", "counterstain", "dab"):
        assert getattr(truth, name).shape == shape, name
    assert np.all((truth.nuclei_px >= -0.5) & (truth.nuclei_px < np.array(shape) - 0.5))
    assert np.allclose(truth.nuclei_um, (truth.nuclei_px + 0.5) * mpp)


def test_same_seed_same_bytes_and_another_seed_other_bytes(tile):
    again = phantom_tile(seed=5, label="3+", group_seed=25, size=192)
    assert again.source.tobytes() == tile.source.tobytes()
    assert again.real.tobytes() == tile.real.tobytes()
    assert again.generated("shifted").image.tobytes() == tile.generated("shifted").image.tobytes()
    for other in ({"seed": 6, "group_seed": 25}, {"seed": 5, "group_seed": 26}):
        changed = phantom_tile(**other, label="3+", size=192)
        assert abs(correlation(changed.truth.haematoxylin, tile.truth.haematoxylin)) < 0.2


def test_light_follows_beer_lambert():
    vectors = {name: np.array(RUIFROK[name]) / np.linalg.norm(RUIFROK[name]) for name in ("haematoxylin", "dab")}
    densities = {"haematoxylin": np.full((1, 1), 0.4), "dab": np.full((1, 1), 0.9)}
    light = transmit(densities, vectors, np.array([0.9, 0.91, 0.92]))
    # H (0.65, 0.70, 0.29) has norm 0.998299, DAB (0.27, 0.57, 0.78) has norm 1.003095.
    expected = [
        0.9 * 10 ** -(0.4 * 0.65 / 0.998299 + 0.9 * 0.27 / 1.003095),
        0.91 * 10 ** -(0.4 * 0.70 / 0.998299 + 0.9 * 0.57 / 1.003095),
        0.92 * 10 ** -(0.4 * 0.29 / 0.998299 + 0.9 * 0.78 / 1.003095),
    ]
    assert light.ravel() == pytest.approx(expected, rel=1e-5)


def test_stain_vectors_stay_near_ruifrok_and_white_is_not_255():
    for group_seed in range(12):
        stain = stain_slides(group_seed)
        for name, usual in (("haematoxylin", "haematoxylin"), ("counterstain", "haematoxylin"), ("dab", "dab")):
            cosine = stain.vectors[name] @ np.array(RUIFROK[usual]) / np.linalg.norm(RUIFROK[usual])
            assert 0.990 < cosine < 1.0, name
        for white in (stain.source_white, stain.real_white):
            assert np.all((white > 0.88) & (white < 0.985))


def test_maps_invert_from_the_pictures(tile):
    seen = unmix_ihc(tile.real, tile)
    # The picture is blurred by 0.28 µm, the truth is not.
    assert correlation(seen["dab"], tile.truth.dab) > 0.95
    assert seen["dab"].mean() == pytest.approx(tile.truth.dab.mean(), rel=0.04)
    assert seen["counterstain"].mean() == pytest.approx(tile.truth.counterstain.mean(), rel=0.04)
    glass = tile.truth.background
    assert glass.sum() > 100
    assert tile.truth.dab[glass].mean() < 0.1 * tile.truth.dab.mean()


def test_source_and_real_show_the_same_nuclei(tile):
    source = unmix(tile.source, tile, stains=("haematoxylin", "eosin"), white=tile.tissue.stain.source_white)[
        "haematoxylin"
    ]
    real = unmix_ihc(tile.real, tile)["counterstain"]
    other = phantom_tile(seed=6, label="3+", group_seed=25, size=192)
    assert correlation(source, real) > 0.8
    assert abs(correlation(source, unmix_ihc(other.real, other)["counterstain"])) < 0.2


# --- Truth


def test_nuclei_are_where_the_truth_says(tile):
    truth = tile.truth
    rows, columns = np.rint(truth.nuclei_px).astype(int).T
    at_centres = truth.counterstain[rows, columns]
    assert np.median(at_centres) > 3 * np.median(truth.counterstain)
    # Nuclei that touch no other and no border: the centre of mass lies where the truth has the centre.
    labels, count = ndimage.label(truth.counterstain > 0.12)
    owner = labels[rows, columns]
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    lone = [n for n in range(1, count + 1) if np.count_nonzero(owner == n) == 1 and n not in border]
    assert len(lone) >= 15
    centres = np.array(ndimage.center_of_mass(labels > 0, labels, lone))
    stated = np.array([truth.nuclei_px[owner == n][0] for n in lone])
    errors = np.hypot(*(centres - stated).T) * truth.mpp
    assert np.median(errors) < 0.5
    assert np.quantile(errors, 0.9) < 0.8


def test_sizes_are_those_of_cells(tile):
    truth = tile.truth
    diameters = 2 * np.sqrt(truth.radii_um.prod(axis=1))
    assert np.all((diameters[truth.kinds == 0] > 5.5) & (diameters[truth.kinds == 0] < 9.5))
    assert np.all(diameters[truth.kinds == 2] < 7.2)
    area = truth.tumour.sum() * truth.mpp**2 / np.count_nonzero(truth.kinds == 0)
    # A circle of 12 to 16.5 µm; cells at septa lose some area, and some have their nucleus outside the tile.
    assert 12.0 < 2 * np.sqrt(area / np.pi) < 16.5


def test_anatomy_depends_on_neither_label_size_nor_pixel_size():
    made = phantom_tile(seed=3, size=128, mpp=0.5)
    larger = phantom_tile(seed=3, size=192, mpp=0.5)
    assert np.allclose(larger.truth.dab[32:-32, 32:-32], made.truth.dab, atol=1e-9)
    for size, mpp in ((256, 0.25), (64, 1.0)):
        other = phantom_tile(seed=3, size=size, mpp=mpp)
        assert len(other.truth.nuclei_um) == pytest.approx(len(made.truth.nuclei_um), abs=1)
        distance = cKDTree(other.truth.nuclei_um).query(made.truth.nuclei_um)[0]
        assert np.quantile(distance, 0.95) < 1e-6
        assert other.truth.dab.mean() == pytest.approx(made.truth.dab.mean(), rel=0.02)
        if mpp > 0.5:  # a pixel is the mean of the finer ones within it
            halves = made.truth.dab.reshape(64, 2, 64, 2).mean(axis=(1, 3))
            assert np.allclose(other.truth.dab, halves, atol=1e-9)
    other = phantom_tile(seed=3, size=128, mpp=0.5, label="0")
    assert np.array_equal(other.truth.haematoxylin, made.truth.haematoxylin)


def test_dab_rises_with_the_score():
    seeds = range(8)
    means = np.array(
        [
            [unmix_mean_dab(phantom_tile(seed=seed, group_seed=seed, size=96, label=label)) for label in SCORES]
            for seed in seeds
        ]
    )
    assert np.all(np.diff(means, axis=1) > 0), "the same tissue with a higher score has more DAB"
    zero, one, two, three = means.mean(axis=0)
    assert 0.0 < zero < 0.02
    assert 1.5 < one / zero < 4.0
    assert 2.0 < two / one < 5.0
    assert 1.8 < three / two < 4.0
    assert np.all(means.std(axis=0)[1:] / means.mean(axis=0)[1:] > 0.1), "tiles of a score have some spread"


def unmix_mean_dab(made):
    return float(unmix_ihc(made.real, made)["dab"].mean())


@pytest.mark.parametrize(
    ("label", "low", "high"), [("0", 0.0, 0.0), ("1+", 0.15, 0.7), ("2+", 0.5, 0.95), ("3+", 0.9, 1.0)]
)
def test_positive_cells_follow_the_score(label, low, high):
    truth = phantom_tile(seed=2, group_seed=2, label=label).truth
    assert np.count_nonzero(truth.kinds == 0) > 30
    assert low <= truth.positive[truth.kinds == 0].mean() <= high
    assert not truth.positive[truth.kinds != 0].any()


def test_tiles_of_a_group_are_alike():
    groups, tiles = 6, 4
    colours = np.array(
        [[phantom_tile(seed=t, group_seed=g, size=96).source.mean() for t in range(tiles)] for g in range(groups)]
    )
    between = tiles * colours.mean(axis=1).var(ddof=1)
    within = colours.var(axis=1, ddof=1).mean()
    intraclass = (between - within) / (between + (tiles - 1) * within)
    assert 0.15 < intraclass < 0.95


# --- Knobs


@pytest.mark.parametrize("gain", [0.25, 0.4, 0.8, 1.25, 1.5])
def test_gain_comes_back_from_the_picture(tile, gain):
    seen = unmix_ihc(render_ihc(tile.tissue, Defects(dab_gain=gain)).image, tile)
    real = unmix_ihc(tile.real, tile)
    assert seen["dab"].mean() / real["dab"].mean() == pytest.approx(gain, rel=0.04)
    assert seen["counterstain"].mean() == pytest.approx(real["counterstain"].mean(), rel=0.06)


@pytest.mark.parametrize(
    "shift_um",
    [
        (1.2, 1.6),  # 2 µm away: 2.4 and 3.2 px
        (0.125, -0.25),  # a fraction of a pixel
        (-4.0, 0.5),
    ],
)
def test_shift_comes_back_by_phase_correlation(tile, shift_um):
    moved = render_ihc(tile.tissue, Defects(displacement=Displacement(shift_um=shift_um)), exposure="moved").image
    window = np.outer(np.hanning(192), np.hanning(192))
    grey = [(picture.mean(axis=2) - picture.mean()) * window for picture in (moved, tile.real)]
    found = phase_cross_correlation(*grey, upsample_factor=50, normalization=None)[0]
    assert found * tile.truth.mpp == pytest.approx(shift_um, abs=0.1 * tile.truth.mpp)


def test_shift_brings_in_tissue_and_invents_no_border():
    made, larger = phantom_tile(seed=8, size=96), phantom_tile(seed=8, size=160)
    for pixels in ((6, -10), (-30, 31)):
        shift_um = (0.5 * pixels[0], 0.5 * pixels[1])
        moved = render_ihc(made.tissue, Defects(displacement=Displacement(shift_um=shift_um)))
        window = np.s_[32 - pixels[0] : 128 - pixels[0], 32 - pixels[1] : 128 - pixels[1]]
        assert moved.dab == pytest.approx(larger.truth.dab[window], abs=1e-6)


def test_rotation_turns_about_the_centre(tile):
    turned = render_ihc(tile.tissue, Defects(displacement=Displacement(rotation_degrees=90.0)))
    # Positive turns the right side down: clockwise, which is three quarter turns for rot90.
    assert turned.dab == pytest.approx(np.rot90(tile.truth.dab, k=3), abs=1e-6)


@pytest.mark.parametrize("size_um", [0.5, 1.0])
def test_elastic_displacement_has_the_stated_size(tile, size_um):
    displacement = Displacement(elastic_um=size_um, elastic_length_um=32.0)
    moved = render_ihc(tile.tissue, Defects(displacement=displacement))
    assert moved.injected.elastic_um == pytest.approx(size_um)
    flow = optical_flow_ilk(moved.image.mean(axis=2), tile.real.mean(axis=2), radius=12)
    seen = np.hypot(*flow)[16:-16, 16:-16] * tile.truth.mpp
    assert np.sqrt(np.mean(seen**2)) == pytest.approx(size_um, rel=0.3)


def test_misalignment_moves_the_real_picture_only(tile):
    moved = phantom_tile(seed=5, label="3+", group_seed=25, size=192, misalignment=Displacement(shift_um=(2.0, 0.0)))
    assert np.array_equal(moved.source, tile.source)
    assert np.array_equal(moved.truth.dab, tile.truth.dab)
    assert np.array_equal(moved.generated("blurred").image, tile.generated("blurred").image)
    assert moved.truth.misalignment.defects.displacement.shift_um == (2.0, 0.0)
    seen = unmix_ihc(moved.real, moved)["dab"]
    assert correlation(seen[4:], tile.truth.dab[:-4]) > 0.95 > 0.5 > correlation(seen, tile.truth.dab)


def test_blur_is_a_gaussian_of_the_stated_width(tile):
    blurred = render_ihc(tile.tissue, Defects(blur_um=1.5)).image.astype(np.float64)
    frequency = np.fft.rfftfreq(192, d=tile.truth.mpp)
    window = np.hanning(192)[:, None] * np.hanning(192)
    power = [
        (np.abs(np.fft.rfft((picture.mean(axis=2) - picture.mean()) * window, axis=1)) ** 2).mean(axis=0)
        for picture in (blurred, tile.real.astype(np.float64))
    ]
    band = (frequency > 0.04) & (frequency < 0.16)
    slope = np.polyfit(frequency[band] ** 2, np.log(power[0] / power[1])[band], 1)[0]
    # |exp(-2 π² σ² f²)|² has the logarithm -4 π² σ² f².
    assert np.sqrt(-slope / (4 * np.pi**2)) == pytest.approx(1.5, rel=0.05)


def test_hallucinated_nests_have_the_stated_area_on_negative_tissue():
    made = phantom_tile(seed=4, label="1+", group_seed=4, size=256)
    plain = render_ihc(made.tissue)
    one, two = (render_ihc(made.tissue, Defects(hallucinate=n, hallucinate_radius_um=14.0)) for n in (1, 2))
    assert len(one.injected.hallucinated_um2) == 1
    assert two.injected.hallucinated_um2[:1] == one.injected.hallucinated_um2
    assert sum(two.injected.hallucinated_um2) == pytest.approx(2 * np.pi * 14.0**2, rel=0.35)
    added = two.dab - plain.dab
    assert added.min() > -1e-12
    assert np.all(added[made.truth.tumour] < 0.6 * added.max())
    assert added[~made.truth.tumour].sum() > 0.97 * added.sum()
    # DAB was added on about the stated area.
    area = np.count_nonzero(added > 0.03) * made.truth.mpp**2
    assert area == pytest.approx(sum(two.injected.hallucinated_um2), rel=0.2)


def test_omitted_nests_lose_their_dab_and_keep_their_nuclei(tile):
    plain, without = render_ihc(tile.tissue), render_ihc(tile.tissue, Defects(omit=1))
    lost = plain.dab - without.dab
    assert lost.min() > -1e-12
    assert np.array_equal(without.counterstain, plain.counterstain)
    (area,) = without.injected.omitted_um2
    assert np.count_nonzero(lost > 0.03) * tile.truth.mpp**2 == pytest.approx(area, rel=0.12)


def test_relocated_dab_keeps_its_total_and_leaves_the_tumour(tile):
    moved = render_ihc(tile.tissue, Defects(relocate=0.6))
    total = tile.truth.dab.sum()
    assert moved.dab.sum() == pytest.approx(total, rel=1e-9)
    assert moved.injected.relocated_od_um2 == pytest.approx(0.6 * total * tile.truth.mpp**2, rel=1e-9)
    tumour = tile.truth.tumour
    assert moved.dab[tumour].sum() < 0.6 * tile.truth.dab[tumour].sum()
    assert moved.dab[~tumour].sum() > 3 * tile.truth.dab[~tumour].sum()


def test_exposures_differ_by_the_noise_of_the_sensor(tile):
    first, second = (render_ihc(tile.tissue, exposure=name).image.astype(np.float64) for name in ("a", "b"))
    difference = (first - second)[tile.truth.background]
    # Two noises of 0.007 · sqrt(light) and two roundings of 1/255 uniform steps.
    light = first[tile.truth.background].mean()
    expected = np.sqrt(2 * (0.007**2 * light + (1 / 255) ** 2 / 12))
    assert difference.std() == pytest.approx(expected, rel=0.08)


def test_simulated_models_are_ordered_by_their_faults(tile):
    error = {name: float(np.abs(tile.generated(name).image - tile.real).mean()) for name in SIMULATED_MODELS}
    assert min(error, key=lambda name: error[name]) == "faithful"
    assert error["faithful"] > 0.005, "a model has its own noise"
    dab = {name: tile.generated(name).dab.mean() / tile.truth.dab.mean() for name in SIMULATED_MODELS}
    assert dab["under_stained"] == pytest.approx(0.4, rel=0.03)
    assert dab["faithful"] == pytest.approx(0.97, rel=0.03)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: phantom_tile(seed=-1), "seed"),
        (lambda: phantom_tile(seed=1, label="2"), "one of 0, 1+, 2+, 3+"),
        (lambda: phantom_tile(seed=1, size=8), "16 px or more"),
        (lambda: phantom_tile(seed=1, mpp=0.0), "0.05 to 4"),
        (lambda: phantom_tile(seed=1, mpp=float("nan")), "0.05 to 4"),
        (lambda: Defects(dab_gain=-1.0), "dab_gain"),
        (lambda: Defects(blur_um=float("inf")), "blur_um"),
        (lambda: Defects(relocate=1.5), "relocate"),
        (lambda: Displacement(elastic_um=-1.0), "elastic_um"),
        (lambda: Displacement(shift_um=(float("nan"), 0.0)), "shift_um"),
        (lambda: plan_phantom(groups=0), "groups"),
        (lambda: render_ihc(phantom_tile(seed=1, size=64).tissue, Defects(omit=50)), "50 nests to omit"),
        (lambda: render_ihc(phantom_tile(seed=1, size=64).tissue, Defects(hallucinate=60)), "no room for nest"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(UsageError) as fault:
        call()
    assert message in str(fault.value)
