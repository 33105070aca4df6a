"""What an epoch sees: the order of the pairs, and where each is cropped and how it is flipped.

Everything follows from seed, epoch and the place in the epoch, so that neither workers, processes, the size of a batch
nor an interruption can change it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vstain_bench.base.randomness import seed_of
from vstain_bench.models.contract import Recipe


@dataclass(frozen=True)
class Crop:
    """The part of a tile that is taken, in px, and how it is mirrored; both sides of a pair alike."""

    top: int
    left: int
    height: int
    width: int
    left_right: bool
    top_bottom: bool

    def cut(self, pixels: np.ndarray) -> np.ndarray:
        """Return this part of pixels, shape (h, w, 3)."""
        part = pixels[self.top : self.top + self.height, self.left : self.left + self.width]
        return part[:: -1 if self.top_bottom else 1, :: -1 if self.left_right else 1]


@dataclass(frozen=True)
class Sampling:
    """How pairs are drawn: by a recipe, from so many pairs, by a seed."""

    recipe: Recipe
    pairs: int
    seed: int

    def order(self, epoch: int) -> Sequence[int]:
        """Return which pair lies at each place of an epoch: each once, or drawn with replacement."""
        random = np.random.default_rng(seed_of("order", self.seed, epoch))
        if self.recipe.with_replacement:
            return [int(pair) for pair in random.integers(0, self.pairs, self.pairs)]
        return [int(pair) for pair in random.permutation(self.pairs)]

    def crop(self, epoch: int, place: int, size: tuple[int, int]) -> Crop:
        """Return the window at a place of an epoch, for a tile of this width and height."""
        random = np.random.default_rng(seed_of("window", self.seed, epoch, place))
        width, height = size
        crop = self.recipe.crop
        rows, columns = (height, width) if crop is None else (crop, crop)
        top, left = int(random.integers(0, height - rows + 1)), int(random.integers(0, width - columns + 1))
        flips = random.random(2) < 0.5
        return Crop(
            top,
            left,
            rows,
            columns,
            left_right=bool(flips[0]) and self.recipe.horizontal_flip,
            top_bottom=bool(flips[1]) and self.recipe.vertical_flip,
        )
