"""DISTS against the library that carries its authors' code and against plain arithmetic, given the same weights."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from tests.networks.seeded_weights import dists_values, register, trunk_values
from vstain_bench.errors import MachineError, UsageError
from vstain_bench.metrics import dists as module
from vstain_bench.metrics.definition import build
from vstain_bench.metrics.dists import to_reference_size
from vstain_bench.networks.weights import DISTS, VGG16, WEIGHTS, WeightsStore, WeightsUnavailable, use_store
from vstain_bench.types import Batch, Images, View

pytestmark = pytest.mark.usefixtures("seeded_weights")


def tiles(count: int, height: int = 64, width: int = 64, seed: int = 0) -> Images:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def found(generated: Images, real: Images, **params: object) -> list[float]:
    ids = tuple(f"tile{index}" for index in range(len(real)))
    views = {"generated": View(ids, "model", generated), "real": View(ids, "real", real)}
    return build("dists", params).observe(Batch(views)).flatten().tolist()  # type: ignore[arg-type]


def by_torchmetrics(monkeypatch: pytest.MonkeyPatch, generated: Images, real: Images) -> list[float]:
    import torchvision
    from torchmetrics.functional.image import dists as library

    with torch.device("meta"):
        features = torchvision.models.vgg16(weights=None).features
    values = {key[9:]: value for key, value in trunk_values("vgg16").items() if key.startswith("features.")}
    features.load_state_dict(values, assign=True)
    monkeypatch.setattr(library, "vgg16", lambda weights: SimpleNamespace(features=features))
    network = library.DISTSNetwork(load_weights=False).double()
    for name, value in dists_values().items():
        getattr(network, name).data = value.double()
    with torch.no_grad():
        return network(generated.double(), real.double()).tolist()


@pytest.mark.parametrize(
    ("height", "width"),
    [(64, 64), (65, 90), (16, 24)],  # a usual side, sides that no stride divides, the smallest
)
def test_equals_torchmetrics(monkeypatch: pytest.MonkeyPatch, height: int, width: int) -> None:
    generated, real = tiles(3, height, width, 1), tiles(3, height, width, 2)
    expected = by_torchmetrics(monkeypatch, generated, real)
    assert found(generated, real) == pytest.approx(expected, rel=1e-6, abs=0)
    assert found(generated, real, input_size="native") == pytest.approx(expected, rel=1e-6, abs=0)
    assert min(expected) > 1e-2  # random weights still give distances that a relative tolerance can judge


def pooled(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square under a Hann window, one place after the other."""
    hann = np.hanning(5)[1:-1]
    window = np.outer(hann, hann) / np.outer(hann, hann).sum()
    padded = np.pad(signal**2, ((0, 0), (1, 1), (1, 1)))
    height, width = -(-signal.shape[1] // 2), -(-signal.shape[2] // 2)
    result = np.empty((len(signal), height, width))
    for i in range(height):
        for j in range(width):
            result[:, i, j] = (padded[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3] * window).sum(axis=(1, 2))
    return np.sqrt(result + 1e-12)


def plain_layers(image: torch.Tensor) -> list[NDArray[np.float64]]:
    """The image and five layers of VGG-16 in float64, each convolution a sum over its nine taps."""
    values = {name: value.double().numpy() for name, value in trunk_values("vgg16").items()}
    image = image.double()
    signal = (
        (image - torch.tensor([0.485, 0.456, 0.406])[:, None, None].double())
        / torch.tensor([0.229, 0.224, 0.225])[:, None, None].double()
    ).numpy()
    layers = [image.numpy()]
    for places in ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)):
        if len(layers) > 1:
            signal = pooled(signal)
        for place in places:
            padded, kernel = np.pad(signal, ((0, 0), (1, 1), (1, 1))), values[f"features.{place}.weight"]
            height, width = signal.shape[1:]
            signal = sum(
                np.tensordot(kernel[:, :, i, j], padded[:, i : i + height, j : j + width], axes=1)
                for i in range(3)
                for j in range(3)
            )
            signal = np.maximum(signal + values[f"features.{place}.bias"][:, None, None], 0)
        layers.append(signal)
    return layers


def test_equals_plain_arithmetic() -> None:
    generated, real = tiles(1, 21, 32, 1), tiles(1, 21, 32, 2)
    alpha, beta = (each.double().numpy().ravel() for each in dists_values().values())
    similarity, place = 0.0, 0
    for one, other in zip(plain_layers(generated[0]), plain_layers(real[0]), strict=True):
        for x, y in zip(one, other, strict=True):
            covariance = np.cov(x.ravel(), y.ravel(), bias=True)
            texture = (2 * x.mean() * y.mean() + 1e-6) / (x.mean() ** 2 + y.mean() ** 2 + 1e-6)
            structure = (2 * covariance[0, 1] + 1e-6) / (covariance[0, 0] + covariance[1, 1] + 1e-6)
            similarity += alpha[place] * texture + beta[place] * structure
            place += 1
    assert place == len(alpha) == 1475
    expected = 1 - similarity / (alpha.sum() + beta.sum())
    assert found(generated, real) == pytest.approx([expected], rel=1e-6, abs=0)


def test_identical_tiles_have_distance_zero() -> None:
    assert found(tiles(2), tiles(2)) == [0.0, 0.0]


def test_larger_tiles_are_brought_to_the_reference_size(monkeypatch: pytest.MonkeyPatch) -> None:
    assert module.REFERENCE_SIDE == 256
    monkeypatch.setattr(module, "REFERENCE_SIDE", 32)  # of the same proportions, and quick
    generated, real = tiles(1, 36, 40, 1), tiles(1, 36, 40, 2)
    smaller = [to_reference_size(each[0])[None] for each in (generated, real)]
    assert smaller[0].shape == (1, 3, 32, 35)  # 40 x 32 / 36, rounded down
    reference = found(generated, real)
    assert reference == found(*smaller, input_size="native")
    assert abs(reference[0] - found(generated, real, input_size="native")[0]) > 1e-3


@pytest.mark.parametrize("shape", [(512, 512), (300, 411)])
def test_the_resize_is_that_of_the_authors_but_for_rounding(shape: tuple[int, int]) -> None:
    """They resize 8-bit images with torchvision, that is Pillow's bilinear filter."""
    codes = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    ours = to_reference_size(torch.from_numpy(codes).permute(2, 0, 1) / 255)
    size = (ours.shape[2], ours.shape[1])
    theirs = np.asarray(Image.fromarray(codes).resize(size, Image.Resampling.BILINEAR), dtype=np.float64)
    assert np.abs(255 * ours.permute(1, 2, 0).numpy() - theirs).max() < 1.01  # rounded twice, by rows and columns


def weigh(folder: Path, patch: pytest.MonkeyPatch, seeded: Path, values: dict[str, torch.Tensor]) -> WeightsStore:
    """Return a store with the seeded VGG-16 and these channel weights."""
    path = folder / WEIGHTS[DISTS].file
    torch.save(values, path)
    register(patch, DISTS, path)
    vgg = folder / WEIGHTS[VGG16].file
    if not vgg.exists():
        vgg.symlink_to(seeded / WEIGHTS[VGG16].file)
    return WeightsStore(folder, offline=True)


def test_texture_may_be_elsewhere_structure_may_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seeded_weights: Path
) -> None:
    """The same noise displaced by whole places of every layer: nothing to alpha but at the border, all to beta."""
    real, values = tiles(1, 128, 128, 1), dists_values()
    displaced = real.roll((64, 64), dims=(2, 3))
    alone: list[float] = []
    for name in ("beta", "alpha"):
        folder = tmp_path / name
        folder.mkdir()
        store = weigh(folder, monkeypatch, seeded_weights, values | {name: torch.zeros(1, 1475, 1, 1)})
        with use_store(store):
            alone += found(displaced, real)
    texture, structure = alone
    assert 0 < texture < 0.01
    assert 0.1 < structure < 1.3  # less than 1, since the zeros around a tile are where they were


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"beta": None}, "Missing key.*beta"),
        ({"gamma": torch.zeros(1)}, "Unexpected key.*gamma"),
        ({"alpha": torch.zeros(1, 1474, 1, 1)}, "size mismatch.*alpha"),
    ],
)
def test_keys_must_fit_exactly(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seeded_weights: Path,
    change: dict[str, torch.Tensor | None],
    message: str,
) -> None:
    values = {key: value for key, value in (dists_values() | change).items() if value is not None}
    store = weigh(tmp_path, monkeypatch, seeded_weights, values)
    with use_store(store), pytest.raises(MachineError, match=message):
        found(tiles(1), tiles(1))


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seeded_weights: Path) -> None:
    """The name under which the file must lie is told, since its address ends with another."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / WEIGHTS[VGG16].file).symlink_to(seeded_weights / WEIGHTS[VGG16].file)
    with (
        use_store(WeightsStore(tmp_path, offline=True)),
        pytest.raises(WeightsUnavailable, match=r"weights\.pt into .* as DISTS_weights-f5e65c96\.pth"),
    ):
        found(tiles(1), tiles(1))


def test_signature_names_size_and_weights() -> None:
    metric, native = build("dists"), build("dists", {"input_size": "native"})
    assert "|input_size:256|resize:bilinear-antialias|net:vgg-l2pool|" in metric.signature
    assert "|input_size:native|resize:none|" in native.signature
    assert all(WEIGHTS[name].short_hash in metric.signature for name in (VGG16, DISTS))


def test_another_size_is_refused() -> None:
    with pytest.raises(UsageError, match="'256', 'native'"):
        build("dists", {"input_size": "512"})
