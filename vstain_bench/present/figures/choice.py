"""Which tiles a figure shows: a seeded rule, so that nobody's taste chooses them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vstain_bench.base.names import require_known
from vstain_bench.base.randomness import seed_of

Pairs = Mapping[str, Mapping[str, str]]
"""The lines of pairs.csv by tile id."""
ROWS_WITHOUT_LABELS = 4


@dataclass(frozen=True)
class Chosen:
    """One row of the figure: its tile, and the label it stands for, or an empty text."""

    tile: str
    label: str


def choose_tiles(pairs: Pairs, *, labels: Sequence[str], per_label: int, seed: int) -> tuple[Chosen, ...]:
    """Return the rows of a figure.

    Tiles of a label are put in an order that hangs on the seed and their ids alone; the first are taken, from as many
    groups as there are. Without labels it is the same over all tiles, for four rows.

    Args:
        pairs: The tiles that every run has.
        labels: Which labels, in the order of the rows; empty where tiles have none.
        per_label: Rows of each label.
        seed: Of the order.
    """
    if not labels:
        return tuple(Chosen(tile, "") for tile in _first(pairs, list(pairs), ROWS_WITHOUT_LABELS * per_label, seed))
    return tuple(
        Chosen(tile, label)
        for label in labels
        for tile in _first(pairs, [tile for tile in pairs if pairs[tile].get("label") == label], per_label, seed)
    )


def _first(pairs: Pairs, tiles: Sequence[str], number: int, seed: int) -> Iterator[str]:
    """Yield so many tiles in the seeded order: each group's first, then each one's second, and so on."""
    seen: dict[str, int] = {}
    rounds = []
    for tile in sorted(tiles, key=lambda tile: seed_of("figure", seed, tile)):
        group = pairs[tile].get("group") or tile
        rounds.append((seen.get(group, 0), tile))
        seen[group] = seen.get(group, 0) + 1
    yield from (tile for _, tile in sorted(rounds, key=lambda each: each[0])[:number])


def named_tiles(pairs: Pairs, names: Sequence[str]) -> tuple[Chosen, ...]:
    """Return rows of tiles that the user names, in that order.

    Raises:
        UsageError: the runs do not have such a tile.
    """
    for name in names:
        found = "not a tile of these runs"
        require_known(name, pairs, where=f"--tiles {name}", found=found, expected="ids as in pairs.csv")
    return tuple(Chosen(name, pairs[name].get("label", "")) for name in names)
