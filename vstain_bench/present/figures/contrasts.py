"""Where the page of a comparison draws differences and paired means: places along axes, in percent."""

from collections.abc import Sequence
from dataclasses import dataclass

from vstain_bench.present.figures.distributions import Axis, Place
from vstain_bench.present.numbers import ARROWS, difference_of
from vstain_bench.present.sentences.comparison import aside, sentence, unit_of_test
from vstain_bench.results.comparison import Comparison, Contrast

MOST_CHARTS = 24
"""Most charts of paired means on one page; primary metrics come first."""


@dataclass(frozen=True)
class DifferenceTrack:
    """One difference with its interval; ``label`` is None over all tiles."""

    title: str
    label: str | None
    text: str
    verdict: str
    at: float
    low: float | None
    high: float | None
    description: str


@dataclass(frozen=True)
class DifferenceFigure:
    """All differences of one metric on one axis: where zero lies, and on which side of it the model is better."""

    title: str
    arrow: str
    aside: str
    zero: float
    better_right: bool
    ticks: tuple[Place, ...]
    tracks: tuple[DifferenceTrack, ...]


@dataclass(frozen=True)
class PairLine:
    """The means of one patient under the reference and the model, in percent from the top."""

    reference: float
    model: float
    outcome: str
    description: str


@dataclass(frozen=True)
class PairChart:
    """Paired means of all patients: one model against the reference on one metric."""

    title: str
    arrow: str
    aside: str
    model: str
    reference: str
    ticks: tuple[Place, ...]
    lines: tuple[PairLine, ...]
    caption: str


def difference_figures(comparison: Comparison) -> list[DifferenceFigure]:
    """Return one figure per metric."""
    figures = []
    for metric in comparison.metrics:
        rows = [each for each in comparison.contrasts if each.metric == metric and each.difference is not None]
        if rows:
            figures.append(_difference_figure(comparison, rows))
    return figures


def _difference_figure(comparison: Comparison, rows: Sequence[Contrast]) -> DifferenceFigure:
    ends = [0.0, *(end for row in rows for end in (row.difference, row.low, row.high) if end is not None)]
    axis, first, noun = Axis(ends), rows[0], unit_of_test(comparison)
    ordered = sorted(rows, key=lambda row: (comparison.models.index(row.model), row.label is not None, row.label or ""))
    return DifferenceFigure(
        title=first.metric,
        arrow=ARROWS[first.better],
        aside=aside(first),
        zero=axis.place(0.0),
        better_right=first.better == "higher",
        ticks=axis.ticks(),
        tracks=tuple(
            DifferenceTrack(
                title=row.model if row.label is None else row.label,
                label=row.label,
                text=f"{difference_of(row).text} {difference_of(row).interval}".rstrip(),
                verdict=row.verdict.replace(" ", "-"),
                at=axis.place(row.difference or 0.0),
                low=axis.place(row.low) if row.low is not None else None,
                high=axis.place(row.high) if row.high is not None else None,
                description=sentence(row, noun),
            )
            for row in ordered
        ),
    )


def pair_charts(comparison: Comparison) -> list[PairChart]:
    """Return one chart per metric and model with means of patients, at most ``MOST_CHARTS``."""
    rows = [each for each in comparison.overall() if each.pairs]
    return [_pair_chart(row) for row in rows[:MOST_CHARTS]]


def _pair_chart(row: Contrast) -> PairChart:
    axis = Axis([mean for pair in row.pairs for mean in (pair.model, pair.reference)])
    sign = 1 if row.better == "higher" else -1

    def outcome(gain: float) -> str:
        return "better" if gain > 0 else "worse" if gain < 0 else "equal"

    return PairChart(
        title=row.metric,
        arrow=ARROWS[row.better],
        aside=aside(row),
        model=row.model,
        reference=row.reference,
        ticks=tuple(Place(100 - tick.at, tick.text) for tick in axis.ticks()),
        lines=tuple(
            PairLine(
                reference=round(100 - axis.place(pair.reference), 2),
                model=round(100 - axis.place(pair.model), 2),
                outcome=outcome(sign * (pair.model - pair.reference)),
                description=f"{pair.group}, {pair.tiles} tiles: {pair.reference:.4g} to {pair.model:.4g}",
            )
            for pair in row.pairs
        ),
        caption=f"better in {row.groups_better} of {row.groups}",
    )
