"""What each perturbation looks like: one tile, unchanged, at the least and at the largest severity."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from PIL import Image

from vstain_bench.base.files import replacing
from vstain_bench.base.randomness import seed_of
from vstain_bench.errors import Undefined
from vstain_bench.images.reader import DecodePolicy, read_image
from vstain_bench.judge.perturbations.definition import PERTURBATIONS, PerturbationContext, untouched
from vstain_bench.judge.stress.findings import Sample
from vstain_bench.judge.stress.folder import StressFolder
from vstain_bench.types import Images, Pixels, Tile

FIELD_UM = 96.0
"""Side of the tissue that a sample shows."""
SIDE_PX = 208
"""Largest side of a sample."""


def choose_sample(answers: pd.DataFrame, seed: int) -> str:
    """Return the tile on which most perturbations could be done, chosen among equals by seed and id."""
    counts = answers.groupby("tile").size()
    most = [str(tile) for tile in counts[counts == counts.max()].index]
    return min(most, key=lambda tile: seed_of("sample", seed, tile))


def field_px(mpp: float, shape: tuple[int, ...]) -> int:
    """Return the side in px of the tissue that is shown of a tile of this shape."""
    return min(*shape[:2], math.ceil(FIELD_UM / mpp))


def _cut(picture: Pixels, mpp: float) -> Image.Image:
    side = field_px(mpp, picture.shape)
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    codes = np.rint(picture[top : top + side, left : left + side] * 255).astype(np.uint8)
    cut = Image.fromarray(codes)
    return cut.resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX) if side > SIDE_PX else cut


def write_samples(
    folder: StressFolder, tile: Tile, partner: Tile | None, names: Sequence[str], policy: DecodePolicy
) -> Sample | None:
    """Write what some perturbations make of a tile, and return what is shown; None where its pixel size is unknown.

    What cannot be done on the tile has no sample.
    """
    if tile.mpp is None:
        return None
    folder.samples.mkdir(exist_ok=True)
    real = _images(read_image(tile.real, policy).pixels)
    beside = None if partner is None else _images(read_image(partner.real, policy).pixels)
    _save(folder, "clean", 0.0, real, tile.mpp)
    for name in names:
        levels = PERTURBATIONS[name].levels
        for severity in dict.fromkeys((levels[0], levels[-1])):
            context = PerturbationContext(severity=severity, seed=0, ids=(tile.id,), mpp=(tile.mpp,), partner=beside)
            try:
                changed = PERTURBATIONS[name].apply(real, context)
            except Undefined:
                continue
            if not all(untouched(real, changed)):
                _save(folder, name, severity, changed, tile.mpp)
    return Sample(tile=tile.id, field_um=field_px(tile.mpp, tuple(real.shape[2:])) * tile.mpp)


def _images(pixels: Pixels) -> Images:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()


def _save(folder: StressFolder, name: str, severity: float, images: Images, mpp: float) -> None:
    with replacing(folder.sample(name, severity)) as temporary:
        _cut(images[0].permute(1, 2, 0).numpy(), mpp).save(temporary, format="PNG")
