"""Whether tiles look like H&E: the wrong folder is the commonest mistake, and no network complains of it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vstain_bench.errors import DecodeError, InputError
from vstain_bench.io.images import DecodePolicy, read_image
from vstain_bench.io.sources import SourceTile
from vstain_bench.types import Pixels

LOOKED_AT = 8
"""Tiles, evenly spaced."""
TISSUE = 0.1
"""Least mean optical density, above the background, of a pixel that is tissue."""
LEAST_TISSUE = 0.02
"""Share of tissue that a tile needs before anything is said of it."""
MAGENTA = 0.12
"""Least excess of an H&E. Real H&E of three scanners 0.26 to 0.57, phantoms 0.50 to 0.90; IHC at most 0.18, its
folders at most 0.11."""


def magenta_excess(pixels: Pixels) -> float | None:
    """Return how far green light is taken before red and blue: median over tissue of (G − max(R, B)) / mean(R, G, B).

    R, G and B are optical densities above the tile's background. Eosin takes green first, DAB blue, and haematoxylin
    red and green alike, so that an IHC is near zero or below. None where there is too little tissue to tell.
    """
    density = -np.log10(np.clip(pixels[::4, ::4].reshape(-1, 3), 1 / 255, 1))
    density = density - np.percentile(density, 1, axis=0)
    strength = density.mean(axis=1)
    tissue = strength > TISSUE
    if tissue.mean() < LEAST_TISSUE:
        return None
    red, green, blue = density[tissue].T
    return float(np.median((green - np.maximum(red, blue)) / strength[tissue]))


def require_he(tiles: Sequence[SourceTile], policy: DecodePolicy, folder: Path | None) -> None:
    """Refuse tiles that look like an IHC: half or more of those looked at, where anything can be seen.

    Raises:
        InputError: They do.
    """
    spaced = [tiles[place] for place in sorted({*np.linspace(0, len(tiles) - 1, LOOKED_AT).astype(int).tolist()})]
    found = []
    for tile in spaced:
        try:
            excess = magenta_excess(read_image(tile.file, policy).pixels)
        except DecodeError:
            continue  # told when its turn comes
        found += [] if excess is None else [excess]
    if found and float(np.median(found)) < MAGENTA:
        raise InputError(
            where=f"--source {folder}" if folder else "the H&E tiles",
            found=f"they look like an IHC: {len(found)} tiles with a magenta excess of {np.median(found):.2f}",
            expected=f"H&E, which has {MAGENTA} or more (eosin takes green light first)",
            next_step="Give the folder of H&E tiles. If these are what the model takes, pass --any-stain.",
        )
