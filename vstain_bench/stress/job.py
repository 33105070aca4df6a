"""The job behind ``vstain-bench stress``: sweep real tiles, judge every metric, leave a folder behind."""

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import torch

from vstain_bench import __version__
from vstain_bench.config import RunConfig
from vstain_bench.errors import InputError
from vstain_bench.features.weights import WeightsStore, use_store
from vstain_bench.io.inputs import Inputs, read_inputs, require_complete
from vstain_bench.journal import Journal
from vstain_bench.metrics import build
from vstain_bench.protocol import Protocol, parse_metrics, read_protocol
from vstain_bench.publish import publish_text, replacing
from vstain_bench.results.folder import RunFolder
from vstain_bench.score import observe
from vstain_bench.selection import Selection, select
from vstain_bench.stats.intervals import seed_of
from vstain_bench.stress.curves import response_curve
from vstain_bench.stress.sweep import UNCHANGED, Condition, make_conditions, plan_sweep, read_answers
from vstain_bench.stress.verdict import Verdict, answers_to, judge
from vstain_bench.types import Metric

SCHEMA_VERSION = "1.0"
DISPLACEMENTS = (2.0, 4.0)
"""In µm: what a good registration of consecutive sections leaves, and what an ordinary one does."""
BATCH_SIZE = 1


@dataclass(frozen=True)
class Stressed:
    """A finished sweep: verdicts in the order of their ordering rate, what was swept, and where it lies."""

    verdicts: tuple[Verdict, ...]
    conditions: int
    tiles: int
    groups: int | None
    gaps: dict[str, str]
    folder: Path


def _protocol(config: RunConfig) -> Protocol:
    protocol = parse_metrics(config.metrics) if config.metrics else read_protocol(config.protocol)
    if all(metric.name != UNCHANGED for metric in protocol.metrics):
        metrics = (*protocol.metrics, build(UNCHANGED))
        protocol = Protocol(protocol.name, protocol.summary, metrics, protocol.explicit)
    return protocol


def run_stress(
    config: RunConfig,
    out: Path,
    *,
    perturbations: Sequence[str] | None = None,
    seeds: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
) -> Stressed:
    """Perturb every real tile in every way, observe it with every metric, and judge the metrics.

    The same call continues a sweep that was stopped.

    Args:
        config: Where the real (and source) tiles lie, their pixel size, and the metrics.
        out: Folder for stress.json, answers.parquet and the journal.
        perturbations: Their names; all when None.
        seeds: Most seeds of each.
        progress: Called with phase, done and total.

    Raises:
        InputError: the tiles cannot be used, or their pixel size is not known.
        UsageError: a name is unknown, or the folder holds another sweep.
    """
    folder = RunFolder(out)
    conditions = make_conditions(perturbations, seeds)
    protocol = _protocol(config)
    store = WeightsStore(config.weights_dir, offline=config.offline)
    with use_store(store), folder.claimed():
        inputs = read_inputs(config, models=False)
        require_complete(inputs, config.on_error)
        _require_pixel_size(inputs)
        selection = _select(protocol, inputs, store)
        tiles = inputs.audit.tiles
        plan = plan_sweep(tiles, inputs.audit.sizes, selection.computable, conditions, seed=config.seed)
        with Journal(folder.journal) as journal:
            journal.claim(_settings(inputs, selection, conditions, config.seed))
            observe(
                plan,
                journal,
                policy=inputs.policy,
                device=torch.device("cpu"),
                batch_size=BATCH_SIZE,
                workers=config.workers,
                skip_faults=config.on_error == "skip",
                progress=(lambda done, of: progress("stressing tiles", done, of)) if progress else None,
            )
            answers = read_answers(journal, selection.computable, conditions, {tile.id: tile for tile in tiles})
        metrics = [metric for metric in selection.computable if metric.values is not None]
        verdicts = [judge(answers, metric, displacements=DISPLACEMENTS, seed=config.seed) for metric in metrics]
        verdicts.sort(key=_rank)
        groups = {tile.group for tile in tiles}
        result = Stressed(
            verdicts=tuple(verdicts),
            conditions=len(conditions),
            tiles=len(tiles),
            groups=None if None in groups else len(groups),
            gaps={name: gap.reason for name, gap in selection.gaps.items()},
            folder=out,
        )
        with replacing(out / "answers.parquet") as temporary:
            answers.to_parquet(temporary, index=False)
        publish_text(out / "stress.json", _to_json(result, answers, metrics, config.seed))
    return result


def _rank(verdict: Verdict) -> tuple[float, str]:
    first = next(iter(verdict.ordering.values()), None)
    return (-first.value if first else math.inf, verdict.metric)


def _require_pixel_size(inputs: Inputs) -> None:
    unknown = [tile.id for tile in inputs.audit.tiles if tile.mpp is None]
    if unknown:
        raise InputError(
            where=f"tile '{unknown[0]}'",
            found=f"its pixel size is not known ({len(unknown)} of {len(inputs.audit.tiles)} tiles)",
            expected="micrometres per pixel: displacements and defects are made in µm",
            next_step="Pass --mpp.",
        )


def _select(protocol: Protocol, inputs: Inputs, store: WeightsStore) -> Selection:
    smallest = min(inputs.audit.tiles, key=lambda tile: min(inputs.audit.sizes[tile.id]))
    return select(
        protocol,
        has_source=inputs.has_source,
        smallest_side=min(inputs.audit.sizes[smallest.id]),
        smallest_tile=smallest.id,
        store=store,
    )


def _settings(inputs: Inputs, selection: Selection, conditions: Sequence[Condition], seed: int) -> dict[str, object]:
    listing = hashlib.sha256()
    for tile in inputs.audit.tiles:
        listing.update(f"{tile.id}\0{tile.group}\0{tile.mpp}\0{tile.real.path.resolve()}\n".encode())
    return {
        "version": __version__,
        "job": "stress",
        "tiles": f"{len(inputs.audit.tiles)} tiles, listing {listing.hexdigest()[:12]}",
        "metrics": [metric.signature for metric in selection.metrics],
        "unavailable": sorted(selection.gaps),
        "conditions": [condition.name for condition in conditions],
        "decode": str(inputs.policy),
        "seed": seed,
        "threads": torch.get_num_threads(),
    }


def _to_json(result: Stressed, answers: pd.DataFrame, metrics: Sequence[Metric], seed: int) -> str:
    curves = []
    for metric in metrics:
        own = answers[answers["metric"] == metric.name]
        for name in sorted(set(answers["perturbation"])):
            found = answers_to(own, name)
            if found is None:
                continue
            for point in response_curve(found, seed_of("curve", seed, metric.name, name)):
                ends = point.interval
                curves.append(
                    {
                        "metric": metric.name,
                        "perturbation": name,
                        "severity": point.severity,
                        "value": point.value if math.isfinite(point.value) else None,
                        "low": ends.low if ends else None,
                        "high": ends.high if ends else None,
                        "tiles": len(found.tiles),
                    }
                )
    content = {
        "schema_version": SCHEMA_VERSION,
        "tiles": result.tiles,
        "groups": result.groups,
        "conditions": result.conditions,
        "signatures": {metric.name: metric.signature for metric in metrics},
        "unavailable": result.gaps,
        "verdicts": [_verdict(verdict) for verdict in result.verdicts],
        "curves": curves,
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _verdict(verdict: Verdict) -> dict[str, object]:
    return {
        **asdict(verdict),
        "ordering": [
            {
                "displacement_um": displacement,
                "rate": rate.value,
                "low": rate.interval.low if rate.interval else None,
                "high": rate.interval.high if rate.interval else None,
                "tiles": rate.tiles,
                "pairs": rate.pairs,
            }
            for displacement, rate in verdict.ordering.items()
        ],
    }
