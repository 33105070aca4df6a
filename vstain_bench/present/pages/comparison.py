"""The page of a comparison: differences on axes, the tests, and the patients in pairs."""

from vstain_bench.present.figures.contrasts import difference_figures, pair_charts
from vstain_bench.present.pages.frame import render_page
from vstain_bench.present.sentences.comparison import headline, notes, unit_of_test
from vstain_bench.present.sheet import Sheet
from vstain_bench.results.comparison import Comparison


def render_comparison(comparison: Comparison, tests: Sheet, by_label: Sheet) -> str:
    """Return the page; the same comparison gives the same bytes."""
    context = {
        "comparison": comparison,
        "headline": list(headline(comparison)),
        "notes": list(notes(comparison)),
        "noun": unit_of_test(comparison),
        "tests": tests,
        "by_label": by_label,
        "differences": difference_figures(comparison),
        "charts": pair_charts(comparison),
        "signatures": {each.metric: each.signature for each in comparison.overall()},
    }
    return render_page("comparison.html.j2", context, styles=("comparison.css",), scripts=())
