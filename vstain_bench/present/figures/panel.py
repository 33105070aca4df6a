"""Tiles to look at, chosen by a rule that leaves nothing to taste: each model's best, median and worst."""

import base64
import csv
import io
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from vstain_bench.errors import VstainError
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import MetricRecord, Table

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from vstain_bench.arrays import Pixels
    from vstain_bench.images.policy import DecodePolicy
    from vstain_bench.words import ImageFile

MOST_MODELS = 8
LONGEST_SIDE = 320
"""Longest side of an embedded picture, px."""
QUALITY = 85
FULL_DIFFERENCE = 0.5
"""Absolute difference, mean over RGB on [0, 1], at and above which the scale is saturated."""
COLOURS = ("#000004", "#51127c", "#b73779", "#fc8961", "#fcfdbf")
"""Stops of the difference's colour scale: magma at 0, 1/4, ... 1 (S. van der Walt, N. Smith; CC0)."""
SCALE_BARS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""Lengths of a scale bar, µm."""


@dataclass(frozen=True)
class Picture:
    """One picture of a row: a data: URI, or the reason why there is none."""

    title: str
    alternative: str
    uri: str = ""
    missing: str = ""


@dataclass(frozen=True)
class ScaleBar:
    """A length in µm and its share of the picture's width in percent."""

    micrometres: int
    percent: float


@dataclass(frozen=True)
class Exhibit:
    """One tile of one model: why it is here, its pictures, and its values by metric."""

    rank: str
    tile: str
    label: str
    group: str
    values: tuple[tuple[str, str], ...]
    pictures: tuple[Picture, ...]
    scale_bar: ScaleBar | None


@dataclass(frozen=True)
class Panel:
    """The exhibits of each model, and the metric that ranked them."""

    metric: str
    models: tuple[tuple[str, tuple[Exhibit, ...]], ...]
    left_out: int


TileValues = Mapping[tuple[str, str], Mapping[str, float]]
"""Per-tile values by model and metric, then by tile id."""


def primary_metric(table: Table, values: TileValues) -> MetricRecord | None:
    """Return the first metric that compares generated with real, ranks, and has a value per tile."""
    for record in table.metrics:
        ranks = record.compares == ("generated", "real") and record.better != "target"
        if ranks and any(values.get((model, record.name)) for model in table.models):
            return record
    return None


def pick(values: Mapping[str, float], higher_is_better: bool) -> list[tuple[str, str]]:
    """Return (rank, tile id) of the best, median and worst tile; fewer where there are fewer tiles.

    Tiles are ordered from best to worst, equal ones by id; the median of an even number is the better of the two
    middle ones. A tile without a value (NaN) takes no part.
    """
    sign = -1 if higher_is_better else 1
    known = {tile: value for tile, value in values.items() if not math.isnan(value)}
    order = sorted(known, key=lambda tile: (sign * known[tile], tile))
    if not order:
        return []
    places = {"best": 0, "median": (len(order) - 1) // 2, "worst": len(order) - 1}
    if len(order) < 3:
        places.pop("median")
    if len(order) < 2:
        return [("only tile", order[0])]
    return [(rank, order[place]) for rank, place in places.items()]


def make_panel(folder: RunFolder, table: Table, values: TileValues, digits: Mapping[str, int]) -> Panel | None:
    """Return the tiles of each model, or None where no metric ranks single tiles.

    Args:
        folder: The run; pairs.csv says where the images lie.
        table: Its table.
        values: Per-tile values.
        digits: Decimals of each metric.
    """
    metric = primary_metric(table, values)
    pairs = read_pairs(folder)
    if metric is None:
        return None
    policy = tile_policy(folder)
    ranked = [model for model in table.models if values.get((model, metric.name))]
    models = []
    for model in ranked[:MOST_MODELS]:
        chosen = pick(values[model, metric.name], metric.better == "higher")
        exhibits = [
            _exhibit(rank, tile, model, pairs.get(tile, {}), _told(values, model, tile, digits), policy)
            for rank, tile in chosen
        ]
        models.append((model, tuple(exhibits)))
    return Panel(metric.name, tuple(models), len(ranked) - len(models))


def _told(values: TileValues, model: str, tile: str, digits: Mapping[str, int]) -> tuple[tuple[str, str], ...]:
    found = [(metric, each[tile]) for (owner, metric), each in values.items() if owner == model and tile in each]
    return tuple(
        (metric, "∞" if math.isinf(value) else "–" if math.isnan(value) else f"{value:.{digits.get(metric, 3)}f}")
        for metric, value in found
    )


def _exhibit(
    rank: str,
    tile: str,
    model: str,
    pair: Mapping[str, str],
    told: tuple[tuple[str, str], ...],
    policy: "DecodePolicy",
) -> Exhibit:
    sides = {
        "H&E": pair.get("source", ""),
        "real IHC": pair.get("real", ""),
        "generated": pair.get(f"generated:{model}", ""),
    }
    pictures, decoded = [], {}
    for title, where in sides.items():
        pixels, missing = read_pixels(where, policy)
        decoded[title] = pixels
        alternative = f"{title} of tile {tile}" + (f" by {model}" if title == "generated" else "")
        pictures.append(shown(title, alternative, pixels, missing))
    pictures.append(_difference(tile, decoded["real IHC"], decoded["generated"]))
    width = next((pixels.shape[1] for pixels in decoded.values() if pixels is not None), 0)
    scale_bar = choose_scale_bar(width, float(pair["mpp"])) if width and pair.get("mpp") else None
    return Exhibit(rank, tile, pair.get("label", ""), pair.get("group", ""), told, tuple(pictures), scale_bar)


def shown(title: str, alternative: str, pixels: "Pixels | None", missing: str) -> Picture:
    """Return pixels as a picture of the page, or the reason why there are none."""
    return Picture(title, alternative, _uri(_shrink(_image(pixels))) if pixels is not None else "", missing)


def choose_scale_bar(width: int, mpp: float) -> ScaleBar | None:
    """Return the longest round length of at most 30 % of a width in px, or None where there is none."""
    fitting = [length for length in SCALE_BARS if length <= 0.3 * width * mpp]
    return ScaleBar(fitting[-1], round(100 * fitting[-1] / (width * mpp), 2)) if fitting else None


def read_pairs(folder: RunFolder) -> dict[str, dict[str, str]]:
    """Return the lines of pairs.csv by tile id; none where it is missing."""
    if not folder.pairs.is_file():
        return {}
    with folder.pairs.open(encoding="utf-8", newline="") as stream:
        return {line["tile"]: line for line in csv.DictReader(stream)}


def tile_policy(folder: RunFolder) -> "DecodePolicy":
    """Return the decoding that the run was scored with."""
    from vstain_bench.images.policy import DecodePolicy

    config = tomllib.loads(folder.config.read_text(encoding="utf-8")) if folder.config.is_file() else {}
    return DecodePolicy.parse(str(config.get("decode", "")))


def parse_image_file(text: str) -> "ImageFile":
    """Return the file that ``str(ImageFile)`` wrote."""
    from vstain_bench.words import ImageFile

    for half in ("left", "right"):
        ending = f" ({half} half)"
        if text.endswith(ending):
            return ImageFile(Path(text.removesuffix(ending)), "left" if half == "left" else "right")
    return ImageFile(Path(text))


def read_pixels(where: str, policy: "DecodePolicy") -> "tuple[Pixels | None, str]":
    """Return pixels, or the reason why there are none: a report outlives the images that it was made from."""
    from vstain_bench.images.reader import read_image

    if not where:
        return None, "not part of this run"
    file = parse_image_file(where)
    try:
        if not file.path.is_file():
            return None, f"{file.path.name} is no longer there"
        return read_image(file, policy).pixels, ""
    except VstainError as fault:
        return None, f"{file.path.name} cannot be read: {fault.found}"
    except (OSError, ValueError):  # a path that no file system takes: too long, a null byte
        return None, f"{file.path.name[:80]} is no longer there"


def _image(pixels: "Pixels") -> "Image.Image":
    import numpy as np
    from PIL import Image

    return Image.fromarray(np.rint(pixels * np.float32(255)).astype(np.uint8))


def _shrink(image: "Image.Image") -> "Image.Image":
    """Return an image whose longest side is at most ``LONGEST_SIDE``, each pixel the mean of those it covers."""
    from PIL import Image

    factor = LONGEST_SIDE / max(image.size)
    if factor >= 1:
        return image
    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BOX)


def _uri(image: "Image.Image") -> str:
    stream = io.BytesIO()
    image.save(stream, format="JPEG", quality=QUALITY, subsampling="4:4:4", optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


@lru_cache(maxsize=1)
def _colour_table() -> "np.ndarray":
    """Return the 256 colours of the difference scale, shape (256, 3), uint8."""
    import numpy as np

    stops = np.array([[int(colour[start : start + 2], 16) for start in (1, 3, 5)] for colour in COLOURS], float)
    places = np.linspace(0, len(COLOURS) - 1, 256)
    channels = [np.interp(places, np.arange(len(COLOURS)), stops[:, channel]) for channel in range(3)]
    table: np.ndarray = np.rint(np.stack(channels, axis=1)).astype(np.uint8)
    return table


def _difference(tile: str, real: "Pixels | None", generated: "Pixels | None") -> Picture:
    import numpy as np
    from PIL import Image

    title = "absolute difference"
    alternative = f"absolute difference of generated and real IHC of tile {tile}"
    if real is None or generated is None or real.shape != generated.shape:
        return Picture(title, alternative, missing="needs both images, of one size")
    apart = _shrink(Image.fromarray(np.abs(generated - real).mean(axis=2, dtype=np.float32)))
    codes = np.rint(np.asarray(apart).clip(0, FULL_DIFFERENCE) * (255 / FULL_DIFFERENCE)).astype(np.uint8)
    return Picture(title, alternative, _uri(Image.fromarray(_colour_table()[codes])))
