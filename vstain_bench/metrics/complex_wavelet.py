"""CW-SSIM: do the local phases of two images agree, whatever small displacement lies between them?

Sampat, Wang, Gupta, Bovik, Markey 2009, IEEE TIP 18(11):2385-2401, after Wang and Simoncelli 2005, ICASSP. A small
displacement multiplies the complex wavelet coefficients of a neighbourhood by one common phase factor, which the
magnitude of their correlation does not see; blur, loss and other structures change them one from another.

**Coefficients.** Luma Y = 0.299 R + 0.587 G + 0.114 B in [0, 1], not rounded. Its Fourier transform at frequency
(r, θ), r in units of the Nyquist frequency, is multiplied, for each of N orientations b, by the filter of the complex
steerable pyramid (Simoncelli and Freeman 1995; Portilla and Simoncelli 2000) at level L, here in closed form::

    H_b(r, θ) = 2 cos(π/2 · (log2 r + L)) · cos(θ - πb/N)^(N-1)    where |log2 r + L| < 1 and |θ - πb/N| < π/2, else 0

A cosine of amplitude a, at the band's centre (period 2^(L+1) px) and along its orientation, has coefficients of
magnitude a. Frequencies from 2^-(L-1) up are zero, so the band is computed, without loss, on the pyramid's own grid of
ceil(h / 2^(L-1)) x ceil(w / 2^(L-1)) places: the spectrum is cropped, not filtered and thrown away.

**Index.** Over each w x w window of places that lies inside the band, with coefficients x of one image and y of the
other::

    S = (2 |mean(x conj(y))| + K) / (mean |x|² + mean |y|² + K)

averaged over windows, with a Gaussian weight about the tile's centre (standard deviation a quarter of the band's
height and width) or with equal weights, and over orientations.

Defaults (level 4, 8 orientations, 7 x 7 windows, K = 0, the coarsest band alone, Gaussian weight) are those of the
authors' published code as chaofengc/IQA-PyTorch 12663f2 (pyiqa/archs/ssim_arch.py) states them. Deviations: filters in
closed form where that code interpolates tables (below 1e-6 on four real tiles); luma is not rounded to grey levels
(rounding alone moves a model's value on a real tile by up to 1e-3, since with K = 0 windows of empty glass weigh as
much as tissue); across the width of a tile that is not square, a quarter of the width. K = 0 leaves 0/0 where neither
image has anything in a window: it counts as 1, the limit (computed as K = 1e-20), and as 0 where one has something.

Everything is float64 and tile by tile. What a side needs is derived once per view, so models share the real side.
"""

import math
from functools import lru_cache
from typing import Final, Literal, get_args

import torch
from jaxtyping import Complex, Float
from torch import Tensor
from torch.nn import functional

from vstain_bench.errors import UsageError
from vstain_bench.metrics.definition import METRICS
from vstain_bench.types import Batch, Metric, PerTile, Rows, View

Band = Complex[Tensor, "orientations places_y places_x"]
"""The complex coefficients of one tile at one level."""
Weighting = Literal["gaussian", "uniform"]

LUMA: Final = (0.299, 0.587, 0.114)
"""Rec. 601 luma."""
NOTHING: Final = 1e-20
"""Energy, in squared luma, below which a window holds nothing; one grey level is 1.5e-5."""


def frequencies(places: int, side: int) -> Float[Tensor, " places"]:
    """Return the frequencies of a cropped spectrum, in units of the image's Nyquist frequency, zero first."""
    line: Tensor = torch.fft.fftfreq(places, d=side / (2 * places), dtype=torch.float64)
    return line


@lru_cache(maxsize=8)
def filters(
    height: int, width: int, level: int, orientations: int, device: torch.device
) -> Float[Tensor, "orientations places_y places_x"]:
    """Return H_b of an image of this size on the grid of its level, zero frequency first."""
    places = [math.ceil(side / 2 ** (level - 1)) for side in (height, width)]
    down, across = frequencies(places[0], height)[:, None], frequencies(places[1], width)[None]
    octave = torch.hypot(down, across).log2() + level
    radial = torch.where(octave.abs() < 1, torch.cos(octave * torch.pi / 2), 0.0)
    directions = torch.arange(orientations, dtype=torch.float64) * torch.pi / orientations
    along = torch.cos(torch.atan2(down, across) - directions[:, None, None]).clamp_min(0)
    return (2 * radial * along ** (orientations - 1)).to(device)


def band_of(image: Float[Tensor, "3 height width"], *, level: int, orientations: int) -> Band:
    """Return the complex coefficients of an image in [0, 1] at one level, for every orientation.

    Rows and columns are transformed and cropped one after the other, so that the second transform is short.
    """
    height, width = image.shape[1:]
    shaped = filters(height, width, level, orientations, image.device)
    red, green, blue = image.double()
    spectrum = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    for axis, side in ((1, width), (0, height)):
        places = shaped.shape[axis + 1]
        kept = torch.fft.fftfreq(places, 1 / places, device=image.device).round().long() % side
        spectrum = torch.fft.fft(spectrum, dim=axis).index_select(axis, kept)
    band: Tensor = torch.fft.ifft2(spectrum * shaped)
    return band * (shaped[0].numel() / (height * width))


def window_means(maps: Float[Tensor, "n h w"], window: int) -> Float[Tensor, "n valid_h valid_w"]:
    """Return the mean over every window that lies inside the maps."""
    return functional.avg_pool2d(maps, window, stride=1)


@lru_cache(maxsize=8)
def place_weights(
    band: tuple[int, int], window: int, weighting: Weighting, device: torch.device
) -> Float[Tensor, "valid_h valid_w"]:
    """Return the weight of each window; they sum to one."""
    lines = []
    for places in band:
        offset = torch.arange(places - window + 1, dtype=torch.float64) - (places - window) / 2
        gaussian = torch.exp(-offset.square() / (2 * (places / 4) ** 2))
        lines.append(gaussian if weighting == "gaussian" else torch.ones_like(offset))
    weights = torch.outer(lines[0], lines[1])
    return (weights / weights.sum()).to(device)


def _bands(view: View, level: int, orientations: int) -> list[Band]:
    key = ("complex wavelet", level, orientations)
    return view.derive(
        key, lambda each: [band_of(image, level=level, orientations=orientations) for image in each.images]
    )


def _energies(view: View, level: int, orientations: int, window: int) -> list[Tensor]:
    def compute(each: View) -> list[Tensor]:
        return [
            window_means(torch.view_as_real(band).square().sum(dim=3), window)
            for band in _bands(each, level, orientations)
        ]

    return view.derive(("complex wavelet energy", level, orientations, window), compute)


def _similarity(batch: Batch, *, level: int, orientations: int, window: int, k: float, weighting: Weighting) -> Rows:
    views = [batch.view(side) for side in ("generated", "real")]
    bands = [_bands(view, level, orientations) for view in views]
    energies = [_energies(view, level, orientations, window) for view in views]
    constant = max(k, NOTHING)
    values = []
    for generated, real, *energy in zip(*bands, *energies, strict=True):
        products = generated * real.conj()
        correlation = torch.hypot(window_means(products.real, window), window_means(products.imag, window))
        index = (2 * correlation + constant) / (energy[0] + energy[1] + constant)
        weights = place_weights(generated.shape[1:], window, weighting, index.device)
        values.append((index * weights).sum(dim=(1, 2)).mean())
    return torch.stack(values).unsqueeze(1)


def _refuse_parameters(level: int, orientations: int, window: int, k: float, weighting: str) -> None:
    for name, value, right, expected in (
        ("level", level, 1 <= level <= 8, "a whole number from 1 to 8"),
        ("orientations", orientations, 2 <= orientations <= 32, "a whole number from 2 to 32"),
        ("window", window, 1 <= window <= 31, "a whole number of band places from 1 to 31"),
        ("k", k, 0 <= k < math.inf, "a number from 0 up, in squared luma"),
        ("weighting", weighting, weighting in get_args(Weighting), f"one of {', '.join(get_args(Weighting))}"),
    ):
        if not right:
            raise UsageError(where=f"metric 'cw_ssim', parameter '{name}'", found=repr(value), expected=expected)


@METRICS.register("cw_ssim")
def cw_ssim(
    *, level: int = 4, orientations: int = 8, window: int = 7, k: float = 0.0, weighting: str = "gaussian"
) -> Metric:
    """Complex wavelet SSIM of generated against real: agreement of local phase at one scale, tolerant to displacement.

    Range [0, 1], higher is better, 1 for identical tiles. ``level`` 4 looks at structures of about 32 px (16 to 64),
    so it answers neither fine texture nor slow drifts of colour, and forgives blur and a gain g of contrast, which
    gives 2g / (1 + g²).
    ``window`` is in places of the band, 2^(level - 1) px apart; ``k`` is in squared luma, luma in [0, 1]. The smallest
    side is 2^(level + 2) px, 64 by default, or what the window needs.
    """
    _refuse_parameters(level, orientations, window, k, weighting)
    chosen: Weighting = "gaussian" if weighting == "gaussian" else "uniform"
    return Metric(
        family="structure",
        summary=f"complex wavelet structural similarity at level {level}",
        observe=lambda batch: _similarity(
            batch, level=level, orientations=orientations, window=window, k=k, weighting=chosen
        ),
        kind=PerTile(),
        better="higher",
        perfect=1.0,
        params={
            "level": ...,
            "orientations": ...,
            "window": ...,
            "k": ...,
            "weighting": ...,
            "bands": "coarsest",
            "luma": "601",
        },
        minimum_side=max(2 ** (level + 2), (window - 1) * 2 ** (level - 1) + 1),
        citation="Sampat, Wang, Gupta, Bovik, Markey 2009, IEEE TIP 18(11):2385-2401; defaults of "
        "chaofengc/IQA-PyTorch 12663f2 pyiqa/archs/ssim_arch.py",
    )
