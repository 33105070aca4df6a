"""LPIPS against the packages that define it, given the same weights."""

import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch

from tests.networks.seeded_weights import register, trunk_values
from vstain_bench.errors import MachineError
from vstain_bench.metrics import activations
from vstain_bench.metrics import lpips as module
from vstain_bench.metrics.definition import build
from vstain_bench.networks import weights
from vstain_bench.networks.weights import WeightsStore, WeightsUnavailable, use_store
from vstain_bench.types import Batch, Images, View

pytestmark = pytest.mark.usefixtures("seeded_weights")
ALL = ["lpips", "lpips_vgg", "lpips_vgg_unscaled"]


def tiles(count: int, height: int = 64, width: int = 64, seed: int = 0) -> Images:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def batch_of(generated: Images, real: Images, owner: str = "model") -> Batch:
    ids = tuple(f"tile{index}" for index in range(len(real)))
    return Batch({"generated": View(ids, owner, generated), "real": View(ids, "real", real)})


def quiet(build_network: Callable[[], torch.nn.Module]) -> torch.nn.Module:
    """Build a library's network; both pass arguments that torchvision warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return build_network()


@cache
def by_lpips(net: str) -> Callable[[Images, Images], torch.Tensor]:
    import lpips

    network = quiet(lambda: lpips.LPIPS(net=net, pnet_rand=True, verbose=False))
    values = trunk_values({"alex": "alexnet", "vgg": "vgg16"}[net])
    for name, value in network.net.state_dict().items():
        value.copy_(values[f"features.{name.partition('.')[2]}"])
    return lambda generated, real: network(generated, real, normalize=True).flatten()


def by_torchmetrics(monkeypatch: pytest.MonkeyPatch, net: str) -> Callable[[Images, Images], torch.Tensor]:
    import torchvision
    from torchmetrics.functional.image import lpips as library

    def features(name: str, pretrained: bool = False) -> torch.nn.Module:
        assert pretrained
        with torch.device("meta"):
            network = getattr(torchvision.models, name)(weights=None).features
        values = {key[9:]: value for key, value in trunk_values(name).items() if key.startswith("features.")}
        network.load_state_dict(values, assign=True)
        return network

    monkeypatch.setattr(library, "_get_tv_model_features", features)
    network = library._NoTrainLpips(net=net)
    return lambda generated, real: library._lpips_update(generated, real, network, normalize=False)


@pytest.mark.parametrize(
    ("name", "net"),
    [("lpips", "alex"), ("lpips_vgg", "vgg")],
)
@pytest.mark.parametrize(
    ("height", "width"),
    [(64, 64), (65, 96), (31, 40)],  # a usual side, sides that no stride divides, AlexNet's smallest
)
def test_equals_the_lpips_package(name: str, net: str, height: int, width: int) -> None:
    generated, real = tiles(3, height, width, 1), tiles(3, height, width, 2)
    with torch.no_grad():
        expected = by_lpips(net)(generated, real)
    found = build(name).observe(batch_of(generated, real)).flatten()
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-6, abs=0)
    assert expected.min() > 1e-3  # random weights still give distances that a relative tolerance can judge


def test_unscaled_equals_torchmetrics_on_the_wrong_range(monkeypatch: pytest.MonkeyPatch) -> None:
    generated, real = tiles(3, seed=1), tiles(3, seed=2)
    with torch.no_grad():
        expected = by_torchmetrics(monkeypatch, "vgg")(generated, real)
    found = build("lpips_vgg_unscaled").observe(batch_of(generated, real)).flatten()
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-6, abs=0)
    right = build("lpips_vgg").observe(batch_of(generated, real)).flatten()
    assert (right > 1.05 * found).all()  # the variant is another number, and looks better than it is


@pytest.mark.parametrize("name", ALL)
def test_identical_tiles_have_distance_zero(name: str) -> None:
    assert build(name).observe(batch_of(tiles(2), tiles(2))).tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize("name", ["lpips", "lpips_vgg_unscaled"])
def test_a_tile_does_not_depend_on_its_batch(name: str) -> None:
    generated, real, metric = tiles(8, seed=1), tiles(8, seed=2), build(name)
    whole = metric.observe(batch_of(generated, real))
    for size in (1, 3):
        parts = [metric.observe(batch_of(*pair)) for pair in zip(generated.split(size), real.split(size), strict=True)]
        assert torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize(("kept_bytes", "expected_passes"), [(1 << 30, 12), (300_000, 14), (1, 15)])
def test_models_share_the_real_side_whatever_is_kept(
    monkeypatch: pytest.MonkeyPatch, kept_bytes: int, expected_passes: int
) -> None:
    """A tile of 64 px takes 127 kB; 4 tiles of 2 models pass 8 times, the kept real ones once, the others twice."""
    real, models = tiles(4, seed=2), [tiles(4, seed=3), tiles(4, seed=4)]
    separate = [build("lpips").observe(batch_of(model, real)) for model in models]
    monkeypatch.setattr(activations, "KEPT_BYTES", kept_bytes)
    passes = []
    original = module.Definition.directions
    monkeypatch.setattr(module.Definition, "directions", lambda *arguments: passes.append(1) or original(*arguments))
    ids = tuple("abcd")
    shared = View(ids, "real", real)
    found = [
        build("lpips").observe(Batch({"generated": View(ids, "model", model), "real": shared})) for model in models
    ]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(found, separate, strict=True))
    assert len(passes) == expected_passes


def test_smallest_side_is_the_smallest_that_works() -> None:
    for name in ALL:
        side = build(name).minimum_side
        assert torch.isfinite(build(name).observe(batch_of(tiles(1, side, side), tiles(1, side, side, 1)))).all()
        with pytest.raises(RuntimeError):
            build(name).observe(batch_of(tiles(1, side - 1, side - 1), tiles(1, side - 1, side - 1)))


def test_signature_names_the_definition_and_the_weights() -> None:
    signatures = {build(name).signature for name in ALL}
    assert len(signatures) == 3
    alex = weights.WEIGHTS[weights.ALEXNET].short_hash
    assert f"net:alex|heads:0.1|range:-1..1|length:norm+1e-10|weights:{alex}+" in build("lpips").signature


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with use_store(WeightsStore(tmp_path, offline=True)), pytest.raises(WeightsUnavailable, match="alexnet-owt"):
        build("lpips").observe(batch_of(tiles(1), tiles(1)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features.0.bias": None}, "Missing key.*slice1.0.bias"),
        ({"features.99.bias": torch.zeros(1)}, "Unexpected key.*features.99.bias"),
        ({"classifier.7.bias": torch.zeros(1)}, "Unexpected key.*classifier.7.bias"),  # not one of torchvision's
        ({"features.0.bias": torch.zeros(1)}, "size mismatch.*slice1.0.bias"),
    ],
)
def test_keys_must_fit_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, torch.Tensor | None], message: str
) -> None:
    values = {key: value for key, value in (trunk_values("alexnet") | change).items() if value is not None}
    path = tmp_path / weights.WEIGHTS[weights.ALEXNET].file
    torch.save(values, path)
    register(monkeypatch, weights.ALEXNET, path)
    with use_store(WeightsStore(tmp_path, offline=True)), pytest.raises(MachineError, match=message):
        build("lpips").observe(batch_of(tiles(1), tiles(1)))
