"""The words of the field as values: a tile, its files, its slide, its sides. Nothing here needs an array library."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Side = Literal["source", "real", "generated"]
Direction = Literal["higher", "lower", "target"]
Family = Literal[
    "amount", "colour", "composite", "distribution", "nuclei", "perception", "pixel", "place", "registration",
    "structure",
]  # fmt: skip
"""What a metric looks at: how much stain, colour as seen, several of these at once, sets of features, nuclei, features
of a network tile by tile, single pixels, where stain lies, how tiles lie against each other, texture."""


@dataclass(frozen=True)
class ImageFile:
    """Where one image lies: a whole file, or one half of a side-by-side pair."""

    path: Path
    half: Literal["whole", "left", "right"] = "whole"

    def __str__(self) -> str:
        return str(self.path) if self.half == "whole" else f"{self.path} ({self.half} half)"


@dataclass(frozen=True)
class Tile:
    """One field of view: its H&E, its real IHC, and the virtual IHC of every model under test.

    ``group`` is the patient or slide, the unit of resampling; ``label`` e.g. the HER2 score; ``mpp`` µm per pixel.
    """

    id: str
    real: ImageFile
    generated: Mapping[str, ImageFile]
    source: ImageFile | None = None
    group: str | None = None
    label: str | None = None
    split: str | None = None
    mpp: float | None = None


@dataclass(frozen=True)
class Slide:
    """How one owner's tiles of one slide are stained and lit, estimated from several of them together.

    Attributes:
        white: Light through empty glass (I0), RGB in [0, 1].
        seen: Whether glass was in sight; otherwise ``white`` is the fallback.
        vectors: Unit optical-density vectors of haematoxylin, DAB and residual as rows, None where the tiles do not
            show both stains.
        tiles: Ids of the tiles it was estimated from.
    """

    white: tuple[float, float, float]
    seen: bool
    vectors: tuple[tuple[float, float, float], ...] | None
    tiles: tuple[str, ...] = ()
