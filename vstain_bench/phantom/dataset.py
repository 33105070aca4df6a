"""A folder of phantom tiles: patients with their slides, balanced HER2 scores, simulated models, and a manifest."""

import csv
import io
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from vstain_bench.base.files import publish_text, replacing
from vstain_bench.errors import UsageError
from vstain_bench.phantom.defects import Defects, Displacement
from vstain_bench.phantom.her2 import SCORES
from vstain_bench.phantom.noise import generator
from vstain_bench.phantom.rendering import render_ihc
from vstain_bench.phantom.stains import Picture
from vstain_bench.phantom.tiles import SIMULATED_MODELS, phantom_tile

COLUMNS = ("tile", "source", "real", "generated", "group", "label", "mpp")
"""Columns of the manifest."""


@dataclass(frozen=True)
class PhantomSpec:
    """One tile of a phantom set.

    Attributes:
        tile: Its name, ``{group}_{index}_{label}``; files are called that with ``.png``.
        group: Its patient, such as ``p03``.
        label: Its HER2 score.
        seed: Seed of the tile.
        group_seed: Seed of the patient.
    """

    tile: str
    group: str
    label: str
    seed: int
    group_seed: int


@dataclass(frozen=True)
class PhantomSet:
    """A written phantom set.

    Attributes:
        folder: Where it lies.
        source: Folder of the H&E tiles.
        real: Folder of the IHC tiles.
        models: Folder of each simulated model's tiles, by name.
        manifest: The table of tiles; its ``generated`` column names the first model.
        tiles: What was written, in the manifest's order.
    """

    folder: Path
    source: Path
    real: Path
    models: Mapping[str, Path]
    manifest: Path
    tiles: tuple[PhantomSpec, ...]


def plan_phantom(*, groups: int = 6, tiles_per_group: int = 4, seed: int = 0) -> tuple[PhantomSpec, ...]:
    """Return the tiles of a phantom set: scores are balanced over tiles, and a patient has mostly one score.

    Raises:
        UsageError: There is less than one group or tile.
    """
    for name, value in (("groups", groups), ("tiles_per_group", tiles_per_group)):
        if value < 1:
            raise UsageError(where=f"phantom, {name}", found=str(value), expected="1 or more")
    total = groups * tiles_per_group
    ranks = sorted(place % len(SCORES) for place in range(total))
    # Neighbouring patients exchange a tile: the balance stays, and few patients have a single score.
    for end in range(tiles_per_group, total, tiles_per_group):
        if tiles_per_group > 2:
            ranks[end - 1], ranks[end] = ranks[end], ranks[end - 1]
    scores = list(SCORES)
    order = generator("plan", seed).permutation(groups)
    specs = []
    for place in range(total):
        group, within = divmod(place, tiles_per_group)
        label = scores[ranks[int(order[group]) * tiles_per_group + within]]
        name = f"p{group + 1:02d}"
        group_seed = seed * 100_003 + group
        specs.append(PhantomSpec(f"{name}_{place + 1:04d}_{label}", name, label, place, group_seed))
    return tuple(specs)


def write_phantom(
    folder: Path | str,
    *,
    groups: int = 6,
    tiles_per_group: int = 4,
    size: int | tuple[int, int] = 256,
    mpp: float = 0.5,
    seed: int = 0,
    misalignment: Displacement | None = None,
    models: Mapping[str, Defects] = SIMULATED_MODELS,
    workers: int | None = None,
) -> PhantomSet:
    """Write ``HE/``, ``IHC/``, ``models/<name>/`` and ``tiles.csv``; the same arguments write the same bytes.

    Each file is absent or complete: it is written beside its place and renamed.

    Args:
        folder: Where; it is made if need be, and files of the same names are replaced.
        groups: Number of patients.
        tiles_per_group: Tiles of each.
        size: Side, or height and width, in px.
        mpp: Pixel size in µm.
        seed: Seed of the whole set, 0 or more.
        misalignment: Where each real IHC lies against its H&E; the models' tiles stay on the H&E.
        models: Defects of each simulated model, by name; none makes data for training.
        workers: Threads; by default one per core, at most 8. The bytes do not depend on it.

    Raises:
        UsageError: An argument is outside its range.
    """
    folder = Path(folder)
    specs = plan_phantom(groups=groups, tiles_per_group=tiles_per_group, seed=seed)
    places = {"source": folder / "HE", "real": folder / "IHC"}
    model_folders = {name: folder / "models" / name for name in models}
    for place in (*places.values(), *model_folders.values()):
        place.mkdir(parents=True, exist_ok=True)

    def write_tile(spec: PhantomSpec) -> None:
        tile = phantom_tile(
            seed=spec.seed,
            label=spec.label,
            size=size,
            mpp=mpp,
            group_seed=spec.group_seed,
            misalignment=misalignment,
        )
        file = f"{spec.tile}.png"
        _write_picture(places["source"] / file, tile.source)
        _write_picture(places["real"] / file, tile.real)
        for name, defects in models.items():
            _write_picture(model_folders[name] / file, render_ihc(tile.tissue, defects, exposure=name).image)

    with ThreadPoolExecutor(max_workers=workers or min(8, os.cpu_count() or 1)) as pool:
        list(pool.map(write_tile, specs))
    manifest = folder / "tiles.csv"
    publish_text(manifest, _manifest(specs, next(iter(models), None), mpp))
    return PhantomSet(folder, places["source"], places["real"], model_folders, manifest, specs)


def _manifest(specs: tuple[PhantomSpec, ...], model: str | None, mpp: float) -> str:
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for spec in specs:
        file = f"{spec.tile}.png"
        generated = f"models/{model}/{file}" if model else ""
        table.writerow([spec.tile, f"HE/{file}", f"IHC/{file}", generated, spec.group, spec.label, mpp])
    return text.getvalue()


def _write_picture(path: Path, picture: Picture) -> None:
    """Write a picture whose values are k / 255 as an 8-bit RGB PNG, without loss."""
    with replacing(path) as part:
        Image.fromarray(np.rint(picture * 255.0).astype(np.uint8)).save(part, format="PNG", compress_level=4)
