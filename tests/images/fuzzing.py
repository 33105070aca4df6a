"""Damaged image files, and what may come of one: pixels in [0, 1] of the announced size, or one of two errors."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from tests.images.image_files import CODES, exif, grey_patch, icc_chunk, icc_profile, jpeg, png, tiff
from vstain_bench.errors import DecodeError, MachineError, VstainError
from vstain_bench.images.reader import DecodePolicy, inspect_image, read_image
from vstain_bench.words import ImageFile

T = TypeVar("T")
NOISE = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
WIDE = NOISE.astype(np.uint16) * 257
PALETTE_MAP = np.arange(768, dtype=np.uint16).reshape(3, 256)
SEEDS = {
    "png": [
        png(NOISE, before=icc_chunk(icc_profile((2, 1, 0)))),
        png(np.concatenate([NOISE, NOISE[..., :1]], 2), colour_type=6),
        png(WIDE, bits=16),
        png(NOISE[..., 0], colour_type=0),
    ],
    "jpeg": [
        jpeg(NOISE, exif=b"Exif\0\0" + exif(6)),
        jpeg(NOISE, progressive=True),
        jpeg(NOISE, icc_profile=icc_profile((2, 1, 0)), restart_marker_blocks=2),
        jpeg(grey_patch("CMYK"), mode="CMYK"),
    ],
    "tiff": [
        tiff(NOISE),
        tiff(np.stack([NOISE, NOISE]), compression="lzw", predictor=2),
        tiff(NOISE, compression="jpeg", tile=(16, 16)),
        tiff(NOISE / 255, compression="deflate", predictor=3, bigtiff=True),
        tiff(NOISE[..., 0], photometric="palette", colormap=PALETTE_MAP, compression="packbits", byteorder=">"),
        tiff(CODES, compression="zstd", extratags=[(274, 3, 1, 6, True)]),
    ],
}
POLICIES = [
    DecodePolicy(),
    DecodePolicy.parse(
        "alpha=white,depth=scale16,gray=replicate,color=convert,exif=apply,icc=convert,page=0,float_range=byte,"
        "max_pixels=1000000"
    ),
    DecodePolicy.parse("alpha=drop,depth=scale16,gray=replicate,color=convert,exif=ignore,page=1,float_range=unit"),
    DecodePolicy.parse("alpha=drop,depth=scale16,gray=replicate,color=convert,exif=ignore,icc=ignore,jpeg=lenient"),
]
CHANGES = ("set", "flip", "cut", "repeat", "drop", "zeros", "close")
Mutation = tuple[float, str, int]
"""Where, what is done there, and a byte that says how much of it."""


def mutate(data: bytes, mutations: list[Mutation]) -> bytes:
    """Return ``data`` after each change at its relative place; places crowd at the start, where headers are."""
    for place, change, value in mutations:
        position = int(len(data) * place**2)
        before, after = data[:position], data[position:]
        data = {
            "set": before + bytes([value]) + after[1:],
            "flip": before + bytes([data[position] ^ (1 << value % 8)]) + after[1:] if after else data,
            "cut": data[: len(data) - len(after) // 2],
            "repeat": before + after[:value] + after,
            "drop": before + after[value % 16 :],
            "zeros": before + bytes(value) + after[value:],
            "close": before + data[-12:],  # cut, and ended as a whole file ends
        }[change]
    return data


def attempt(read: Callable[[], T]) -> T | DecodeError | MachineError:
    try:
        return read()
    except (DecodeError, MachineError) as fault:
        return fault


def survive(path: Path, data: bytes, policy: DecodePolicy) -> str:
    """Read a file and return what came of it; anything but pixels and the two errors escapes."""
    path.write_bytes(data)
    announced = attempt(lambda: inspect_image(path, policy))
    decoded = attempt(lambda: read_image(ImageFile(path), policy))
    if isinstance(decoded, VstainError):
        assert str(path) in str(decoded)
        assert str(decoded).isprintable()
        return type(decoded).__name__
    assert not isinstance(announced, VstainError), f"inspect_image refuses what read_image accepts: {announced}"
    assert decoded.pixels.shape == (announced.height, announced.width, 3)
    assert np.isfinite(decoded.pixels).all()
    assert decoded.pixels.min() >= 0
    assert decoded.pixels.max() <= 1
    return "pixels"
