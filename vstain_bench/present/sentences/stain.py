"""What the sides of a run are like in stain: background, bands, threshold sweep, order of the labels.

All of it stands in the table as quantities (`results.table.Quantity`), put there by the metrics that rest on them; here
they become bars, rows of percents and sentences.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from vstain_bench.results.table import Table

BANDS = ("negative", "weak", "moderate", "strong")
REAL = "real"
GIVEN = "given"
MOST_NAMED = 4
"""Most models that a footnote names one by one."""
_BACKGROUND, _H_SCORE, _SWEEP, _MEAN = (
    "background_od_bias",
    "h_score_error",
    "dab_positive_fraction_sweep",
    "dab_od_mae",
)
_ORDER, _NUCLEI = "dab_class_order_violations", "nuclei_positive_fraction_error"


@dataclass(frozen=True)
class Segment:
    """One band of a bar: its name, where it begins and how wide it is, in percent."""

    band: str
    start: float
    width: float


@dataclass(frozen=True)
class Bar:
    """The bands of one owner, stacked, and its H-score."""

    owner: str
    segments: tuple[Segment, ...]
    h_score: float
    description: str


@dataclass(frozen=True)
class Bars:
    """The bars of all owners over all tiles (label None) or those of one label."""

    label: str | None
    tiles: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Line:
    """One owner's row of a small table: its cells as text, and those that are out of order."""

    owner: str
    cells: tuple[str, ...]
    marked: tuple[bool, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class StainSection:
    """Everything that the report shows of stain; empty parts are left out."""

    backgrounds: tuple[Line, ...]
    bars: tuple[Bars, ...]
    thresholds: tuple[str, ...]
    sweep: tuple[Line, ...]
    labels: tuple[str, ...]
    means: tuple[Line, ...]
    nuclei: tuple[Line, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing of it is in the table."""
        return not (self.backgrounds or self.bars or self.sweep or self.means or self.nuclei)


def _owners(table: Table, metric: str) -> list[str]:
    """Return the real side and the models of which a metric tells something."""
    told = {quantity.owner for quantity in table.quantities if quantity.metric == metric}
    return [owner for owner in (REAL, *table.models) if owner in told]


def stain_section(table: Table) -> StainSection:
    """Return what the table knows of stain."""
    thresholds = dict.fromkeys(each.name.removeprefix("above ") for each in table.quantities if each.metric == _SWEEP)
    return StainSection(
        backgrounds=tuple(_background(table, owner) for owner in _owners(table, _BACKGROUND)),
        bars=tuple(filter(None, (_bars(table, label) for label in (None, *table.labels())))),
        thresholds=tuple(thresholds),
        sweep=tuple(_sweep(table, owner, list(thresholds)) for owner in _owners(table, _SWEEP)),
        labels=tuple(table.labels()),
        means=_means(table),
        nuclei=tuple(_index(table, owner) for owner in _owners(table, _NUCLEI)),
    )


def _background(table: Table, owner: str) -> Line:
    light = [table.quantity(owner, _BACKGROUND, f"I0 {name}") for name in ("red", "green", "blue")]
    unseen = table.quantity(owner, _BACKGROUND, "tiles without glass")
    known = " / ".join(f"{level:.1f}" for level in light if level is not None)
    return Line(owner, (known, GIVEN if unseen is None else f"{unseen:.0f} of {table.inputs.tiles}"))


def _bars(table: Table, label: str | None) -> Bars | None:
    bars = []
    for owner in _owners(table, _H_SCORE):
        shares = [table.quantity(owner, _H_SCORE, band, label) for band in BANDS]
        score = table.quantity(owner, _H_SCORE, "H-score", label)
        if score is None or any(share is None for share in shares):
            continue
        percents = [100 * share for share in shares if share is not None]
        starts = [sum(percents[:place]) for place in range(len(percents))]
        segments = [Segment(*each) for each in zip(BANDS, starts, percents, strict=True)]
        told = ", ".join(f"{band} {percent:.1f} %" for band, percent in zip(BANDS, percents, strict=True))
        bars.append(Bar(owner, tuple(segments), score, f"{owner}: {told}; H-score {score:.1f}"))
    tiles = table.inputs.tiles if label is None else table.inputs.labels.get(label, 0)
    return Bars(label, tiles, tuple(bars)) if bars else None


def _sweep(table: Table, owner: str, thresholds: Sequence[str]) -> Line:
    shares = [table.quantity(owner, _SWEEP, f"above {threshold}") for threshold in thresholds]
    return Line(owner, tuple("–" if share is None else f"{100 * share:.1f}" for share in shares))


def _means(table: Table) -> tuple[Line, ...]:
    """Return mean DAB by label, marked where a label is not stained more than one before it in the expected order."""
    labels = table.labels()
    if len(labels) < 2:
        return ()
    order = _expected(table)
    lines = []
    for owner in _owners(table, _MEAN):
        found = {label: table.quantity(owner, _MEAN, "mean DAB OD", label) for label in labels}
        known = {label: value for label, value in found.items() if value is not None}
        wrong = [
            (low, high)
            for low, high in combinations([label for label in order if label in known], 2)
            if known[high] <= known[low]
        ]
        note = "; ".join(f"{high} not above {low}" for low, high in wrong)
        cells = tuple(f"{known[label]:.3f}" if label in known else "–" for label in labels)
        lines.append(Line(owner, cells, tuple(any(label in pair for pair in wrong) for label in labels), note))
    return tuple(lines)


def _expected(table: Table) -> list[str]:
    """Return the labels from the least stained, as the order's metric has them; none without it."""
    orders = (str(record.params["order"]) for record in table.metrics if record.name == _ORDER)
    return next((order.split("<") for order in orders), [])


def _index(table: Table, owner: str) -> Line:
    nuclei, positive = (table.quantity(owner, _NUCLEI, name) or 0.0 for name in ("nuclei", "positive nuclei"))
    index = f"{100 * positive / nuclei:.1f} %" if nuclei else "–"
    return Line(owner, (f"{nuclei:.0f}", f"{positive:.0f}", index))


def stain_notes(table: Table) -> list[str]:
    """Return the background and the bands as sentences, for formats without pictures."""
    section = stain_section(table)
    notes = []
    if section.backgrounds:
        lines = section.backgrounds[: MOST_NAMED + 1]
        light = "; ".join(f"{line.owner} {line.cells[0]}" for line in lines)
        notes.append(f"Background I0, median over tiles, of 255: {light} ({_unseen(lines)}).")
    if section.bars and section.bars[0].label is None:
        told = [
            f"{bar.owner} {'/'.join(f'{segment.width:.1f}' for segment in bar.segments)} (H-score {bar.h_score:.1f})"
            for bar in section.bars[0].bars[: MOST_NAMED + 1]
        ]
        notes.append(f"Pixels {'/'.join(BANDS)} in percent: {'; '.join(told)}.")
    wrong = [f"{line.owner}: {line.note}" for line in section.means if line.note]
    if wrong:
        notes.append(f"Mean DAB out of the labels' order: {', '.join(wrong)}.")
    return notes


def _unseen(lines: Sequence[Line]) -> str:
    """Return in words how the background was had."""
    if lines[0].cells[1] == GIVEN:
        return GIVEN
    without = [f"{line.cells[1]} tiles of {line.owner}" for line in lines if not line.cells[1].startswith("0 of")]
    return f"the fallback for tiles without glass in sight: {', '.join(without)}" if without else "glass in every tile"
