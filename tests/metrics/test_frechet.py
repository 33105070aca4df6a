"""Fréchet distance: closed forms, both numerical forms, torch-fidelity's function, and the metrics built on it."""

import numpy as np
import pytest
import torch

from vstain_bench.errors import Undefined
from vstain_bench.metrics.definition import build
from vstain_bench.metrics.frechet import frechet_distance, jackknife_values
from vstain_bench.types import Batch, RowArray, View

INCEPTION = ["fid", "fid_tf", "fid_pytorchfid", "fid_torchmetrics"]


def features(tiles: int, size: int, seed: int) -> RowArray:
    """Return correlated, positive, skewed features whose variances fall by four orders, as a network's do."""
    generator = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(size, size)) / np.sqrt(size)
    spectrum = np.logspace(0, -2, size)
    rows: RowArray = np.abs(generator.normal(size=(tiles, size)) * spectrum @ mixing + 0.3).astype(np.float32)
    return rows


def with_statistics(tiles: int, mean: float, deviations: np.ndarray) -> RowArray:
    """Return features whose sample mean and covariance are exactly ``mean`` and ``diag(deviations^2)``."""
    raw = np.random.default_rng(0).normal(size=(tiles, len(deviations)))
    white, _ = np.linalg.qr(raw - raw.mean(axis=0))
    rows: RowArray = white * np.sqrt(tiles - 1) * deviations + mean
    return rows


def by_torch_fidelity(generated: RowArray, real: RowArray) -> float:
    from torch_fidelity import metric_fid

    from vstain_bench.networks.torchvision_schema import prepare_torchvision

    prepare_torchvision()
    both = [metric_fid.fid_features_to_statistics(torch.from_numpy(each)) for each in (generated, real)]
    return float(metric_fid.fid_statistics_to_metric(*both, verbose=False)["frechet_inception_distance"])


def by_nuclear_norm(generated: RowArray, real: RowArray) -> float:
    """Return the distance from singular values, which is exact whatever the rank."""
    means = [each.mean(axis=0, dtype=np.float64) for each in (generated, real)]
    scaled = [(each - mean) / (len(each) - 1) ** 0.5 for each, mean in zip((generated, real), means, strict=True)]
    traces = sum(float(np.square(each).sum()) for each in scaled)
    return (
        float(np.square(means[0] - means[1]).sum()) + traces - 2 * float(np.linalg.norm(scaled[0] @ scaled[1].T, "nuc"))
    )


def by_root_of_product(generated: RowArray, real: RowArray) -> float:
    """Return the distance as pytorch-fid writes it, with scipy's matrix square root."""
    from scipy.linalg import sqrtm

    first, second = (np.cov(each.astype(np.float64), rowvar=False) for each in (generated, real))
    difference = generated.mean(axis=0, dtype=np.float64) - real.mean(axis=0, dtype=np.float64)
    root = np.real(sqrtm(first @ second))
    return float(difference @ difference + np.trace(first) + np.trace(second) - 2 * np.trace(root))


@pytest.mark.parametrize("tiles", [40, 200])  # more tiles than features; the low-rank form at 16 or fewer
@pytest.mark.parametrize("size", [4, 16])
def test_shifted_unit_gaussians(tiles: int, size: int) -> None:
    """Means 0 and 1 with covariance I are the number of features apart."""
    unit = np.ones(size)
    found = frechet_distance(with_statistics(tiles, 0, unit), with_statistics(tiles, 1, unit))
    assert found == pytest.approx(size, rel=1e-10)


@pytest.mark.parametrize("tiles", [12, 100])  # as many as the features have dimensions less one; many more
def test_commuting_covariances(tiles: int) -> None:
    """For diagonal covariances the distance is that of the deviations."""
    first, second = np.linspace(0.1, 2, 11), np.linspace(3, 0.5, 11)
    expected = np.square(first - second).sum() + 11 * 0.25
    found = frechet_distance(with_statistics(tiles, 0, first), with_statistics(tiles, 0.5, second))
    assert found == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("tiles", "size"),
    [(300, 24), (64, 48), (2000, 8)],
)
def test_equals_torch_fidelity_and_the_matrix_root(tiles: int, size: int) -> None:
    generated, real = features(tiles, size, 1), features(tiles, size, 2) * np.float32(1.1)
    found = frechet_distance(generated, real)
    assert found == pytest.approx(by_root_of_product(generated, real), rel=1e-6)
    assert found == pytest.approx(by_torch_fidelity(generated, real), rel=1e-5)  # its means are float32
    wide = [each.astype(np.float64) for each in (generated, real)]
    assert found == pytest.approx(by_torch_fidelity(*wide), rel=1e-6)


def test_few_tiles_equal_torch_fidelity() -> None:
    """With fewer tiles than features the product of covariances is singular, and its root less exact."""
    generated, real = features(20, 60, 1).astype(np.float64), features(20, 60, 2).astype(np.float64) * 1.1
    assert frechet_distance(generated, real) == pytest.approx(by_torch_fidelity(generated, real), rel=1e-6)


@pytest.mark.parametrize("extra", [0, 1, 5])
def test_low_rank_and_eigenvalue_forms_agree(extra: int) -> None:
    """Features that are always 0 change nothing, but with enough of them the low-rank form is used."""
    generated, real = features(50, 20, 1), features(50 + extra, 20, 2)
    zeros = np.zeros((60, 40), dtype=np.float32)
    padded = [np.hstack([each, zeros[: len(each)]]) for each in (generated, real)]
    assert frechet_distance(generated, real) == pytest.approx(frechet_distance(*padded), rel=1e-9)


def test_features_that_never_vary_do_not_break_the_eigenvalue_form() -> None:
    generated, real = features(200, 10, 1), features(200, 10, 2)
    dead = np.full((200, 3), 0.7, dtype=np.float32)
    padded = [np.hstack([each, dead, each[:, :1]]) for each in (generated, real)]  # dead features, and one twice
    assert frechet_distance(*padded) == pytest.approx(by_nuclear_norm(*padded), rel=1e-6)
    plain = [np.hstack([each, dead]) for each in (generated, real)]
    assert frechet_distance(*plain) == pytest.approx(frechet_distance(generated, real), rel=1e-6)


@pytest.mark.parametrize(("tiles", "size"), [(100, 10), (10, 100)])
def test_laws(tiles: int, size: int) -> None:
    generated, real = features(tiles, size, 1), features(tiles, size, 2)
    distance = frechet_distance(generated, real)
    assert 0 <= frechet_distance(real, real) < 1e-7
    assert frechet_distance(real, generated) == pytest.approx(distance, rel=1e-9)
    assert frechet_distance(generated[::-1], real) == pytest.approx(distance, rel=1e-9)
    assert frechet_distance(generated + 5, real + 5) == pytest.approx(distance, rel=1e-4)  # float32 features
    assert frechet_distance(generated * 2, real * 2) == pytest.approx(4 * distance, rel=1e-9)


@pytest.mark.parametrize("fewest", [0, 1])
def test_one_tile_has_no_covariance(fewest: int) -> None:
    with pytest.raises(Undefined, match=f"at least two tiles, there are {fewest}"):
        frechet_distance(features(5, 3, 1), features(5, 3, 2)[:fewest])


@pytest.mark.parametrize(
    ("tiles", "size"),
    [(120, 6), (30, 40), (24, 20)],  # covariances downdated; low rank; some remainders above, some below the size
)
def test_jackknife_equals_scoring_each_remainder(tiles: int, size: int) -> None:
    generated, real = features(tiles, size, 1), features(tiles, size, 2) + np.float32(3)
    blocks = np.random.default_rng(0).integers(0, 5, tiles) * 10 - 7  # any numbers, unequal sizes, mixed order
    found = jackknife_values(np.hstack([generated, real]), blocks)
    kept = [blocks != number for number in np.unique(blocks)]
    expected = [frechet_distance(generated[each], real[each]) for each in kept]
    assert found.tolist() == pytest.approx(expected, rel=1e-8)
    assert found.std() > 1e-4 * found.mean()  # leaving another block out gives another number


def test_jackknife_needs_two_remaining_tiles() -> None:
    with pytest.raises(Undefined, match="there are 1"):
        jackknife_values(features(3, 4, 1), np.array([0, 0, 1]))


def batch(count: int, side: int = 64) -> Batch:
    generator = torch.Generator().manual_seed(0)
    ids = tuple(f"tile{index}" for index in range(count))
    images = [torch.rand(count, 3, side, side, generator=generator) for _ in range(2)]
    return Batch({"generated": View(ids, "model", images[0]), "real": View(ids, "real", images[1] ** 2)})


@pytest.mark.usefixtures("seeded_weights")
def test_metrics_score_what_their_encoder_gives() -> None:
    tiles = batch(2, 80)
    scores = {}
    for name in [*INCEPTION, "fd_random", "fd"]:
        metric = build(name)
        rows = metric.observe(tiles)
        assert rows.shape == (2, 1024 if "random" in metric.signature else 4096)
        half = rows.shape[1] // 2
        scores[name] = metric.score(rows.numpy())
        assert scores[name] == frechet_distance(rows[:, :half].numpy(), rows[:, half:].numpy()) > 0
    assert len({scores[name] for name in INCEPTION}) == 4
    assert scores["fd"] == scores["fd_random"]


def test_rows_are_shared_and_signatures_are_not() -> None:
    assert build("fid").rows == build("kid").rows == f"features:{build('fid').params['encoder']}:generated-real"
    names = [*INCEPTION, "fd_random"]
    assert len({build(name).rows for name in names}) == len({build(name).signature for name in names}) == 5
    assert build("fd", {"encoder": "inception:tf1"}).rows == build("fid_tf").rows
    assert build("fd", {"encoder": "inception:tf1"}).signature != build("fid_tf").signature
    assert build("fid").needs == build("fd", {"encoder": "inception"}).needs == ("inception-2015-12-05",)
    assert build("fd_random").needs == ()
