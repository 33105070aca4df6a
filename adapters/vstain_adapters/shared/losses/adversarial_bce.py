"""Adversarial binary cross-entropy: the first GAN's loss, in its non-saturating form, on logits of patches.

    discriminator  ½ mean −log σ(D(real)) + ½ mean −log(1 − σ(D(generated)))
    generator      mean −log σ(D(generated))

Range [0, ∞); log 2 each where D knows nothing. Real and generated images pass D apart: batch norm sees one kind.
Source: Goodfellow et al. 2014; the CSSP2P paper's BCE GAN (section 2), its code 9032585
``src/module/GAN_base_module.py:392-449``; pix2pix's ``vanilla`` mode.
"""

import torch
from torch import Tensor
from torch.nn import functional


def bce(logits: Tensor, *, real: bool) -> Tensor:
    """Return the mean cross-entropy of logits, (b, 1, h, w), against one label for all."""
    logits = logits.float()
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))


def discriminator_bce(real: Tensor, generated: Tensor) -> dict[str, Tensor]:
    """Return both halves of the discriminator's loss, from its logits."""
    return {"real": bce(real, real=True) / 2, "generated": bce(generated, real=False) / 2}


def generator_bce(generated: Tensor) -> Tensor:
    """Return the generator's loss, from the discriminator's logits of what it generated."""
    return bce(generated, real=True)
