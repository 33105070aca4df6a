"""One pass over the tiles: every metric observes every model, and the rows go to the journal batch by batch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch

from vstain_bench.base.listener import Advance
from vstain_bench.errors import InputError, Undefined
from vstain_bench.images.reader import DecodePolicy
from vstain_bench.measure.controls import CONTROLS, OTHERS, PARTNER, Control, choose_partners, choose_subset
from vstain_bench.measure.controls.other_colour import OtherColours
from vstain_bench.measure.journal import Entry, Journal
from vstain_bench.stain.slides import Slides
from vstain_bench.tiles.batches import Failed, Loaded, TileFiles, load_batches
from vstain_bench.types import Batch, ImageFile, Images, Metric, Side, Slide, Tile, View

Make = Callable[[Mapping[str, View]], Images]
"""From the views of a batch by owner to images, (b, 3, h, w)."""


@dataclass(frozen=True)
class Output:
    """Images to be scored under a name: a model's own, a control, or a perturbed tile.

    Attributes:
        name: The model under which its rows are kept.
        make: From the views of the batch by owner (``real``, ``source``, models, companions) to images, (b, 3, h, w);
            raises ``Undefined`` where it cannot be made.
        sides: The same for sides that this output is compared with, where they are not those of the batch.
        origin: The owner whose slides it comes from: light and stain vectors are theirs.
    """

    name: str
    make: Make
    sides: Mapping[Side, Make] = field(default_factory=dict)
    origin: str = "real"


@dataclass(frozen=True)
class Plan:
    """What a pass computes.

    Attributes:
        tiles: All tiles.
        sizes: Width and height of each in px.
        metrics: What observes them.
        outputs: What is scored on every tile.
        extra: What is scored on the tiles of the subset as well.
        subset: Their ids.
        companions: Further real tiles that are loaded beside those of the subset: by owner, then by tile id.
        slides: What is known of whole slides, where a metric asks for it.
    """

    tiles: tuple[Tile, ...]
    sizes: Mapping[str, tuple[int, int]]
    metrics: tuple[Metric, ...]
    outputs: tuple[Output, ...]
    extra: tuple[Output, ...] = ()
    subset: frozenset[str] = frozenset()
    companions: Mapping[str, Mapping[str, Tile]] = field(default_factory=dict)
    slides: Slides = field(default_factory=dict)

    def slide(self, owner: str, tile: Tile) -> Slide | None:
        """Return what is known of the slide that an owner's tile comes from."""
        if owner in self.companions:
            tile, owner = self.companions[owner].get(tile.id, tile), "real"
        return self.slides.get((owner, tile.group or ""))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all outputs in their order."""
        return tuple(output.name for output in (*self.outputs, *self.extra))


@dataclass(frozen=True)
class Observed:
    """What was observed of a batch: its tiles, the sha256 of each of their files by owner, and the rows."""

    ids: tuple[str, ...]
    digests: Mapping[str, Mapping[str, str]]
    entries: tuple[Entry, ...]


Observe = Callable[[Sequence[TileFiles]], Iterator[Observed | Failed]]
"""From tiles to what was observed of them, and those that cannot be decoded, in any order."""


def plan_run(
    tiles: Sequence[Tile],
    sizes: Mapping[str, tuple[int, int]],
    models: tuple[str, ...],
    metrics: tuple[Metric, ...],
    *,
    control_tiles: int,
    seed: int,
    policy: DecodePolicy,
    slides: Slides | None = None,
) -> Plan:
    """Return the plan of a run: models on every tile, controls on a subset chosen by seed and tile ids alone."""
    partners = choose_partners(tiles, dict(sizes), seed)
    owners = {"real", *(["source"] if tiles and tiles[0].source else []), *([PARTNER] if partners else [])}
    eligible = [tile.id for tile in tiles if not partners or tile.id in partners]
    subset = choose_subset(eligible, control_tiles, seed)
    owners |= {OTHERS} if partners else set()
    controls = [CONTROLS[name] for name in CONTROLS if CONTROLS[name].needs in owners and subset]
    colours = OtherColours([tile for tile in tiles if tile.id in subset], policy)
    return Plan(
        tiles=tuple(tiles),
        sizes=sizes,
        metrics=metrics,
        outputs=tuple(model_output(model) for model in models),
        extra=tuple(control_output(control, colours) for control in controls),
        subset=subset if controls else frozenset(),
        companions={PARTNER: partners},
        slides=slides or {},
    )


def model_output(model: str) -> Output:
    """Return a model's images as they are."""
    return Output(model, lambda views: views[model].images, origin=model)


def control_output(control: Control, colours: OtherColours | None = None) -> Output:
    """Return what a control makes; undefined on a tile without what it is made from."""

    def make(views: Mapping[str, View]) -> Images:
        if control.needs == OTHERS and colours is not None:
            height, width = views["real"].images.shape[-2:]
            return control.make(colours.of(views["real"].ids, height, width).to(views["real"].images.device))
        if control.needs not in views:
            raise Undefined("no tile of another group has the same size")
        return control.make(views[control.needs].images)

    return Output(control.model, make, origin="real" if control.needs == OTHERS else control.needs)


def _files(plan: Plan, tile: Tile) -> dict[str, ImageFile]:
    files: dict[str, ImageFile] = {"real": tile.real, **tile.generated}
    if tile.source is not None:
        files["source"] = tile.source
    if tile.id in plan.subset:
        files |= {owner: tiles[tile.id].real for owner, tiles in plan.companions.items() if tile.id in tiles}
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
    observer: Observe | None = None,
    progress: Advance | None = None,
) -> None:
    """Observe every tile that the journal does not hold yet; memory does not grow with the number of tiles.

    An ``observer`` takes the place of this process, as where several share the work; the journal stays here.

    Raises:
        InputError: a file cannot be decoded and faults are not to be skipped, or a scored file has changed since.
    """
    done = require_unchanged(plan, journal)
    tiles = {tile.id: tile for tile in plan.tiles}
    missing = [
        TileFiles(tile.id, _files(plan, tile), plan.sizes[tile.id], tile.id in plan.subset)
        for tile in plan.tiles
        if tile.id not in done
    ]
    count = len(plan.tiles) - len(missing)
    if progress:
        progress(count, len(plan.tiles))
    here = partial(observe_here, plan, policy=policy, device=device, batch_size=batch_size, workers=workers)
    for found in (observer or here)(missing):
        if isinstance(found, Failed):
            if not skip_faults:
                raise InputError(
                    where="input",
                    found=f"tile '{found.id}' cannot be read: {found.fault}",
                    next_step=f"{count} tiles are scored and kept; repair the file and give the same command again, "
                    "or start anew with --on-error skip.",
                )
            journal.skip(found.id, str(found.fault))
            count += 1
        else:
            files = {tile: _record(plan, tiles[tile], found.digests[tile]) for tile in found.ids}
            journal.acknowledge(files, found.entries)
            count += len(found.ids)
        if progress:
            progress(count, len(plan.tiles))


def observe_here(
    plan: Plan,
    files: Sequence[TileFiles],
    *,
    policy: DecodePolicy,
    device: torch.device,
    batch_size: int,
    workers: int,
) -> Iterator[Observed | Failed]:
    """Yield what is observed of each batch, in this process."""
    tiles = {tile.id: tile for tile in plan.tiles}
    for loaded in load_batches(files, policy, batch_size=batch_size, workers=workers, device=device):
        if isinstance(loaded, Failed):
            yield loaded
        else:
            entries = _observe_batch(plan, loaded, [tiles[id_] for id_ in loaded.ids])
            yield Observed(loaded.ids, loaded.digests, tuple(entries))


def _record(plan: Plan, tile: Tile, digests: Mapping[str, str]) -> dict[str, dict[str, object]]:
    return {owner: {**_file_facts(file), "sha256": digests[owner]} for owner, file in _files(plan, tile).items()}


def require_unchanged(plan: Plan, journal: Journal) -> dict[str, dict[str, dict[str, object]]]:
    """Return the files of every acknowledged tile, after proving that none has changed since it was scored.

    Raises:
        InputError: one has.
    """
    done = journal.done()
    for tile in plan.tiles:
        _require_same_files(plan, tile, done.get(tile.id, {}))
    return done


def _require_same_files(plan: Plan, tile: Tile, kept: Mapping[str, Mapping[str, object]]) -> None:
    for owner, facts in kept.items():
        file = _files(plan, tile).get(owner)
        if file is not None and any(facts[key] != value for key, value in _file_facts(file).items()):
            raise InputError(
                where=str(file),
                found=f"the file has changed since tile '{tile.id}' was scored",
                expected="the same files for the same run folder",
                next_step="Choose another --out, or remove the folder to start over.",
            )


def _view(plan: Plan, tiles: Sequence[Tile], name: str, images: Images, origin: str) -> View:
    """Return images with what is known of their tiles."""
    return View(
        tuple(tile.id for tile in tiles),
        name,
        images,
        tuple(tile.mpp for tile in tiles),
        labels=tuple(tile.label for tile in tiles),
        slides=tuple(plan.slide(origin, tile) for tile in tiles),
    )


def _observe_batch(plan: Plan, loaded: Loaded, tiles: Sequence[Tile]) -> list[Entry]:
    views = {owner: _view(plan, tiles, owner, images, owner) for owner, images in loaded.images.items()}
    shared: dict[Side, View] = {"real": views["real"]}
    if "source" in views:
        shared["source"] = views["source"]
    entries = []
    for output in (*plan.outputs, *(plan.extra if loaded.in_subset else ())):
        try:
            generated = _view(plan, tiles, output.name, output.make(views), output.origin)
            own = {side: _view(plan, tiles, side, make(views), side) for side, make in output.sides.items()}
        except Undefined as reason:
            entries += _missing(plan, output.name, loaded.ids, str(reason))
        else:
            entries += _observe_output(plan, generated, {**shared, **own})
    return entries


def _missing(plan: Plan, name: str, ids: tuple[str, ...], reason: str) -> list[Entry]:
    """Return rows that say that an output could not be made."""
    empty = np.full((len(ids), 1), np.nan)
    return [Entry(name, rows, ids, empty, reason) for rows in dict.fromkeys(metric.rows for metric in plan.metrics)]


def _observe_output(plan: Plan, generated: View, shared: Mapping[Side, View]) -> list[Entry]:
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
        entries.append(Entry(generated.owner, metric.rows, batch.ids, rows, gap))
    return entries
