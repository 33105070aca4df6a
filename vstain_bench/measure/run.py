"""The main job: score folders of generated tiles and leave a run folder behind."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from vstain_bench import __version__
from vstain_bench.base.config import RunConfig
from vstain_bench.base.devices import BATCH_SIZES, choose_device, device_name
from vstain_bench.base.files import publish_text
from vstain_bench.base.listener import SILENT, Listener
from vstain_bench.base.provenance import session
from vstain_bench.base.registry import load_plugins
from vstain_bench.errors import UsageError
from vstain_bench.measure.journal import Journal
from vstain_bench.measure.observe import Plan, observe, plan_run
from vstain_bench.measure.protocol import Protocol, resolve_protocol
from vstain_bench.measure.run_files import publish_pairs, publish_skipped, publish_tiles, unreadable
from vstain_bench.measure.selection import Selection, select
from vstain_bench.measure.shards import Shard, write_part
from vstain_bench.measure.tabulate import tabulate
from vstain_bench.networks.encoders import build_encoder
from vstain_bench.networks.weights import WeightsStore, digest, use_store
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import Table
from vstain_bench.stain.slides import Slides, needs_slides, publish_slides, slides_digest, survey, with_slides
from vstain_bench.tiles.inputs import Inputs, read_inputs, require_complete

Report = Callable[[RunFolder], str]
"""From a run folder with its table to the page beside it, report.html."""


@dataclass(frozen=True)
class FinishedRun:
    """A finished run: its table, its folder, and how many tiles were left out."""

    table: Table
    folder: RunFolder
    skipped: int


@dataclass(frozen=True)
class FinishedShard:
    """A finished shard: its folder, which part it is, its tiles and those of the run, and its shard.json."""

    folder: RunFolder
    shard: Shard
    tiles: int
    of: int
    skipped: int
    record: str


@dataclass(frozen=True)
class Preview:
    """What a run would do, without doing it."""

    tiles: int
    groups: int | None
    labels: tuple[str, ...]
    models: tuple[str, ...]
    layout: str
    metrics: tuple[str, ...]
    gaps: Mapping[str, str]
    control_tiles: int
    device: str
    out: str
    shard: str
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def default_out(config: RunConfig) -> Path:
    """Return ``runs/MODELS`` (``runs/MODELS.shard-i-of-n``), where a run goes without --out."""
    names = "+".join(config.generated) or (config.manifest.stem if config.manifest else "run")
    part = f".shard-{config.shard}".replace("/", "-of-") if config.shard else ""
    return Path("runs") / (names[:80].replace("/", "_") + part)


def _prepare(config: RunConfig, listener: Listener, store: WeightsStore) -> tuple[Inputs, Protocol, Selection]:
    load_plugins(config.plugin)
    protocol = resolve_protocol(config)
    inputs = read_inputs(config, progress=listener.phase("checking files"))
    require_complete(inputs, config.on_error)
    selection = select(protocol, has_source=inputs.has_source, smallest=inputs.audit.smallest, store=store)
    return inputs, protocol, selection


def preview(config: RunConfig, out: Path | None = None) -> Preview:
    """Return what ``run`` would do with this configuration; nothing is written or fetched."""
    store = WeightsStore(config.weights_dir, offline=True)
    with use_store(store):
        inputs, _, selection = _prepare(config, SILENT, store)
    plan = plan_of(config, inputs, selection)
    groups = {tile.group for tile in inputs.audit.tiles}
    return Preview(
        tiles=len(inputs.audit.tiles),
        groups=None if None in groups else len(groups),
        labels=tuple(sorted({tile.label for tile in inputs.audit.tiles if tile.label})),
        models=inputs.models,
        layout=inputs.layout.name,
        metrics=tuple(metric.name for metric in selection.computable),
        gaps={name: gap.reason for name, gap in selection.gaps.items()},
        control_tiles=len(plan.subset),
        device=str(choose_device(config.device)),
        out=str(out or default_out(config)),
        shard=_describe_shard(config, plan),
        warnings=inputs.audit.warnings,
        notes=inputs.audit.notes,
    )


@dataclass(frozen=True)
class Job:
    """What a run has settled before it observes anything."""

    config: RunConfig
    folder: RunFolder
    inputs: Inputs
    protocol: Protocol
    selection: Selection
    plan: Plan


def _describe_shard(config: RunConfig, plan: Plan) -> str:
    if config.shard is None:
        return ""
    shard = Shard.parse(config.shard)
    return f"{shard}, {len(shard.part(plan).tiles)} tiles"


def run(
    config: RunConfig,
    out: Path | None = None,
    listener: Listener = SILENT,
    *,
    report: Report | None = None,
) -> FinishedRun:
    """Score every tile and write the run folder; the same call continues a run that was stopped.

    Args:
        config: What is scored and how.
        out: The run folder, by default ``runs/MODELS``.
        listener: Hears how far the job is.
        report: Makes report.html; the run has none without it.

    Raises:
        UsageError: the configuration is wrong, or the folder holds another run.
        InputError: the tiles cannot be scored.
        MachineError: the folder cannot be used, or named metrics lack their weights.
    """
    if config.shard is not None:
        raise UsageError(where=f"--shard {config.shard}", found="a shard makes no table", next_step="Call run_shard.")
    started, device = time.time(), choose_device(config.device)
    with _claimed(config, out, listener) as job, Journal(job.folder.journal) as journal:
        _observe(job, journal, device, listener)
        return finish(job, journal, _facts(job, device, started), listener, report)


def run_shard(config: RunConfig, out: Path | None = None, listener: Listener = SILENT) -> FinishedShard:
    """Score the tiles of one shard; the same call continues it. ``merge`` makes the run of all shards.

    Arguments and faults as in ``run``.
    """
    started, device, shard = time.time(), choose_device(config.device), Shard.parse(config.shard or "1/1")
    with _claimed(config, out, listener) as job, Journal(job.folder.journal) as journal:
        part = replace(job, plan=shard.part(job.plan))
        _observe(part, journal, device, listener)
        job.folder.write_facts(_facts(job, device, started))
        record = write_part(job.folder, shard, len(part.plan.tiles), job.selection)
        skipped = {problem.tile for problem in (*job.inputs.audit.problems, *unreadable(journal))}
    return FinishedShard(job.folder, shard, len(part.plan.tiles), len(job.plan.tiles), len(skipped), record)


@contextmanager
def _claimed(config: RunConfig, out: Path | None, listener: Listener) -> Iterator[Job]:
    """Yield the job with its folder held and its weights at hand."""
    folder = RunFolder(out or default_out(config))
    store = WeightsStore(config.weights_dir, offline=config.offline)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    with use_store(store), folder.claimed():
        inputs, protocol, selection = _prepare(config, listener, store)
        for fault in dict.fromkeys(str(gap.fault) for gap in selection.gaps.values()):
            names = [name for name, gap in selection.gaps.items() if str(gap.fault) == fault]
            listener.say(f"No value for {', '.join(names)}: {fault}")
        selection, slides = survey_slides(config, inputs, selection, listener)
        yield Job(config, folder, inputs, protocol, selection, plan_of(config, inputs, selection, slides))


def _observe(job: Job, journal: Journal, device: torch.device, listener: Listener) -> None:
    config = job.config
    journal.claim(_settings(job, device))
    publish_text(job.folder.config, config.to_toml())
    publish_inputs(job)
    observe(
        job.plan,
        journal,
        policy=job.inputs.policy,
        device=device,
        batch_size=config.batch_size or BATCH_SIZES[device.type],
        workers=config.workers,
        skip_faults=config.on_error == "skip",
        progress=listener.phase("scoring tiles"),
    )


def finish(
    job: Job, journal: Journal, facts: dict[str, object], listener: Listener, report: Report | None
) -> FinishedRun:
    """Make the table and the other files of the run folder from a journal that holds every tile."""
    folder, audit = job.folder, job.inputs.audit
    listener.progress("making the table", 0, 1)
    table = tabulate(
        journal,
        protocol=job.protocol,
        selection=job.selection,
        tiles=audit.tiles,
        sizes=audit.sizes,
        models=job.inputs.models,
        controls=tuple(output.name for output in job.plan.extra),
        controlled=job.plan.subset,
        seed=job.config.seed,
        partial=job.inputs.partial,
        refused=len({problem.tile for problem in audit.problems}),
        warnings=audit.warnings,
    )
    left_out = [*audit.problems, *unreadable(journal)]
    publish_skipped(folder, left_out)
    publish_tiles(folder, journal, job.plan)
    folder.write_facts(facts)
    publish_text(folder.results, table.to_json())
    if report is not None:
        publish_text(folder.report, report(folder))
    listener.progress("making the table", 1, 1)
    return FinishedRun(table, folder, len({problem.tile for problem in left_out}))


def publish_inputs(job: Job) -> None:
    """Write pairs.csv and, where anything rests on them, slides.csv."""
    publish_pairs(job.folder, job.inputs)
    if job.plan.slides:
        publish_slides(job.folder.slides, job.plan.slides)


def survey_slides(
    config: RunConfig, inputs: Inputs, selection: Selection, listener: Listener
) -> tuple[Selection, Slides]:
    """Return what is known of whole slides, and the metrics with its digest; nothing is read where none asks for it."""
    if not any(needs_slides(metric) for metric in selection.computable):
        return selection, {}
    slides = survey(
        inputs.audit.tiles,
        inputs.policy,
        seed=config.seed,
        workers=config.workers,
        progress=listener.phase("looking at slides"),
    )
    return replace(selection, metrics=tuple(with_slides(metric, slides) for metric in selection.metrics)), slides


def plan_of(config: RunConfig, inputs: Inputs, selection: Selection, slides: Slides | None = None) -> Plan:
    """Return the pass over all tiles of a run."""
    return plan_run(
        inputs.audit.tiles,
        inputs.audit.sizes,
        inputs.models,
        selection.computable,
        control_tiles=config.controls,
        seed=config.seed,
        policy=inputs.policy,
        slides=slides,
    )


def listing_of(inputs: Inputs) -> str:
    """Return the number of tiles and a digest of their ids, groups, labels and pixel sizes."""
    listing = hashlib.sha256()
    for tile in inputs.audit.tiles:
        listing.update(f"{tile.id}\0{tile.group}\0{tile.label}\0{tile.mpp}\n".encode())
    return f"{len(inputs.audit.tiles)} tiles, listing {listing.hexdigest()[:12]}"


def _settings(job: Job, device: torch.device) -> dict[str, object]:
    """Return everything that can change a number or a row, for the journal to compare on resume."""
    config, selection = job.config, job.selection
    settings: dict[str, object] = {
        "version": __version__,
        "models": {name: str(path.resolve()) for name, path in config.generated.items()},
        "real": str(config.real and config.real.resolve()),
        "source": str(config.source and config.source.resolve()),
        "dataset": f"{config.dataset} {config.root} {config.split}" if config.dataset else str(config.manifest),
        "tiles": listing_of(job.inputs),
        "metrics": [metric.signature for metric in selection.metrics],
        "unavailable": sorted(selection.gaps),
        "weights": dict(sorted(selection.weights.items())),
        "encoders": _encoder_files(config),
        "decode": str(job.inputs.policy),
        "on_error": config.on_error,
        "controls": config.controls,
        "control_names": [output.name for output in job.plan.extra],
        "seed": config.seed,
        "device": device.type,
        "threads": torch.get_num_threads(),
    }
    slides = job.plan.slides
    if slides:
        settings["slides"] = slides_digest(slides, sorted({owner for owner, _ in slides}))
    return settings if config.shard is None else {**settings, "shard": config.shard}


def _encoder_files(config: RunConfig) -> dict[str, str]:
    """Return the sha256 of every file of the user's own that an encoder reads."""
    files = [path for spec in config.encoder for path in build_encoder(spec).files()]
    return {str(path.resolve()): digest(path) for path in files}


def _facts(job: Job, device: torch.device, started: float) -> dict[str, object]:
    return {
        **session(started),
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "seed": job.config.seed,
        "weights": dict(job.selection.weights),
        "encoders": _encoder_files(job.config),
        "layout": job.inputs.layout.name,
        "notes": list(job.inputs.audit.notes),
    }
