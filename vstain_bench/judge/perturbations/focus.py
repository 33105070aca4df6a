"""Blur and sharpening: what smooth losses, defocus and scanner software do."""

from scipy import ndimage

from vstain_bench.arrays import Pixels
from vstain_bench.judge.perturbations.definition import Draw, perturbation

LEVELS = (0.125, 0.25, 0.5, 1.0, 2.0)


def _smooth(picture: Pixels, draw: Draw) -> Pixels:
    sigma = draw.severity / draw.mpp
    return ndimage.gaussian_filter(picture, (sigma, sigma, 0), mode="mirror")


@perturbation(
    "blur",
    summary="Gaussian blur: what a pixel-wise loss makes of detail it cannot place",
    family="focus",
    unit="µm",
    levels=LEVELS,
    kind="defect",
    needs=("mpp",),
)
def blur(picture: Pixels, draw: Draw) -> Pixels:
    """Blur the light with a Gaussian of standard deviation ``severity`` µm, borders reflected."""
    return _smooth(picture, draw)


@perturbation(
    "sharpen",
    summary="unsharp mask of amount 1: scanner software, or an adversarial loss that overdoes detail",
    family="focus",
    unit="µm",
    levels=LEVELS,
    kind="appearance",
    needs=("mpp",),
)
def sharpen(picture: Pixels, draw: Draw) -> Pixels:
    """Add what a blur of standard deviation ``severity`` µm takes away."""
    sharpened: Pixels = 2 * picture - _smooth(picture, draw)
    return sharpened
