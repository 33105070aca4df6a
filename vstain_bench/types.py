"""What a metric's author needs: batches and their views, metrics, encoders, and by the same door words and arrays.

Whatever must start quickly, or needs no network, takes ``words`` and ``arrays`` themselves: this module needs torch.
"""

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Protocol, TypeVar

import numpy as np
from jaxtyping import Float
from torch import Tensor

from vstain_bench.arrays import LeftOut, Pixels, RowArray, Values
from vstain_bench.errors import Undefined
from vstain_bench.words import Direction, Family, ImageFile, Side, Slide, Tile

__all__ = [
    "Batch",
    "Direction",
    "Encoder",
    "Family",
    "ImageFile",
    "Images",
    "Metric",
    "OfSet",
    "PerTile",
    "Pixels",
    "Resized",
    "RowArray",
    "Rows",
    "Side",
    "Slide",
    "Tile",
    "Values",
    "View",
]

T = TypeVar("T")

Images = Float[Tensor, "b 3 h w"]
"""RGB, float32, [0, 1], on the run's device."""
Resized = Float[Tensor, "b 3 other_h other_w"]
"""The same of another size."""
Rows = Float[Tensor, "b k"]
"""What a metric keeps of each tile of a batch."""


class View:
    """One side of a batch: its images, and whatever has been computed from them, computed once.

    ``owner`` says whose images these are: ``source``, ``real``, a model's name, or a control's. What else is known of
    every tile, None where it is not: ``mpp`` holds µm per pixel, ``labels`` e.g. the HER2 score, ``slides`` the stain
    of the slide that it comes from.
    """

    def __init__(
        self,
        ids: tuple[str, ...],
        owner: str,
        images: Images,
        mpp: tuple[float | None, ...] = (),
        *,
        labels: tuple[str | None, ...] = (),
        slides: tuple[Slide | None, ...] = (),
    ) -> None:
        self.ids = ids
        self.owner = owner
        self.images = images
        self.mpp = mpp or (None,) * len(ids)
        self.labels = labels or (None,) * len(ids)
        self.slides = slides or (None,) * len(ids)
        for known, what in ((self.mpp, "pixel sizes"), (self.labels, "labels"), (self.slides, "slides")):
            if len(known) != len(ids):
                raise ValueError(f"{len(known)} {what} for {len(ids)} tiles")
        self._derived: dict[Hashable, object] = {}

    def derive(self, key: Hashable, compute: Callable[["View"], T]) -> T:
        """Return ``compute(self)``, computed at most once per key."""
        if key not in self._derived:
            self._derived[key] = compute(self)
        return self._derived[key]  # type: ignore[return-value]


class Encoder(Protocol):
    """A network (or a file of its outputs) that turns each tile into one feature row; inherit for the defaults.

    ``needs`` names the known weight files without which it cannot run, ``minimum_side`` is the smallest side in px.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    minimum_side: ClassVar[int] = 1

    @property
    def signature(self) -> str:
        """Everything that can change the features, in short."""
        ...

    def files(self) -> tuple[Path, ...]:
        """Return the user's own files that its features depend on."""
        return ()

    def encode(self, view: View) -> Rows:
        """Return one feature row per tile of the view."""
        ...


class Batch:
    """Tiles that are measured together: two or three views of the same ids."""

    def __init__(self, views: Mapping[Side, View]) -> None:
        self._views = dict(views)
        self._derived: dict[Hashable, object] = {}
        first = next(iter(self._views.values()))
        self.ids, self.mpp, self.labels = first.ids, first.mpp, first.labels
        if any((view.ids, view.mpp) != (self.ids, self.mpp) for view in self._views.values()):
            raise ValueError("the sides of a batch hold different tiles, or tiles of different pixel size")
        if any(view.labels != self.labels for view in self._views.values()):
            raise ValueError("the sides of a batch hold tiles of different label")

    def view(self, side: Side) -> View:
        """Return one side with its memory of derived values."""
        return self._views[side]

    def side(self, side: Side) -> Images:
        """Return the images of one side, shape (b, 3, h, w), float32 in [0, 1]."""
        return self._views[side].images

    def derive(self, key: Hashable, compute: Callable[["Batch"], T]) -> T:
        """Return ``compute(self)``, a value of several sides together, computed at most once per key."""
        if key not in self._derived:
            self._derived[key] = compute(self)
        return self._derived[key]  # type: ignore[return-value]

    def features(self, encoder: Encoder, side: Side) -> Rows:
        """Return the feature rows of one side, shape (b, k): a network runs once however many metrics ask."""
        return self._views[side].derive(("features", encoder.signature), encoder.encode)


def _first_column(rows: RowArray) -> Values:
    return rows[:, 0]


@dataclass(frozen=True)
class PerTile:
    """A metric with a number for each tile: its score is their mean, its interval a bootstrap of whole groups.

    Attributes:
        values: From rows, shape (n, k), to one value per tile, (n,); by default the first column.
        without: What is said where no tile has a finite value.
    """

    values: Callable[[RowArray], Values] = _first_column
    without: str = "no tile has a finite value"

    def score(self, rows: RowArray) -> float:
        """Return the mean of the finite values.

        An infinite value is left out (the table counts it); a missing one (NaN) leaves the mean undefined, since a
        mean over fewer tiles than were asked for is another number.

        Raises:
            Undefined: a tile has no value, or none has a finite one.
        """
        values = self.values(rows)
        missing = int(np.isnan(values).sum())
        if missing:
            raise Undefined(f"{missing} of {len(rows)} tiles have no value")
        finite = values[np.isfinite(values)]
        if finite.size == 0:
            raise Undefined(self.without)
        return math.fsum(finite.tolist()) / len(finite)


@dataclass(frozen=True)
class OfSet:
    """A metric of a whole set of tiles, which no single tile has: its interval is a jackknife over groups.

    Attributes:
        score: From rows, shape (n, k), to the number; raises ``Undefined`` with a reason where there is none.
        leave_out: From rows and a block number per tile to the scores without each block, (blocks,), where that is
            faster than scoring each remainder anew.
        standard_error: The score's own standard error over tiles taken as independent, where the literature gives one.
    """

    score: Callable[[RowArray], float]
    leave_out: Callable[[RowArray, np.ndarray], LeftOut] | None = None
    standard_error: Callable[[RowArray], float] | None = None


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One exact definition: what it keeps of each tile, and how those rows become a number.

    ``observe`` has no memory and a score is pure, so splitting, resuming, merging and resampling need nothing more.

    Attributes:
        name: The exact name, filled in by the registry; a published variant has its own.
        summary: What is compared with what, in one line.
        compares: The sides that ``observe`` reads.
        observe: From a batch to one row per tile. NaN marks a tile without a value, +inf a value that is not finite.
        kind: ``PerTile`` or ``OfSet``; score and interval follow from it.
        better: Which direction is better.
        family: What it looks at.
        unit: Unit of the number; empty for a pure number.
        value_range: Smallest and largest possible number.
        perfect: The number for identical sides, or None where it is not finite.
        params: Everything that can change the number, by name. A definition says what it fixes; the registry fills in
            the factory's arguments, where an ellipsis keeps their place or else behind.
        version: Raised when the same parameters give another number than before.
        needs: Names of the weight files without which the metric is unavailable.
        minimum_side: Smallest tile side in px.
        minimum_tiles: Fewest tiles with a defined score.
        paired: Whether each generated tile is compared with its own partner; False for distances between sets.
        describe: From rows to what each side is like, by side and by the name of the quantity: numbers that stand
            beside the table, such as the shares of weak, moderate and strong stain behind an error of the H-score.
        observation: Metrics with the same observation share their rows; defaults to the signature.
        definition: The name under which it is registered, where that is another: ``fd`` for ``fd_uni``.
        citation: The paper, or file and commit where code was the definition.
    """

    summary: str
    observe: Callable[[Batch], Rows]
    kind: PerTile | OfSet
    better: Direction
    family: Family
    citation: str
    name: str = ""
    compares: tuple[Side, ...] = ("generated", "real")
    value_range: tuple[float, float] = (0.0, 1.0)
    perfect: float | None = None
    unit: str = ""
    params: Mapping[str, object] = field(default_factory=dict)
    version: int = 1
    needs: tuple[str, ...] = ()
    minimum_side: int = 1
    minimum_tiles: int = 1
    paired: bool = True
    describe: Callable[[RowArray], Mapping[Side, Mapping[str, float]]] | None = None
    observation: str = ""
    definition: str = ""

    @property
    def signature(self) -> str:
        """Everything that can change the number, as one string: ``name|cmp:sides|param:value|...|v:version``."""
        parts = [self.name, f"cmp:{'-'.join(self.compares)}"]
        parts += [f"{key}:{value}" for key, value in self.params.items()]
        return "|".join([*parts, f"v:{self.version}"])

    @property
    def values(self) -> Callable[[RowArray], Values] | None:
        """From rows to one value per tile, or None where a tile has none of its own."""
        return self.kind.values if isinstance(self.kind, PerTile) else None

    @property
    def interval(self) -> Literal["bootstrap", "jackknife"]:
        """How the 95 % interval is made."""
        return "bootstrap" if isinstance(self.kind, PerTile) else "jackknife"

    def score(self, rows: RowArray) -> float:
        """Return the number of rows, shape (n, k).

        Raises:
            Undefined: there is none.
        """
        return self.kind.score(rows)

    @property
    def rows(self) -> str:
        """The key under which this metric's rows are kept."""
        return self.observation or self.signature
