"""The intervals and tests keep their promise on simulated studies: a small part of benchmarks/statistics."""

from types import ModuleType

import numpy as np
import pytest

from tests.scripts import BENCHMARKS, load_benchmark
from vstain_bench.stats.intervals import jackknife_interval


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return load_benchmark("statistics/coverage")


CASES = [
    # place in CASES, patients, least and most coverage of 250 studies (standard error 0.014)
    (0, 17, 0.90, 0.98),
    (2, 17, 0.90, 0.98),
    (3, 17, 0.90, 0.98),
    (4, 50, 0.90, 0.99),
    (8, 17, 0.89, 0.98),
]


@pytest.mark.parametrize(("place", "patients", "least", "most"), CASES)
def test_intervals_cover(benchmark: ModuleType, place: int, patients: int, least: float, most: float) -> None:
    assert least <= benchmark.measure(benchmark.CASES[place], patients, 250).coverage <= most


def test_the_jackknife_sees_that_tiles_of_a_patient_are_alike(benchmark: ModuleType) -> None:
    """2,000 means over 17 unequal patients; a formula for independent tiles covers 0.906 here."""
    random, hits = np.random.default_rng(0), 0
    for _ in range(2000):
        groups = benchmark.draw_groups(random, 17)
        values = benchmark.draw_values(random, groups)[:, 0]
        _, index = np.unique(groups, return_inverse=True)
        without = (values.sum() - np.bincount(index, weights=values)) / (len(values) - np.bincount(index))
        interval = jackknife_interval(float(values.mean()), without)
        hits += interval.low <= 0 <= interval.high
    assert 0.92 <= hits / 2000 <= 0.97


def test_the_table_of_the_readme_has_every_case(benchmark: ModuleType) -> None:
    page = (BENCHMARKS / "statistics" / "README.md").read_text("utf-8")
    for case in benchmark.CASES:
        assert f"| {case.name} |" in page
