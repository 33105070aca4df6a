"""Haematoxylin, white point, gamma and hue: the lab and the scanner, not the disease."""

import numpy as np

from vstain_bench.arrays import Pixels
from vstain_bench.judge.perturbations.definition import SEEDS, Draw, perturbation
from vstain_bench.judge.perturbations.lab import from_lab, to_lab
from vstain_bench.judge.perturbations.optics import scale_density

SHARES = (10.0, 20.0, 40.0)


@perturbation(
    "haematoxylin_loss",
    summary="a weaker counterstain",
    family="haematoxylin",
    unit="%",
    levels=SHARES,
    kind="appearance",
)
def haematoxylin_loss(picture: Pixels, draw: Draw) -> Pixels:
    """Multiply the density of haematoxylin by 1 - ``severity`` / 100."""
    return scale_density(picture, 1 - draw.severity / 100, "haematoxylin")


@perturbation(
    "haematoxylin_excess",
    summary="a stronger counterstain",
    family="haematoxylin",
    unit="%",
    levels=SHARES,
    kind="appearance",
)
def haematoxylin_excess(picture: Pixels, draw: Draw) -> Pixels:
    """Multiply the density of haematoxylin by 1 + ``severity`` / 100."""
    return scale_density(picture, 1 + draw.severity / 100, "haematoxylin")


@perturbation(
    "white_point",
    summary="a dimmer lamp: all light falls, that of empty glass from 255 by so many grey levels",
    family="scanner",
    unit="grey levels",
    levels=(10.0, 25.0, 50.0, 75.0),
    kind="appearance",
)
def white_point(picture: Pixels, draw: Draw) -> Pixels:
    """Multiply the light by (255 - ``severity``) / 255: no stain changes its optical density."""
    dimmed: Pixels = picture * np.float32(1 - draw.severity / 255)
    return dimmed


@perturbation(
    "gamma_dark",
    summary="a scanner's tone curve that darkens the middle",
    family="scanner",
    unit="%",
    levels=SHARES,
    kind="appearance",
)
def gamma_dark(picture: Pixels, draw: Draw) -> Pixels:
    """Raise values to the power 1 + ``severity`` / 100."""
    darker: Pixels = np.power(picture, np.float32(1 + draw.severity / 100))
    return darker


@perturbation(
    "gamma_bright",
    summary="a scanner's tone curve that brightens the middle",
    family="scanner",
    unit="%",
    levels=SHARES,
    kind="appearance",
)
def gamma_bright(picture: Pixels, draw: Draw) -> Pixels:
    """Raise values to the power 1 / (1 + ``severity`` / 100)."""
    brighter: Pixels = np.power(picture, np.float32(1 / (1 + draw.severity / 100)))
    return brighter


@perturbation(
    "hue",
    summary="a colour cast: every pixel moves that far in the a*b* plane of CIELAB, in one random direction",
    family="scanner",
    unit="ΔE76",
    levels=(2.0, 5.0, 10.0, 20.0),
    kind="appearance",
    seeds=SEEDS,
)
def hue(picture: Pixels, draw: Draw) -> Pixels:
    """Add a vector of length ``severity`` to a* and b*; lightness stays, colours outside sRGB are clipped."""
    angle = draw.generator().uniform(0, 2 * np.pi)
    cast = draw.severity * np.array([0.0, np.cos(angle), np.sin(angle)])
    return from_lab(to_lab(picture) + cast)
