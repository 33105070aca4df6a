"""Distributions of per-tile values, as places along an axis that the page draws.

The figures are drawn as SVG by the page's own template instead of by a plotting library: names then pass through the
one escaping that the page has, colours follow the reader's light or dark scheme, text keeps its size at every width,
and the bytes do not depend on a library's version. Every place is a percentage of the axis, so that the drawing needs
no script and no fixed width.
"""

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vstain_bench.present.numbers import ARROWS, cell_of, decimals_of, model_title
from vstain_bench.results.table import MetricRecord, Row, Table

MOST_TILES = 500
"""More tiles than this are drawn as boxes alone."""
MOST_DOTS = 12_000
"""Most dots of one page; beyond, every figure is drawn as boxes alone."""
DOT_BIN = 1.6
"""Dots nearer than this, in percent of the axis, are moved apart."""
REACH = 11.0
"""Most pixels that a dot is moved from the middle of its track."""

Values = Mapping[tuple[str, str], Sequence[float]]
"""Per-tile values by model and metric, in the order of the tiles' ids."""


@dataclass(frozen=True)
class Place:
    """A number on the axis: percent from its left end, and the number as text."""

    at: float
    text: str


@dataclass(frozen=True)
class Dot:
    """One tile: percent along the axis, pixels from the middle of its track."""

    at: float
    shift: float


@dataclass(frozen=True)
class Box:
    """Quantiles at 5, 25, 50, 75 and 95 %, in percent of the axis."""

    low: float
    first: float
    middle: float
    third: float
    high: float


@dataclass(frozen=True)
class Track:
    """One model or control in a figure; ``description`` says in words what is drawn."""

    title: str
    control: bool
    description: str
    dots: tuple[Dot, ...]
    box: Box | None
    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Figure:
    """One metric: its axis, one track per model and control, and the controls' values as reference lines."""

    title: str
    unit: str
    arrow: str
    per_tile: bool
    ticks: tuple[Place, ...]
    levels: tuple[Place, ...]
    best_level: Place | None
    tracks: tuple[Track, ...]
    unplaced: int


class Axis:
    """A range of numbers with round ticks inside it."""

    def __init__(self, numbers: Sequence[float]) -> None:
        low, high = min(numbers), max(numbers)
        reach = (high - low) or abs(high) or 1.0
        self.low, self.high = low - 0.03 * reach, high + 0.03 * reach
        raw = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(raw))
        self.step = power * next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)

    def place(self, number: float) -> float:
        """Return the place of a number in percent."""
        return round(100 * (number - self.low) / (self.high - self.low), 2)

    def ticks(self) -> tuple[Place, ...]:
        """Return the round numbers on the axis."""
        first, last = math.ceil(self.low / self.step), math.floor(self.high / self.step)
        digits = max(0, -math.floor(math.log10(self.step) + 1e-9))
        if round(self.step * 10**digits, 6) % 1:
            digits += 1
        numbers = [index * self.step for index in range(first, last + 1)]
        return tuple(Place(self.place(number), f"{number + 0.0:.{digits}f}") for number in numbers)


def spread_dots(places: Sequence[float]) -> tuple[Dot, ...]:
    """Return dots moved apart where many share a place: 0, up, down, further up, ... in the order given."""
    bins = [round(place / DOT_BIN) for place in places]
    step = min(4.0, 2 * REACH / max(Counter(bins).values(), default=1))
    seen: Counter[int] = Counter()
    dots = []
    for place, number in zip(places, bins, strict=True):
        rank = seen[number]
        seen[number] += 1
        dots.append(Dot(place, round(((rank + 1) // 2) * step * (1 if rank % 2 else -1), 1)))
    return tuple(dots)


def distributions(table: Table, values: Values) -> list[Figure]:
    """Return one figure per metric that has a value; metrics of whole sets, which are small figures, stand last."""
    number = sum(len(each) for each in values.values())
    dotted = table.inputs.tiles <= MOST_TILES and number <= MOST_DOTS
    figures = [_figure(table, record, values, dotted) for record in table.metrics]
    return sorted((figure for figure in figures if figure is not None), key=lambda figure: not figure.per_tile)


def _figure(table: Table, record: MetricRecord, values: Values, dotted: bool) -> Figure | None:
    found = [table.find(model, record.name) for model in table.row_models()]
    rows = [row for row in found if row is not None and row.value is not None]
    if not rows:
        return None
    per_tile = {row.model: list(values.get((row.model, record.name), ())) for row in rows}
    finite = {model: [value for value in each if math.isfinite(value)] for model, each in per_tile.items()}
    ends = [end for row in rows for end in (row.value, row.low, row.high) if end is not None]
    digits = decimals_of(rows, record.better)
    axis = Axis([*ends, *(value for each in finite.values() for value in each)])
    levels = [
        Place(axis.place(row.value), f"{model_title(row.model)} {row.value:.{digits}f}")
        for row in rows
        if row.is_control and row.value is not None
    ]
    best = None
    if levels and record.better != "target":
        best = (max if record.better == "higher" else min)(levels, key=lambda level: level.at)
    return Figure(
        title=record.name,
        unit=record.unit,
        arrow=ARROWS[record.better],
        per_tile=any(finite.values()),
        ticks=axis.ticks(),
        levels=tuple(levels),
        best_level=best,
        tracks=tuple(_track(row, digits, finite[row.model], axis, dotted) for row in rows),
        unplaced=sum(len(per_tile[model]) - len(finite[model]) for model in per_tile),
    )


def _track(row: Row, digits: int, values: Sequence[float], axis: Axis, dotted: bool) -> Track:
    cell = cell_of(row, digits)
    told = [f"{model_title(row.model)}: {cell.text}"]
    told += [f"95 % interval {cell.interval}"] if cell.interval else []
    told += [f"{len(values)} tiles from {min(values):.4g} to {max(values):.4g}"] if values else []
    box = None
    if len(values) >= 4:
        cuts = statistics.quantiles(values, n=20, method="inclusive")
        box = Box(*(axis.place(cuts[index]) for index in (0, 4, 9, 14, 18)))
    return Track(
        title=model_title(row.model),
        control=row.is_control,
        description=", ".join(told),
        dots=spread_dots([axis.place(value) for value in values]) if dotted else (),
        box=box,
        mean=axis.place(row.value) if row.value is not None else None,
        low=axis.place(row.low) if row.low is not None else None,
        high=axis.place(row.high) if row.high is not None else None,
    )
