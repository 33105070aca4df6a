"""Whether tiles look like H&E: the wrong folder is the commonest mistake, and no network complains of it."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from vstain_bench.errors import DecodeError, InputError
from vstain_bench.images.reader import DecodePolicy, read_image
from vstain_bench.tiles.sources import SourceTile

LOOKED_AT = 8
"""Tiles, evenly spaced."""
SEEN = 256
"""Rows and columns of each, about."""
TISSUE = 0.1
"""Least mean optical density, above the background, of a pixel that is tissue."""
LEAST_TISSUE = 0.02
"""Share of tissue that a tile needs before anything is said of it."""
MAGENTA = 0.12
"""Least excess of an H&E. Real H&E of three scanners have 0.26 to 0.57, phantom sets 0.78; sets of real or phantom IHC
-0.40 to 0.10, single tiles of them up to 0.18."""


def magenta_excess(tiles: Sequence[np.ndarray]) -> float | None:
    """Return how far green light is taken before red and blue: median over tissue of (G − max(R, B)) / mean(R, G, B).

    Tiles are RGB in [0, 1], shape (h, w, 3), of any sizes.

    R, G and B are optical densities above the background, the lightest percent of all pixels. Eosin takes green first,
    DAB blue, and haematoxylin red and green alike, so that an IHC is near zero or below. None where there is too little
    tissue to tell.
    """
    thinned = [pixels[:: max(1, len(pixels) // SEEN)] for pixels in tiles]
    thinned = [pixels[:, :: max(1, pixels.shape[1] // SEEN)].reshape(-1, 3) for pixels in thinned]
    density = -np.log10(np.clip(np.concatenate(thinned), 1 / 255, 1))
    density = density - np.percentile(density, 1, axis=0)
    strength = density.mean(axis=1)
    tissue = strength > TISSUE
    if tissue.mean() < LEAST_TISSUE:
        return None
    red, green, blue = density[tissue].T
    return float(np.median((green - np.maximum(red, blue)) / strength[tissue]))


def require_he(tiles: Sequence[SourceTile], policy: DecodePolicy, folder: Path | None) -> None:
    """Refuse tiles that look like an IHC, as far as anything can be seen on those looked at.

    Raises:
        InputError: They do.
    """
    spaced = [tiles[place] for place in sorted({*np.linspace(0, len(tiles) - 1, LOOKED_AT).astype(int).tolist()})]
    found = []
    for tile in spaced:
        with suppress(DecodeError):  # reported when its turn comes
            found.append(read_image(tile.file, policy).pixels)
    excess = magenta_excess(found) if found else None
    if excess is not None and excess < MAGENTA:
        raise InputError(
            where=f"--source {folder}" if folder else "the H&E tiles",
            found=f"they look like an IHC: {len(found)} tiles with a magenta excess of {excess:.2f}",
            expected=f"H&E, which has {MAGENTA} or more (eosin takes green light first)",
            next_step="Give the folder of H&E tiles. If these are what the model takes, pass --any-stain.",
        )
