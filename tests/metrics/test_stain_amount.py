"""Amounts of stain: closed forms, what labels show, and the published figures of four real pairs."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.stain_tiles import pair, read, stained, with_dab
from vstain_bench.errors import Undefined, UsageError
from vstain_bench.metrics import build
from vstain_bench.metrics.stain_amount import SWEEP
from vstain_bench.types import Batch

FIXED = {"background": "255"}


def _value(name: str, batch: Batch, **params: object) -> float:
    metric = build(name, {**FIXED, **params})
    return metric.score(metric.observe(batch).numpy())


def _quarters(*levels: float) -> torch.Tensor:
    """A map of four equal quarters with these optical densities."""
    return torch.tensor(levels).repeat_interleave(16)[None].expand(64, 64).contiguous()


REAL = stained(_quarters(0.0, 0.2, 0.4, 0.6))  # none, weak, moderate, strong; H-score 25 + 50 + 75 = 150
PALE = stained(_quarters(0.0, 0.1, 0.2, 0.3 + 1e-3))  # none, none, weak, moderate; H-score 25 + 50 = 75


@pytest.mark.parametrize(
    ("name", "params", "expected"),
    [
        ("dab_od_bias", {}, -0.14975),  # mean 0.15025 less mean 0.30
        ("dab_od_mae", {}, 0.14975),
        ("dab_w1", {}, 0.14975),  # every pixel only gets paler, so it is the difference of means
        ("dab_positive_fraction_error", {}, 0.25),  # 0.50 against 0.75
        ("dab_positive_fraction_error", {"threshold": 0.45}, 0.25),  # 0 against 0.25
        ("h_score_error", {}, 75.0),
        ("h_score_error", {"strong": 0.65}, 50.0),  # the real tile has no strong quarter then: 125
    ],
)
def test_closed_forms(name: str, params: dict[str, object], expected: float) -> None:
    assert _value(name, pair(PALE, REAL), **params) == pytest.approx(expected, abs=2e-3 if expected < 1 else 1e-3)


def test_stain_that_moves_within_a_tile_changes_no_amount() -> None:
    moved = torch.flip(REAL, dims=(3,))
    for name in ("dab_od_bias", "dab_od_mae", "dab_w1", "dab_js", "dab_positive_fraction_error", "h_score_error"):
        assert _value(name, pair(moved, REAL)) == pytest.approx(0.0, abs=1e-7)


def test_the_sweep_has_both_sides_at_every_threshold() -> None:
    """Quarters at 0, .1, .2 and .301 OD against 0, .2, .4 and .6: shares above 0.05, 0.10, ... 0.50."""
    metric = build("dab_positive_fraction_sweep", FIXED)
    rows = metric.observe(pair(PALE, REAL)).numpy()
    pale = [0.75, 0.5, 0.5, 0.25, 0.25, 0.25, 0.0, 0.0, 0.0, 0.0]
    real = [0.75, 0.75, 0.75, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]
    off = [place for place, threshold in enumerate(SWEEP) if threshold not in (0.1, 0.2, 0.4)]  # levels on a threshold
    assert rows[0, off] == pytest.approx([pale[place] for place in off])
    assert rows[0, [10 + place for place in off]] == pytest.approx([real[place] for place in off])
    assert metric.score(rows) == pytest.approx(np.abs(rows[0, :10] - rows[0, 10:]).mean())
    assert metric.describe is not None
    told = metric.describe(rows)
    assert told["real"]["above 0.15"] == pytest.approx(0.75)
    assert told["generated"]["above 0.45"] == 0.0


def test_the_bands_of_the_h_score_are_told_for_both_sides() -> None:
    metric = build("h_score_error", FIXED)
    assert metric.describe is not None
    told = metric.describe(metric.observe(pair(PALE, REAL)).numpy())
    quarter = pytest.approx(0.25)
    assert told["real"] == {
        "H-score": pytest.approx(150.0), "negative": quarter, "weak": quarter, "moderate": quarter, "strong": quarter,
    }  # fmt: skip
    assert told["generated"]["H-score"] == pytest.approx(75.0)
    assert told["generated"]["negative"] == pytest.approx(0.5)
    with pytest.raises(UsageError, match="ascending order"):
        build("h_score_error", {"weak": 0.4})


def test_correlation_forgives_a_gain_and_concordance_does_not() -> None:
    real = np.array([0.02, 0.05, 0.10, 0.20])
    rows = np.stack([0.5 * real, real], axis=1)
    assert build("dab_tile_r").score(rows) == pytest.approx(1.0)
    spread, offset = real.var(), (real.mean() / 2) ** 2
    assert build("dab_ccc").score(rows) == pytest.approx(spread / (1.25 * spread + offset))
    for name in ("dab_tile_r", "dab_ccc"):
        with pytest.raises(Undefined, match="the same in every tile"):
            build(name).score(np.full((4, 2), 0.1))


@pytest.mark.real_data
def test_figures_of_the_real_pairs(bci_pairs: Path) -> None:
    """facts 1.3: mean DAB over the four tiles correlates at 0.93; 2.3: all DAB erased is -0.07 OD, halved -0.04."""
    files = sorted((bci_pairs / "IHC").iterdir())
    real, model = read(*files), read(*(bci_pairs / "model_output_runA" / file.name for file in files))
    assert _value("dab_tile_r", pair(model, real)) == pytest.approx(0.925, abs=0.001)
    assert _value("dab_ccc", pair(model, real)) == pytest.approx(0.748, abs=0.001)
    for gain, bias, shape in ((0.0, -0.075, 0.948), (0.5, -0.038, 0.513), (0.8, -0.015, 0.208), (2.0, 0.075, 0.525)):
        batch = pair(with_dab(real, gain), real)
        assert _value("dab_od_bias", batch) == pytest.approx(bias, abs=0.001)
        assert _value("dab_w1", batch) == pytest.approx(abs(bias), abs=0.001)
        assert _value("dab_js", batch) == pytest.approx(shape, abs=0.002)
