"""Laws that every registered metric keeps, and proof that each law can be broken."""

import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from vstain_bench.errors import UsageError
from vstain_bench.metrics import METRICS, build, mean_metric, record_of, restore
from vstain_bench.phantom import Defects, phantom_tile, render_ihc
from vstain_bench.types import Batch, Images, Metric, RowArray, Side, View

SMALL_SIDE, LARGE_SIDE = 64, 176  # the larger is the smallest side that every metric takes
ALL = [0, 1, 2, 3]
LABELS = ("0", "0", "3+", "3+")  # of tiles that are 0, 1+, 2+ and 3+: in order, and two of each
WHITE_IS_WORSE = {  # noise has dark pixels everywhere and satisfies these; empty glass does not
    "omitted_dab_area", "mask_tpr_kataria", "dab_class_order_violations",
}  # fmt: skip
REGISTERED = ("ssim_registered", "psnr_registered", "lpips_registered", "registration_residual", "registration_refused")
SMALL: dict[str, dict[str, object]] = {
    "kid_subsets": {"subsets": 3, "size": 3},  # its default needs 1,000 tiles
    **{name: {"bound_um": 2.0} for name in REGISTERED},  # a bound of 8 µm has no null within 32 µm
}
OTHER = {  # another value of every parameter
    "sigma": 2.0, "k1": 0.02, "k2": 0.02, "subsets": 4, "size": 2, "seed": 1, "resize": "tf1", "encoder": "inception",
    "background": "245", "vectors": "hed", "weak": 0.2, "moderate": 0.4, "strong": 0.6, "top": 3,
    "block_um": 4.0, "tolerance_um": 1.0, "radius_um": 5.0, "detector": "log-both-stains", "core_um": 3.0,
    "order": "0<3+",
    "pool_um": 6.0, "bound_um": 4.0,
    "level": 3, "orientations": 6, "window": 5, "k": 0.001, "weighting": "uniform", "input_size": "native",
}  # fmt: skip


def test_a_table_gives_the_metric_back(metric: Metric) -> None:
    record = record_of(metric)
    again = restore(record.definition, json.loads(json.dumps(record.params)), record.name)
    assert again.signature == metric.signature
    assert again.rows == metric.rows
    assert record_of(again) == record


RESTORED = [
    (lambda params: params.pop("pad"), "no parameter 'pad'; expected valid"),
    (lambda params: params.update(pad="reflect"), "parameter 'pad' is reflect; expected valid"),
    (lambda params: params.update(gamma=2), "parameter 'gamma' is 2; expected none of that name"),
    (lambda params: params.update(sigma="wide"), "expected a float such as 1.5"),
]


@pytest.mark.parametrize(("damage", "words"), RESTORED, ids=[words[:20] for _, words in RESTORED])
def test_a_table_of_another_definition_is_refused(damage: Callable[[dict[str, object]], object], words: str) -> None:
    params: dict[str, object] = dict(record_of(build("ssim", {"sigma": 2.0})).params)
    damage(params)
    with pytest.raises(UsageError, match=words):
        restore("ssim", params)


def test_a_distance_over_a_file_is_restored_without_the_file() -> None:
    again = restore("fd", {"encoder": "timm-uni-0123456789ab"}, "fd_uni")
    assert again.signature == "fd_uni|cmp:generated-real|encoder:timm-uni-0123456789ab|v:1"
    assert again.rows == "features:timm-uni-0123456789ab:generated-real"


def test_slides_are_part_of_what_is_restored() -> None:
    params = {"background": "slide", "vectors": "h-dab", "slides": "0123456789ab"}
    assert "|slides:0123456789ab|" in restore("dab_ccc", params).signature


def _images(pictures: list[np.ndarray]) -> Images:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


@cache
def _sides(size: int) -> dict[Side, Images]:
    """H&E, real IHC, and a faithful stain of four tiles."""
    tiles = [phantom_tile(seed=seed, label=label, size=size) for seed, label in enumerate(("0", "1+", "2+", "3+"))]
    generated = [render_ihc(tile.tissue, Defects(dab_gain=0.9), exposure="faithful").image for tile in tiles]
    return {
        "source": _images([tile.source for tile in tiles]),
        "real": _images([tile.real for tile in tiles]),
        "generated": _images(generated),
    }


@pytest.fixture(params=METRICS.names())
def metric(request: pytest.FixtureRequest, seeded_weights: Path) -> Metric:
    return build(request.param, SMALL.get(request.param))


@pytest.fixture
def sides(request: pytest.FixtureRequest) -> dict[Side, Images]:
    large = "metric" in request.fixturenames and request.getfixturevalue("metric").minimum_side > SMALL_SIDE
    return _sides(LARGE_SIDE if large else SMALL_SIDE)


def _batch(metric: Metric, sides: dict[Side, Images], chosen: list[int]) -> Batch:
    """A batch of the chosen tiles with only the sides that the metric says it compares."""
    ids = tuple(f"tile{place}" for place in chosen)
    mpp = (1.0,) * len(ids)  # 64 px hold four blocks of 32 µm
    labels = tuple(LABELS[place] for place in chosen)
    return Batch({side: View(ids, side, sides[side][chosen].clone(), mpp, labels=labels) for side in metric.compares})


def _observe(metric: Metric, sides: dict[Side, Images], groups: list[list[int]]) -> RowArray:
    return np.concatenate([metric.observe(_batch(metric, sides, chosen)).cpu().numpy() for chosen in groups])


_known: dict[tuple[str, str, int], RowArray] = {}


def _rows(metric: Metric, sides: dict[Side, Images], variant: str = "faithful") -> RowArray:
    """The rows of all tiles; metrics that share an observation share them here, too."""
    key = (metric.rows, variant, next(iter(sides.values())).shape[-1])
    if key not in _known:
        _known[key] = _observe(metric, sides, [ALL])
    return _known[key]


def _law_split(metric: Metric, sides: dict[Side, Images]) -> None:
    together = _observe(metric, sides, [ALL])
    assert np.array_equal(_observe(metric, sides, [[3], [2, 0], [1]]), together[[3, 2, 0, 1]]), (
        "rows depend on the batch"
    )


def test_rows_do_not_depend_on_batch_or_order(metric: Metric, sides: dict[Side, Images]) -> None:
    _law_split(metric, sides)


def test_the_law_of_splits_can_be_broken(sides: dict[Side, Images]) -> None:
    leaking = mean_metric(
        name="leaking",
        summary="compares with the batch's mean",
        observe=lambda batch: (batch.side("real") - batch.side("real").mean()).abs().mean(dim=(1, 2, 3))[:, None],
        better="lower",
        family="pixel",
        citation="none",
        compares=("real",),
    )
    with pytest.raises(AssertionError, match="rows depend on the batch"):
        _law_split(leaking, sides)


def test_score_does_not_depend_on_the_order_of_rows(metric: Metric, sides: dict[Side, Images]) -> None:
    rows = _rows(metric, sides)
    if metric.name == "kid_subsets":
        pytest.skip("its random subsets are drawn by position, as in the code it stands for; rows come in id order")
    assert metric.score(rows[::-1].copy()) == pytest.approx(metric.score(rows), rel=1e-9, abs=1e-12)


def test_identical_sides_give_the_perfect_value(metric: Metric, sides: dict[Side, Images]) -> None:
    if metric.perfect is None:
        pytest.skip("identical sides have no finite or no fixed value under this metric, as its docstring says")
    same = {side: sides["real"] for side in metric.compares}
    assert metric.score(_rows(metric, same, "same")) == pytest.approx(metric.perfect, abs=2e-6)


def test_noise_is_worse_than_a_faithful_stain(metric: Metric, sides: dict[Side, Images]) -> None:
    noise = torch.rand(sides["generated"].shape, generator=torch.Generator().manual_seed(0))
    if metric.name in WHITE_IS_WORSE:
        noise = torch.ones_like(noise)
    faithful = metric.score(_rows(metric, sides))
    rows = _rows(metric, {**sides, "generated": noise}, "noise")
    if metric.name == "registration_residual":  # noise is refused: how far it lies off cannot be known
        assert np.isinf(rows).all()
        return
    spoilt = metric.score(rows)
    if metric.better == "target":
        assert metric.perfect is not None, "a target without a value"
        assert abs(faithful - metric.perfect) < abs(spoilt - metric.perfect)
    else:
        assert (faithful > spoilt) if metric.better == "higher" else (faithful < spoilt)
    for score in (faithful, spoilt):
        assert metric.value_range[0] <= score <= metric.value_range[1]


def test_observing_changes_neither_images_nor_random_state(metric: Metric, sides: dict[Side, Images]) -> None:
    before, torch_state = {side: images.clone() for side, images in sides.items()}, torch.get_rng_state()
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002 - the global state is what is guarded
    metric.score(_observe(metric, sides, [[0, 1, 2]]))
    assert all(torch.equal(sides[side], before[side]) for side in sides)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_leaving_out_equals_scoring_the_rest(metric: Metric, sides: dict[Side, Images]) -> None:
    if metric.leave_out is None or metric.name == "kid_subsets":
        pytest.skip("the table scores each remainder anew")
    rows, blocks = _rows(metric, sides), np.array([0, 1, 0, 2])
    expected = [metric.score(rows[blocks != block]) for block in range(3)]
    assert metric.leave_out(rows, blocks) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def _law_signature(metric: Metric, changed: Iterator[tuple[str, Metric]]) -> None:
    for name, other in changed:
        assert other.signature != metric.signature, f"'{name}' is not in the signature"


def _other(name: str, parameter: str) -> object:
    if (name, parameter) in (("nuclei_positive_fraction_error", "detector"),):
        return "log-haematoxylin"
    default = inspect.signature(METRICS[name]).parameters[parameter].default
    if parameter == "threshold":  # an integer level of light, a share, or a density
        return 255 if isinstance(default, int) else default / 2
    return OTHER[parameter]


def _changes(name: str) -> Iterator[tuple[str, Metric]]:
    for parameter in inspect.signature(METRICS[name]).parameters:
        yield parameter, build(name, {parameter: _other(name, parameter)})


@pytest.mark.parametrize("name", METRICS.names())
def test_every_parameter_is_in_the_signature(name: str, seeded_weights: Path) -> None:
    metric = build(name)
    _law_signature(metric, _changes(name))
    assert replace(metric, version=metric.version + 1).signature != metric.signature
    assert metric.signature.startswith(f"{name}|cmp:{'-'.join(metric.compares)}|")


def test_the_law_of_signatures_can_be_broken() -> None:
    metric = build("ssim")
    with pytest.raises(AssertionError, match="'sigma' is not in the signature"):
        _law_signature(metric, iter([("sigma", build("ssim"))]))


@pytest.mark.parametrize("name", METRICS.names())
def test_a_metric_says_what_it_is(name: str) -> None:
    metric = build(name)
    assert metric.name == name
    assert metric.summary
    assert metric.citation
    assert (METRICS[name].__doc__ or "").strip(), "a definition without a docstring"
    assert metric.perfect is None or metric.value_range[0] <= metric.perfect <= metric.value_range[1]
    assert metric.better in ("higher", "lower", "target")


def test_shared_rows_are_the_same_rows(seeded_weights: Path, sides: dict[Side, Images]) -> None:
    """Two metrics that share an observation must observe the same."""
    by_key: dict[str, list[Metric]] = {}
    for name in METRICS:
        metric = build(name)
        if metric.minimum_side > SMALL_SIDE:
            continue
        by_key.setdefault(metric.rows, []).append(metric)
    shared = [metrics for metrics in by_key.values() if len(metrics) > 1]
    assert shared, "premise: psnr and psnr_pooled, fid and kid share rows"
    for metrics in shared:
        first = _observe(metrics[0], sides, [[0, 1]])
        assert all(np.array_equal(_observe(metric, sides, [[0, 1]]), first) for metric in metrics[1:])
