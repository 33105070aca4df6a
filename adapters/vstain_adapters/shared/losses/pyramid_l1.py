"""Pyramid L1 of CSSP2P: mean absolute difference at four octaves, each half the resolution of the one before.

    L = ¼ Σ_{s=0..3} mean |P_s(generated) − P_s(real)|
    P_0 = identity,  P_{s+1} = average pool (3×3, stride 2, zeros around) of four Gaussian blurs (3×3, sigma 1, zeros
    around) of P_s

Images in [0, 1]; range [0, 1], 0 for a copy. Blurred octaves forgive what is displaced by a few pixels. Source: the
CSSP2P paper (sections 1 and 2, after Liu et al. 2022); steps and weights from its code 9032585
``src/criterion/wrappers.py:10-118``.

Variant ``released``: that code builds octaves 1 to 3 under ``torch.no_grad()``, so they add to the value and nothing to
the gradient, which is exactly a quarter of that of the full resolution's L1. ``paper`` lets it reach every octave.

Every step is linear: the pyramid of the difference is the difference of the pyramids, at half the work.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from vstain_adapters.shared.losses.filters import gaussian, smooth
from vstain_adapters.shared.settings import Variant

OCTAVES = 4


def halve(images: Tensor) -> Tensor:
    """Return the next octave, (b, c, ⌈h/2⌉, ⌈w/2⌉)."""
    line = gaussian(3, 1.0)
    for _ in range(4):
        images = smooth(images, line, padding="constant")
    return functional.avg_pool2d(images, 3, stride=2, padding=1)


def pyramid(images: Tensor, step: Callable[[Tensor], Tensor], octaves: int) -> list[Tensor]:
    """Return the images at so many octaves, the full resolution first."""
    found = [images]
    for _ in range(octaves - 1):
        found.append(step(found[-1]))
    return found


def pyramid_l1(generated: Tensor, real: Tensor, *, variant: Variant) -> Tensor:
    """Return the loss of a batch, (b, 3, h, w), as one number."""
    difference = generated.float() - real.float()
    if variant == "paper":
        return torch.stack([octave.abs().mean() for octave in pyramid(difference, halve, OCTAVES)]).mean()
    with torch.no_grad():
        coarser = [octave.abs().mean() for octave in pyramid(difference, halve, OCTAVES)[1:]]
    return torch.stack([difference.abs().mean(), *coarser]).mean()
