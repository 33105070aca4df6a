"""Sample sheets: a few validation tiles as H&E | real | generated, one row each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from vstain_bench.base.randomness import seed_of
from vstain_bench.images.reader import encode_png, read_image
from vstain_bench.models.contract import Stain
from vstain_bench.models.training.tile_sets import TileSet
from vstain_bench.words import ImageFile, Tile

SIDE = 256
"""Longest side of a tile on the sheet, in px."""
GAP, HEAD = 6, 22
HEADINGS = ("H&E", "real IHC", "generated IHC")


def choose_samples(tiles: TileSet, number: int, seed: int) -> tuple[int, ...]:
    """Return which tiles a sheet shows, always the same: one of each label in turn, chosen by seed and id."""
    by_label: dict[str, list[int]] = {}
    for place in sorted(range(len(tiles.tiles)), key=lambda each: seed_of("samples", seed, tiles.tiles[each].id)):
        by_label.setdefault(tiles.tiles[place].label or "", []).append(place)
    rounds = sorted((turn, label, place) for label, places in by_label.items() for turn, place in enumerate(places))
    return tuple(place for _, _, place in rounds[:number])


def draw_sheet(path: Path, tiles: TileSet, places: Sequence[int], stain: Stain, device: torch.device) -> None:
    """Write the sheet as PNG; no pixel is larger than in the file, larger tiles are reduced."""
    rows = [_row(tiles, tiles.tiles[place], stain, device) for place in places]
    width = sum(image.width for image in rows[0]) + GAP * (len(rows[0]) + 1)
    height = HEAD + sum(row[0].height + GAP for row in rows)
    for row in rows:
        width = max(width, sum(image.width for image in row) + GAP * (len(row) + 1))
    sheet = Image.new("RGB", (width, height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    top = HEAD
    for row in rows:
        left = GAP
        for image, heading in zip(row, HEADINGS, strict=True):
            if top == HEAD:
                pen.text((left, 4), heading, fill="black", font=font)
            sheet.paste(image, (left, top))
            left += image.width + GAP
        top += row[0].height + GAP
    path.parent.mkdir(exist_ok=True)
    encode_png(path, np.asarray(sheet, dtype=np.float32) / np.float32(255))


def _row(tiles: TileSet, tile: Tile, stain: Stain, device: torch.device) -> list[Image.Image]:
    def pixels(file: ImageFile | None) -> np.ndarray:
        assert file is not None
        return read_image(file, tiles.policy).pixels

    source, real = pixels(tile.source), pixels(tile.real)
    made = stain(torch.from_numpy(source).permute(2, 0, 1)[None].to(device))[0].permute(1, 2, 0).cpu().numpy()
    return [_reduced(side) for side in (source, real, made.clip(0, 1))]


def _reduced(pixels: np.ndarray) -> Image.Image:
    image = Image.fromarray(np.rint(pixels * 255).astype(np.uint8))
    scale = max(image.size) / SIDE
    if scale <= 1:
        return image
    return image.resize((round(image.width / scale), round(image.height / scale)), Image.Resampling.LANCZOS)
