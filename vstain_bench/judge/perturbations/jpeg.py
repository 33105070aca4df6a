"""JPEG: what storing predictions with loss does to them."""

import io
from typing import Literal

import numpy as np
from PIL import Image

from vstain_bench.arrays import Pixels
from vstain_bench.judge.perturbations.definition import Draw, perturbation

LEVELS = (5.0, 15.0, 25.0, 50.0)
SUBSAMPLING: tuple[Literal["4:4:4", "4:2:0"], ...] = ("4:4:4", "4:2:0")


def store(picture: Pixels, quality: int, subsampling: Literal["4:4:4", "4:2:0"]) -> Pixels:
    """Return the picture as an 8-bit JPEG file gives it back (Pillow, optimal tables off)."""
    memory = io.BytesIO()
    Image.fromarray(np.rint(picture * 255).astype(np.uint8)).save(
        memory, "JPEG", quality=quality, subsampling=subsampling
    )
    memory.seek(0)
    with Image.open(memory) as stored:
        return np.asarray(stored, dtype=np.float32) / np.float32(255)


for _subsampling in SUBSAMPLING:

    @perturbation(
        f"jpeg_{_subsampling.replace(':', '')}",
        summary=f"stored as JPEG with chroma {_subsampling}; severity 25 is quality 75",
        family="JPEG",
        unit="100 - quality",
        levels=LEVELS,
        kind="storage",
    )
    def _jpeg(picture: Pixels, draw: Draw, subsampling: Literal["4:4:4", "4:2:0"] = _subsampling) -> Pixels:
        return store(picture, round(100 - draw.severity), subsampling)
