"""What a sweep says of each metric: does it forgive a right tile elsewhere, and does it notice a wrong one?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vstain_bench.errors import Undefined
from vstain_bench.stats.intervals import seed_of
from vstain_bench.stress.curves import (
    Rate,
    Responses,
    closeness,
    equivalent,
    half_life,
    monotonicity,
    ordering_rate,
    responses,
)
from vstain_bench.stress.definition import PERTURBATIONS
from vstain_bench.stress.sweep import CLEAN
from vstain_bench.types import Metric

DISPLACEMENT = "translation"
DISPLACED = (DISPLACEMENT, "elastic_32um")
"""What moves a right tile, rigidly and elastically."""
ERASED = ("dab_loss", 100.0)
WRONG: dict[str, tuple[float, ...]] = {
    "blur": (0.5, 1.0),
    "dab_loss": (20.0, 50.0),
    "dab_excess": (25.0, 50.0),
    "dab_relocation": (100.0,),
    "hallucinated_nests": (5.0, 10.0),
    "deleted_nests": (5.0, 10.0),
    "jpeg_420": (50.0,),
}
"""Defects that a displaced but right tile has to outrank, with their severities."""
FLOORS = ("control:mean-colour", "control:other-real", "control:source-copy")


@dataclass(frozen=True)
class Verdict:
    """One metric's answers in a row.

    Attributes:
        metric: Its name.
        clean: Mean of the real tile against itself; None where it is infinite.
        floor: Mean of its best trivial output: one colour, another patient's tile, or the H&E copied.
        ordering: By displacement in µm, how often the displaced right tile outranks an aligned wrong one.
        by_defect: The same at the first displacement, by defect and severity.
        half_life_um: Displacement at which half of the range from clean to floor is lost; None where it never is.
        erased_um: Displacement that costs as much as erasing all DAB; None where none does.
        monotone: Share of steps from one level of a defect to the next that make the metric worse, mean over defects.
        notes: What could not be said, and why.
    """

    metric: str
    clean: float | None
    floor: float | None
    ordering: dict[float, Rate]
    by_defect: dict[str, float]
    half_life_um: float | None
    erased_um: float | None
    monotone: float | None
    notes: tuple[str, ...]


def judge(answers: pd.DataFrame, metric: Metric, *, displacements: Sequence[float], seed: int) -> Verdict:
    """Return what the answers (`sweep.read_answers`) say of one metric."""
    own = answers[answers["metric"] == metric.name]
    clean = own[own["perturbation"] == CLEAN]["value"]
    notes: list[str] = []
    floor = _floor(own, metric)
    by_name = {name: answers_to(own, name, notes) for name in sorted(set(own["perturbation"]) & set(PERTURBATIONS))}
    shifts = by_name.get(DISPLACEMENT)
    ordering, by_defect = _ordering(own, metric, displacements, seed, notes)
    return Verdict(
        metric=metric.name,
        clean=_finite(float(clean.mean())) if len(clean) else None,
        floor=floor,
        ordering=ordering,
        by_defect=by_defect,
        half_life_um=_half_life(shifts, floor, seed, notes),
        erased_um=_erased(by_name, metric),
        monotone=_monotone(by_name, metric, seed),
        notes=tuple(dict.fromkeys(notes)),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _floor(own: pd.DataFrame, metric: Metric) -> float | None:
    means = own[own["perturbation"].isin(FLOORS)].groupby("perturbation")["value"].mean().to_numpy(dtype=float)
    means = means[np.isfinite(means)]
    if not len(means):
        return None
    return float(means[int(np.argmax(closeness(means, metric.better, metric.perfect)))])


def answers_to(own: pd.DataFrame, name: str, notes: list[str] | None = None) -> Responses | None:
    """Return one metric's answers to one perturbation, the clean tiles as its severity 0, or None without any."""
    if name not in PERTURBATIONS:
        return None
    clean = own[own["perturbation"] == CLEAN].assign(perturbation=name)
    chosen = own[own["perturbation"] == name]
    clean = clean[clean["tile"].isin(chosen["tile"])]
    try:
        found = responses(pd.concat([clean, chosen]), str(own["metric"].iloc[0]), name)
    except Undefined as reason:
        if notes is not None:
            notes.append(str(reason))
        return None
    if found.left_out and notes is not None:
        notes.append(f"{name}: {found.left_out} tiles left out, without a value at every severity")
    return found


def _half_life(shifts: Responses | None, floor: float | None, seed: int, notes: list[str]) -> float | None:
    if shifts is None or floor is None:
        return None
    try:
        return _finite(half_life(shifts, floor, seed, "log").severity)
    except Undefined as reason:
        notes.append(f"half-life: {reason}")
        return None


def _erased(by_name: dict[str, Responses | None], metric: Metric) -> float | None:
    shifts, erased = by_name.get(DISPLACEMENT), by_name.get(ERASED[0])
    if shifts is None or erased is None or ERASED[1] not in erased.severities:
        return None
    value = float(erased.values[:, list(erased.severities).index(ERASED[1])].mean())
    return _finite(equivalent(shifts, value, better=metric.better, perfect=metric.perfect, scale="log"))


def _monotone(by_name: dict[str, Responses | None], metric: Metric, seed: int) -> float | None:
    shares = [
        monotonicity(found, seed, better=metric.better, perfect=metric.perfect).steps
        for name, found in by_name.items()
        if found is not None and PERTURBATIONS[name].kind == "defect" and np.isfinite(found.mean[1:]).all()
    ]
    return float(np.mean(shares)) if shares else None


def _at(own: pd.DataFrame, name: str, severity: float) -> pd.Series:
    """Return the value of each tile at one severity, seeds averaged."""
    chosen = own[(own["perturbation"] == name) & np.isclose(own["severity"], severity)]
    return chosen.groupby("tile")["value"].mean()


def _ordering(
    own: pd.DataFrame, metric: Metric, displacements: Sequence[float], seed: int, notes: list[str]
) -> tuple[dict[float, Rate], dict[str, float]]:
    wrong = {f"{name} {severity:g}": _at(own, name, severity) for name, levels in WRONG.items() for severity in levels}
    wrong = {name: values for name, values in wrong.items() if len(values)}
    group_of = own.drop_duplicates("tile").set_index("tile")["group"]
    rates: dict[float, Rate] = {}
    by_defect: dict[str, float] = {}
    for displacement in displacements:
        right = {name: _at(own, name, displacement) for name in DISPLACED}
        right = {name: values for name, values in right.items() if len(values)}
        if not right or not wrong:
            continue
        upper, lower = pd.DataFrame(right).align(pd.DataFrame(wrong), axis=0, join="outer")
        groups = group_of[upper.index].to_numpy().astype(str)
        draws = seed_of("ordering", seed, metric.name, displacement)
        better, perfect = metric.better, metric.perfect
        try:
            rates[displacement] = ordering_rate(
                upper.to_numpy(), lower.to_numpy(), groups, draws, better=better, perfect=perfect
            )
            if not by_defect:
                for name in lower.columns:
                    one = lower[[name]].to_numpy()
                    by_defect[name] = ordering_rate(
                        upper.to_numpy(), one, groups, draws, better=better, perfect=perfect
                    ).value
        except Undefined as reason:
            notes.append(f"ordering at {displacement:g} µm: {reason}")
    return rates, by_defect
