"""Validation: the generator on whole tiles, as it would be used, by the project's own metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import Module
from torch.nn.functional import pad

from vstain_bench.base.config import RunConfig
from vstain_bench.base.devices import BATCH_SIZES
from vstain_bench.base.listener import Advance
from vstain_bench.errors import UsageError
from vstain_bench.measure.journal import Journal
from vstain_bench.measure.observe import Output, Plan, observe
from vstain_bench.measure.protocol import parse_metrics, resolve_protocol
from vstain_bench.measure.selection import Selection, select
from vstain_bench.measure.tabulate import Rows, score_rows
from vstain_bench.models.contract import Recipe, Stain
from vstain_bench.models.training.config import TrainConfig
from vstain_bench.models.training.engine import Engine
from vstain_bench.models.training.tile_sets import TileSet
from vstain_bench.networks.weights import WeightsStore
from vstain_bench.stain.slides import needs_slides
from vstain_bench.types import Images, Metric, View

GENERATED = "generated"
LATEST = "latest"
"""In place of a metric: nothing chooses, the last epoch is kept."""
IN_MEMORY = Path(":memory:")
"""A journal that no file holds."""


@dataclass(frozen=True)
class Validation:
    """What is measured on which tiles.

    Attributes:
        tiles: All of them.
        selection: The metrics, and those that cannot be computed here, with the reason.
        choice: The metric that chooses the checkpoint, or None where the latest is kept.
        workers: Threads that decode ahead.
    """

    tiles: TileSet
    selection: Selection
    choice: Metric | None
    workers: int

    @property
    def rule(self) -> str:
        """What chooses the checkpoint, by name."""
        return self.choice.name if self.choice else LATEST

    def score(self, stain: Stain, engine: Engine, progress: Advance | None = None) -> dict[str, float | str]:
        """Return each metric's number over all tiles, or why it has none; every process measures its own tiles.

        Raises:
            InputError: A tile cannot be decoded.
        """
        tiles = self.tiles.tiles[engine.rank :: engine.processes]
        plan = Plan(
            tiles=tiles,
            sizes=dict(zip((tile.id for tile in self.tiles.tiles), self.tiles.sizes, strict=True)),
            metrics=self.selection.computable,
            outputs=(Output(GENERATED, lambda views: _stained(stain, views)),),
        )
        with Journal(IN_MEMORY) as journal:
            observe(
                plan,
                journal,
                policy=self.tiles.policy,
                device=engine.device,
                batch_size=BATCH_SIZES[engine.device.type],
                workers=self.workers,
                skip_faults=False,
                progress=progress,
            )
            own = {
                metric.rows: (*journal.rows(GENERATED, metric.rows), journal.gap(GENERATED, metric.rows))
                for metric in plan.metrics
            }
        parts = engine.gather(own)
        return {metric.name: score_rows(metric, self._joined(metric, parts)) for metric in plan.metrics}

    def _joined(self, metric: Metric, parts: Sequence[Mapping[str, tuple[tuple[str, ...], np.ndarray, str]]]) -> Rows:
        """Return the rows of all processes in the order of tile ids, each tile once."""
        found = [part[metric.rows] for part in parts if part[metric.rows][0]]
        ids = [tile for tiles, _, _ in found for tile in tiles]
        if sorted(ids) != sorted(tile.id for tile in self.tiles.tiles):
            raise AssertionError(f"{len(ids)} rows of {metric.name} for {len(self.tiles.tiles)} tiles")
        width = max(data.shape[1] for _, data, _ in found)
        rows = np.concatenate([np.broadcast_to(data, (len(data), width)) for _, data, _ in found])
        order = np.argsort(np.array(ids))
        gap = next((reason for _, _, reason in found if reason), "")
        return Rows(GENERATED, tuple(ids[place] for place in order), rows[order], gap)


def _stained(stain: Stain, views: Mapping[str, View]) -> Images:
    """Return virtual IHC in 8-bit codes, as a file of it would hold."""
    return stain(views["source"].images).clamp(0, 1).mul(255).round().div(255)


def whole_tiles(recipe: Recipe, generator: Module) -> Stain:
    """Return the stain of a generator for tiles of any size: what lacks to a multiple is mirrored, then cut off."""
    multiple = recipe.multiple

    @torch.no_grad()
    def stain(source: Images) -> Images:
        height, width = source.shape[-2:]
        padded = pad(source, (0, -width % multiple, 0, -height % multiple), mode="reflect")
        images: Images = recipe.generate(generator, padded)[..., :height, :width]
        return images.float().contiguous()

    return stain


def plan_validation(config: TrainConfig, tiles: TileSet, store: WeightsStore) -> Validation:
    """Return what is measured after each epoch.

    Raises:
        UsageError: An unknown metric, or one that needs whole slides of generated tiles.
        InputError: The metric that chooses needs larger tiles.
        MachineError: It needs weights that are not here; nothing is chosen by another metric instead.
    """
    choice = None if config.select == LATEST else parse_metrics(config.select).metrics[0]
    protocol = resolve_protocol(RunConfig(protocol=config.protocol, metrics=config.metrics))
    known = {metric.name: metric for metric in protocol.metrics}
    if choice is not None and "(" not in config.select and choice.name in known:
        choice = known[choice.name]
    metrics = protocol.metrics
    if choice is not None:
        metrics = (choice, *(metric for metric in metrics if metric.name != choice.name))
    for metric in metrics:
        if needs_slides(metric):
            raise UsageError(
                where=f"metric '{metric.name}'",
                found="it looks at whole slides, which a validation does not have",
                next_step="Leave it out, or give it background=tile.",
            )
    side, tile = min((min(size), tile.id) for size, tile in zip(tiles.sizes, tiles.tiles, strict=True))
    protocol = replace(protocol, metrics=metrics)
    selection = select(protocol, has_source=True, smallest=(tile, side), store=store)
    gap = selection.gaps.get(choice.name) if choice else None
    if choice and gap:
        fault = gap.fault
        raise type(fault)(
            where=f"--select {choice.name}, which chooses the checkpoint",
            found=f"{fault.where}: {fault.found}",
            expected=fault.expected,
            next_step=f"{fault.next_step} Or choose by another metric, e.g. --select ssim.".strip(),
        )
    return Validation(tiles, selection, choice, config.workers)
