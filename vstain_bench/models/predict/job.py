"""The job of ``predict``: settle what is asked, stain every tile that is not done, say where the images come from."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from vstain_bench import __version__
from vstain_bench.base.config import parse_assignments
from vstain_bench.base.devices import BATCH_SIZES, choose_device, device_name
from vstain_bench.base.files import publish_json
from vstain_bench.base.listener import SILENT, Listener
from vstain_bench.base.names import require_known
from vstain_bench.base.provenance import session
from vstain_bench.base.registry import load_plugins
from vstain_bench.errors import UsageError
from vstain_bench.images.reader import DecodePolicy
from vstain_bench.models.contract import Adapter, Loading, Mode
from vstain_bench.models.named_weights import Weights, find_weights
from vstain_bench.models.predict.config import PredictConfig
from vstain_bench.models.predict.fitting import Fit, Tiling, fit, settle_tiling
from vstain_bench.models.predict.folder import VERSION, Done, PredictionFolder, as_problem
from vstain_bench.models.predict.plausible import require_he
from vstain_bench.models.predict.staining import Staining, stain_tiles
from vstain_bench.models.predict.writing import Writer
from vstain_bench.models.recipe_adapters import adapters
from vstain_bench.networks.weights import WeightsStore
from vstain_bench.tiles.batches import Failed, TileFiles, load_batches
from vstain_bench.tiles.pairing import Problem, refuse
from vstain_bench.tiles.sources import Sources, SourceTile, read_sources

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class FinishedPrediction:
    """A finished prediction: its folder, images in it, how many were made now, tiles left out, and predict.json."""

    folder: Path
    images: int
    made: int
    skipped: int
    seconds: float
    facts: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a prediction has settled before it stains anything."""

    config: PredictConfig
    folder: PredictionFolder
    adapter: Adapter
    mode: Mode
    weights: Weights | None
    policy: DecodePolicy
    sources: Sources
    fits: Mapping[str, Fit]
    tiling: Tiling
    staining: Staining

    def settings(self) -> dict[str, object]:
        """Return everything that decides what the images are."""
        config, model = self.config, self.staining.model
        return {
            "version": __version__,
            "adapter": config.adapter,
            "weights": self.weights.sha256 if self.weights else None,
            "model": dict(model.facts),
            "mode": config.mode,
            "tiling": str(self.tiling),
            "format": f"JPEG, quality {config.jpeg_quality}" if config.jpeg_quality else "PNG",
            "dtype": config.dtype,
            "seed": config.seed if model.random else None,
            "decode": str(self.policy),
            "device": self.staining.device.type,
            "threads": torch.get_num_threads(),
        }

    def facts(self) -> dict[str, object]:
        """Return what a reader of the images must know besides: the model, its mode, and the H&E."""
        config, card = self.config, self.adapter.card
        place = config.source or config.manifest or f"{config.dataset} {config.root} {config.split or ''}".strip()
        return {
            "schema_version": VERSION,
            "model": {"summary": card.summary, "citation": card.citation, "licence": card.licence},
            "weights": {"file": self.weights.origin, "sha256": self.weights.sha256} if self.weights else None,
            "mode": self.mode.summary,
            "source": {
                "from": str(place),
                "layout": self.sources.layout,
                "tiles": len(self.sources.tiles),
                "partial": self.sources.partial,
                "listing": self.sources.listing,
            },
        }


def predict(config: PredictConfig, out: Path, listener: Listener = SILENT) -> FinishedPrediction:
    """Stain every H&E tile into a folder; the same call goes on with a prediction that was stopped.

    Args:
        config: What is stained and how.
        out: The folder of the images.
        listener: Hears how far the job is.

    Raises:
        UsageError: What is asked does not exist, or the folder holds something else.
        InputError: The tiles cannot be stained.
        MachineError: The folder cannot be used, or weights are missing or not those of the adapter.
    """
    started = time.time()
    load_plugins(config.plugin)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    with PredictionFolder(out, ".jpg" if config.jpeg_quality else ".png").claimed():
        job = _settle(config, out, listener)
        _say(job, listener)
        job.folder.claim(job.settings(), job.facts())
        job.folder.remove_halves()
        kept = job.folder.verified(job.sources.tiles, config.workers, listener.phase("checking what is done"))
        if kept:
            listener.say(f"{len(kept)} images are done already")
        job.folder.write_done(kept)
        made, failed = _stain_all(job, kept, listener)
        return _finish(job, [*kept, *made], failed, len(made), started)


def _settle(config: PredictConfig, out: Path, listener: Listener) -> Job:
    adapter, mode, settings = _settle_adapter(config)
    weights = find_weights(config.adapter, adapter, config.weights, WeightsStore(config.weights_dir, offline=True))
    device, policy = choose_device(config.device), DecodePolicy.parse(config.decode)
    folder = PredictionFolder(out, ".jpg" if config.jpeg_quality else ".png")
    sources = read_sources(config, policy, listener.phase("checking files"))
    refuse([tile.id for tile in sources.tiles], sources.problems, config.on_error, purpose="stained")
    folder.refuse_foreign(None if config.manifest else config.source or sources.tiles[0].file.path.parent)
    model = adapter.load(
        Loading(weights=weights.path if weights else None, mode=mode, device=device, settings=settings)
    )
    tiling = settle_tiling(model, config.window, config.overlap)
    sources, fits = _fit_all(config, sources, tiling, model.side)
    if not config.any_stain:
        require_he(sources.tiles, policy, config.source)
    return Job(
        config=config,
        folder=folder,
        adapter=adapter,
        mode=mode,
        weights=weights,
        policy=policy,
        sources=sources,
        fits=fits,
        tiling=tiling,
        staining=Staining(
            model=model,
            device=device,
            dtype=DTYPES[config.dtype],
            batch_size=min(config.batch_size or BATCH_SIZES[device.type], model.largest_batch or 1024),
            truncated=mode.truncated,
            seed=config.seed,
        ),
    )


def _settle_adapter(config: PredictConfig) -> tuple[Adapter, Mode, Mapping[str, object]]:
    adapter = adapters()[config.adapter]
    require_known(config.mode, adapter.modes, where=f"--mode {config.mode}", found=f"{config.adapter} has no such mode")
    if config.dtype not in adapter.card.dtypes:
        raise UsageError(
            where=f"--dtype {config.dtype}",
            found=f"{config.adapter} computes in {' or '.join(adapter.card.dtypes)}",
            next_step="An exported network has the precision that it was exported in.",
        )
    settings = parse_assignments(config.settings)
    if settings and not adapter.configurable:
        raise UsageError(
            where=f"--set {config.settings[0]}", found=f"{config.adapter} has no settings", next_step="Leave --set out."
        )
    return adapter, adapter.modes[config.mode], settings


def _fit_all(
    config: PredictConfig, sources: Sources, tiling: Tiling, side: int | None
) -> tuple[Sources, dict[str, Fit]]:
    """Return how each tile goes through the network; those that cannot join the problems."""
    fits: dict[str, Fit] = {}
    problems: list[Problem] = []
    for tile in sources.tiles:
        found = fit(tile.size, tiling, side)
        if isinstance(found, Fit):
            fits[tile.id] = found
        else:
            problems.append(Problem(tile.id, "size", f"tile '{tile.id}' is {found}"))
    tiles = tuple(tile for tile in sources.tiles if tile.id in fits)
    kept = replace(sources, tiles=tiles, problems=(*sources.problems, *problems))
    refuse(fits, kept.problems, config.on_error, purpose="stained")
    return kept, fits


def _say(job: Job, listener: Listener) -> None:
    weights = f", {job.weights.origin} ({job.weights.sha256[:12]})" if job.weights else ""
    listener.say(f"{job.config.adapter}{weights}: {job.adapter.card.summary}")
    listener.say(f"mode {job.config.mode}: {job.mode.summary}")
    tiled = [fitted.windows for fitted in job.fits.values() if fitted.windows is not None]
    sizes = {tile.id: tile.size for tile in job.sources.tiles}
    padded = sum((fitted.width, fitted.height) != sizes[tile] for tile, fitted in job.fits.items())
    if tiled:
        count = sum(each.count for each in tiled)
        listener.say(f"{len(tiled)} of {len(job.fits)} tiles go in {job.tiling.windows} or more: {count} in all")
    else:
        listener.say(f"{len(job.fits)} tiles go through whole")
    if padded:
        listener.say(
            f"{padded} of {len(job.fits)} tiles are mirrored to multiples of {job.tiling.multiple} px (at least "
            f"{job.tiling.minimum_side}), and cut back"
        )
    for note in job.sources.notes:
        listener.say(note)


def _stain_all(job: Job, kept: list[Done], listener: Listener) -> tuple[list[Done], list[Problem]]:
    """Stain every tile that is not done; return what was written, and the tiles whose H&E cannot be decoded."""
    finished = {done.tile for done in kept}
    todo = [tile for tile in job.sources.tiles if tile.id not in finished]
    made: list[Done] = []
    failed: list[Problem] = []

    def advance() -> None:
        listener.progress("staining tiles", len(kept) + len(made) + len(failed), len(job.sources.tiles))

    def written(done: Done) -> None:
        made.append(done)
        advance()

    advance()
    config = job.config
    with Writer(job.folder, workers=config.workers, jpeg_quality=config.jpeg_quality, written=written) as writer:
        for members, batch_size in _groups(job, todo):
            requests = [TileFiles(tile.id, {"source": tile.file}, tile.size) for tile in members]
            batches = load_batches(
                requests, job.policy, batch_size=batch_size, workers=config.workers, device=job.staining.device
            )
            for loaded in batches:
                if isinstance(loaded, Failed):
                    if config.on_error == "fail":
                        raise loaded.fault
                    failed.append(as_problem(loaded.id, loaded.fault))
                    continue
                codes = stain_tiles(loaded.images["source"], loaded.ids, job.fits[loaded.ids[0]], job.staining)
                for tile, image in zip(loaded.ids, codes, strict=True):
                    writer.put(tile, image, loaded.digests[tile]["source"])
    return made, failed


def _groups(job: Job, todo: list[SourceTile]) -> list[tuple[list[SourceTile], int]]:
    """Return tiles that go through whole, in batches, and tiles that are batches of windows themselves."""
    whole = [tile for tile in todo if job.fits[tile.id].windows is None]
    windowed = [tile for tile in todo if job.fits[tile.id].windows is not None]
    return [(whole, job.staining.batch_size), (windowed, 1)]


def _finish(job: Job, done: list[Done], failed: list[Problem], made: int, started: float) -> FinishedPrediction:
    job.folder.write_done(done)
    problems = [*job.sources.problems, *failed]
    job.folder.write_skipped(problems)
    now = session(started)
    facts = {
        **job.facts(),
        "settings": job.settings(),
        "finished": True,
        "images": len(done),
        "skipped": len({problem.tile for problem in problems}),
        "session": {
            **now,
            "made": made,
            "batch_size": job.staining.batch_size,
            "device": device_name(job.staining.device),
        },
    }
    publish_json(job.folder.facts, facts)
    return FinishedPrediction(
        job.folder.path, len(done), made, len({problem.tile for problem in problems}), time.time() - started, facts
    )
