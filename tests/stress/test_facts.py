"""The command that measures the first figures again: it agrees with them on real tiles, and says where it does not."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from tests.scripts import load_benchmark


@pytest.fixture
def facts() -> ModuleType:
    return load_benchmark("bci/facts")


@pytest.mark.parametrize(
    ("given", "now", "differs"),
    [
        ("0.692", 0.694, False),  # half of the last digit and the tolerance, 0.0005 + 0.002
        ("0.692", 0.695, True),
        ("0.69", 0.695, False),  # two digits say less
        ("0.850", 0.8474, True),
    ],
)
def test_a_figure_agrees_within_its_digits_and_the_tolerance(
    facts: ModuleType, given: str, now: float, differs: bool
) -> None:
    assert facts.TOLERANCE["ssim"] == 0.002, "premise of the cases"
    assert facts.Figure(facts.CASES[0], "ssim", given, now).differs is differs


def test_a_difference_without_a_reason_fails(facts: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    case = replace(facts.CASES[0], reason="")
    assert facts.report([facts.Figure(case, "ssim", "0.414", 0.414)]) == 0
    assert facts.report([facts.Figure(case, "ssim", "0.414", 0.5)]) == 1
    assert "NO REASON KNOWN" in capsys.readouterr().out
    known = replace(case, reason="the border")
    assert facts.report([facts.Figure(known, "ssim", "0.414", 0.5)]) == 0
    assert "* model: the border" in capsys.readouterr().out


@pytest.mark.real_data
def test_the_figures_of_the_real_tiles(facts: ModuleType, bci_pairs: Path) -> None:
    """Every kind of figure once; the command itself measures all 167 in three minutes."""
    names = ("model", "mean colour", "shift 2 px", "shift 16 px", "rotation 1°", "blur sigma 2 px", "DAB x 0")
    cases = tuple(case for case in facts.CASES if case.name in names)
    assert len(cases) == len(names)
    figures = facts.measure(bci_pairs, cases)
    assert [f"{each.case.name} {each.metric} {each.now:.3f}" for each in figures if each.differs] == []
    now = {(each.case.name, each.metric): each.now for each in figures}
    assert now["shift 2 px", "ssim"] == pytest.approx(0.69, abs=0.005)
    assert now["DAB x 0", "ssim"] == pytest.approx(0.85, abs=0.005)
    assert now["shift 16 px", "r64"] > 0.94


@pytest.mark.real_data
def test_the_background_decides(facts: ModuleType, bci_blurry: Path) -> None:
    found = {name: (fixed, own) for name, fixed, own in facts.backgrounds(bci_blurry)}
    assert found["example_row2"] == pytest.approx((1.0, 0.0), abs=0.002)
    assert found["example_row3"] == pytest.approx((0.987, 0.030), abs=0.002)
