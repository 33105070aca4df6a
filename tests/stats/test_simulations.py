"""The simulations of benchmarks/statistics run, their pages hold every row, and in small the rules keep their word."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.scripts import BENCHMARKS, load_benchmark

FOLDER = BENCHMARKS / "statistics"
SCRIPTS = ("means", "comparing", "ranks", "gates", "rates", "marks", "distances")


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    monkeypatch.syspath_prepend(str(FOLDER))
    yield lambda name: load_benchmark(f"statistics/{name}")
    for name in ("before", "studies"):
        sys.modules.pop(name, None)


def first_cells(text: str) -> list[str]:
    return [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| ") and "---" not in line]


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_page_is_that_of_its_script(load, name: str) -> None:  # type: ignore[no-untyped-def]  # a fixture
    page = (FOLDER / f"{name}.md").read_text("utf-8")
    assert first_cells(page) == first_cells("\n".join(load(name).lines(3)))
    assert f"{name}.md" in Path(FOLDER / "README.md").read_text("utf-8")


def test_means_cover_and_the_old_rule_did_not(load) -> None:  # type: ignore[no-untyped-def]  # a fixture
    means: ModuleType = load("means")
    found = means.coverage(3, "unequal", "normal", 600)
    assert 0.92 <= found["mean over patients"] <= 0.98
    assert found["before"] < 0.85
    assert 0.92 <= means.coverage(17, "unequal", "normal", 600)["mean over patients"] <= 0.98


def test_rates_cover_and_the_old_rule_did_not(load) -> None:  # type: ignore[no-untyped-def]  # a fixture
    before, after, points = load("rates").coverage(6, 0.99, True, 300)
    assert after >= 0.93
    assert before < 0.6
    assert points > 0.3


def test_a_gate_sees_what_an_interval_passed(load) -> None:  # type: ignore[no-untyped-def]  # a fixture
    found = load("gates").passed(6, 0.05, 200)
    assert found["ci (before)"] > 0.85
    assert found["paired 2 %"] < 0.2


def test_three_trainings_and_a_family_hold_their_level(load) -> None:  # type: ignore[no-untyped-def]  # a fixture
    _, step_down = load("comparing").family(8, 0.0, "normal", 300)
    assert step_down <= 0.09
    holm, step_down = load("comparing").family(6, 7.0, "normal", 50)
    assert (holm, step_down) == (0.0, 1.0)
