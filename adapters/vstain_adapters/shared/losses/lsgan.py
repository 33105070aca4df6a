"""Least-squares adversarial loss: D is drawn to 1 on real and to 0 on generated patches.

    discriminator  ½ mean (D(real) − 1)² + ½ mean D(generated)²
    generator      mean (D(generated) − 1)²

Range [0, ∞); ¼ and ¼ where D always says ½. Source: Mao et al. 2017; ASP b113ed2 ``models/cpt_model.py`` (``lsgan``).
"""

from torch import Tensor


def least_squares(scores: Tensor, *, real: bool) -> Tensor:
    """Return the mean squared distance of scores, (b, 1, h, w), from one label for all."""
    return (scores.float() - float(real)).square().mean()


def discriminator_lsgan(real: Tensor, generated: Tensor) -> dict[str, Tensor]:
    """Return both halves of the discriminator's loss, from its scores."""
    return {"real": least_squares(real, real=True) / 2, "generated": least_squares(generated, real=False) / 2}


def generator_lsgan(generated: Tensor) -> Tensor:
    """Return the generator's loss, from the discriminator's scores of what it generated."""
    return least_squares(generated, real=True)
