"""The Gaussian pyramid loss of ASP: mean absolute difference at six levels, the coarsest with the greatest weight.

    L = 1/6 Σ_{l=0..5} w_l mean |Q_l(generated) − Q_l(real)|,  w = (1/64, 1/32, 1/16, 1/8, 1/4, 1) in ASP's run
    Q_l = blurred R_l for l < 5,  R_0 = identity,  R_{l+1} = every second pixel of Q_l,  Q_5 = R_5

with a 5×5 binomial blur / 256 and reflected edges. Level 0 is blurred already. Images in [-1, 1]; range [0, 2 Σ w / 6],
0 for a copy. Source: Li et al. 2023 (ASP); code b113ed2 ``models/gauss_pyramid.py``,
``models/cpt_model.py:95-101,230-236`` and, for the weights, ``experiments/mist_launcher.py:34``.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from vstain_adapters.shared.losses.filters import smooth


def levels(images: Tensor, count: int) -> list[Tensor]:
    """Return so many levels, finest first; all but the last are blurred."""
    line = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    found = []
    for _ in range(count - 1):
        blurred = smooth(images, line, padding="reflect")
        found.append(blurred)
        images = blurred[:, :, ::2, ::2]
    return [*found, images]


def gaussian_pyramid_l1(generated: Tensor, real: Tensor, *, weights: Sequence[float]) -> Tensor:
    """Return the loss of a batch, (b, 3, h, w), as one number; one weight per level, the finest first.

    Every step is linear, so the pyramid of the difference is taken.
    """
    difference = levels(generated.float() - real.float(), len(weights))
    terms = [weight * level.abs().mean() for weight, level in zip(weights, difference, strict=True)]
    return torch.stack(terms).mean()
