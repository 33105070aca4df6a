"""What a sweep says of each metric: does it forgive a right tile elsewhere, and does it notice a wrong one?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vstain_bench.errors import Undefined
from vstain_bench.judge.perturbations.definition import PERTURBATIONS
from vstain_bench.judge.stress.curves import Reach, Responses, closeness, equivalent, half_life, monotonicity, responses
from vstain_bench.judge.stress.findings import (
    Equivalent,
    Estimate,
    Flips,
    HalfLife,
    Monotone,
    Ordering,
    Verdict,
    finite,
)
from vstain_bench.judge.stress.rates import Rate, ordering_rate, rank_flip_rate
from vstain_bench.judge.stress.sweep import CLEAN, REAL
from vstain_bench.stats.intervals import Interval
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
class Answers:
    """One metric's answers (`sweep.read_answers`), sorted out once.

    Attributes:
        of_models: Those to displaced outputs of models, as rows.
        parts: Those to perturbed real tiles, clean ones and controls, rows by perturbation.
        responses: The same as curves, by perturbation.
        notes: What was left out.
    """

    of_models: pd.DataFrame
    parts: Mapping[str, pd.DataFrame]
    responses: Mapping[str, Responses]
    notes: tuple[str, ...]


def sort_answers(answers: pd.DataFrame, metric: str) -> Answers:
    """Return one metric's answers out of those of all metrics."""
    own = answers[answers["metric"] == metric]
    real = own[own["model"] == REAL]
    parts = {str(name): part for name, part in real.groupby("perturbation", observed=True)}
    found: dict[str, Responses] = {}
    notes = []
    clean = parts.get(CLEAN, real[:0])
    for name in sorted(set(parts) & set(PERTURBATIONS)):
        chosen = parts[name]
        own_clean = clean[clean["tile"].isin(chosen["tile"])].assign(perturbation=name)
        try:
            found[name] = responses(pd.concat([own_clean, chosen]), metric, name)
        except Undefined as reason:
            notes.append(str(reason))
            continue
        if found[name].left_out:
            notes.append(f"{name}: {found[name].left_out} tiles left out, without a value at every severity")
    return Answers(own[own["model"] != REAL], parts, found, tuple(notes))


def judge(answers: Answers, metric: Metric, *, displacements: Sequence[float], seed: int) -> Verdict:
    """Return what the answers say of a metric."""
    notes = list(answers.notes)
    floor, floor_of = _floor(answers, metric)
    by_name = answers.responses
    clean = answers.parts[CLEAN]["value"] if CLEAN in answers.parts else ()
    return Verdict(
        metric=metric.name,
        signature=metric.signature,
        better=metric.better,
        unit=metric.unit,
        clean=finite(float(np.mean(clean))) if len(clean) else None,
        floor=floor,
        floor_of=floor_of,
        ordering=_ordering(answers, metric, displacements, notes),
        half_lives=_half_lives(by_name, floor, seed),
        equivalents=_equivalents(by_name, metric, seed),
        monotone=_monotone(by_name, metric),
        flips=_flips(answers.of_models, metric),
        notes=tuple(dict.fromkeys(notes)),
    )


def _floor(answers: Answers, metric: Metric) -> tuple[float | None, str | None]:
    means = {name: float(answers.parts[name]["value"].mean()) for name in FLOORS if name in answers.parts}
    means = {name: mean for name, mean in means.items() if math.isfinite(mean)}
    if not means:
        return None, None
    best = int(np.argmax(closeness(np.array(list(means.values())), metric.better, metric.perfect)))
    return list(means.values())[best], list(means)[best]


def scale_of(name: str) -> str:
    """Return how levels of a perturbation are interpolated: over the logarithm where they double."""
    return "log" if PERTURBATIONS[name].unit in ("µm", "degrees") else "linear"


def _half_lives(by_name: Mapping[str, Responses], floor: float | None, seed: int) -> tuple[HalfLife, ...]:
    found = []
    for name, answers in by_name.items():
        severity, reason = Estimate(value=None), "there is no floor"
        try:
            if floor is not None:
                reach = half_life(answers, floor, seed, "log" if scale_of(name) == "log" else "linear")
                severity, reason = estimate_of(reach), "half is never lost within the levels" if reach.beyond else ""
        except Undefined as fault:
            reason = str(fault)
        unit, largest = PERTURBATIONS[name].unit, float(answers.severities[-1])
        found.append(HalfLife(perturbation=name, unit=unit, severity=severity, largest=largest, reason=reason))
    return tuple(found)


def _equivalents(by_name: Mapping[str, Responses], metric: Metric, seed: int) -> tuple[Equivalent, ...]:
    shifts = by_name.get(DISPLACEMENT)
    found: list[Equivalent] = []
    if shifts is None:
        return ()
    for name, answers in by_name.items():
        if PERTURBATIONS[name].kind == "misalignment":
            continue
        for severity in answers.severities:
            try:
                reach = equivalent(
                    shifts, answers, severity, seed, better=metric.better, perfect=metric.perfect, scale="log"
                )
            except Undefined:
                continue  # the perturbation could be done on no tile that was displaced
            found.append(
                Equivalent(
                    perturbation=name,
                    severity=float(severity),
                    unit=PERTURBATIONS[name].unit,
                    shift_um=estimate_of(reach),
                    largest_um=reach.largest,
                )
            )
    return tuple(found)


def _monotone(by_name: Mapping[str, Responses], metric: Metric) -> tuple[Monotone, ...]:
    found = []
    for name, answers in by_name.items():
        if PERTURBATIONS[name].kind != "defect" or not np.isfinite(answers.mean[1:]).all():
            continue
        told = monotonicity(answers, better=metric.better, perfect=metric.perfect)
        spearman = None if math.isnan(told.spearman) else told.spearman
        found.append(Monotone(perturbation=name, share=estimate(told.steps, told.interval), spearman=spearman))
    return tuple(found)


def _at(answers: Answers, name: str, severity: float) -> pd.Series:
    """Return the value of each tile at one severity, seeds averaged; empty where there is none."""
    part = answers.parts.get(name)
    if part is None:
        return pd.Series(dtype=float)
    return part[np.isclose(part["severity"], severity)].groupby("tile")["value"].mean()


def _ordering(
    answers: Answers, metric: Metric, displacements: Sequence[float], notes: list[str]
) -> tuple[Ordering, ...]:
    wrong = {(name, severity): _at(answers, name, severity) for name, levels in WRONG.items() for severity in levels}
    wrong = {defect: values for defect, values in wrong.items() if len(values)}
    tiles = pd.concat([part.drop_duplicates("tile") for part in answers.parts.values()])
    group_of = tiles.drop_duplicates("tile").set_index("tile")["group"]
    rates = []
    for displacement in displacements:
        right = {name: values for name in DISPLACED if len(values := _at(answers, name, displacement))}
        if not right or not wrong:
            continue
        upper, lower = pd.DataFrame(right).align(pd.DataFrame(wrong), axis=0, join="outer")
        groups = group_of[upper.index].to_numpy().astype(str)
        for defect in (None, *wrong):
            chosen = lower if defect is None else lower[[defect]]
            name, severity = defect or (None, None)
            try:
                rate = ordering_rate(
                    upper.to_numpy(), chosen.to_numpy(), groups, better=metric.better, perfect=metric.perfect
                )
            except Undefined as reason:
                notes.append(f"ordering at {displacement:g} µm{f', {name}' if name else ''}: {reason}")
                continue
            rates.append(
                Ordering(
                    displacement_um=displacement,
                    defect=name,
                    severity=severity,
                    rate=estimate_of(rate),
                    tiles=rate.tiles,
                    pairs=rate.pairs,
                )
            )
    return tuple(rates)


def _flips(models: pd.DataFrame, metric: Metric) -> tuple[Flips, ...]:
    """Return how often models change places, from the answers of two models or more."""
    names = sorted(set(models["model"]))
    if len(names) < 2:
        return ()
    tiles = sorted(set(models["tile"]))

    def grid(part: pd.DataFrame) -> np.ndarray:
        """Return values by model and tile, shape (m, n); NaN where there is none."""
        wide = part.pivot_table(index="model", columns="tile", values="value")
        return wide.reindex(index=names, columns=tiles).to_numpy(dtype=float)

    clean = grid(models[models["perturbation"] == CLEAN])
    group_of = models.drop_duplicates("tile").set_index("tile")["group"]
    groups = group_of[tiles].to_numpy().astype(str)
    found = []
    for name in sorted(set(models["perturbation"]) & set(PERTURBATIONS)):
        own = models[models["perturbation"] == name]
        for severity in sorted(set(own["severity"])):
            part = own[own["severity"] == severity]
            cube = np.stack([grid(part[part["seed"] == seed_]) for seed_ in sorted(set(part["seed"]))], axis=2)
            try:
                rate = rank_flip_rate(clean, cube, groups, better=metric.better, perfect=metric.perfect)
            except Undefined:
                continue  # all models tie on every tile
            found.append(
                Flips(
                    perturbation=name,
                    severity=float(severity),
                    unit=PERTURBATIONS[name].unit,
                    rate=estimate_of(rate),
                    tiles=rate.tiles,
                    pairs=rate.pairs,
                )
            )
    return tuple(found)


def estimate(value: float, interval: Interval | None) -> Estimate:
    """Return a number with its interval."""
    ends = (interval.low, interval.high) if interval else (None, None)
    return Estimate(value=finite(value), low=finite(ends[0]), high=finite(ends[1]))


def estimate_of(found: Rate | Reach) -> Estimate:
    """Return a rate or a reach as an estimate; None stands for beyond the largest level."""
    return estimate(found.value if isinstance(found, Rate) else found.severity, found.interval)
