"""The light through empty glass that every optical density rests on: what it is on both sides, and how far apart."""

import math
from collections.abc import Mapping

import numpy as np
import torch

from vstain_bench.metrics.definition import METRICS, by_side
from vstain_bench.metrics.windows import GENERATED_REAL
from vstain_bench.stain.density import Separation, stain_maps
from vstain_bench.types import Batch, Metric, PerTile, RowArray, Rows, Values


def _observe(batch: Batch, separation: Separation) -> Rows:
    """Return I0 as RGB and whether it was estimated from glass, of generated and real, float64, (b, 8)."""
    columns = []
    for side in GENERATED_REAL:
        maps = stain_maps(batch.view(side), separation)
        seen = torch.tensor(maps.seen, dtype=torch.float64, device=maps.white.device)
        columns += [maps.white.double(), seen.unsqueeze(1)]
    return torch.cat(columns, dim=1)


def _brighter(rows: RowArray) -> Values:
    return np.asarray(np.log10(rows[:, :3] / rows[:, 4:7]).mean(axis=1))


@METRICS.register("background_od_bias")
def background_od_bias(*, background: str = "tile", vectors: str = "h-dab") -> Metric:
    """By how much the generated background is brighter than the real one: log10 of I0 over I0, mean over RGB.

    Unit OD; the target is 0. Every optical density of a tile rests on its I0: this much would be added to the generated
    tile's if the real one's I0 were taken for both. I0 itself (median over tiles, of 255) and how many tiles show no
    glass stand beside the table. With a given background it is 0.
    """
    separation = Separation(background, vectors)

    def told(side: RowArray) -> Mapping[str, float]:
        light = 255.0 * np.median(side[:, :3], axis=0)
        said = {f"I0 {name}": float(level) for name, level in zip(("red", "green", "blue"), light, strict=True)}
        return said if separation.fixed is not None else {**said, "tiles without glass": float((side[:, 3] == 0).sum())}

    return Metric(
        family="colour",
        summary="background I0 in optical density, generated above real",
        observe=lambda batch: _observe(batch, separation),
        kind=PerTile(_brighter),
        better="target",
        value_range=(-math.inf, math.inf),
        perfect=0.0,
        unit="OD",
        describe=lambda rows: by_side(rows, told),
        citation="Optical density by Beer-Lambert; I0 as the 99th percentile of glass (vstain_bench/stain/density.py)",
    )
