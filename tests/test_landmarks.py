"""Real sections with landmarks: what registration does to the error, and that it refuses what does not correspond."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.scripts import BENCHMARKS, load_benchmark


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return load_benchmark("registration/landmarks")


def test_the_error_of_held_landmarks_falls_and_unrelated_sections_are_refused(
    benchmark: ModuleType, landmark_sections: tuple[Path, Path]
) -> None:
    pairs = [*benchmark.cima(landmark_sections[0]), *benchmark.birl(landmark_sections[1])]
    assert len(pairs) == 6
    page = (BENCHMARKS / "registration" / "README.md").read_text("utf-8")
    for one, other in pairs:
        found = benchmark.measure(*benchmark.laid_by_half(*benchmark.on_one_canvas(one, other)), 80.0)
        assert found.said.startswith("accepted")
        before, after = np.median(found.before), np.median(found.after)
        assert after < before
        assert benchmark.mirrored(one, other).said.startswith("refused")
        told = next(line for line in page.splitlines() if f"{one.name} – {other.name} | laid by half" in line)
        assert f"| {before:.1f} µm |" in told
        assert f"| {after:.1f} µm |" in told


def test_a_bound_too_long_for_the_section_is_not_decided(
    benchmark: ModuleType, landmark_sections: tuple[Path, Path]
) -> None:
    one, other = benchmark.on_one_canvas(*benchmark.birl(landmark_sections[1])[0])
    found = benchmark.measure(one, other, 320.0)
    assert found.said.startswith("not decided: a tile of 2547 µm holds 3 displacements")
    assert found.after is None


def test_errors_are_distances_in_micrometres(benchmark: ModuleType) -> None:
    """The map that was fitted to half of the landmarks takes an affine displacement off the other half."""
    random = np.random.default_rng(0)
    points = random.uniform(20, 180, (30, 2))
    matrix = np.array([[1.02, 0.1], [-0.1, 0.97]])
    one = benchmark.Section("one", random.uniform(size=(200, 200)), points @ matrix.T + np.array([3, -5]))
    other = benchmark.Section("other", np.zeros((200, 200)), points)
    laid, against = benchmark.laid_by_half(one, other)
    np.testing.assert_allclose(laid.landmarks, against.landmarks, atol=1e-9)
    found = benchmark.measure(benchmark.Section("a", one.haematoxylin, points + np.array([0, 1])), other, 10.0)
    np.testing.assert_allclose(found.before, 3.48)
