"""Colour as seen: CIEDE2000 between tiles, and between the brightest colours of their backgrounds.

Written in torch, although scikit-image has both conversions: these run on the batch's device, and on a CPU in two
thirds of the time. They agree within 3e-6 ΔE00 in float64; scikit-image's float32 would move a table's eighth digit.
"""

import math

import torch
from torch import Tensor

from vstain_bench.metrics.definition import METRICS, tile_means
from vstain_bench.metrics.windows import GENERATED_REAL
from vstain_bench.types import Batch, Metric, PerTile, Rows

_XYZ_FROM_RGB = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
_D65 = (0.95047, 1.0, 1.08883)
_CITATION = "Sharma, Wu, Dalal 2005, Color Res Appl 30:21-30 (CIEDE2000); sRGB (IEC 61966-2-1), D65, 2° observer"


def lab(picture: Tensor) -> Tensor:
    """Return CIE L*a*b* of sRGB in [0, 1]; the first axis holds the three channels."""
    linear = torch.where(picture > 0.04045, ((picture + 0.055) / 1.055).clamp_min(0) ** 2.4, picture / 12.92)
    curved = []
    for weights, white in zip(_XYZ_FROM_RGB, _D65, strict=True):
        level = sum(weight * linear[channel] for channel, weight in enumerate(weights)) / white
        level = torch.as_tensor(level)
        curved.append(torch.where(level > 0.008856, level.clamp_min(1e-9) ** (1 / 3), 7.787 * level + 16 / 116))
    along, upward, across = curved
    return torch.stack([116 * upward - 16, 500 * (along - upward), 200 * (upward - across)])


def _hue(blue: Tensor, red: Tensor) -> Tensor:
    return torch.atan2(blue, red).remainder(2 * math.pi)


def _rescaled(first: Tensor, second: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return chroma and hue of two colours after CIEDE2000's stretch of the red axis."""
    chroma = (torch.hypot(first[1], first[2]) + torch.hypot(second[1], second[2])) / 2
    seventh = chroma**7
    stretch = 1.5 - 0.5 * (seventh / (seventh + 25.0**7)).sqrt()
    sides = [(each[1] * stretch, each[2]) for each in (first, second)]
    one, other = ((torch.hypot(red, blue), _hue(blue, red)) for red, blue in sides)
    return one, other


def ciede2000(first: Tensor, second: Tensor) -> Tensor:
    """Return the CIEDE2000 difference of L*a*b* colours whose first axis holds the three channels."""
    (chroma_1, hue_1), (chroma_2, hue_2) = _rescaled(first, second)
    grey = chroma_1 * chroma_2 == 0
    turn = hue_2 - hue_1
    turn = turn - 2 * math.pi * (turn > math.pi) + 2 * math.pi * (turn < -math.pi)
    turn = torch.where(grey, torch.zeros_like(turn), turn)
    hue_step = 2 * (chroma_1 * chroma_2).sqrt() * (turn / 2).sin()
    total = hue_1 + hue_2
    far = (hue_1 - hue_2).abs() > math.pi
    middle = torch.where(far, torch.where(total < 2 * math.pi, total / 2 + math.pi, total / 2 - math.pi), total / 2)
    middle = torch.where(grey, total, middle)
    lightness, chroma = (first[0] + second[0]) / 2, (chroma_1 + chroma_2) / 2
    weight = (
        1
        - 0.17 * (middle - math.radians(30)).cos()
        + 0.24 * (2 * middle).cos()
        + 0.32 * (3 * middle + math.radians(6)).cos()
        - 0.20 * (4 * middle - math.radians(63)).cos()
    )
    offset = (lightness - 50).square()
    per_lightness = (second[0] - first[0]) / (1 + 0.015 * offset / (20 + offset).sqrt())
    per_chroma = (chroma_2 - chroma_1) / (1 + 0.045 * chroma)
    per_hue = hue_step / (1 + 0.015 * chroma * weight)
    seventh = chroma**7
    turned = math.radians(60) * torch.exp(-((torch.rad2deg(middle) - 275) / 25).square())
    rotation = -2 * (seventh / (seventh + 25.0**7)).sqrt() * turned.sin()
    square = per_lightness.square() + per_chroma.square() + per_hue.square() + rotation * per_chroma * per_hue
    return square.clamp_min(0).sqrt()


@METRICS.register("de2000")
def de2000() -> Metric:
    """Mean CIEDE2000 colour difference of corresponding pixels, generated against real; lower is better, 0 is perfect.

    1 is about the least difference seen side by side. It compares pixel with pixel, so displacement costs it as it
    costs SSIM.
    """

    def observe(batch: Batch) -> Rows:
        pairs = zip(
            *(batch.view(side).derive("lab", lambda view: _labs(view.images)) for side in GENERATED_REAL), strict=True
        )
        return torch.cat([tile_means(ciede2000(generated, real)[None]) for generated, real in pairs])

    return Metric(
        family="colour",
        summary="mean CIEDE2000 colour difference per pixel",
        observe=observe,
        kind=PerTile(),
        better="lower",
        value_range=(0.0, math.inf),
        perfect=0.0,
        unit="ΔE00",
        params={"white": "D65"},
        citation=_CITATION,
    )


def _labs(images: Tensor) -> list[Tensor]:
    return [lab(picture) for picture in images]


def brightest(picture: Tensor) -> Tensor:
    """Return the 99th percentile of each channel of one tile, (3,): its glass, or its brightest tissue."""
    number = picture[0].numel()
    rank = min(number, math.floor(0.99 * number) + 1)
    return torch.stack([channel.flatten().kthvalue(rank).values for channel in picture])


@METRICS.register("background_drift")
def background_drift() -> Metric:
    """CIEDE2000 difference of the brightest colours: the 99th percentile of each channel, generated against real.

    Where a tile shows glass this is the colour of the background. Lower is better, 0 is perfect.
    """

    def observe(batch: Batch) -> Rows:
        sides = [
            batch.view(side).derive("brightest", lambda view: [lab(brightest(each)) for each in view.images])
            for side in GENERATED_REAL
        ]
        return torch.stack([ciede2000(*pair) for pair in zip(*sides, strict=True)]).double().unsqueeze(1)

    return Metric(
        family="colour",
        summary="CIEDE2000 difference of the background's colour",
        observe=observe,
        kind=PerTile(),
        better="lower",
        value_range=(0.0, math.inf),
        perfect=0.0,
        unit="ΔE00",
        params={"quantile": 0.99},
        citation=_CITATION,
    )
