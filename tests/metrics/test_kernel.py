"""Kernel distance: a double loop, torch-fidelity's functions, its standard error, and the jackknife."""

import numpy as np
import pytest
import torch

from vstain_bench.arrays import RowArray
from vstain_bench.errors import Undefined, UsageError
from vstain_bench.metrics import kernel
from vstain_bench.metrics.definition import build
from vstain_bench.metrics.kernel import (
    gaussian_distance,
    jackknife_values,
    kernel_distance,
    kernel_standard_error,
    subset_distance,
)
from vstain_bench.networks.torchvision_schema import prepare_torchvision


def features(tiles: int, size: int, seed: int, shift: float = 0.0) -> RowArray:
    rows: RowArray = np.abs(np.random.default_rng(seed).normal(0.4 + shift, 0.5, (tiles, size))).astype(np.float32)
    return rows


def by_loops(generated: RowArray, real: RowArray) -> float:
    """Return the definition, term by term."""

    def value(first: RowArray, second: RowArray) -> float:
        return (sum(float(a) * float(b) for a, b in zip(first, second, strict=True)) / len(first) + 1) ** 3

    def within(rows: RowArray) -> float:
        pairs = [value(a, b) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j]
        return sum(pairs) / len(pairs)

    across = [value(a, b) for a in generated for b in real]
    return within(generated) + within(real) - 2 * sum(across) / len(across)


@pytest.mark.parametrize(("ours", "theirs"), [(12, 12), (7, 15), (2, 2)])
def test_equals_a_double_loop(ours: int, theirs: int) -> None:
    generated, real = features(ours, 5, 1, 0.2), features(theirs, 5, 2)
    assert kernel_distance(generated, real) == pytest.approx(by_loops(generated, real), rel=1e-9)


@pytest.mark.parametrize("chunk", [1, 7, 40, 1024])
def test_bands_do_not_change_the_value(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    rows = np.hstack([features(40, 8, 1, 0.2), features(40, 8, 2)])
    expected = kernel_distance(rows[:, :8], rows[:, 8:]), kernel_standard_error(rows)
    monkeypatch.setattr(kernel, "CHUNK", chunk)
    assert (kernel_distance(rows[:, :8], rows[:, 8:]), kernel_standard_error(rows)) == pytest.approx(expected, rel=1e-9)


def by_torch_fidelity(generated: RowArray, real: RowArray, **options: int) -> float:
    prepare_torchvision()
    from torch_fidelity.metric_kid import kid_features_to_metric

    both = [torch.from_numpy(each) for each in (generated, real)]
    return float(kid_features_to_metric(*both, verbose=False, **options)["kernel_inception_distance_mean"])


def test_all_pairs_equal_torch_fidelitys_kernel_in_float64() -> None:
    """One subset of all tiles is the whole set in another order."""
    generated, real = (features(60, 16, seed, seed / 10).astype(np.float64) for seed in (1, 2))
    expected = by_torch_fidelity(generated, real, kid_subsets=1, kid_subset_size=60)
    assert kernel_distance(generated, real) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("tiles", "size", "subsets", "seed"),
    [(150, 100, 20, 2020), (100, 100, 3, 2020), (64, 16, 10, 7)],  # CSSP2P's size and number; all tiles; another seed
)
def test_subsets_equal_torch_fidelity(tiles: int, size: int, subsets: int, seed: int) -> None:
    generated, real = features(tiles, 256, 1, 0.02), features(tiles, 256, 2)
    expected = by_torch_fidelity(generated, real, kid_subsets=subsets, kid_subset_size=size, rng_seed=seed)
    found = subset_distance(generated, real, subsets=subsets, size=size, seed=seed)
    assert found == pytest.approx(expected, rel=1e-6)
    metric = build("kid_subsets", {"subsets": subsets, "size": size, "seed": seed})
    assert metric.score(np.hstack([generated, real])) == found
    if size < tiles:
        assert found != subset_distance(generated, real, subsets=subsets, size=size, seed=seed + 1)


def test_subsets_larger_than_the_set_are_refused() -> None:
    rows = np.hstack([features(99, 4, 1), features(99, 4, 2)])
    with pytest.raises(Undefined, match="subsets of 100 tiles cannot be drawn from 99"):
        build("kid_subsets", {"size": 100}).score(rows)
    assert build("kid_subsets", {"size": 100}).minimum_tiles == 100
    for params in ({"subsets": 0}, {"size": 1}):
        with pytest.raises(UsageError, match="at least one subset of at least two"):
            build("kid_subsets", params)


@pytest.mark.parametrize("paired", [True, False])
def test_standard_error_and_bias(paired: bool) -> None:
    """Over 200 draws of two distributions: spread against the standard error, mean against a large sample.

    Unpaired sides give no bias. Paired ones do, of order 1/n, since k(x_i, y_i) of one tissue is large.
    """
    generator = np.random.default_rng(0)

    def draw(tiles: int) -> RowArray:
        tissue = [generator.normal(0, 0.5, (tiles, 6)) for _ in range(2)]  # what a pair's tiles share, if paired
        noise = [generator.normal(shift, 0.3, (tiles, 6)) for shift in (0.5, 0.2)]
        rows: RowArray = np.hstack([tissue[0] + noise[0], tissue[0 if paired else 1] + noise[1]])
        return rows

    large = draw(4000)
    samples = [draw(40) for _ in range(200)]
    distances = [kernel_distance(*np.hsplit(rows, 2)) for rows in samples]
    errors = [kernel_standard_error(rows) for rows in samples]
    spread = float(np.std(distances))
    assert float(np.mean(errors)) == pytest.approx(spread, rel=0.2)
    bias = float(np.mean(distances)) - kernel_distance(*np.hsplit(large, 2))
    uncertainty = (spread**2 / 200 + kernel_standard_error(large) ** 2) ** 0.5
    assert -10 * uncertainty < bias < -3 * uncertainty if paired else abs(bias) < 3 * uncertainty


def test_laws() -> None:
    generated, real = features(30, 6, 1, 0.3), features(30, 6, 2)
    distance = kernel_distance(generated, real)
    assert distance > 0
    assert kernel_distance(real, generated) == pytest.approx(distance, rel=1e-9)
    assert kernel_distance(generated[::-1], real) == pytest.approx(distance, rel=1e-9)
    assert kernel_distance(real, real) < 0  # without bias: identical samples are nearer than two draws would be
    assert build("kid").perfect is None


@pytest.mark.parametrize("tiles", [0, 1])
def test_too_few_tiles(tiles: int) -> None:
    with pytest.raises(Undefined, match=f"at least two tiles, there are {tiles}"):
        kernel_distance(features(5, 3, 1), features(5, 3, 2)[:tiles])
    with pytest.raises(Undefined, match="at least three tiles, there are 2"):
        kernel_standard_error(features(2, 6, 1))
    with pytest.raises(Undefined, match="there are 1"):
        jackknife_values(features(3, 6, 1), np.array([0, 0, 1]))


@pytest.mark.parametrize("blocks", [5, 40])  # groups; every tile its own
def test_jackknife_equals_scoring_each_remainder(blocks: int) -> None:
    generated, real = features(40, 6, 1, 0.3), features(40, 6, 2)
    generator = np.random.default_rng(0)
    numbers = generator.permutation(40) if blocks == 40 else generator.integers(0, blocks, 40) * 10 - 7
    found = jackknife_values(np.hstack([generated, real]), numbers)
    kept = [numbers != number for number in np.unique(numbers)]
    expected = [kernel_distance(generated[each], real[each]) for each in kept]
    assert len(found) == blocks
    assert found.tolist() == pytest.approx(expected, rel=1e-8)
    assert found.std() > 1e-3 * abs(found.mean())


def test_metrics_and_their_signatures() -> None:
    assert build("kd_random").rows == build("kd").rows == build("fd_random").rows
    assert build("kid_subsets").rows == build("kid").rows
    assert build("kid_subsets", {"resize": "tf1"}).rows == build("fid_tf").rows
    assert "|subsets:100|size:1000|seed:2020|" in build("kid_subsets").signature
    rows = np.hstack([features(20, 8, 1, 0.2), features(20, 8, 2)])
    for name in ("kid", "kd_random", "kd"):
        assert build(name).score(rows) == kernel_distance(rows[:, :8], rows[:, 8:])


def test_gaussian_distance_equals_its_formula_term_by_term() -> None:
    """CMMD as published: unit features, exp(-|a - b|² / (2 × 10²)), plain means with the diagonal, × 1000."""
    generated, real = features(9, 6, 1, 0.3), features(14, 6, 2)
    wide = [each.astype(np.float64) for each in (generated, real)]
    ours, theirs = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in wide)

    def mean(first: RowArray, second: RowArray) -> float:
        return float(np.mean([np.exp(-np.sum((a - b) ** 2) / 200) for a in first for b in second]))

    expected = 1000 * (mean(ours, ours) + mean(theirs, theirs) - 2 * mean(ours, theirs))
    assert gaussian_distance(generated, real) == pytest.approx(expected, rel=1e-5)
    assert gaussian_distance(5 * generated, real) == pytest.approx(expected, rel=1e-5), "length does not count"
    assert gaussian_distance(real, real) == pytest.approx(0.0, abs=1e-9)


def test_gaussian_distance_takes_any_encoder() -> None:
    metric = build("mmd_rbf", {"encoder": "random"})
    assert metric.rows == build("kd_random").rows, "features are computed once"
    rows = np.hstack([features(12, 5, 1, 0.2), features(12, 5, 2)])
    assert metric.score(rows) == pytest.approx(gaussian_distance(rows[:, :5], rows[:, 5:]))
    assert "sigma:10.0|scale:1000.0|norm:unit" in metric.signature
