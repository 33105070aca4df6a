"""What published code calls FOD, KL, JSD, IOD over RGB and Pearson-R over tiles, each under its own exact name.

They are here so that a paper's table can be reproduced, with what they cannot see said in each docstring. None
estimates the background: all take I0 = 255. Fiji's IOD and correlations of pixels are in ``stain_fiji``, masks in
``stain_masks``, PHV in ``phv``.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vstain_bench.metrics.definition import METRICS, tile_means
from vstain_bench.metrics.stain_amount import pearson
from vstain_bench.metrics.stain_distribution import jensen_shannon
from vstain_bench.metrics.windows import GENERATED_REAL
from vstain_bench.types import Batch, Metric, OfSet, PerTile, RowArray, Rows, Values, View

_UNISTAIN = "facevoid/UNIStainNet 9706c61 src/utils/metrics.py"
_RGB_FROM_HED = ((0.65, 0.70, 0.29), (0.07, 0.99, 0.11), (0.27, 0.57, 0.78))  # as given, not normalised


def _rgb_density(batch: Batch, power: float) -> Rows:
    """Return mean OD^power over pixels and RGB channels of generated and real, (b, 2)."""
    columns = []
    for side in GENERATED_REAL:
        density = -batch.side(side).clamp_min(1 / 255).log10()
        columns.append(tile_means(density if power == 1.0 else density.clamp_min(0) ** power))
    return torch.cat(columns, dim=1)


def _rgb_metric(summary: str, power: float, *, signed: bool) -> Metric:
    def values(rows: RowArray) -> Values:
        difference = rows[:, 0] - rows[:, 1]
        return np.asarray(difference if signed else np.abs(difference))

    return Metric(
        family="amount",
        summary=summary,
        observe=lambda batch: _rgb_density(batch, power),
        kind=PerTile(values),
        better="target" if signed else "lower",
        value_range=(-math.inf if signed else 0.0, math.inf),
        perfect=0.0,
        unit="OD" if power == 1.0 else "",
        params={"background": 255, "channels": "rgb", "power": power},
        observation=f"mean rgb density|power:{power}",
        citation=_UNISTAIN,
    )


@METRICS.register("miod_rgb_bias")
def miod_rgb_bias() -> Metric:
    """UNIStainNet's ``miod_diff``: mean OD over all RGB channels, generated less real. Not DAB: it measures darkness.

    Its ``iod_diff`` is this times 3 × the pixels of a tile.
    """
    return _rgb_metric("mean optical density of all RGB channels, generated less real", 1.0, signed=True)


@METRICS.register("miod_rgb_mae")
def miod_rgb_mae() -> Metric:
    """UNIStainNet's ``miod_abs_diff``: absolute difference per tile of the mean OD over all RGB channels."""
    return _rgb_metric("absolute error of the mean optical density of all RGB channels", 1.0, signed=False)


@METRICS.register("mfod_rgb_mae")
def mfod_rgb_mae() -> Metric:
    """UNIStainNet's ``mfod_abs_diff``: absolute difference per tile of the mean OD^1.8 over all RGB channels."""
    return _rgb_metric("absolute error of the mean OD^1.8 of all RGB channels", 1.8, signed=False)


@METRICS.register("iod_rgb_r")
def iod_rgb_r() -> Metric:
    """UNIStainNet's ``iod_pearson_r``: correlation over tiles of the mean OD over all RGB channels."""
    return Metric(
        family="amount",
        summary="correlation over tiles of the mean optical density of all RGB channels",
        observe=lambda batch: _rgb_density(batch, 1.0),
        kind=OfSet(pearson),
        better="higher",
        value_range=(-1.0, 1.0),
        perfect=1.0,
        params={"background": 255, "channels": "rgb", "power": 1.0},
        minimum_tiles=3,
        observation="mean rgb density|power:1.0",
        citation=_UNISTAIN,
    )


def _focal_density(picture: Tensor) -> Tensor:
    """Return PSPStain's focal optical density of one tile, (h, w), small values set to 0."""
    rgb_from_hed = torch.tensor(_RGB_FROM_HED, dtype=torch.float64)
    weights = torch.linalg.inv(rgb_from_hed)[:, 2].tolist()
    logs = picture.double().clamp_min(1e-6).log()
    dab = sum(logs[channel] * weight for channel, weight in enumerate(weights)) / math.log(1e-6)
    dab = torch.as_tensor(dab).clamp_min(0)
    grey = torch.zeros_like(dab)
    for coefficient, vector in zip((0.2125, 0.7154, 0.0721), rgb_from_hed[2].tolist(), strict=True):
        grey += coefficient * torch.exp(dab * math.log(1e-6) * vector).clamp(0, 1)
    power = 1.8
    density = torch.log10(1 / (grey + 10 ** -(math.e ** (1 / power)))).clamp_min(0) ** power
    return torch.where(density < 0.15, torch.zeros_like(density), density)


@METRICS.register("fod_psp")
def fod_psp() -> Metric:
    """Absolute error of the tile's mean FOD, PSPStain's "focal optical density" of DAB; lower is better.

    DAB by HED, rebuilt as RGB, taken to grey g; FOD = max(0, log10(1 / (g + 10^(-e^(1/1.8)))))^1.8, values below 0.15
    set to 0. Their loss compares its sums; the difference of means per tile is ours. 0.15 is a grey OD of 0.35: it
    hardly sees weak stain, and on four BCI tiles of all scores its mean is below 0.0005.
    """

    def observe(batch: Batch) -> Rows:
        sides = [
            batch.view(side).derive(
                "fod", lambda view: tile_means(torch.stack([_focal_density(t) for t in view.images]))
            )
            for side in GENERATED_REAL
        ]
        return (sides[0] - sides[1]).abs()

    return Metric(
        family="amount",
        summary="absolute error of PSPStain's mean focal optical density",
        observe=observe,
        kind=PerTile(),
        better="lower",
        value_range=(0.0, math.inf),
        perfect=0.0,
        params={"background": 255, "power": 1.8, "floor": 0.15},
        citation="ccitachi/PSPStain 2340fae models/PALS.py; Chen et al. 2024, MICCAI",
    )


def _softplus_dab(view: View) -> list[NDArray[np.float32]]:
    """Return UNIStainNet's DAB maps: pseudo-inverse of two vectors as given, natural I0, then softplus (beta 5)."""
    vectors = np.array(((0.268, 0.570, 0.776), (0.650, 0.704, 0.286)), dtype=np.float64)
    weights = np.linalg.pinv(vectors.T)[0]
    maps = []
    for picture in view.images:
        density = -(picture.clamp(1e-6, 1.0) + 1e-6).log10()
        dab = density[0] * float(weights[0]) + density[1] * float(weights[1]) + density[2] * float(weights[2])
        maps.append(functional.softplus(dab, beta=5.0).cpu().numpy())
    return maps


def _unistain_maps(batch: Batch) -> list[list[NDArray[np.float32]]]:
    return [batch.view(side).derive("unistain dab", _softplus_dab) for side in GENERATED_REAL]


def _pair_shares(generated: NDArray[np.float32], real: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    ends = (0.0, float(max(generated.max(), real.max())) + 1e-6)
    counts = [np.histogram(values, bins=256, range=ends, density=True)[0] + 1e-10 for values in (generated, real)]
    return [each / each.sum() for each in counts]


def _divergence(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    return float(np.sum(first * np.log(first / second)))


def _divergences(batch: Batch, *, symmetric: bool) -> Rows:
    """Return KL(generated || real), or the Jensen-Shannon divergence, of each pair's histograms, (b, 1)."""
    found = []
    for pair in zip(*_unistain_maps(batch), strict=True):
        generated, real = _pair_shares(*pair)
        middle = (generated + real) / 2
        both = (_divergence(generated, middle) + _divergence(real, middle)) / 2
        found.append(max(0.0, both if symmetric else _divergence(generated, real)))
    return torch.tensor(found, dtype=torch.float64, device=batch.side("real").device).unsqueeze(1)


@METRICS.register("dab_kl_unistain")
def dab_kl_unistain() -> Metric:
    """UNIStainNet's ``dab_kl``: KL(generated || real) of DAB histograms per tile; range [0, inf), lower is better.

    256 bins on [0, larger maximum + 1e-6] of the pair, densities + 1e-10, natural logarithm, DAB through softplus
    (beta 5). The range follows the pair's darkest pixel, and an empty bin of the real tile costs whatever the 1e-10
    makes of it.
    """
    return Metric(
        family="amount",
        summary="KL divergence of DAB histograms (UNIStainNet)",
        observe=lambda batch: _divergences(batch, symmetric=False),
        kind=PerTile(),
        better="lower",
        value_range=(0.0, math.inf),
        perfect=0.0,
        params={"background": 255, "bins": 256, "range": "pair", "epsilon": 1e-10, "log": "e"},
        citation=f"{_UNISTAIN}, src/utils/dab.py",
    )


@METRICS.register("dab_jsd_unistain")
def dab_jsd_unistain() -> Metric:
    """UNIStainNet's ``dab_jsd``: Jensen-Shannon divergence (no root) of the histograms of ``dab_kl_unistain``.

    Natural logarithm: range [0, 0.693], lower is better. ``dab_js`` is the distance in base 2 on a fixed range.
    """
    return Metric(
        family="amount",
        summary="Jensen-Shannon divergence of DAB histograms (UNIStainNet)",
        observe=lambda batch: _divergences(batch, symmetric=True),
        kind=PerTile(),
        better="lower",
        value_range=(0.0, math.log(2.0)),
        perfect=0.0,
        params={"background": 255, "bins": 256, "range": "pair", "epsilon": 1e-10, "log": "e"},
        citation=f"{_UNISTAIN}, src/utils/dab.py",
    )


def _darkest_tenth(view: View) -> Rows:
    means = []
    for dab in view.derive("unistain dab", _softplus_dab):
        means.append(float(dab[dab >= np.quantile(dab, 0.9)].astype(np.float64).mean()))
    return torch.tensor(means, dtype=torch.float64).unsqueeze(1)


def _darkest_tenths(batch: Batch) -> Rows:
    return torch.cat([_darkest_tenth(batch.view(side)) for side in GENERATED_REAL], dim=1)


@METRICS.register("dab_p90_mae_unistain")
def dab_p90_mae_unistain() -> Metric:
    """UNIStainNet's ``dab_mae_overall``: absolute difference per tile of the mean of the strongest tenth of DAB."""

    def values(rows: RowArray) -> Values:
        return np.asarray(np.abs(rows[:, 0] - rows[:, 1]))

    return Metric(
        family="amount",
        summary="absolute error of the mean of the strongest tenth of DAB (UNIStainNet)",
        observe=_darkest_tenths,
        kind=PerTile(values),
        better="lower",
        value_range=(0.0, math.inf),
        perfect=0.0,
        unit="OD",
        params={"background": 255, "quantile": 0.9},
        observation="p90 dab unistain",
        citation=f"{_UNISTAIN}, src/utils/dab.py",
    )


@METRICS.register("dab_p90_r_unistain")
def dab_p90_r_unistain() -> Metric:
    """UNIStainNet's "Pearson-R": correlation over tiles of the mean of each tile's strongest tenth of DAB.

    Over all scores together it is carried by the distance between scores.
    """
    return Metric(
        family="amount",
        summary="correlation over tiles of the mean of the strongest tenth of DAB (UNIStainNet)",
        observe=_darkest_tenths,
        kind=OfSet(pearson),
        better="higher",
        value_range=(-1.0, 1.0),
        perfect=1.0,
        params={"background": 255, "quantile": 0.9},
        minimum_tiles=3,
        observation="p90 dab unistain",
        citation=f"{_UNISTAIN}, src/utils/dab.py",
    )


def _own_range_histogram(picture: Tensor) -> Tensor:
    weights = torch.linalg.inv(torch.tensor(_RGB_FROM_HED))[:, 2].tolist()
    logs = picture.clamp_min(1e-6).log() / math.log(1e-6)
    dab = logs[0] * weights[0] + logs[1] * weights[1] + logs[2] * weights[2]
    low, high = (float(end) for end in torch.aminmax(dab))
    if low == high:
        counts = torch.zeros(150, dtype=torch.float64)
        counts[0] = 1.0
        return counts
    edges = torch.linspace(low, high, 151, dtype=dab.dtype, device=dab.device)
    bins = (torch.bucketize(dab.flatten(), edges) - 1).clamp_(0, 149)
    return torch.bincount(bins, minlength=150).double().cpu().div(dab.numel())


@METRICS.register("dab_jsd_cssp2p")
def dab_jsd_cssp2p() -> Metric:
    """The "JSD" of CSSP2P's benchmark.py: Jensen-Shannon distance of DAB histograms, each on its own image's range.

    150 bins between the least and the largest DAB of each image, base 2; range [0, 1], lower is better. It is blind to
    the amount of stain (all DAB halved: 0) and is moved by a single dark pixel; ``dab_js`` has a shared range.
    """
    return Metric(
        family="amount",
        summary="Jensen-Shannon distance of DAB histograms, each image on its own range (CSSP2P)",
        observe=lambda batch: jensen_shannon(
            *(
                batch.view(side).derive(
                    "own range dab", lambda view: torch.stack([_own_range_histogram(each) for each in view.images])
                )
                for side in GENERATED_REAL
            )
        ),
        kind=PerTile(),
        better="lower",
        perfect=0.0,
        params={"background": 255, "bins": 150, "range": "image", "log": 2},
        citation="Jose-Miguel-Teixeira/CSSP2P-GAN 8f1c0b5 src/metrics/pathology.py, be11bb8 src/evaluate/benchmark.py",
    )
