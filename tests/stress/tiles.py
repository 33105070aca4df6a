"""What the tests of the stress suite perturb: phantom tiles, and how to ask for a perturbation in one line."""

from functools import cache

import numpy as np
import torch

from vstain_bench.judge.perturbations import PERTURBATIONS, PerturbationContext
from vstain_bench.phantom import phantom_tile
from vstain_bench.types import Images, Pixels

MPP = 0.5
IDS = ("a", "b", "c")


def as_images(*pictures: Pixels) -> Images:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


def as_pixels(images: Images, place: int = 0) -> Pixels:
    return images[place].permute(1, 2, 0).numpy()


@cache
def phantoms(size: int = 96, mpp: float = MPP, labels: tuple[str, ...] = ("2+", "3+", "2+")) -> Images:
    """Real IHC of three tissues with DAB."""
    return as_images(
        *(phantom_tile(seed=5 + n, label=label, size=size, mpp=mpp).real for n, label in enumerate(labels))
    )


def perturb(
    name: str,
    images: Images,
    severity: float,
    *,
    seed: int = 0,
    ids: tuple[str, ...] | None = None,
    mpp: float | None = MPP,
    partner: Images | None = None,
) -> Images:
    number = len(images)
    context = PerturbationContext(
        severity=severity,
        seed=seed,
        ids=ids or IDS[:number],
        mpp=(mpp,) * number,
        partner=images.flip(3) if partner is None else partner,
    )
    return PERTURBATIONS[name].apply(images, context)
