"""The sweep: real tiles against perturbed copies of themselves, every perturbation at every level, in one pass.

A perturbed tile is an output like any other, so the sweep is a pass over the real tiles (`measure.observe`): it has the
journal, the batches and the determinism of a run, and continues where it was stopped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vstain_bench.base.names import require_known
from vstain_bench.base.randomness import seed_of
from vstain_bench.errors import Undefined
from vstain_bench.judge.perturbations.definition import PERTURBATIONS, PerturbationContext, untouched
from vstain_bench.judge.stress.config import PerturbedSide
from vstain_bench.measure.controls import CONTROLS, PARTNER, choose_partners
from vstain_bench.measure.journal import Journal
from vstain_bench.measure.observe import Make, Output, Plan, control_output
from vstain_bench.types import Images, Metric, Tile, View

CLEAN = "clean"
"""Name of the real tile against itself."""
COLLAPSED = "collapsed"
"""Owner of the one real tile that a collapsed model would give for every tile."""
REAL = ""
"""The model of answers of the real tile against itself."""


@dataclass(frozen=True, order=True)
class Condition:
    """One perturbation at one severity with one seed."""

    perturbation: str
    severity: float
    seed: int

    @property
    def name(self) -> str:
        """The name under which its rows are kept."""
        return f"{self.perturbation}|{self.severity:g}|{self.seed}"


def make_conditions(names: Sequence[str] | None, seeds: int) -> tuple[Condition, ...]:
    """Return every level of the named perturbations (all of them when None) with at most ``seeds`` seeds each."""
    for name in names or ():
        require_known(name, PERTURBATIONS, where=f"--perturbations {name}")
    return tuple(
        Condition(name, severity, seed)
        for name in sorted(names or PERTURBATIONS)
        for severity in PERTURBATIONS[name].levels
        for seed in range(min(PERTURBATIONS[name].seeds, seeds))
    )


def plan_sweep(
    tiles: Sequence[Tile],
    sizes: Mapping[str, tuple[int, int]],
    metrics: tuple[Metric, ...],
    conditions: Sequence[Condition],
    *,
    seed: int,
    side: PerturbedSide = "generated",
    models: tuple[str, ...] = (),
) -> Plan:
    """Return the pass that scores real tiles, their perturbed copies and the controls, on every tile.

    Args:
        tiles: All tiles.
        sizes: Width and height of each in px.
        metrics: What observes them.
        conditions: What is done to them.
        seed: Of partners.
        side: Which side is perturbed: the copy that stands for a model's output, the real tile it is compared with,
            both alike, or the H&E.
        models: Whose outputs are displaced as well, to see whether they change places.
    """
    partners = choose_partners(tiles, dict(sizes), seed)
    single = min(tiles, key=lambda tile: seed_of(COLLAPSED, seed, tile.id))
    alike = {tile.id: single for tile in tiles if sizes[tile.id] == sizes[single.id]}
    owners = {"real", *(["source"] if tiles[0].source else []), *([PARTNER] if partners else [])}
    controls = [CONTROLS[name] for name in CONTROLS if CONTROLS[name].needs in owners]
    moved = [condition for condition in conditions if PERTURBATIONS[condition.perturbation].kind == "misalignment"]
    return Plan(
        tiles=tuple(tiles),
        sizes=sizes,
        metrics=metrics,
        outputs=(
            Output(CLEAN, _real),
            *(_perturbed(condition, side) for condition in conditions),
            *(control_output(control) for control in controls),
            *(_of_model(model, None) for model in models),
            *(_of_model(model, condition) for model in models for condition in moved),
        ),
        subset=frozenset(tile.id for tile in tiles if tile.id in alike and (tile.id in partners or not partners)),
        companions={PARTNER: partners, COLLAPSED: alike},
    )


def _changed(condition: Condition, owner: str) -> Make:
    """Return what makes the images of one owner under a condition; undefined where it cannot be done."""
    perturbation = PERTURBATIONS[condition.perturbation]

    def make(views: Mapping[str, View]) -> Images:
        own = views[owner]
        partner = views.get(COLLAPSED if perturbation.name == "mode_collapse" else PARTNER)
        context = PerturbationContext(
            severity=condition.severity,
            seed=condition.seed,
            ids=own.ids,
            mpp=own.mpp,
            partner=partner.images if partner else None,
        )
        changed = perturbation.apply(own.images, context)
        if all(untouched(own.images, changed)):
            raise Undefined(f"{perturbation.name} cannot be done on this tile")
        return changed

    return make


def _real(views: Mapping[str, View]) -> Images:
    return views["real"].images


def _perturbed(condition: Condition, side: PerturbedSide) -> Output:
    change = _changed(condition, "source" if side == "source" else "real")
    if side == "generated":
        return Output(condition.name, change)
    if side == "both":
        return Output(condition.name, change, {"real": change})
    return Output(condition.name, _real, {side: change})


def _of_model(model: str, condition: Condition | None) -> Output:
    name = _name_of(model, condition)
    return Output(name, _changed(condition, model) if condition else lambda views: views[model].images)


def _name_of(model: str, condition: Condition | None) -> str:
    return f"{model}|{condition.name if condition else CLEAN}"


def read_answers(
    journal: Journal,
    metrics: Sequence[Metric],
    conditions: Sequence[Condition],
    tiles: Mapping[str, Tile],
    models: tuple[str, ...] = (),
) -> pd.DataFrame:
    """Return the answer of every metric with values per tile to every condition, as one long table.

    Columns: metric, model, perturbation, severity, seed, tile, group, value. The real tile against itself has the
    empty model, the perturbation ``clean`` and severity 0; controls have their name and severity 0. Tiles on which a
    perturbation could not be done are left out of it, and so are tiles without a value.
    """
    clean = Condition(CLEAN, 0.0, 0)
    controls = [Condition(CONTROLS[name].model, 0.0, 0) for name in CONTROLS]
    names = {CLEAN: (REAL, clean)}
    names |= {condition.name: (REAL, condition) for condition in conditions}
    names |= {control.perturbation: (REAL, control) for control in controls}
    for model in models:
        names |= {_name_of(model, None): (model, clean)}
        names |= {_name_of(model, condition): (model, condition) for condition in conditions}
    frames = []
    for metric in metrics:
        if metric.values is None:
            continue
        for name, (model, condition) in names.items():
            ids, rows = journal.rows(name, metric.rows)
            if not ids or np.isnan(rows).all():
                continue  # it could be done on no tile
            values = metric.values(rows)
            kept = ~np.isnan(values)
            chosen = [tile for tile, keep in zip(ids, kept, strict=True) if keep]
            frames.append(
                pd.DataFrame(
                    {
                        "metric": metric.name,
                        "model": model,
                        "perturbation": condition.perturbation,
                        "severity": condition.severity,
                        "seed": condition.seed,
                        "tile": chosen,
                        "group": [tiles[tile].group or tile for tile in chosen],
                        "value": values[kept],
                    }
                )
            )
    columns = ["metric", "model", "perturbation", "severity", "seed", "tile", "group", "value"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)
