"""What controls say of a model: decided by patients, by attainable controls alone, and never by a ceiling."""

import numpy as np
import pytest

from vstain_bench.measure.controls import CONTROLS
from vstain_bench.measure.marks import Pair, bars, is_bar, marks_of
from vstain_bench.metrics import build

PATIENTS = np.repeat([f"p{number:02d}" for number in range(12)], 2)


def pair(gain: float, spread: float, seed: int = 0) -> Pair:
    """A model that is better than a control by ``gain`` on average, under mae (lower is better)."""
    random = np.random.default_rng(seed)
    control = random.uniform(0.3, 0.5, size=(24, 1))
    return Pair(control - gain - spread * random.standard_normal((24, 1)), control, PATIENTS)


def test_what_is_made_from_the_answer_or_perfect_by_construction_is_no_bar() -> None:
    assert bars(build("ssim")) == {"control:other-colour", "control:other-real", "control:source-copy"}
    assert bars(build("css")) == {"control:other-colour", "control:other-real"}, "the H&E copied is 1 under CSS"
    assert bars(build("dab_od_bias")) == set(), "of a bias, whose target is 0, nothing is said"
    assert {name for name in CONTROLS if CONTROLS[name].role == "oracle"} == {"blurred-real", "mean-colour"}
    assert not is_bar(CONTROLS["mean-colour"], build("psnr"))


@pytest.mark.parametrize(
    ("gain", "spread", "expected"),
    [
        (0.10, 0.01, ((), (), ())),  # shown to be better: nothing to say
        (0.01, 0.20, ((), (), ("c",))),  # ahead by less than chance
        (0.00, 0.00, (("c",), (), ())),  # a tie is no victory
        (-0.10, 0.01, (("c",), ("c",), ())),  # shown to be worse
    ],
)
def test_three_states(gain: float, spread: float, expected: tuple[tuple[str, ...], ...]) -> None:
    found = marks_of(build("mae"), {"c": pair(gain, spread)}, seed=0)
    assert (found.unbeaten, found.outdone, found.untold) == expected


def test_patients_decide_not_tiles() -> None:
    """Twenty tiles of one patient are worse, one of each of four others is better: the mean over patients leads."""
    groups = np.array(["many"] * 20 + ["a", "b", "c", "d"])
    control = np.full((24, 1), 0.4)
    model = np.where(groups == "many", 0.41, 0.30)[:, None]
    assert (model - control).mean() > -0.02, "premise: over tiles there is next to no difference"
    assert marks_of(build("mae"), {"c": Pair(model, control, groups)}, seed=0).unbeaten == ()


def test_a_metric_of_whole_sets_is_judged_by_leaving_patients_out() -> None:
    metric = build("psnr_pooled")
    random = np.random.default_rng(1)
    errors = random.uniform(0.01, 0.02, size=(24, 1))
    better, worse = Pair(errors / 4, errors, PATIENTS), Pair(errors * 4, errors, PATIENTS)
    assert marks_of(metric, {"c": better}, seed=0).unbeaten == ()
    assert marks_of(metric, {"c": better}, seed=0).untold == ()
    assert marks_of(metric, {"c": worse}, seed=0).outdone == ("c",)


def test_nothing_is_said_of_a_control_without_values() -> None:
    assert marks_of(build("mae"), {}, seed=0).unbeaten == ()
    empty = Pair(np.full((24, 1), np.inf), np.full((24, 1), np.inf), PATIENTS)
    assert marks_of(build("psnr"), {"c": empty}, seed=0).unbeaten == ()
