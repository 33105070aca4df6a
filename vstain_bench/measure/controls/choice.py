"""Which tiles controls are scored on, and whose real tile stands in for each: by seed and tile ids alone."""

from collections.abc import Sequence

from vstain_bench.base.randomness import seed_of
from vstain_bench.words import Tile


def choose_subset(ids: Sequence[str], number: int, seed: int) -> frozenset[str]:
    """Return at most ``number`` tiles on which the controls are scored, chosen by a hash of seed and id."""
    return frozenset(sorted(ids, key=lambda tile: seed_of("control", seed, tile))[:number])


def choose_partners(tiles: Sequence[Tile], sizes: dict[str, tuple[int, int]], seed: int) -> dict[str, Tile]:
    """Return for each tile a tile of the same size and of another group (another tile, where groups are unknown).

    A tile with no such partner is left out.
    """
    ordered = sorted(tiles, key=lambda tile: seed_of("partner", seed, tile.id))
    partners = {}
    for place, tile in enumerate(ordered):
        rest = ordered[place + 1 :] + ordered[:place]
        for other in rest:
            apart = other.group != tile.group if tile.group is not None else True
            if apart and sizes[other.id] == sizes[tile.id]:
                partners[tile.id] = other
                break
    return partners
