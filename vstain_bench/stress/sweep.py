"""The sweep: real tiles against perturbed copies of themselves, every perturbation at every level, in one pass.

A perturbed tile is an output like any other, so the sweep is a pass over the real tiles (`score.observe`): it has the
journal, the batches and the determinism of a run, and continues where it was stopped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vstain_bench.controls import CONTROLS, PARTNER, choose_partners
from vstain_bench.errors import UsageError
from vstain_bench.journal import Journal
from vstain_bench.registry import nearest
from vstain_bench.score import Output, Plan, control_output
from vstain_bench.stats.intervals import seed_of
from vstain_bench.stress.definition import PERTURBATIONS, Perturbation, PerturbationContext
from vstain_bench.types import Images, Metric, Tile, View

CLEAN = "clean"
"""Name of the real tile against itself."""
COLLAPSED = "collapsed"
"""Owner of the one real tile that a collapsed model would give for every tile."""
UNCHANGED = "mae"
"""The metric whose value of 0 shows that a perturbation could not be done on a tile."""


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
        if name not in PERTURBATIONS:
            raise UsageError(
                where=f"--perturbations {name}",
                found="unknown name",
                expected=f"some of {', '.join(PERTURBATIONS)}",
                next_step=nearest(name, PERTURBATIONS.names()),
            )
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
) -> Plan:
    """Return the pass that scores real tiles, their perturbed copies and the controls, on every tile."""
    partners = choose_partners(tiles, dict(sizes), seed)
    single = min(tiles, key=lambda tile: seed_of(COLLAPSED, seed, tile.id))
    alike = {tile.id: single for tile in tiles if sizes[tile.id] == sizes[single.id]}
    owners = {"real", *(["source"] if tiles[0].source else []), *([PARTNER] if partners else [])}
    controls = [CONTROLS[name] for name in CONTROLS if CONTROLS[name].needs in owners]
    return Plan(
        tiles=tuple(tiles),
        sizes=sizes,
        metrics=metrics,
        outputs=(
            Output(CLEAN, lambda views: views["real"].images),
            *(_perturbed(condition) for condition in conditions),
            *(control_output(control) for control in controls),
        ),
        subset=frozenset(tile.id for tile in tiles if tile.id in alike and (tile.id in partners or not partners)),
        companions={PARTNER: partners, COLLAPSED: alike},
    )


def _perturbed(condition: Condition) -> Output:
    perturbation = PERTURBATIONS[condition.perturbation]

    def make(views: Mapping[str, View]) -> Images:
        real = views["real"]
        partner = views.get(COLLAPSED if perturbation.name == "mode_collapse" else PARTNER)
        context = PerturbationContext(
            severity=condition.severity,
            seed=condition.seed,
            ids=real.ids,
            mpp=real.mpp,
            partner=partner.images if partner else None,
        )
        return perturbation.apply(real.images, context)

    return Output(condition.name, make)


def read_answers(
    journal: Journal, metrics: Sequence[Metric], conditions: Sequence[Condition], tiles: Mapping[str, Tile]
) -> pd.DataFrame:
    """Return the answer of every metric with values per tile to every condition, as one long table.

    Columns: metric, perturbation, severity, seed, tile, group, value. The real tile against itself has the
    perturbation ``clean`` and severity 0; controls have their name and severity 0. Tiles on which a perturbation could
    not be done are left out of it, and so are tiles without a value.
    """
    controls = [Condition(CONTROLS[name].model, 0.0, 0) for name in CONTROLS]
    names = {CLEAN: Condition(CLEAN, 0.0, 0)}
    names |= {condition.name: condition for condition in conditions}
    names |= {control.perturbation: control for control in controls}
    unchanged = _unchanged(journal, metrics, [condition.name for condition in conditions])
    frames = []
    for metric in metrics:
        if metric.values is None:
            continue
        for name, condition in names.items():
            ids, rows = journal.rows(name, metric.rows)
            if not ids:
                continue
            values = metric.values(rows)
            kept = ~np.isnan(values) & np.array([(name, tile) not in unchanged for tile in ids], dtype=bool)
            chosen = [tile for tile, keep in zip(ids, kept, strict=True) if keep]
            frames.append(
                pd.DataFrame(
                    {
                        "metric": metric.name,
                        "perturbation": condition.perturbation,
                        "severity": condition.severity,
                        "seed": condition.seed,
                        "tile": chosen,
                        "group": [tiles[tile].group or tile for tile in chosen],
                        "value": values[kept],
                    }
                )
            )
    columns = ["metric", "perturbation", "severity", "seed", "tile", "group", "value"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def _unchanged(journal: Journal, metrics: Sequence[Metric], names: Sequence[str]) -> set[tuple[str, str]]:
    watch = next(metric for metric in metrics if metric.name == UNCHANGED)
    found = set()
    for name in names:
        ids, rows = journal.rows(name, watch.rows)
        found |= {(name, tile) for tile, row in zip(ids, rows[:, 0], strict=True) if row == 0}
    return found


def kinds(conditions: Sequence[Condition]) -> dict[str, Perturbation]:
    """Return the perturbations that occur among conditions."""
    return {condition.perturbation: PERTURBATIONS[condition.perturbation] for condition in conditions}
