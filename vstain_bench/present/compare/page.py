"""A comparison as one HTML file that needs no network, in the style of the reports."""

from collections.abc import Callable

from vstain_bench.present.compare.drawing import difference_figures, pair_charts
from vstain_bench.present.compare.words import (
    aside,
    headline,
    told_difference,
    told_interval,
    told_p,
    told_wins,
    unit_noun,
    verdict_words,
)
from vstain_bench.present.numbers import ARROWS
from vstain_bench.present.pages.frame import render_page
from vstain_bench.results.comparison import Comparison, Contrast

PACKAGE = "vstain_bench.present.compare"


def render(comparison: Comparison) -> str:
    """Return the page; the same comparison gives the same bytes."""
    noun = unit_noun(comparison)
    rows = {(each.model, each.metric, each.label): each for each in comparison.contrasts}

    def verdict(contrast: Contrast) -> str:
        return verdict_words(contrast, noun)

    context = {
        "comparison": comparison,
        "headline": headline(comparison),
        "noun": noun,
        "rows": rows,
        "arrows": ARROWS,
        "differences": difference_figures(comparison),
        "charts": pair_charts(comparison),
        "signatures": {each.metric: each.signature for each in comparison.overall()},
    }
    filters: dict[str, Callable[..., object]] = {
        "difference": told_difference, "interval": told_interval, "p": told_p, "wins": told_wins, "verdict": verdict,
        "aside": aside,
    }  # fmt: skip
    return render_page(
        "comparison.html.j2", context, package=PACKAGE, styles=("comparison.css",), scripts=(), filters=filters
    )
