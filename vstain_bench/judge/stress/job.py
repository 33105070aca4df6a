"""The job behind ``vstain-bench stress``: sweep real tiles, judge every metric, leave a folder behind."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import torch

from vstain_bench import __version__
from vstain_bench.base.files import publish_text, replacing
from vstain_bench.base.listener import SILENT, Listener
from vstain_bench.base.randomness import seed_of
from vstain_bench.base.registry import load_plugins
from vstain_bench.errors import InputError, UsageError
from vstain_bench.judge.perturbations import PERTURBATIONS
from vstain_bench.judge.stress.config import PerturbedSide, StressConfig
from vstain_bench.judge.stress.curves import response_curve
from vstain_bench.judge.stress.findings import Curve, Findings, Sample, Sweep, Verdict
from vstain_bench.judge.stress.folder import StressFolder
from vstain_bench.judge.stress.processes import Sweeping, choose_processes, observe_in, protocol_of
from vstain_bench.judge.stress.samples import choose_sample, write_samples
from vstain_bench.judge.stress.sweep import REAL, Condition, make_conditions, read_answers
from vstain_bench.judge.stress.verdict import Answers, estimate, judge, sort_answers
from vstain_bench.measure.controls import choose_partners
from vstain_bench.measure.journal import Journal
from vstain_bench.measure.observe import observe
from vstain_bench.measure.selection import Selection, select
from vstain_bench.networks.weights import WeightsStore, use_store
from vstain_bench.tiles.inputs import Inputs, read_inputs, require_complete
from vstain_bench.types import Metric

DISPLACEMENTS = (2.0, 4.0)
"""In µm: what a good registration of consecutive sections leaves, and what an ordinary one does."""
BATCH_SIZE = 1
"""One tile at a time: whether a perturbation can be done is said of each tile."""


def run_stress(
    config: StressConfig,
    out: Path,
    listener: Listener = SILENT,
    *,
    report: Callable[[StressFolder], str] | None = None,
) -> Findings:
    """Perturb every real tile in every way, observe it with every metric, and judge the metrics.

    The same call continues a sweep that was stopped.

    Args:
        config: Where the tiles lie, their pixel size, the metrics, what is perturbed, and models to displace as well.
        out: Folder of the sweep, see `StressFolder`.
        listener: Hears how far the job is.
        report: Makes report.html; the sweep has none without it.

    Raises:
        InputError: the tiles cannot be used, or their pixel size is not known.
        UsageError: a name is unknown, the H&E is to be perturbed and there is none, or the folder holds another sweep.
    """
    load_plugins(config.plugin)
    folder, side = StressFolder(out), config.perturb
    conditions = make_conditions(config.perturbations, config.seeds)
    protocol = protocol_of(config)
    store = WeightsStore(config.weights_dir, offline=config.offline)
    with use_store(store), folder.claimed(), _one_thread_each():
        inputs = read_inputs(config, models=config.models or bool(config.generated))
        require_complete(inputs, config.on_error)
        _require_pixel_size(inputs)
        if side == "source" and not inputs.has_source:
            raise UsageError(where="--perturb source", found="no H&E tiles were given", next_step="Pass --source DIR.")
        selection = select(protocol, has_source=inputs.has_source, smallest=inputs.audit.smallest, store=store)
        answers = _sweep(config, folder, inputs, selection, conditions, listener)
        sample = _show(folder, answers, inputs, conditions, config.seed)
        findings = _find(answers, inputs, selection, conditions, config.seed, side, sample)
        with replacing(folder.answers) as temporary:
            answers.to_parquet(temporary, index=False)
        publish_text(folder.findings, findings.to_json())
        if report is not None:
            publish_text(folder.report, report(folder))
    return findings


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let every tile be observed by one thread: tiles are many, and a value does not depend on the machine's cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _sweep(
    config: StressConfig,
    folder: StressFolder,
    inputs: Inputs,
    selection: Selection,
    conditions: Sequence[Condition],
    listener: Listener,
) -> pd.DataFrame:
    tiles = inputs.audit.tiles
    sweeping = Sweeping(
        config=config,
        tiles=tuple(tiles),
        sizes=dict(inputs.audit.sizes),
        metrics=tuple(metric.name for metric in selection.computable),
        conditions=tuple(conditions),
        side=config.perturb,
        models=inputs.models,
        policy=inputs.policy,
    )
    plan = sweeping.plan()
    with Journal(folder.journal) as journal:
        journal.claim(_settings(inputs, selection, conditions, config.seed, config.perturb))
        number = choose_processes(config.processes, len(tiles) - len(journal.done()), len(plan.names))
        observe(
            plan,
            journal,
            policy=inputs.policy,
            device=torch.device("cpu"),
            batch_size=BATCH_SIZE,
            workers=config.workers,
            skip_faults=config.on_error == "skip",
            observer=observe_in(sweeping, number) if number > 1 else None,
            progress=listener.phase("stressing tiles"),
        )
        return read_answers(journal, selection.computable, conditions, {tile.id: tile for tile in tiles}, inputs.models)


def _require_pixel_size(inputs: Inputs) -> None:
    unknown = [tile.id for tile in inputs.audit.tiles if tile.mpp is None]
    if unknown:
        raise InputError(
            where=f"tile '{unknown[0]}'",
            found=f"its pixel size is not known ({len(unknown)} of {len(inputs.audit.tiles)} tiles)",
            expected="micrometres per pixel: displacements and defects are made in µm",
            next_step="Pass --mpp.",
        )


def _settings(
    inputs: Inputs, selection: Selection, conditions: Sequence[Condition], seed: int, side: PerturbedSide
) -> dict[str, object]:
    listing = hashlib.sha256()
    for tile in inputs.audit.tiles:
        files = [tile.real, *(tile.generated[model] for model in inputs.models)]
        paths = "\0".join(str(file.path.resolve()) for file in files)
        listing.update(f"{tile.id}\0{tile.group}\0{tile.mpp}\0{paths}\n".encode())
    return {
        "version": __version__,
        "job": "stress",
        "tiles": f"{len(inputs.audit.tiles)} tiles, listing {listing.hexdigest()[:12]}",
        "metrics": [metric.signature for metric in selection.metrics],
        "unavailable": sorted(selection.gaps),
        "conditions": [condition.name for condition in conditions],
        "perturbed": side,
        "models": list(inputs.models),
        "decode": str(inputs.policy),
        "seed": seed,
    }


def _find(
    answers: pd.DataFrame,
    inputs: Inputs,
    selection: Selection,
    conditions: Sequence[Condition],
    seed: int,
    side: PerturbedSide,
    sample: Sample | None,
) -> Findings:
    metrics = [metric for metric in selection.computable if metric.values is not None]
    sorted_out = {metric.name: sort_answers(answers, metric.name) for metric in metrics}
    verdicts = [judge(sorted_out[metric.name], metric, displacements=DISPLACEMENTS, seed=seed) for metric in metrics]
    names = sorted({condition.perturbation for condition in conditions})
    groups = {tile.group for tile in inputs.audit.tiles}
    sets = {metric.name: "it has no value for a single tile" for metric in selection.computable if not metric.values}
    return Findings(
        tiles=len(inputs.audit.tiles),
        groups=None if None in groups else len(groups),
        partial=inputs.partial,
        mpp=tuple(sorted({tile.mpp for tile in inputs.audit.tiles if tile.mpp is not None})),
        seed=seed,
        perturbed=side,
        models=inputs.models,
        conditions=len(conditions),
        unavailable={name: gap.reason for name, gap in selection.gaps.items()} | sets,
        perturbations=tuple(_describe(name, conditions) for name in names),
        sample=sample,
        verdicts=tuple(sorted(verdicts, key=_rank)),
        curves=tuple(curve for metric in metrics for curve in _curves(sorted_out[metric.name], metric, seed)),
    )


def _describe(name: str, conditions: Sequence[Condition]) -> Sweep:
    perturbation = PERTURBATIONS[name]
    return Sweep(
        name=name,
        summary=perturbation.summary,
        family=perturbation.family,
        kind=perturbation.kind,
        unit=perturbation.unit,
        levels=perturbation.levels,
        seeds=len({condition.seed for condition in conditions if condition.perturbation == name}),
    )


def _rank(verdict: Verdict) -> tuple[float, str]:
    first = verdict.rate(DISPLACEMENTS[0])
    return (-first.value if first and first.value is not None else 1.0, verdict.metric)


def _curves(answers: Answers, metric: Metric, seed: int) -> Iterator[Curve]:
    for name, found in answers.responses.items():
        points = response_curve(found, seed_of("curve", seed, metric.name, name))
        yield Curve(
            metric=metric.name,
            perturbation=name,
            severities=tuple(point.severity for point in points),
            values=tuple(estimate(point.value, point.interval) for point in points),
            tiles=len(found.tiles),
        )


def _show(
    folder: StressFolder, answers: pd.DataFrame, inputs: Inputs, conditions: Sequence[Condition], seed: int
) -> Sample | None:
    """Write the sample pictures and return which tile they show."""
    real = answers[answers["model"] == REAL]
    if real.empty:
        return None
    chosen = choose_sample(real, seed)
    partner = choose_partners(inputs.audit.tiles, dict(inputs.audit.sizes), seed).get(chosen)
    tile = next(tile for tile in inputs.audit.tiles if tile.id == chosen)
    names = sorted({condition.perturbation for condition in conditions})
    return write_samples(folder, tile, partner, names, inputs.policy)
