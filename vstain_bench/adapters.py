"""What an adapter is: a model, ours or anyone's, that turns H&E tiles into virtual IHC tiles.

Scoring never imports an adapter: models write files, and files are scored.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vstain_bench.registry import Registry
from vstain_bench.types import Images

Stain = Callable[[Images], Images]
"""A loaded model: H&E, (b, 3, h, w) in [0, 1], to virtual IHC of the same shape and range."""


@dataclass(frozen=True)
class Card:
    """What a user must know of a model before running it.

    Attributes:
        summary: One line.
        citation: The paper, or file and commit.
        licence: SPDX identifier of code and weights.
        multiple: Tile sides must be multiples of this, in px.
    """

    summary: str
    citation: str
    licence: str
    multiple: int = 1


@dataclass(frozen=True)
class Adapter:
    """A model that can be loaded: its card, and the function from a weight file (None if it needs none) to a stain."""

    card: Card
    load: Callable[[Path | None], Stain]


ADAPTERS: Registry[Adapter] = Registry("adapter")
