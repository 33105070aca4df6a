"""What attainable controls say of a model, patient by patient, on the very tiles that a control was scored on.

A control that anyone could have without a model and without the answer (the H&E itself, another patient's real tile,
one colour from other patients) is a bar. One that is made from the tile's own real side, or that is perfect by
construction (the H&E under a metric that compares with the H&E), is none, and says nothing here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vstain_bench.arrays import LeftOut
from vstain_bench.base.randomness import seed_of
from vstain_bench.errors import Undefined
from vstain_bench.measure.controls import CONTROLS, Control
from vstain_bench.stats.intervals import deal_blocks, jackknife_error
from vstain_bench.stats.marks import control_marks
from vstain_bench.stats.paired import group_means
from vstain_bench.stats.significance import ALPHA, holm, jackknife_test
from vstain_bench.types import Metric, OfSet, PerTile, RowArray


@dataclass(frozen=True)
class Pair:
    """The rows of a model and of one control on the same tiles, shape (n, k) each, and the patient of each tile."""

    model: RowArray
    control: RowArray
    groups: np.ndarray


@dataclass(frozen=True)
class Marks:
    """What controls are to a model.

    Attributes:
        unbeaten: Controls that are at least as good.
        outdone: Those of them that are shown to be better.
        untold: Controls that the model is ahead of, though these patients do not tell the two apart.
    """

    unbeaten: tuple[str, ...] = ()
    outdone: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()


def is_bar(control: Control, metric: Metric) -> bool:
    """Return whether a model is to be held against a control under a metric."""
    ceiling = control.needs == "source" and "source" in metric.compares
    return control.role == "attainable" and not ceiling and metric.better != "target"


def bars(metric: Metric) -> set[str]:
    """Return the names, in a table, of the controls that a metric's models are held against."""
    return {CONTROLS[name].model for name in CONTROLS if is_bar(CONTROLS[name], metric)}


def marks_of(metric: Metric, pairs: Mapping[str, Pair], seed: int) -> Marks:
    """Return what each control is found to be; one without a value on either side is left out.

    A metric with a value per tile: means over patients, all controls in one family by step-down max-T. A metric of
    whole sets: the jackknife over patients of the difference, corrected by Holm.
    """
    kind = metric.kind
    found = _of_tiles(metric, kind, pairs, seed) if isinstance(kind, PerTile) else _of_sets(metric, kind, pairs)
    return Marks(
        unbeaten=tuple(name for name, (gain, _) in found.items() if gain <= 0),
        outdone=tuple(name for name, (gain, apart) in found.items() if gain <= 0 and apart),
        untold=tuple(name for name, (gain, apart) in found.items() if gain > 0 and not apart),
    )


def _of_tiles(metric: Metric, kind: PerTile, pairs: Mapping[str, Pair], seed: int) -> dict[str, tuple[float, bool]]:
    """Return by how much the model is better than each control, and whether patients tell the two apart."""
    means: dict[str, dict[str, float]] = {}
    for name, pair in pairs.items():
        with np.errstate(invalid="ignore"):  # tiles that are identical on both sides have no finite PSNR
            gain = _sign(metric) * (kind.values(pair.model) - kind.values(pair.control))
        finite = np.isfinite(gain)
        if finite.any():
            by_patient = group_means(gain[finite], pair.groups[finite])
            means[name] = dict(zip(by_patient.names, by_patient.means.tolist(), strict=True))
    patients = sorted({patient for each in means.values() for patient in each})
    gains = np.array([[each.get(patient, np.nan) for patient in patients] for each in means.values()])
    if not means:
        return {}
    said = control_marks(gains, seed_of("controls", seed, metric.signature))
    average = np.nanmean(gains, axis=1)
    return {
        name: (float(gain), mark != "not told apart") for name, gain, mark in zip(means, average, said, strict=True)
    }


def _of_sets(metric: Metric, kind: OfSet, pairs: Mapping[str, Pair]) -> dict[str, tuple[float, bool]]:
    gains: dict[str, float] = {}
    p_values: list[float] = []
    for name, pair in pairs.items():
        try:
            gain = _sign(metric) * (float(kind.score(pair.model)) - float(kind.score(pair.control)))
            p_values.append(_p_of(kind, pair, gain))
        except Undefined:
            continue
        gains[name] = gain
    return {name: (gain, p <= ALPHA) for (name, gain), p in zip(gains.items(), holm(p_values), strict=True)}


def _p_of(kind: OfSet, pair: Pair, gain: float) -> float:
    blocks = deal_blocks(pair.groups)
    number = int(blocks.max()) + 1
    if number < 2:
        return 1.0
    mine, theirs = (_without(kind, rows, blocks, number) for rows in (pair.model, pair.control))
    error = jackknife_error(mine - theirs)
    return jackknife_test(gain, error, number).p if error > 0 else 1.0


def _without(kind: OfSet, rows: RowArray, blocks: np.ndarray, number: int) -> LeftOut:
    if kind.leave_out is not None:
        return kind.leave_out(rows, blocks)
    return np.array([kind.score(rows[blocks != block]) for block in range(number)])


def _sign(metric: Metric) -> int:
    return 1 if metric.better == "higher" else -1
