"""ST-LPIPS against its authors' package and against plain arithmetic, given the same weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.networks.seeded_weights import SHIFT_TOLERANT, register, shift_tolerant_values
from vstain_bench.errors import MachineError
from vstain_bench.metrics.definition import build
from vstain_bench.networks.weights import ST_LPIPS_ALEX, WEIGHTS, WeightsStore, WeightsUnavailable, use_store
from vstain_bench.types import Batch, Images, View

pytestmark = pytest.mark.usefixtures("seeded_weights")
NETS = {"st_lpips": "alex", "st_lpips_vgg": "vgg"}


def tiles(count: int, height: int = 64, width: int = 64, seed: int = 0) -> Images:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def found(name: str, generated: Images, real: Images) -> list[float]:
    ids = tuple(f"tile{index}" for index in range(len(real)))
    views = {"generated": View(ids, "model", generated), "real": View(ids, "real", real)}
    return build(name).observe(Batch(views)).flatten().tolist()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        ("st_lpips", (64, 64), [0.804029167, 0.803577065, 0.801341176]),
        ("st_lpips", (65, 96), [0.797139049, 0.802464724, 0.783965170]),
        ("st_lpips_vgg", (64, 64), [0.768685520, 0.767149925, 0.753873765]),
        ("st_lpips_vgg", (65, 96), [0.765911341, 0.758386612, 0.762917399]),
    ],
)
def test_equals_the_package_of_its_authors(name: str, size: tuple[int, int], expected: list[float]) -> None:
    """Its module with these very weights, loaded strictly, which also proves their names.

    stlpips_pytorch 0.0.2: ``m = LPIPS(pretrained=False, net=NET, variant="shift_tolerant")``,
    ``m.load_state_dict(shift_tolerant_values(NET))``, ``m(tiles(3, *size, 1), tiles(3, *size, 2), normalize=True)``.
    It is no dependency: parts of it are under a non-commercial licence.
    """
    assert found(name, tiles(3, *size, 1), tiles(3, *size, 2)) == pytest.approx(expected, rel=2e-6, abs=0)


def slide(signal: NDArray[np.float64], kernel: NDArray[np.float64], margin: int = 0) -> NDArray[np.float64]:
    """Convolve (c, h, w) with (o, c, k, k), zeros around it, one tap after the other."""
    padded, taps = np.pad(signal, ((0, 0), (margin, margin), (margin, margin))), kernel.shape[-1]
    height, width = padded.shape[1] - taps + 1, padded.shape[2] - taps + 1
    result = np.zeros((len(kernel), height, width))
    for i in range(taps):
        for j in range(taps):
            result += np.tensordot(kernel[:, :, i, j], padded[:, i : i + height, j : j + width], axes=1)
    return result


def largest(signal: NDArray[np.float64], taps: int) -> NDArray[np.float64]:
    windows = np.lib.stride_tricks.sliding_window_view(signal, (taps, taps), axis=(1, 2))
    return windows.max(axis=(3, 4))


def blurred(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    padded = np.pad(signal, ((0, 0), (2, 2), (2, 2)), mode="reflect")
    rows = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
    return ((rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 4)[:, ::2, ::2]


def plain_layers(net: str, image: torch.Tensor) -> list[NDArray[np.float64]]:
    """The five layers in float64: after each convolution its ReLU, in AlexNet's first only after the smoothing."""
    values = {name: value.double().numpy() for name, value in shift_tolerant_values(net).items()}
    signal = 2 * image.double().numpy() - 1
    signal = (signal - values["scaling_layer.shift"][0]) / values["scaling_layer.scale"][0]
    layers: dict[str, NDArray[np.float64]] = {}
    for name, shape in SHIFT_TOLERANT[net].items():
        first = name == "slice1.0" and net == "alex"
        if isinstance(shape, int):
            signal = (
                np.maximum(blurred(signal), 0) if first or name == "slice1.1" else blurred(largest(signal, POOL[net]))
            )
        else:
            kernel, taps = values[f"net.{name}.weight"], shape[2]
            signal = slide(signal, kernel, 2 if taps == 11 else taps // 2)
            signal += values[f"net.{name}.bias"][:, None, None]
            signal = signal if first else np.maximum(signal, 0)
        layers[name.partition(".")[0]] = signal
    return list(layers.values())


POOL = {"alex": 3, "vgg": 2}


@pytest.mark.parametrize("name", NETS)
def test_equals_plain_arithmetic(name: str) -> None:
    net = NETS[name]
    generated, real = tiles(1, 26, 31, 1), tiles(1, 26, 31, 2)
    expected = 0.0
    for number, pair in enumerate(zip(plain_layers(net, generated[0]), plain_layers(net, real[0]), strict=True)):
        one, other = (layer / (np.linalg.norm(layer, axis=0) + 1e-10) for layer in pair)
        sums = shift_tolerant_values(net)[f"lin{number}.model.1.weight"].double().numpy().reshape(-1, 1, 1)
        expected += (sums * (one - other) ** 2).sum(axis=0).mean()
    assert found(name, generated, real) == pytest.approx([expected], rel=2e-6, abs=0)


@pytest.mark.parametrize("name", NETS)
def test_identical_tiles_have_distance_zero(name: str) -> None:
    assert found(name, tiles(2), tiles(2)) == [0.0, 0.0]


@pytest.mark.parametrize("name", NETS)
def test_smallest_side_is_the_smallest_that_works(name: str) -> None:
    side = build(name).minimum_side
    assert np.isfinite(found(name, tiles(1, side, side), tiles(1, side, side, 1))).all()
    with pytest.raises(RuntimeError):
        found(name, tiles(1, side - 1, side - 1), tiles(1, side - 1, side - 1))


def test_a_displacement_costs_less_than_with_lpips() -> None:
    """The architecture alone, with random weights: share of the distance to unrelated tiles that 1 px costs."""
    still, moved, other = tiles(1, 96, 97, 1)[..., 1:], tiles(1, 96, 97, 1)[..., :-1], tiles(1, 96, 96, 2)
    shares = {name: found(name, moved, still)[0] / found(name, other, still)[0] for name in ("lpips", "st_lpips")}
    assert shares["st_lpips"] < 0.9 * shares["lpips"]


def put(folder: Path, patch: pytest.MonkeyPatch, values: dict[str, torch.Tensor]) -> WeightsStore:
    path = folder / WEIGHTS[ST_LPIPS_ALEX].file
    torch.save(values, path)
    register(patch, ST_LPIPS_ALEX, path)
    return WeightsStore(folder, offline=True)


def test_a_file_without_its_repetitions_is_as_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = found("st_lpips", tiles(1, seed=1), tiles(1, seed=2))
    values = shift_tolerant_values("alex")
    repeated = ("lin0", "lin1", "lin2", "lin3", "lin4", "scaling_layer")
    bare = {key: value for key, value in values.items() if not key.startswith(repeated) and not key.endswith(".filt")}
    with use_store(put(tmp_path, monkeypatch, bare)):
        assert found("st_lpips", tiles(1, seed=1), tiles(1, seed=2)) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"net.slice3.9.bias": None}, "Missing key.*net.slice3.9.bias"),
        ({"lin2.model.1.weight": None, "lins.2.model.1.weight": None}, "Missing key.*lin2.model.1.weight"),
        ({"net.slice6.15.bias": torch.zeros(1)}, "Unexpected key.*net.slice6.15.bias"),
        ({"net.slice1.0.weight": torch.zeros(64, 3, 11, 5)}, "size mismatch.*net.slice1.0.weight"),
        ({"net.slice1.1.filt": torch.ones(64, 1, 3, 3) / 9}, "'net.slice1.1.filt' is not the fixed value"),
        ({"scaling_layer.shift": torch.zeros(1, 3, 1, 1)}, "'scaling_layer.shift' is not the fixed value"),
        ({"lins.1.model.1.weight": torch.zeros(1, 192, 1, 1)}, "'lin1.model.1.weight' and 'lins.1.model.1.weight'"),
    ],
)
def test_keys_must_fit_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, torch.Tensor | None], message: str
) -> None:
    values = {key: value for key, value in (shift_tolerant_values("alex") | change).items() if value is not None}
    with use_store(put(tmp_path, monkeypatch, values)), pytest.raises(MachineError, match=message):
        found("st_lpips", tiles(1), tiles(1))


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with (
        use_store(WeightsStore(tmp_path, offline=True)),
        pytest.raises(WeightsUnavailable, match="alex_shift_tolerant"),
    ):
        found("st_lpips", tiles(1), tiles(1))


def test_signature_names_the_network_and_the_weights() -> None:
    short = WEIGHTS[ST_LPIPS_ALEX].short_hash
    assert f"net:alex-shift-tolerant|heads:ST0.0|range:-1..1|length:norm+1e-10|weights:{short}|" in (
        build("st_lpips").signature
    )
