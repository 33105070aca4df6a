"""The main job: score folders of generated tiles and leave a run folder behind."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from vstain_bench import __version__
from vstain_bench.config import RunConfig
from vstain_bench.errors import MachineError, UsageError
from vstain_bench.features import build_encoder
from vstain_bench.features.weights import WeightsStore, digest, use_store
from vstain_bench.io.inputs import Inputs, read_inputs, require_complete
from vstain_bench.journal import Journal
from vstain_bench.listings import publish_pairs, publish_skipped, publish_tiles, unreadable
from vstain_bench.metrics import build
from vstain_bench.protocol import Protocol, parse_metrics, read_protocol, with_stain
from vstain_bench.provenance import command, machine, versions
from vstain_bench.publish import publish_text
from vstain_bench.registry import load_plugins
from vstain_bench.reports import REPORTS
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import Table
from vstain_bench.score import Plan, observe, plan_run
from vstain_bench.selection import Selection, select
from vstain_bench.slides import Slides, needs_slides, publish_slides, slides_digest, survey, with_slides
from vstain_bench.tabulate import tabulate

BATCH_SIZES = {"cpu": 1, "cuda": 8}
"""Tiles at a time: a CPU gains nothing from more, and large buffers cost it page faults."""
Progress = Callable[[str, int, int], None]
"""Called with the phase, what is done, and of how many."""


@dataclass(frozen=True)
class Outcome:
    """A finished run: its table, its folder, and how many tiles were left out."""

    table: Table
    folder: RunFolder
    skipped: int


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
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def choose_device(name: str) -> torch.device:
    """Return the device for ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; one that is absent is refused."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as fault:
        raise UsageError(
            where=f"--device {name}", found="no such device", expected="auto, cpu, cuda or cuda:N"
        ) from fault
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        raise MachineError(
            where=f"--device {name}",
            found=f"{torch.cuda.device_count()} CUDA devices on this machine",
            next_step="Pass --device cpu.",
        )
    return device


def resolve_protocol(config: RunConfig) -> Protocol:
    """Return the metrics that were asked for, and for each --encoder its distances as ``fd_NAME`` and ``kd_NAME``."""
    protocol = parse_metrics(config.metrics) if config.metrics else read_protocol(config.protocol)
    metrics = list(with_stain(protocol.metrics, background=config.background, vectors=config.vectors))
    for encoder in config.encoder:
        name, _, argument = encoder.partition(":")
        label = Path(argument.partition("@")[0]).stem or name
        metrics += [replace(build(kind, {"encoder": encoder}), name=f"{kind}_{label}") for kind in ("fd", "kd")]
    names = [metric.name for metric in metrics]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(where="--encoder", found=f"'{name}' would occur twice in the table")
    return replace(protocol, metrics=tuple(metrics))


def default_out(config: RunConfig) -> Path:
    """Return ``runs/MODELS``, where a run goes without --out."""
    names = "+".join(config.generated) or (config.manifest.stem if config.manifest else "run")
    return Path("runs") / names[:80].replace("/", "_")


def _prepare(config: RunConfig, progress: Progress | None, store: WeightsStore) -> tuple[Inputs, Protocol, Selection]:
    load_plugins(config.plugin)
    protocol = resolve_protocol(config)
    inputs = read_inputs(config, progress=(lambda done, of: progress("checking files", done, of)) if progress else None)
    require_complete(inputs, config.on_error)
    smallest = min(inputs.audit.tiles, key=lambda tile: min(inputs.audit.sizes[tile.id]))
    selection = select(
        protocol,
        has_source=inputs.has_source,
        smallest_side=min(inputs.audit.sizes[smallest.id]),
        smallest_tile=smallest.id,
        store=store,
    )
    return inputs, protocol, selection


def preview(config: RunConfig, out: Path | None = None) -> Preview:
    """Return what ``run`` would do with this configuration; nothing is written or fetched."""
    store = WeightsStore(config.weights_dir, offline=True)
    with use_store(store):
        inputs, _, selection = _prepare(config, None, store)
    plan = _plan(config, inputs, selection, {})
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
        warnings=inputs.audit.warnings,
        notes=inputs.audit.notes,
    )


def run(
    config: RunConfig,
    out: Path | None = None,
    progress: Progress | None = None,
    told: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Score every tile and write the run folder; the same call continues a run that was stopped.

    Args:
        config: What is scored and how.
        out: The run folder, by default ``runs/MODELS``.
        progress: Called with phase, done and total.
        told: Called with each sentence that the user should read while the run goes on.

    Raises:
        UsageError: the configuration is wrong, or the folder holds another run.
        InputError: the tiles cannot be scored.
        MachineError: the folder cannot be used, or named metrics lack their weights.
    """
    folder = RunFolder(out or default_out(config))
    started = time.time()
    store = WeightsStore(config.weights_dir, offline=config.offline)
    device = choose_device(config.device)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    with use_store(store), folder.claimed():
        inputs, protocol, selection = _prepare(config, progress, store)
        for fault in dict.fromkeys(str(gap.fault) for gap in selection.gaps.values()):
            names = [name for name, gap in selection.gaps.items() if str(gap.fault) == fault]
            told(f"No value for {', '.join(names)}: {fault}")
        selection, slides = _survey(config, inputs, selection, progress)
        plan = _plan(config, inputs, selection, slides)
        with Journal(folder.journal) as journal:
            journal.claim(_settings(config, inputs, selection, device, slides))
            publish_text(folder.config, config.to_toml())
            publish_pairs(folder, inputs)
            if slides:
                publish_slides(folder.slides, slides)
            observe(
                plan,
                journal,
                policy=inputs.policy,
                device=device,
                batch_size=config.batch_size or BATCH_SIZES[device.type],
                workers=config.workers,
                skip_faults=config.on_error == "skip",
                progress=(lambda done, of: progress("scoring tiles", done, of)) if progress else None,
            )
            if progress:
                progress("making the table", 0, 1)
            refused = sorted({problem.tile for problem in inputs.audit.problems})
            table = tabulate(
                journal,
                protocol=protocol.name,
                selection=selection,
                tiles=inputs.audit.tiles,
                sizes=inputs.audit.sizes,
                models=inputs.models,
                controls=tuple(output.name for output in plan.extra),
                controlled=plan.subset,
                seed=config.seed,
                partial=inputs.partial,
                refused=len(refused),
                warnings=inputs.audit.warnings,
            )
            left_out = [*inputs.audit.problems, *unreadable(journal)]
            publish_skipped(folder, left_out)
            publish_tiles(folder, journal, plan)
        folder.write_facts(_facts(config, inputs, selection, device, started))
        publish_text(folder.results, table.to_json())
        publish_text(folder.report, REPORTS["html"].render(folder))
        if progress:
            progress("making the table", 1, 1)
    return Outcome(table, folder, len({problem.tile for problem in left_out}))


def _survey(
    config: RunConfig, inputs: Inputs, selection: Selection, progress: Progress | None
) -> tuple[Selection, Slides]:
    """Return what is known of whole slides, and the metrics with its digest; nothing is read where none asks for it."""
    if not any(needs_slides(metric) for metric in selection.computable):
        return selection, {}
    slides = survey(
        inputs.audit.tiles,
        inputs.policy,
        seed=config.seed,
        workers=config.workers,
        progress=(lambda done, of: progress("looking at slides", done, of)) if progress else None,
    )
    return replace(selection, metrics=tuple(with_slides(metric, slides) for metric in selection.metrics)), slides


def _plan(config: RunConfig, inputs: Inputs, selection: Selection, slides: Slides) -> Plan:
    return plan_run(
        inputs.audit.tiles,
        inputs.audit.sizes,
        inputs.models,
        selection.computable,
        control_tiles=config.controls,
        seed=config.seed,
        slides=slides,
    )


def _settings(
    config: RunConfig, inputs: Inputs, selection: Selection, device: torch.device, slides: Slides
) -> dict[str, object]:
    """Return everything that can change a number or a row, for the journal to compare on resume."""
    listing = hashlib.sha256()
    for tile in inputs.audit.tiles:
        listing.update(f"{tile.id}\0{tile.group}\0{tile.label}\0{tile.mpp}\n".encode())
    settings: dict[str, object] = {
        "version": __version__,
        "models": {name: str(path.resolve()) for name, path in config.generated.items()},
        "real": str(config.real and config.real.resolve()),
        "source": str(config.source and config.source.resolve()),
        "dataset": f"{config.dataset} {config.root} {config.split}" if config.dataset else str(config.manifest),
        "tiles": f"{len(inputs.audit.tiles)} tiles, listing {listing.hexdigest()[:12]}",
        "metrics": [metric.signature for metric in selection.metrics],
        "unavailable": sorted(selection.gaps),
        "weights": dict(sorted(selection.weights.items())),
        "encoders": _encoder_files(config),
        "decode": str(inputs.policy),
        "on_error": config.on_error,
        "controls": config.controls,
        "seed": config.seed,
        "device": device.type,
        "threads": torch.get_num_threads(),
    }
    return settings | ({"slides": slides_digest(slides, sorted({owner for owner, _ in slides}))} if slides else {})


def _encoder_files(config: RunConfig) -> dict[str, str]:
    """Return the sha256 of every file of the user's own that an encoder reads."""
    files = [path for spec in config.encoder for path in build_encoder(spec).files()]
    return {str(path.resolve()): digest(path) for path in files}


def _facts(
    config: RunConfig, inputs: Inputs, selection: Selection, device: torch.device, started: float
) -> dict[str, object]:
    return {
        "command": command(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "seconds": round(time.time() - started, 2),
        "versions": versions(),
        "machine": machine(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "seed": config.seed,
        "weights": dict(selection.weights),
        "encoders": _encoder_files(config),
        "layout": inputs.layout.name,
        "notes": list(inputs.audit.notes),
    }
