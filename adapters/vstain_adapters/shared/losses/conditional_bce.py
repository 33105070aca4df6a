"""Conditional binary cross-entropy: the adversarial one, of pairs.

    D judges (IHC, H&E) instead of IHC; the formulas are those of ``adversarial_bce``, range [0, ∞).

A generated IHC must then suit its own H&E, which keeps the tissue's content. Source: Isola et al. 2017, equation 1; the
CSSP2P paper's cBCE GAN (section 2). The order of the six channels is a habit: CSSP2P's code 9032585 puts the IHC first
(``GAN_base_module.py:401-406``), pix2pix and BCI 841bd52 the H&E.
"""

from typing import Literal

import torch
from torch import Tensor

First = Literal["ihc", "source"]


def conditioned(ihc: Tensor, source: Tensor, *, first: First) -> Tensor:
    """Return IHC and H&E as the six channels that a conditional discriminator reads, (b, 6, h, w)."""
    return torch.cat([ihc, source] if first == "ihc" else [source, ihc], dim=1)
