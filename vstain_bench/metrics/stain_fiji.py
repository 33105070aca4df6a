"""IOD as measured in Fiji, and the Pearson-R that published code takes within tiles, each under its own exact name.

Five numbers are called Pearson-R in public code: over tiles of Fiji's IOD (``iod_fiji_r``), of the strongest tenth of
DAB (``dab_p90_r_unistain``) and of mean DAB (``dab_tile_r``), and over the pixels of each tile in grey
(``pixel_r_grey_usigan``) or per channel (``pixel_r_rgb_hemit``). On four real pairs they range from 0.04 to 0.96.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vstain_bench.metrics.definition import METRICS
from vstain_bench.metrics.stain_amount import pearson
from vstain_bench.metrics.windows import GENERATED_REAL
from vstain_bench.types import Batch, Metric, OfSet, PerTile, RowArray, Rows, Values, View

_FIJI = (
    "MIXAILAB/USIGAN 24a88f7 assert/MetricREADME.md (PSPStain, too, uses ImageJ); Colour Deconvolution of G. Landini: "
    "Ruifrok and Johnston 2001"
)
_LOG_255 = math.log(255.0)


def _fiji_matrix() -> NDArray[np.float64]:
    """Return the plug-in's unit vectors of [H DAB]; the third is what is missing to 1 in each channel's squares."""
    rows = [np.array(vector) for vector in ((0.650, 0.704, 0.286), (0.268, 0.570, 0.776))]
    rows = [row / np.linalg.norm(row) for row in rows]
    rest = np.sqrt(np.clip(1.0 - rows[0] ** 2 - rows[1] ** 2, 0.0, None))
    rest = rest / np.linalg.norm(rest)
    return np.stack([*rows, np.where(rest == 0.0, 0.001, rest)])


def fiji_dab(picture: Tensor) -> Tensor:
    """Return Colour_2 of Fiji's Colour Deconvolution [H DAB], 0 to 255 as integers, (h, w), of one tile, (3, h, w)."""
    weights = np.linalg.inv(_fiji_matrix())[:, 1]
    levels = (picture.double() * 255).round()
    logs = -255.0 * torch.log((levels + 1.0) / 255.0) / _LOG_255
    scaled = sum(logs[channel] * float(weight) for channel, weight in enumerate(weights))
    light = torch.exp(-(torch.as_tensor(scaled) - 255.0) * _LOG_255 / 255.0)
    return (light.clamp(max=255.0) + 0.5).floor()


def _integrated_density(view: View, threshold: int) -> Rows:
    """Return each tile's IntDen in OD × px, float64, (b, 1)."""
    sums = []
    for picture in view.images:
        level = fiji_dab(picture)
        density = torch.log10(255.0 / level.clamp(min=0.5))
        sums.append(torch.where(level <= threshold, density, torch.zeros_like(density)).sum())
    return torch.stack(sums).unsqueeze(1)


def _observe_iod(threshold: int) -> Callable[[Batch], Rows]:
    def observe(batch: Batch) -> Rows:
        return torch.cat(
            [
                batch.view(side).derive(("fiji iod", threshold), lambda view: _integrated_density(view, threshold))
                for side in GENERATED_REAL
            ],
            dim=1,
        )

    return observe


def _params(threshold: int) -> dict[str, object]:
    return {"background": 255, "vectors": "fiji H DAB", "threshold": threshold}


def _more(rows: RowArray) -> Values:
    return np.asarray(rows[:, 0] - rows[:, 1])


@METRICS.register("iod_fiji_bias")
def iod_fiji_bias(*, threshold: int = 100) -> Metric:
    """IOD of DAB as measured in Fiji, generated less real, mean over tiles; the target is 0.

    Colour Deconvolution [H DAB] of 8-bit RGB, its second image, uncalibrated OD = log10(255 / level), summed over
    pixels of level 0 to ``threshold`` (OD 0.41 and more). Unit OD × px; times the number of tiles it is the difference
    of the published sums. The published steps set the threshold 0-100; it counts in Fiji only with "limit to
    threshold" ticked, which they do not name: without it, ``threshold=255``.
    """
    return Metric(
        family="amount",
        summary="integrated optical density of DAB as in Fiji, generated less real",
        observe=_observe_iod(threshold),
        kind=PerTile(_more),
        better="target",
        value_range=(-math.inf, math.inf),
        perfect=0.0,
        unit="OD px",
        params=_params(threshold),
        observation=f"iod fiji|threshold:{threshold}",
        citation=_FIJI,
    )


@METRICS.register("iod_fiji_r")
def iod_fiji_r(*, threshold: int = 100) -> Metric:
    """USIGAN's and PSPStain's "Pearson-R": correlation over tiles of Fiji's IOD (``iod_fiji_bias``); [-1, 1]."""
    return Metric(
        family="amount",
        summary="correlation over tiles of the integrated optical density of DAB as in Fiji (USIGAN, PSPStain)",
        observe=_observe_iod(threshold),
        kind=OfSet(pearson),
        better="higher",
        value_range=(-1.0, 1.0),
        perfect=1.0,
        params=_params(threshold),
        minimum_tiles=3,
        observation=f"iod fiji|threshold:{threshold}",
        citation=f"{_FIJI}; scripts/pearson_R.py",
    )


def _grey(picture: Tensor) -> Tensor:
    """Return OpenCV's 8-bit grey of one tile, (1, h, w)."""
    levels = (picture * 255).round().long()
    weighted = 4899 * levels[0] + 9617 * levels[1] + 1868 * levels[2]
    return ((weighted + 8192) >> 14).double().unsqueeze(0)


def _pixel_correlations(batch: Batch, planes: Callable[[Tensor], Tensor]) -> Rows:
    """Return Pearson's r over the pixels of each tile, mean over its planes; NaN where one side is constant."""
    found = []
    for pair in zip(batch.side("generated"), batch.side("real"), strict=True):
        first, second = (planes(each).double().flatten(1) for each in pair)
        first, second = (each - each.mean(dim=1, keepdim=True) for each in (first, second))
        scale = (first.square().sum(dim=1) * second.square().sum(dim=1)).sqrt()
        # A constant plane leaves rounding of its mean, not 0.
        constant = torch.minimum(first.abs().amax(dim=1), second.abs().amax(dim=1)) < 1e-9
        ratio = (first * second).sum(dim=1) / scale.clamp_min(1e-300)
        found.append(torch.where(constant, torch.full_like(ratio, math.nan), ratio.clamp(-1, 1)).mean())
    return torch.stack(found).unsqueeze(1)


def _pixel_metric(
    summary: str, planes: Callable[[Tensor], Tensor], params: Mapping[str, object], citation: str
) -> Metric:
    return Metric(
        family="pixel",
        summary=summary,
        observe=lambda batch: _pixel_correlations(batch, planes),
        kind=PerTile(),
        better="higher",
        value_range=(-1.0, 1.0),
        perfect=1.0,
        params=params,
        citation=citation,
    )


@METRICS.register("pixel_r_grey_usigan")
def pixel_r_grey_usigan() -> Metric:
    """USIGAN's second "Pearson-R": correlation of grey levels over the pixels of each tile, then the mean; [-1, 1].

    Grey as OpenCV reads it (0.299 R + 0.587 G + 0.114 B, 8 bits). It sees every structure, haematoxylin included, and
    displacement costs it as it costs SSIM. A constant tile has no value.
    """
    return _pixel_metric(
        "correlation of grey levels over the pixels of a tile (USIGAN)",
        _grey,
        {"bits": 8},
        "MIXAILAB/USIGAN 5ac0c9a scripts/eval_pathology_metric.py",
    )


@METRICS.register("pixel_r_rgb_hemit")
def pixel_r_rgb_hemit() -> Metric:
    """HEMIT's Pearson correlation: over the pixels of each tile and channel, mean over channels, then tiles; [-1, 1].

    There the channels are those of a multiplex image; of a brightfield tile they are red, green and blue. A tile with a
    constant channel has no value.
    """
    return _pixel_metric(
        "correlation per RGB channel over the pixels of a tile (HEMIT)",
        lambda picture: picture,
        {"channels": "rgb"},
        "BianChang/Pix2pix_DualBranch 73296b0 util/calculate_metrics.py; Bian et al. 2024 (HEMIT)",
    )
