"""Laws that every registered perturbation keeps, and proof that each law can be broken."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from tests.stress.tiles import IDS, MPP, perturb, phantoms
from vstain_bench.errors import Undefined
from vstain_bench.judge.perturbations import PERTURBATIONS, Draw, Perturbation, PerturbationContext, untouched
from vstain_bench.judge.perturbations.definition import perturbation
from vstain_bench.types import Images, Pixels

NAMES = PERTURBATIONS.names()
WHAT_IT_MAY_LEAVE = {"jpeg_444": 0.03, "jpeg_420": 0.25}
"""Largest difference at no severity: JPEG rounds to 8 bits and to coefficients even at quality 100, and 4:2:0 halves
the chroma at any."""


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def broken(request: pytest.FixtureRequest) -> Iterator[Callable[[Callable[[Pixels, Draw], Pixels]], str]]:
    """A way to register a perturbation for one test."""
    added = "test_broken"

    def register(alter: Callable[[Pixels, Draw], Pixels]) -> str:
        perturbation(added, summary="x", family="x", unit="x", levels=(1.0, 2.0), kind="defect", seeds=2)(alter)
        return added

    yield register
    PERTURBATIONS.remove(added)


def _middle(name: str) -> float:
    levels = PERTURBATIONS[name].levels
    return levels[len(levels) // 2]


def _law_identity(name: str) -> None:
    images = phantoms()
    assert torch.equal(perturb(name, images, 0.0), images)
    left = (perturb(name, images, 1e-6) - images).abs().max()
    assert left <= WHAT_IT_MAY_LEAVE.get(name, 1e-4), f"{left:.4f} is left at no severity"


def test_no_severity_is_identity(name: str) -> None:
    _law_identity(name)


def test_the_law_of_identity_can_be_broken(broken: Callable[..., str]) -> None:
    with pytest.raises(AssertionError, match="is left at no severity"):
        _law_identity(broken(lambda picture, draw: picture * 0.9))


def _law_batches(name: str) -> None:
    images, severity = phantoms(), _middle(name)
    partner = images.flip(3)
    together = perturb(name, images, severity, partner=partner)
    again = perturb(name, images, severity, partner=partner)
    assert torch.equal(again, together), "the same seed gave other bytes"
    for order in ([2, 0, 1], [1], [0, 2]):
        apart = perturb(name, images[order], severity, ids=tuple(IDS[n] for n in order), partner=partner[order])
        assert torch.equal(apart, together[order]), "the bytes depend on the batch"


def test_bytes_depend_on_seed_and_tile_alone(name: str) -> None:
    state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002 - the global state is guarded
    before = phantoms().clone()
    _law_batches(name)
    assert torch.equal(phantoms(), before), "the images were changed in place"
    assert torch.equal(torch.get_rng_state(), state[0])
    assert np.array_equal(np.random.get_state()[1], state[1])  # noqa: NPY002


def test_the_law_of_batches_can_be_broken(broken: Callable[..., str]) -> None:
    random = np.random.default_rng(0)
    with pytest.raises(AssertionError, match="the same seed gave other bytes"):
        _law_batches(broken(lambda picture, draw: picture * np.float32(random.uniform())))


def test_shape_range_and_type_are_kept(name: str) -> None:
    images = phantoms()[:, :, :80, :]
    for severity in (PERTURBATIONS[name].levels[0], PERTURBATIONS[name].levels[-1]):
        altered = perturb(name, images, severity)
        assert altered.shape == images.shape
        assert altered.dtype == torch.float32
        assert bool(torch.isfinite(altered).all())
        assert 0 <= float(altered.min()) <= float(altered.max()) <= 1


def test_only_storage_rounds_to_8_bits(name: str) -> None:
    altered = perturb(name, phantoms() * 0.987, _middle(name)) * 255
    whole = bool(((altered - altered.round()).abs() < 1e-3).all())
    assert whole == (PERTURBATIONS[name].kind == "storage")


def _law_seeds(name: str) -> None:
    images, definition = phantoms(), PERTURBATIONS[name]
    results = [perturb(name, images, definition.levels[-1], seed=seed) for seed in range(2)]
    same = torch.equal(*results)
    assert same == (definition.seeds == 1), "seeds are declared and make no difference" if same else "undeclared seeds"
    twins = perturb(name, images[:1].expand(2, -1, -1, -1), definition.levels[-1])
    if definition.seeds == 1:
        assert torch.equal(twins[0], twins[1])


def test_seeds_differ_where_there_are_seeds(name: str) -> None:
    _law_seeds(name)


def test_the_law_of_seeds_can_be_broken(broken: Callable[..., str]) -> None:
    with pytest.raises(AssertionError, match="seeds are declared and make no difference"):
        _law_seeds(broken(lambda picture, draw: picture * 0.9))


def _losses(name: str) -> np.ndarray:
    """The change at each level, over the tiles on which every level could be done."""
    images, definition = phantoms(), PERTURBATIONS[name]
    seeds, levels = range(min(definition.seeds, 3)), definition.levels
    changes = [[(perturb(name, images, level, seed=seed) - images).abs() for seed in seeds] for level in levels]
    tiles = np.array([[change.mean(dim=(1, 2, 3)).numpy() for change in row] for row in changes])
    done = (tiles > 0).all(axis=0)
    assert done.any(), "premise: it can be done on some tile"
    means: np.ndarray = tiles[:, done].mean(axis=1)
    return means


def _law_growth(name: str) -> None:
    losses = _losses(name)
    assert np.all(np.diff(losses) > 0), f"more changes no more: {losses}"


def test_more_of_it_changes_more(name: str) -> None:
    _law_growth(name)


def test_the_law_of_growth_can_be_broken(broken: Callable[..., str]) -> None:
    with pytest.raises(AssertionError, match="more changes no more"):
        _law_growth(broken(lambda picture, draw: picture * np.float32(1 - 0.1 / draw.severity)))


def _coarse(images: Images) -> Images:
    return torch.nn.functional.avg_pool2d(images, 2)


def _law_micrometres(name: str) -> None:
    """The same tissue at half the pixel size changes alike when seen at one scale."""
    severity, size = PERTURBATIONS[name].levels[-2], 128
    fine, plain = phantoms(2 * size, MPP / 2), phantoms(size, MPP)
    at_fine = (_coarse(perturb(name, fine, severity, mpp=MPP / 2)) - _coarse(fine)).abs().mean()
    at_plain = (perturb(name, plain, severity) - plain).abs().mean()
    assert 0.75 < float(at_fine / at_plain) < 1.33, f"{at_fine:.4f} against {at_plain:.4f}"


IN_MICROMETRES = [name for name in NAMES if "mpp" in PERTURBATIONS[name].needs]


@pytest.mark.parametrize("name", IN_MICROMETRES)
def test_micrometres_are_micrometres(name: str) -> None:
    _law_micrometres(name)


def test_the_law_of_micrometres_can_be_broken(broken: Callable[..., str]) -> None:
    with pytest.raises(AssertionError, match="against"):
        _law_micrometres(broken(lambda picture, draw: np.roll(picture, round(draw.severity), axis=0)))


@pytest.mark.parametrize("name", IN_MICROMETRES)
def test_without_micrometres_there_is_none(name: str) -> None:
    with pytest.raises(Undefined, match="pass --mpp"):
        perturb(name, phantoms(), _middle(name), mpp=None)


def test_a_definition_says_what_it_is(name: str) -> None:
    definition = PERTURBATIONS[name]
    assert isinstance(definition, Perturbation)
    assert definition.name == name
    assert definition.summary
    assert definition.family
    assert definition.unit
    assert list(definition.levels) == sorted(definition.levels)
    assert definition.levels[0] > 0
    assert definition.seeds >= 1
    assert "µm" not in definition.unit or "mpp" in definition.needs


def test_a_missing_partner_is_told() -> None:
    context = PerturbationContext(severity=100.0, seed=0, ids=IDS, mpp=(MPP,) * 3)
    with pytest.raises(Undefined, match="needs a tile of another group"):
        PERTURBATIONS["mode_collapse"].apply(phantoms(), context)


def test_ids_that_do_not_fit_are_a_bug() -> None:
    context = PerturbationContext(severity=1.0, seed=0, ids=("a",), mpp=(MPP,))
    with pytest.raises(ValueError, match="3 images, 1 ids"):
        PERTURBATIONS["blur"].apply(phantoms(), context)


@pytest.mark.parametrize("name", ["dab_relocation", "deleted_nests"])
def test_where_there_is_no_dab_the_tile_is_left_alone_and_told(name: str) -> None:
    images = phantoms(192, labels=("0", "3+", "0"))
    altered = perturb(name, images, 20.0)
    assert untouched(images, altered) == (True, False, True)
