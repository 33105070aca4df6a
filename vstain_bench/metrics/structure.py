"""Structural similarity and its relatives, computed over one shared set of windowed moments.

With windowed means m, population variances v and covariance c of two images in [0, 1]:

- luminance           l  = (2 m₁m₂ + C₁) / (m₁² + m₂² + C₁)
- contrast-structure  cs = (2 c + C₂) / (v₁ + v₂ + C₂)
- SSIM = mean(l · cs), CSS = mean(cs), with C₁ = k1², C₂ = k2² and a range of 1.

Defaults are Wang 2004 (Gaussian 11 × 11, sigma 1.5, k1 0.01, k2 0.03, mean over RGB). What published code computes
differently has its own name. On the same pair "SSIM with default settings" of six libraries spans 0.246 to 0.562.
"""

import torch

from vstain_bench.metrics.definition import METRICS, tile_means
from vstain_bench.metrics.windows import GENERATED_REAL, Window, contrast_structure, crop, luminance
from vstain_bench.types import Batch, Metric, PerTile, Rows, Side

GENERATED_SOURCE: tuple[Side, Side] = ("generated", "source")
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WANG = "Wang, Bovik, Sheikh, Simoncelli 2004, IEEE TIP 13(4):600-612"
_CSSP2P = "Jose-Miguel-Teixeira/CSSP2P-GAN 9032585"


def _structural_similarity(
    batch: Batch, window: Window, *, k1: float, k2: float, margin: int, sample: bool = False
) -> Rows:
    similarity = luminance(batch, window, k1=k1) * contrast_structure(
        batch, GENERATED_REAL, window, k2=k2, sample=sample
    )
    return tile_means(crop(similarity, margin))


@METRICS.register("ssim")
def ssim(*, sigma: float = 1.5, k1: float = 0.01, k2: float = 0.03) -> Metric:
    """Structural similarity of generated against real: mean of l · cs over the valid region and RGB.

    Range [-1, 1], higher is better, 1 for identical tiles. Equal to scikit-image with ``gaussian_weights=True,
    use_sample_covariance=False``. Sides below 11 px have no valid region.
    """
    window = Window("gaussian", 11, sigma)
    return Metric(
        family="structure",
        summary="structural similarity, Gaussian window, valid region",
        observe=lambda batch: _structural_similarity(batch, window, k1=k1, k2=k2, margin=window.margin),
        kind=PerTile(),
        better="higher",
        value_range=(-1.0, 1.0),
        perfect=1.0,
        params={"win": window, "sigma": ..., "k1": ..., "k2": ..., "pad": "valid", "cov": "population"},
        minimum_side=window.taps,
        citation=_WANG,
    )


@METRICS.register("ssim_skimage7")
def ssim_skimage7() -> Metric:
    """SSIM as BCI's and ASP's evaluate.py compute it: scikit-image's default uniform 7 × 7, sample covariance.

    Source: bupt-ai-cz/BCI 841bd52 PyramidPix2pix/evaluate.py and lifangda01/AdaptiveSupervisedPatchNCE b113ed2
    evaluate.py (their ``multichannel=True`` is today's ``channel_axis=-1``).
    """
    window = Window("uniform", 7)
    return Metric(
        family="structure",
        summary="structural similarity, uniform 7 × 7 window (BCI, ASP)",
        observe=lambda batch: _structural_similarity(
            batch, window, k1=0.01, k2=0.03, margin=window.margin, sample=True
        ),
        kind=PerTile(),
        better="higher",
        value_range=(-1.0, 1.0),
        perfect=1.0,
        params={"win": window, "k1": 0.01, "k2": 0.03, "pad": "valid", "cov": "sample"},
        minimum_side=window.taps,
        citation=f"{_WANG}; bupt-ai-cz/BCI 841bd52 evaluate.py",
    )


@METRICS.register("ssim_torchmetrics")
def ssim_torchmetrics() -> Metric:
    """SSIM as torchmetrics 1.9 computes it and CSSP2P's benchmark.py reports it: reflect padding, nothing cropped."""
    window = Window("gaussian", 11, 1.5)
    return Metric(
        family="structure",
        summary="structural similarity, reflect padding, uncropped (CSSP2P)",
        observe=lambda batch: _structural_similarity(batch, window, k1=0.01, k2=0.03, margin=0),
        kind=PerTile(),
        better="higher",
        value_range=(-1.0, 1.0),
        perfect=1.0,
        params={"win": window, "sigma": 1.5, "k1": 0.01, "k2": 0.03, "pad": "reflect", "cov": "population"},
        minimum_side=window.taps,
        citation=f"{_WANG}; torchmetrics 1.9.0 functional/image/ssim.py; {_CSSP2P} src/evaluate/benchmark.py",
    )


def _multi_scale(batch: Batch, window: Window) -> Rows:
    product = torch.ones(len(batch.ids), 3, dtype=torch.float64, device=batch.side("real").device)
    for level, weight in enumerate(MS_SSIM_WEIGHTS):
        maps = contrast_structure(batch, GENERATED_REAL, window, k2=0.03, level=level)
        if level == len(MS_SSIM_WEIGHTS) - 1:
            maps = maps * luminance(batch, window, k1=0.01, level=level)
        valid = crop(maps, window.margin)
        channels = torch.stack([tile_means(each).squeeze(1) for each in valid])
        product = product * channels.clamp_min(0) ** weight
    return product.mean(dim=1, keepdim=True)


@METRICS.register("ms_ssim")
def ms_ssim() -> Metric:
    """Multi-scale SSIM of generated against real over five octaves.

    Per channel, the product over octaves of mean cs (mean l · cs at the coarsest) raised to 0.0448, 0.2856, 0.3001,
    0.2363, 0.1333, negatives taken as 0; then the mean of the channels. Octaves are 2 × 2 means, an odd side padded
    with a counted zero, as in pytorch-msssim b057b07, to which it is equal. Range [0, 1], higher is better. Sides
    need 161 px.
    """
    window = Window("gaussian", 11, 1.5)
    return Metric(
        family="structure",
        summary="multi-scale structural similarity, five octaves",
        observe=lambda batch: _multi_scale(batch, window),
        kind=PerTile(),
        better="higher",
        perfect=1.0,
        params={"win": window, "sigma": 1.5, "k1": 0.01, "k2": 0.03, "octaves": 5, "odd": "pad", "channels": "each"},
        minimum_side=161,
        citation="Wang, Simoncelli, Bovik 2003, Asilomar 37; VainF/pytorch-msssim b057b07",
    )


def _multi_scale_pooled(batch: Batch, window: Window) -> Rows:
    product = torch.ones(len(batch.ids), 1, dtype=torch.float64, device=batch.side("real").device)
    for level, weight in enumerate(MS_SSIM_WEIGHTS):
        maps = contrast_structure(batch, GENERATED_REAL, window, k2=0.03, level=level, odd="drop")
        if level < len(MS_SSIM_WEIGHTS) - 1:
            maps = crop(maps, window.margin)
        else:
            maps = maps * luminance(batch, window, k1=0.01, level=level, odd="drop")
        product = product * tile_means(maps).clamp_min(0) ** weight
    return product


@METRICS.register("ms_ssim_torchmetrics")
def ms_ssim_torchmetrics() -> Metric:
    """MS-SSIM as torchmetrics 1.9 computes it and CSSP2P's benchmark.py reports it.

    Channels are pooled before the product, an odd line is dropped, cs is cropped to the valid region while the
    coarsest l · cs is not.
    """
    window = Window("gaussian", 11, 1.5)
    return Metric(
        family="structure",
        summary="multi-scale structural similarity, channels pooled (CSSP2P)",
        observe=lambda batch: _multi_scale_pooled(batch, window),
        kind=PerTile(),
        better="higher",
        perfect=1.0,
        params={"win": window, "sigma": 1.5, "k1": 0.01, "k2": 0.03, "octaves": 5, "odd": "drop", "channels": "pooled"},
        minimum_side=176,
        citation=f"Wang, Simoncelli, Bovik 2003; torchmetrics 1.9.0 functional/image/ssim.py; {_CSSP2P}",
    )


@METRICS.register("css")
def css(*, sigma: float = 1.5, k2: float = 0.03) -> Metric:
    """Contrast-structure similarity of the generated IHC against the H&E it was made from.

    Mean of cs over the whole image (reflect padding) and RGB: does the tissue's texture survive the translation?
    Range [-1, 1], higher is better, 1 for a copy of the H&E, so it must never be read alone.
    """
    window = Window("gaussian", 11, sigma)
    return Metric(
        family="structure",
        summary="contrast-structure similarity to the H&E",
        compares=GENERATED_SOURCE,
        observe=lambda batch: tile_means(contrast_structure(batch, GENERATED_SOURCE, window, k2=k2)),
        kind=PerTile(),
        better="higher",
        value_range=(-1.0, 1.0),
        perfect=1.0,
        params={"win": window, "sigma": ..., "k2": ..., "pad": "reflect"},
        minimum_side=window.taps,
        citation=f"CSSP2P GAN, arXiv 2511.18946; {_CSSP2P} src/metrics/image.py",
    )


@METRICS.register("css_uniform5")
def css_uniform5() -> Metric:
    """CSS as Liu et al. 2021 compute it: uniform 5 × 5 window, valid region (sewar's ssim, ws=5, second output)."""
    window = Window("uniform", 5)
    return Metric(
        family="structure",
        summary="contrast-structure similarity to the H&E, uniform 5 × 5 window (Liu 2021)",
        compares=GENERATED_SOURCE,
        observe=lambda batch: tile_means(
            crop(contrast_structure(batch, GENERATED_SOURCE, window, k2=0.03), window.margin)
        ),
        kind=PerTile(),
        better="higher",
        value_range=(-1.0, 1.0),
        perfect=1.0,
        params={"win": window, "k2": 0.03, "pad": "valid"},
        minimum_side=window.taps,
        citation="Liu et al. 2021 (PC-StainGAN), IEEE TMI; evaluation_metrics/A_rB_Similarity.py at b57c56b",
    )


def _global_contrast_structure(batch: Batch, k2: float) -> Rows:
    generated, source = (batch.side(side).double().flatten(2) for side in GENERATED_SOURCE)
    tiles = []
    for one, other in zip(generated, source, strict=True):
        first, second = (pixels - pixels.mean(dim=1, keepdim=True) for pixels in (one, other))
        upper = 2 * (first * second).mean(dim=1) + k2**2
        tiles.append((upper / (first.square().mean(dim=1) + second.square().mean(dim=1) + k2**2)).mean())
    return torch.stack(tiles).unsqueeze(1)


@METRICS.register("css_global")
def css_global(*, k2: float = 0.03) -> Metric:
    """CSS with one window, the whole tile, per channel: the formula of the CSSP2P paper read literally."""
    return Metric(
        family="structure",
        summary="contrast-structure similarity to the H&E, one global window",
        compares=GENERATED_SOURCE,
        observe=lambda batch: _global_contrast_structure(batch, k2),
        kind=PerTile(),
        better="higher",
        value_range=(-1.0, 1.0),
        perfect=1.0,
        params={"win": "tile"},
        citation="CSSP2P GAN, arXiv 2511.18946, equation of the CSS loss",
    )
