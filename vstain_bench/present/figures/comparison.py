"""The figures of a comparison for a paper: differences with intervals, and paired means of patients."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from vstain_bench.base.text import printable
from vstain_bench.present.figures.contrasts import MOST_CHARTS
from vstain_bench.present.figures.plotting import INK, MUTED, encode, styled
from vstain_bench.present.sentences.comparison import title
from vstain_bench.results.comparison import Comparison, Contrast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"better": "#2f6b3c", "worse": "#a3372b"}


def render(comparison: Comparison, draw: "Callable[[Comparison], Figure]", extension: str) -> bytes:
    """Return a figure as the bytes of a file; ``extension`` is one of ``plotting.FORMATS``."""
    with styled():
        return encode(draw(comparison), extension)


def _grid(number: int, columns: int, width: float, height: float) -> "tuple[Figure, list[Axes]]":
    from matplotlib.figure import Figure

    rows = max(1, math.ceil(number / columns))
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes = [figure.add_subplot(rows, columns, place + 1) for place in range(number)]
    return figure, axes


def draw_differences(comparison: Comparison) -> "Figure":
    """Return differences with intervals: one panel per metric, one line per model, the better side tinted."""
    panels = [
        [each for each in comparison.overall() if each.metric == metric and each.difference is not None]
        for metric in comparison.metrics
    ]
    panels = [panel for panel in panels if panel]
    height = 0.75 + 0.24 * len(comparison.models)
    figure, axes = _grid(len(panels), min(3, max(1, len(panels))), 2.6, height)
    for panel, plot in zip(panels, axes, strict=True):
        _difference_panel(plot, panel)
    figure.suptitle(f"Difference to {_shortened(comparison.reference, 60)}, 95 % interval", fontsize=9, color=INK)
    return figure


def _difference_panel(plot: "Axes", panel: Sequence[Contrast]) -> None:
    for place, each in enumerate(panel):
        colour = COLOURS.get(each.verdict, MUTED)
        if each.low is not None and each.high is not None:
            plot.plot([each.low, each.high], [place, place], color=colour, linewidth=1.6, solid_capstyle="round")
        plot.plot([each.difference or 0.0], [place], "o", color=colour, markersize=4)
    plot.axvline(0.0, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    plot.set_yticks(range(len(panel)), [_shortened(each.model) for each in panel])
    plot.set_ylim(len(panel) - 0.5, -0.5)
    plot.margins(x=0.08)
    low, high = plot.get_xlim()
    better = (0.0, high) if panel[0].better == "higher" else (low, 0.0)
    plot.axvspan(*better, color=COLOURS["better"], alpha=0.06, linewidth=0)
    plot.set_xlim(low, high)
    plot.locator_params(axis="x", nbins=4)
    plot.tick_params(axis="y", length=0)
    plot.spines["left"].set_visible(False)
    plot.set_title(title(panel[0]), fontsize=8, loc="left", color=INK)


def draw_pairs(comparison: Comparison) -> "Figure":
    """Return the means of patients in pairs: one panel per metric and model."""
    rows = [each for each in comparison.overall() if each.pairs][:MOST_CHARTS]
    figure, axes = _grid(len(rows), min(4, max(1, len(rows))), 1.9, 2.2)
    for row, plot in zip(rows, axes, strict=True):
        _pair_panel(plot, row)
    return figure


def _pair_panel(plot: "Axes", row: Contrast) -> None:
    sign = 1 if row.better == "higher" else -1
    for pair in row.pairs:
        gain = sign * (pair.model - pair.reference)
        colour = MUTED if gain == 0 else COLOURS["better" if gain > 0 else "worse"]
        line = "-" if gain >= 0 else (0, (4, 2))
        plot.plot([0, 1], [pair.reference, pair.model], color=colour, linewidth=1.0, linestyle=line, alpha=0.8)
    for place, means in ((0, [pair.reference for pair in row.pairs]), (1, [pair.model for pair in row.pairs])):
        plot.plot([place] * len(means), means, "o", color=INK, markersize=2.6)
    plot.set_xlim(-0.25, 1.25)
    plot.set_xticks([0, 1], [_shortened(row.reference), _shortened(row.model)])
    plot.locator_params(axis="y", nbins=5)
    plot.tick_params(axis="x", length=0, labelcolor=INK)
    plot.set_title(f"{title(row)}\nbetter in {row.groups_better} of {row.groups}", fontsize=8, loc="left", color=INK)


def _shortened(name: str, most: int = 16) -> str:
    text = printable(name)
    return text if len(text) <= most else f"{text[: most - 1]}…"
