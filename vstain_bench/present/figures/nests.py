"""Where stain was invented or is missing: the map of each model's worst tile, with the largest areas listed.

The areas are those that ``hallucinated_dab_area`` and ``omitted_dab_area`` add up, found again on the one tile with the
parameters of the run's own signature.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vstain_bench.errors import VstainError
from vstain_bench.present.figures.panel import (
    Picture,
    ScaleBar,
    TileValues,
    choose_scale_bar,
    read_pairs,
    read_pixels,
    shown,
    tile_policy,
)
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import Parameter, Table

if TYPE_CHECKING:
    import numpy as np

    from vstain_bench.images.policy import DecodePolicy
    from vstain_bench.metrics.stain_place import Patch, Unmatched
    from vstain_bench.types import Batch, Pixels, Slide

RANKS = {"hallucinated_dab_area": "most invented", "omitted_dab_area": "most missing"}
HALLUCINATED, OMITTED = "#d55e00", "#0072b2"
"""Vermilion and blue of Okabe and Ito's palette, told apart by every reader."""
MOST_PATCHES = 3
MOST_MODELS = 8


@dataclass(frozen=True)
class Nest:
    """One tile with its map: what it is the worst in, its pictures, areas in µm² per mm², and the largest patches."""

    rank: str
    tile: str
    label: str
    group: str
    values: tuple[tuple[str, str], ...]
    patches: tuple[str, ...]
    pictures: tuple[Picture, ...]
    scale_bar: ScaleBar | None


@dataclass(frozen=True)
class Nests:
    """The worst tiles of each model; ``clean`` lists the models that have nothing to show."""

    models: tuple[tuple[str, tuple[Nest, ...]], ...]
    clean: tuple[str, ...]
    tolerance_um: str


def make_nests(folder: RunFolder, table: Table, values: TileValues) -> Nests | None:
    """Return each model's tile with the most invented and with the most missing DAB, or None without such a metric."""
    values = {
        (model, name): {tile: value for tile, value in each.items() if not math.isnan(value)}
        for (model, name), each in values.items()
        if name in RANKS
    }
    params = {
        record.name: record.params
        for record in table.metrics
        if any(values.get((model, record.name)) for model in table.models)
    }
    if not params:
        return None
    pairs, policy = read_pairs(folder), tile_policy(folder)
    slides = _slides(folder)
    models, clean = [], []
    for model in table.models[:MOST_MODELS]:
        found: dict[str, list[str]] = {}
        for name in params:
            tile = _worst(values.get((model, name), {}))
            if tile:
                found.setdefault(tile, []).append(RANKS[name])
        nests = [
            _nest(" and ".join(ranks), tile, model, pairs.get(tile, {}), values, params, policy, slides)
            for tile, ranks in found.items()
        ]
        if nests:
            models.append((model, tuple(nests)))
        elif any(values.get((model, name)) for name in params):
            clean.append(model)
    return Nests(tuple(models), tuple(clean), f"{float(next(iter(params.values()))['tolerance_um']):g}")


def _worst(values: Mapping[str, float]) -> str:
    """Return the tile with the largest area, the first by id among equals; empty where no tile has any."""
    largest = max(values.values(), default=0.0)
    return min((tile for tile, value in values.items() if value == largest), default="") if largest > 0 else ""


def _slides(folder: RunFolder) -> "Mapping[tuple[str, str], Slide]":
    from vstain_bench.stain.slides import read_slides

    return read_slides(folder.slides)


def _nest(
    rank: str,
    tile: str,
    model: str,
    pair: Mapping[str, str],
    values: TileValues,
    params: Mapping[str, Mapping[str, Parameter]],
    policy: "DecodePolicy",
    slides: "Mapping[tuple[str, str], Slide]",
) -> Nest:
    sides: dict[str, Pixels | None] = {}
    pictures = []
    for title, where in (("real IHC", pair.get("real", "")), ("generated", pair.get(f"generated:{model}", ""))):
        pixels, missing = read_pixels(where, policy)
        sides[title] = pixels
        pictures.append(shown(title, f"{title} of tile {tile}", pixels, missing))
    real, generated = sides["real IHC"], sides["generated"]
    title, alternative = "invented and missing DAB", f"map of invented and missing DAB of tile {tile} by {model}"
    patches: list[str] = []
    if real is None or generated is None or real.shape != generated.shape or not pair.get("mpp"):
        pictures.append(Picture(title, alternative, missing="needs both images, of one size, and the pixel size"))
    else:
        mpp = float(pair["mpp"])
        owners = [slides.get((owner, pair.get("group", ""))) for owner in (model, "real")]
        try:
            areas = _areas(generated, real, mpp, params, owners)
            patches = [_told(name, patch) for name, area in areas.items() for patch in area.patches[:MOST_PATCHES]]
            pictures.append(shown(title, alternative, _map(generated, areas, mpp), ""))
        except VstainError as fault:
            pictures.append(Picture(title, alternative, missing=fault.found))
    width = 0 if real is None else real.shape[1]
    told = [
        (name, f"{values[model, name][tile]:,.0f} µm²/mm²") for name in params if tile in values.get((model, name), {})
    ]
    return Nest(
        rank=rank,
        tile=tile,
        label=pair.get("label", ""),
        group=pair.get("group", ""),
        values=tuple(told),
        patches=tuple(patches),
        pictures=tuple(pictures),
        scale_bar=choose_scale_bar(width, float(pair["mpp"])) if width and pair.get("mpp") else None,
    )


def _told(metric: str, patch: "Patch") -> str:
    kind = "invented" if metric == "hallucinated_dab_area" else "missing"
    down, right = patch.centre_um
    return f"{kind}: {patch.area_um2:,.0f} µm², {right:.0f} µm right and {down:.0f} µm down, DAB {patch.dab:.2f}"


def _areas(
    generated: "Pixels",
    real: "Pixels",
    mpp: float,
    params: Mapping[str, Mapping[str, Parameter]],
    slides: "list[Slide | None]",
) -> "dict[str, Unmatched]":
    from vstain_bench.metrics.stain_place import find_unmatched
    from vstain_bench.stain.density import Separation

    batch = _batch(generated, real, mpp, slides)
    found = {}
    for name, given in params.items():
        (found[name],) = find_unmatched(
            batch,
            Separation(str(given["background"]), str(given["vectors"])),
            hallucinated=name == "hallucinated_dab_area",
            tolerance_um=float(given["tolerance_um"]),
            threshold=float(given["threshold"]),
        )
    return found


def _batch(generated: "Pixels", real: "Pixels", mpp: float, slides: "list[Slide | None]") -> "Batch":
    import torch

    from vstain_bench.types import Batch, View

    def view(owner: str, pixels: "Pixels", slide: "Slide | None") -> View:
        images = torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()
        return View(("tile",), owner, images, (mpp,), slides=(slide,))

    return Batch({"generated": view("generated", generated, slides[0]), "real": view("real", real, slides[1])})


def _map(generated: "Pixels", areas: "Mapping[str, Unmatched]", mpp: float) -> "Pixels":
    """Return the generated tile in pale grey with the areas in their colours over it."""
    import numpy as np

    grey = 0.45 + 0.55 * generated.mean(axis=2, keepdims=True)
    canvas = np.repeat(grey, 3, axis=2).astype(np.float32)
    for name, area in areas.items():
        colour = HALLUCINATED if name == "hallucinated_dab_area" else OMITTED
        rgb = np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)], dtype=np.float32) / 255
        mask = _on_pixels(area, generated.shape[:2], mpp)
        canvas[mask] = 0.25 * canvas[mask] + 0.75 * rgb
    return canvas


def _on_pixels(area: "Unmatched", shape: tuple[int, ...], mpp: float) -> "np.ndarray":
    """Return the mask on the pixels of the tile; what no whole cell covers is outside it."""
    import numpy as np

    rows, columns = (np.floor((np.arange(side) + 0.5) * mpp / area.cell_um).astype(int) for side in shape)
    height, width = area.mask.shape
    inside = (rows < height)[:, None] & (columns < width)[None]
    mask = area.mask[np.minimum(rows, height - 1)[:, None], np.minimum(columns, width - 1)[None]]
    return np.asarray(mask & inside)
