"""What the tests of stain share: pictures as batches, and stain changed in a picture."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vstain_bench.stain.density import VECTORS, mix, optical_density, unmix
from vstain_bench.types import Batch, Images, View


def tensor(*pictures: np.ndarray) -> Images:
    """Pictures of shape (h, w, 3) in [0, 1] as images."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float().contiguous()


def read(*files: Path) -> Images:
    return tensor(*(np.asarray(Image.open(file).convert("RGB"), dtype=np.float32) / 255 for file in files))


def view_of(images: Images, owner: str = "real", mpp: float | None = 0.5) -> View:
    return View(tuple(f"tile{place}" for place in range(len(images))), owner, images, (mpp,) * len(images))


def pair(generated: Images, real: Images, mpp: float | None = 0.5) -> Batch:
    return Batch({"generated": view_of(generated, "model", mpp), "real": view_of(real, "real", mpp)})


def with_dab(images: Images, gain: float) -> Images:
    """The same pictures with their DAB multiplied, as 8-bit images; I0 is taken as 255."""
    changed = []
    for picture in images:
        amounts = unmix(optical_density(picture, torch.ones(3)), VECTORS["h-dab"].matrix)
        amounts[1] *= gain
        changed.append(codes(10 ** -mix(amounts, VECTORS["h-dab"].matrix)))
    return torch.stack(changed)


def codes(light: Tensor) -> Tensor:
    """Light as an 8-bit image."""
    return (light.clamp(0, 1) * 255).round() / 255


def stained(dab: np.ndarray | Tensor, haematoxylin: float = 0.05, white: float = 1.0) -> Images:
    """One picture, (1, 3, h, w), of known amounts: DAB of shape (h, w) and the same haematoxylin everywhere."""
    amount = torch.as_tensor(dab, dtype=torch.float32)
    amounts = torch.stack([torch.full_like(amount, haematoxylin), amount, torch.zeros_like(amount)])
    return (white * 10 ** -mix(amounts, VECTORS["h-dab"].matrix))[None]
