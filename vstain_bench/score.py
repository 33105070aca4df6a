"""One pass over the tiles: every metric observes every model, and the rows go to the journal batch by batch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from vstain_bench.controls import CONTROLS, PARTNER, Control, choose_partners, choose_subset
from vstain_bench.errors import InputError, Undefined
from vstain_bench.io.batches import Failed, Loaded, Request, load_batches
from vstain_bench.io.images import DecodePolicy
from vstain_bench.journal import Entry, Journal
from vstain_bench.types import Batch, ImageFile, Metric, Side, Tile, View

CONTROLLED = "0 with controls"
"""Kind of the batches on which controls are scored too; they come first."""
PLAIN = "1 plain"


@dataclass(frozen=True)
class Plan:
    """What a pass computes: tiles and their sizes, models, metrics, and the tiles that controls are scored on."""

    tiles: tuple[Tile, ...]
    sizes: Mapping[str, tuple[int, int]]
    models: tuple[str, ...]
    metrics: tuple[Metric, ...]
    controls: tuple[Control, ...]
    controlled: frozenset[str]
    partners: Mapping[str, Tile]


def make_plan(
    tiles: Sequence[Tile],
    sizes: Mapping[str, tuple[int, int]],
    models: tuple[str, ...],
    metrics: tuple[Metric, ...],
    *,
    control_tiles: int,
    seed: int,
) -> Plan:
    """Return the plan of a pass; which tiles serve as controls depends on seed and tile ids alone."""
    partners = choose_partners(tiles, dict(sizes), seed)
    owners = {"real", *(["source"] if tiles and tiles[0].source else []), *([PARTNER] if partners else [])}
    controls = tuple(CONTROLS[name] for name in CONTROLS if CONTROLS[name].needs in owners)
    eligible = [tile.id for tile in tiles if not partners or tile.id in partners]
    controlled = choose_subset(eligible, control_tiles, seed)
    return Plan(tuple(tiles), sizes, models, metrics, controls if controlled else (), controlled, partners)


def _files(plan: Plan, tile: Tile) -> dict[str, ImageFile]:
    files: dict[str, ImageFile] = {"real": tile.real, **tile.generated}
    if tile.source is not None:
        files["source"] = tile.source
    if tile.id in plan.controlled and tile.id in plan.partners:
        files[PARTNER] = plan.partners[tile.id].real
    return files


def _file_facts(file: ImageFile) -> dict[str, object]:
    facts = file.path.stat()
    return {"bytes": facts.st_size, "modified_ns": facts.st_mtime_ns}


def observe(
    plan: Plan,
    journal: Journal,
    *,
    policy: DecodePolicy,
    device: torch.device,
    batch_size: int,
    workers: int,
    skip_faults: bool,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Observe every tile that the journal does not hold yet; memory does not grow with the number of tiles.

    Raises:
        InputError: a file cannot be decoded and faults are not to be skipped, or a scored file has changed since.
    """
    done = journal.done()
    tiles = {tile.id: tile for tile in plan.tiles}
    for tile in plan.tiles:
        _require_unchanged(plan, tile, done.get(tile.id))
    requests = [
        Request(tile.id, _files(plan, tile), plan.sizes[tile.id], CONTROLLED if tile.id in plan.controlled else PLAIN)
        for tile in plan.tiles
        if tile.id not in done
    ]
    count = len(plan.tiles) - len(requests)
    if progress:
        progress(count, len(plan.tiles))
    for loaded in load_batches(requests, policy, batch_size=batch_size, workers=workers, device=device):
        if isinstance(loaded, Failed):
            if not skip_faults:
                raise InputError(
                    where="input",
                    found=f"tile '{loaded.id}' cannot be read: {loaded.fault}",
                    next_step=f"{count} tiles are scored and kept; repair the file and give the same command again, "
                    "or start anew with --on-error skip.",
                )
            journal.skip(loaded.id, str(loaded.fault))
            count += 1
        else:
            entries = _observe_batch(plan, loaded, tuple(tiles[tile].mpp for tile in loaded.ids))
            journal.acknowledge({tile: _record(plan, tiles[tile], loaded) for tile in loaded.ids}, entries)
            count += len(loaded.ids)
        if progress:
            progress(count, len(plan.tiles))


def _record(plan: Plan, tile: Tile, loaded: Loaded) -> dict[str, dict[str, object]]:
    return {
        owner: {**_file_facts(file), "sha256": loaded.digests[tile.id][owner]}
        for owner, file in _files(plan, tile).items()
    }


def _require_unchanged(plan: Plan, tile: Tile, kept: Mapping[str, Mapping[str, object]] | None) -> None:
    for owner, facts in (kept or {}).items():
        file = _files(plan, tile).get(owner)
        if file is not None and any(facts[key] != value for key, value in _file_facts(file).items()):
            raise InputError(
                where=str(file),
                found=f"the file has changed since tile '{tile.id}' was scored",
                expected="the same files for the same run folder",
                next_step="Choose another --out, or remove the folder to start over.",
            )


def _observe_batch(plan: Plan, loaded: Loaded, mpp: tuple[float | None, ...]) -> list[Entry]:
    shared: dict[Side, View] = {"real": View(loaded.ids, "real", loaded.images["real"], mpp)}
    if "source" in loaded.images:
        shared["source"] = View(loaded.ids, "source", loaded.images["source"], mpp)
    entries = []
    for model in plan.models:
        entries += _observe_model(plan, model, View(loaded.ids, model, loaded.images[model], mpp), shared)
    if loaded.kind == CONTROLLED:
        for control in plan.controls:
            output = View(loaded.ids, control.model, control.make(loaded.images[control.needs]), mpp)
            entries += _observe_model(plan, control.model, output, shared)
    return entries


def _observe_model(plan: Plan, model: str, generated: View, shared: Mapping[Side, View]) -> list[Entry]:
    batch = Batch({**shared, "generated": generated})
    entries = []
    observed: set[str] = set()
    for metric in plan.metrics:
        if metric.rows in observed:
            continue
        observed.add(metric.rows)
        try:
            with torch.inference_mode():
                rows = metric.observe(batch).cpu().numpy()
            gap = ""
        except Undefined as reason:
            rows, gap = np.full((len(batch.ids), 1), np.nan), str(reason)
        if rows.ndim != 2 or len(rows) != len(batch.ids):
            raise TypeError(f"metric '{metric.name}' returned rows of shape {rows.shape} for {len(batch.ids)} tiles")
        entries.append(Entry(model, metric.rows, batch.ids, rows, gap))
    return entries
