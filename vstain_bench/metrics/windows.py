"""Windowed means, variances and covariances of images: the one pass that SSIM, MS-SSIM and CSS share.

Two things bring float32 to about 1e-7 of float64, bright and nearly constant background included: moments are taken
of images less their own mean, so that E[a²] - E[a]² cancels less, and the window's weights are multiples of 2⁻²⁴ that
sum to exactly one (a sum of 1 + 1e-8 alone moves SSIM by 5e-6 on a real tile). Everything is computed over the whole
image with reflect padding (the edge is not repeated); the valid region is a crop of it.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from vstain_bench.types import Batch, Images, Resized, Side, View

GENERATED_REAL: tuple[Side, Side] = ("generated", "real")
_WEIGHT_STEP = 2.0**-24


@dataclass(frozen=True)
class Window:
    """A separable weighting window of ``taps`` × ``taps`` px whose weights sum to one."""

    kind: Literal["gaussian", "uniform"]
    taps: int
    sigma: float = 0.0

    @property
    def margin(self) -> int:
        """Pixels at each border whose window reaches past the image."""
        return self.taps // 2

    def weights(self, like: Tensor) -> Tensor:
        """Return the 1-D weights, shape (taps,), in the type and place of another tensor."""
        return _weights(self).to(like)

    def __str__(self) -> str:
        return f"{self.kind}{self.taps}"


@cache
def _weights(window: Window) -> Tensor:
    """Return the float64 weights of a window, shape (taps,): multiples of a step that sum to one exactly."""
    if window.kind == "uniform":
        line = torch.ones(window.taps, dtype=torch.float64)
    else:
        offset = torch.arange(window.taps, dtype=torch.float64) - window.margin
        line = torch.exp(-offset.square() / (2 * window.sigma**2))
    steps = torch.round(line / line.sum() / _WEIGHT_STEP)
    steps[window.margin] += 1 / _WEIGHT_STEP - steps.sum()
    return steps * _WEIGHT_STEP


@dataclass(frozen=True)
class Moments:
    """Windowed mean of the centred image and population variance, (b, 3, h, w), and the centre, (b, 3, 1, 1)."""

    mean: Tensor
    variance: Tensor
    centre: Tensor


def smooth(maps: Tensor, window: Window) -> Tensor:
    """Return the windowed mean of each channel of (b, c, h, w) maps, same size, reflect padding.

    Maps go through the convolution with their channels last in memory: the same bits, twelve times as fast on a CPU.
    """
    channels, margin, weights = maps.shape[1], window.margin, window.weights(maps)
    padded = functional.pad(maps, (margin, margin, margin, margin), mode="reflect")
    padded = padded.contiguous(memory_format=torch.channels_last)
    rows = functional.conv2d(padded, weights.view(1, 1, -1, 1).expand(channels, 1, -1, -1), groups=channels)
    return functional.conv2d(rows, weights.view(1, 1, 1, -1).expand(channels, 1, -1, -1), groups=channels)


def halve(images: Images, *, odd: Literal["pad", "drop"]) -> Resized:
    """Return 2 × 2 means; an odd side is zero-padded and the zeros counted, or its last line is dropped."""
    padding = [side % 2 for side in images.shape[2:]] if odd == "pad" else 0
    return functional.avg_pool2d(images, kernel_size=2, padding=padding)


def octave(view: View, level: int, odd: Literal["pad", "drop"] = "pad") -> Images:
    """Return the images halved ``level`` times."""
    if level == 0:
        return view.images
    return view.derive(("octave", level, odd), lambda each: halve(octave(each, level - 1, odd), odd=odd))


def centre(view: View, level: int, odd: Literal["pad", "drop"]) -> Tensor:
    """Return each tile's mean colour at one octave, shape (b, 3, 1, 1)."""

    def compute(each: View) -> Tensor:
        images = octave(each, level, odd)
        return torch.stack([tile.double().mean(dim=(1, 2), keepdim=True).float() for tile in images])

    return view.derive(("centre", level, odd if level else ""), compute)


def moments(view: View, window: Window, level: int = 0, odd: Literal["pad", "drop"] = "pad") -> Moments:
    """Return windowed mean and variance of one side at one octave, computed once."""

    def compute(each: View) -> Moments:
        middle = centre(each, level, odd)
        centred = octave(each, level, odd) - middle
        both = smooth(torch.cat((centred, centred.square()), dim=1), window)
        mean, square = both[:, :3], both[:, 3:]
        return Moments(mean, (square - mean.square()).clamp_min(0), middle)

    return view.derive(("moments", window, level, odd if level else ""), compute)


def covariance(
    batch: Batch, sides: tuple[Side, Side], window: Window, level: int = 0, odd: Literal["pad", "drop"] = "pad"
) -> Tensor:
    """Return the windowed population covariance of two sides at one octave, shape (b, 3, h, w), computed once."""

    def compute(both: Batch) -> Tensor:
        first, second = (both.view(side) for side in sides)
        centred = [octave(view, level, odd) - centre(view, level, odd) for view in (first, second)]
        means = moments(first, window, level, odd).mean * moments(second, window, level, odd).mean
        return smooth(centred[0] * centred[1], window) - means

    return batch.derive(("covariance", sides, window, level, odd if level else ""), compute)


def luminance(
    batch: Batch, window: Window, *, k1: float, level: int = 0, odd: Literal["pad", "drop"] = "pad"
) -> Tensor:
    """Return SSIM's luminance map l of generated against real, shape (b, 3, h, w)."""
    generated, real = (moments(batch.view(side), window, level, odd) for side in GENERATED_REAL)
    one, other = generated.mean + generated.centre, real.mean + real.centre
    return (2 * one * other + k1**2) / (one.square() + other.square() + k1**2)


def contrast_structure(
    batch: Batch,
    sides: tuple[Side, Side],
    window: Window,
    *,
    k2: float,
    level: int = 0,
    odd: Literal["pad", "drop"] = "pad",
    sample: bool = False,
) -> Tensor:
    """Return SSIM's contrast-structure map cs, shape (b, 3, h, w); ``sample`` divides by n - 1 instead of n."""
    first, second = (moments(batch.view(side), window, level, odd) for side in sides)
    unbias = window.taps**2 / (window.taps**2 - 1) if sample else 1.0
    upper = 2 * unbias * covariance(batch, sides, window, level, odd) + k2**2
    return upper / (unbias * (first.variance + second.variance) + k2**2)


def crop(maps: Tensor, margin: int) -> Tensor:
    """Return maps without ``margin`` px at each border."""
    return maps[..., margin : maps.shape[-2] - margin, margin : maps.shape[-1] - margin]
