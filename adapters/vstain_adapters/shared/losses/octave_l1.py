"""The pyramid loss of Pyramid Pix2Pix: mean absolute difference at up to four octaves, summed.

    L = Σ_{s=0..S-1} w_s mean |O_s(generated) − O_s(real)|,  O_0 = identity
    O_{s+1} = every second pixel of four Gaussian blurs (3×3, sigma 1, reflected edges) of O_s

Images in [-1, 1]; range [0, 2 Σ w_s], 0 for a copy; w_s = 25. Source: Liu et al. 2022 (BCI), section 4; code 841bd52
``PyramidPix2pix/models/pix2pix_model.py:255-296``. Its default is four octaves; the row of its table with the best
numbers has two (full resolution and one octave). Per unit of difference on [0, 1], the full resolution alone weighs 50
here and 1/4 in CSSP2P.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from vstain_adapters.shared.losses.filters import gaussian, smooth
from vstain_adapters.shared.losses.pyramid_l1 import pyramid


def next_octave(images: Tensor) -> Tensor:
    """Return the next octave, (b, c, ⌈h/2⌉, ⌈w/2⌉)."""
    line = gaussian(3, 1.0)
    for _ in range(4):
        images = smooth(images, line, padding="reflect")
    return images[:, :, ::2, ::2]


def octave_l1(generated: Tensor, real: Tensor, *, weights: Sequence[float]) -> Tensor:
    """Return the loss of a batch, (b, 3, h, w), as one number; one weight per octave, the full resolution first."""
    octaves = pyramid(generated.float() - real.float(), next_octave, len(weights))
    return torch.stack([weight * octave.abs().mean() for weight, octave in zip(weights, octaves, strict=True)]).sum()
