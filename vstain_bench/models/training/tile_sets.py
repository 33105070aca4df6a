"""The tiles that a model is trained on and those that choose its checkpoint: no patient is in both."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vstain_bench.base.listener import SILENT, Listener
from vstain_bench.base.randomness import seed_of
from vstain_bench.errors import InputError, UsageError
from vstain_bench.images.reader import DecodePolicy
from vstain_bench.models.contract import Recipe
from vstain_bench.models.training.config import DEFAULT_SHARE, TrainConfig
from vstain_bench.tiles.inputs import Inputs, read_inputs, require_complete
from vstain_bench.words import Tile

TRAIN = "train"
"""The split that is trained on where splits exist and none was named."""


@dataclass(frozen=True)
class TileSet:
    """Pairs of tiles in the order of their ids, width and height of each in px, and how their files are read."""

    tiles: tuple[Tile, ...]
    sizes: tuple[tuple[int, int], ...]
    policy: DecodePolicy
    layout: str

    @property
    def groups(self) -> frozenset[str] | None:
        """Patients, or None where they are not known."""
        groups = {tile.group for tile in self.tiles}
        return None if None in groups else frozenset(group for group in groups if group)

    def only(self, wanted: Callable[[Tile], bool]) -> "TileSet":
        """Return the tiles that are wanted."""
        kept = [(tile, size) for tile, size in zip(self.tiles, self.sizes, strict=True) if wanted(tile)]
        return TileSet(tuple(t for t, _ in kept), tuple(s for _, s in kept), self.policy, self.layout)

    def first(self, number: int | None) -> "TileSet":
        """Return the first tiles, all where no number is given."""
        return TileSet(self.tiles[:number], self.sizes[:number], self.policy, self.layout)

    def facts(self) -> dict[str, object]:
        """Return what the card says of these tiles; the digest covers names, groups, labels, px and bytes."""
        listing = hashlib.sha256()
        for tile, size in zip(self.tiles, self.sizes, strict=True):
            stored = [file.path.stat().st_size for file in (tile.source, tile.real) if file]
            listing.update(f"{tile.id}\0{tile.group}\0{tile.label}\0{tile.mpp}\0{size}\0{stored}\n".encode())
        groups = self.groups
        return {
            "tiles": len(self.tiles),
            "groups": None if groups is None else len(groups),
            "layout": self.layout,
            "digest": f"sha256:{listing.hexdigest()}",
        }


@dataclass(frozen=True)
class TileSets:
    """Both sets, where the second comes from in words, and what the user should know of them."""

    train: TileSet
    validation: TileSet
    origin: str
    notes: tuple[str, ...]


def read_tile_sets(config: TrainConfig, listener: Listener = SILENT) -> TileSets:
    """Return the tiles to train on and those to validate on.

    Raises:
        UsageError: The options name no tiles, or contradict each other.
        InputError: Tiles lack a side, a patient is in both sets, or there is only one.
    """
    chosen = _require_one_origin(config)
    everything, notes = _read(config, listener)
    train = _split_of(everything, config)
    limit = config.limit
    if chosen is None:
        share = config.val_share or DEFAULT_SHARE
        train, validation, origin = _hold_out(train.first(limit), share, config.seed)
    else:
        validation, more, origin = _read_validation(config, everything, chosen, listener)
        train, validation, notes = train.first(limit), validation.first(limit), (*notes, *more)
        _require_apart(train, validation)
    if train.groups is None:
        notes = (*notes, "patients are not known: the validation may hold tiles of a patient that is trained on")
    return TileSets(train, validation, origin, notes)


def _require_one_origin(config: TrainConfig) -> str | None:
    """Return the option by which the validation tiles are named, or None for a share of the others."""
    given = {
        "--val-manifest": config.val_manifest,
        "--val-split": config.val_split,
        "--val-real": config.val_real,
        "--val-share": config.val_share,
    }
    named = [option for option, value in given.items() if value is not None]
    if config.val_manifest and config.val_split:
        named.remove("--val-split")  # that split of that manifest
    if len(named) > 1:
        raise UsageError(where=" and ".join(named), found="two origins of the validation tiles", expected="one of them")
    if (config.val_real is None) != (config.val_source is None):
        raise UsageError(
            where="--val-real and --val-source", found="only one of them", expected="a folder of each side, or neither"
        )
    return next((option for option in named if option != "--val-share"), None)


def _read(asked: TrainConfig, listener: Listener) -> tuple[TileSet, tuple[str, ...]]:
    split = asked.split if asked.dataset is None else asked.split or TRAIN
    inputs = read_inputs(
        asked.model_copy(update={"split": split, "limit": None}),
        models=False,
        progress=listener.phase("checking files"),
    )
    _require_pairs(inputs, asked.on_error)
    tiles, audit = inputs.audit.tiles, inputs.audit
    left_out = len({problem.tile for problem in audit.problems})
    notes = (*audit.warnings, *audit.notes, *([f"{left_out} tiles are left out (--on-error skip)"] if left_out else []))
    return TileSet(tiles, tuple(audit.sizes[tile.id] for tile in tiles), inputs.policy, inputs.layout.name), notes


def _require_pairs(inputs: Inputs, on_error: str) -> None:
    audit = inputs.audit
    require_complete(inputs, on_error, purpose="trained on")
    lacking = [tile.id for tile in audit.tiles if tile.source is None]
    if lacking:
        raise InputError(
            where=f"input, layout {inputs.layout.name}",
            found=f"{len(lacking)} of {len(audit.tiles)} tiles have no H&E (first: '{lacking[0]}')",
            expected="a pair of H&E and IHC for every tile",
            next_step="Pass --source DIR, or a manifest with a column 'source'.",
        )


def _split_of(everything: TileSet, config: TrainConfig) -> TileSet:
    """Return the split of a manifest that is trained on; other layouts have read theirs already."""
    splits = sorted({tile.split for tile in everything.tiles if tile.split})
    if config.manifest is None or not (splits or config.split):
        return everything
    return _of_split(everything, config.split or TRAIN, f"--manifest {config.manifest}", "--split", splits)


def _of_split(everything: TileSet, split: str, where: str, option: str, splits: Sequence[str]) -> TileSet:
    found = everything.only(lambda tile: tile.split == split)
    if not found.tiles:
        raise UsageError(
            where=f"{where}, {option} {split}",
            found="no tile of that split",
            expected=f"one of {', '.join(splits)}" if splits else "a filled column 'split'",
            next_step=f"Pass {option} NAME.",
        )
    return found


def _read_validation(
    config: TrainConfig, everything: TileSet, chosen: str, listener: Listener
) -> tuple[TileSet, tuple[str, ...], str]:
    split = config.val_split
    blank = {"real": None, "source": None, "dataset": None, "root": None, "split": None, "manifest": None}
    if chosen == "--val-real":
        folders = {**blank, "real": config.val_real, "source": config.val_source}
        return *_read(config.model_copy(update=folders), listener), f"folder {config.val_real}"
    if chosen == "--val-manifest":
        other = config.model_copy(update={**blank, "layout": None, "manifest": config.val_manifest})
        found, notes = _read(other, listener)
        if split is not None:
            found = _of_split(found, split, f"--val-manifest {config.val_manifest}", "--val-split", _splits(found))
        return found, notes, f"manifest {_name(config.val_manifest)}" + (f", split {split}" if split else "")
    assert split is not None
    if config.dataset is not None:
        return *_read(config.model_copy(update={"split": split}), listener), f"split {split} of {config.dataset}"
    if config.manifest is None:
        raise UsageError(
            where=f"--val-split {split}",
            found="folders have no splits",
            expected="a --dataset or a --manifest with a column 'split'",
            next_step="Pass --val-real DIR --val-source DIR, or leave it out to hold out a share of the patients.",
        )
    found = _of_split(everything, split, f"--manifest {config.manifest}", "--val-split", _splits(everything))
    return found, (), f"split {split} of the manifest"


def _splits(tiles: TileSet) -> list[str]:
    return sorted({tile.split for tile in tiles.tiles if tile.split})


def _name(path: Path | None) -> str:
    return path.name if path else ""


def _hold_out(tiles: TileSet, share: float, seed: int) -> tuple[TileSet, TileSet, str]:
    """Return tiles to train on and a share of whole patients (of tiles, where those are not known) held out."""
    unit = {tile.id: tile.id if tiles.groups is None else str(tile.group) for tile in tiles.tiles}
    units = sorted(set(unit.values()), key=lambda each: seed_of("validation", seed, each))
    if len(units) < 2:
        raise InputError(
            where="validation",
            found=f"all {len(tiles.tiles)} tiles are of one patient ('{units[0]}')" if tiles.groups else "one tile",
            expected="at least two patients, so that one can be held out",
            next_step="Name tiles of other patients (--val-manifest, --val-split, --val-real), or pass --groups none "
            "to hold out single tiles.",
        )
    held: set[str] = set()
    for each in units[:-1]:
        if held and sum(unit[tile.id] in held for tile in tiles.tiles) >= share * len(tiles.tiles):
            break
        held.add(each)
    validation = tiles.only(lambda tile: unit[tile.id] in held)
    kind = "tiles" if tiles.groups is None else "patients"
    origin = f"{len(held)} of {len(units)} {kind} held out (share {share:g}, seed {seed})"
    return tiles.only(lambda tile: unit[tile.id] not in held), validation, origin


def _require_apart(train: TileSet, validation: TileSet) -> None:
    """Refuse a patient, or a file, that is in both sets."""
    both = sorted((train.groups or frozenset()) & (validation.groups or frozenset()))
    if both:
        raise InputError(
            where="validation",
            found=f"{len(both)} of {len(validation.groups or ())} patients are trained on, too (first: '{both[0]}')",
            expected="patients of its own",
            next_step="Choose another split, or leave it out to hold out a share of the patients; where the names "
            "mislead, say --groups none.",
        )
    files = {(os.path.realpath(tile.real.path), tile.real.half) for tile in train.tiles}
    same = [tile.id for tile in validation.tiles if (os.path.realpath(tile.real.path), tile.real.half) in files]
    if same:
        raise InputError(
            where="validation",
            found=f"{len(same)} of its {len(validation.tiles)} tiles are trained on, too (first: '{same[0]}')",
            expected="tiles of its own",
        )


def require_sizes(sets: TileSets, recipe: Recipe, name: str) -> None:
    """Refuse tiles that the recipe cannot be trained or validated on, before anything is built."""
    crop, multiple = recipe.crop, recipe.multiple
    train = list(zip(sets.train.tiles, sets.train.sizes, strict=True))
    if crop is not None:
        small = [(tile, size) for tile, size in train if min(size) < crop]
        side = min((min(size) for _, size in small), default=0) // multiple * multiple
        possible = side >= recipe.minimum_side
        _refuse_sizes(
            small,
            len(train),
            expected=f"at least the crop of recipe {name}, {crop} px",
            next_step=f"Pass --set crop={side}." if possible else "Take larger tiles.",
        )
    else:
        uneven = [(tile, size) for tile, size in train if any(side % multiple for side in size)]
        largest = min(min(size) for _, size in train) // multiple * multiple
        _refuse_sizes(
            uneven,
            len(train),
            expected=f"sides that are multiples of {multiple} px, as whole tiles are trained on",
            next_step=f"Train on crops: --set crop={largest}.",
        )
        mixed = [(tile, size) for tile, size in train if size != train[0][1]]
        if recipe.batch_size > 1:
            _refuse_sizes(
                mixed,
                len(train),
                expected=f"tiles of one size ({train[0][1][0]}×{train[0][1][1]}), as whole tiles make one batch",
                next_step=f"Train on crops (--set crop={largest}), or on one tile at a time (--set batch_size=1).",
            )
    least = recipe.minimum_side
    whole = list(zip(sets.validation.tiles, sets.validation.sizes, strict=True)) + ([] if crop else train)
    tiny = [(tile, size) for tile, size in whole if min(size) < least]
    _refuse_sizes(tiny, len(whole), expected=f"sides of at least {least} px", next_step="Take larger tiles.")


def _refuse_sizes(misfits: Sequence[tuple[Tile, tuple[int, int]]], of: int, *, expected: str, next_step: str) -> None:
    if misfits:
        tile, (width, height) = misfits[0]
        raise InputError(
            where=f"tile '{tile.id}'",
            found=f"{width}×{height} px ({len(misfits)} of {of} tiles do not fit)",
            expected=expected,
            next_step=next_step,
        )
