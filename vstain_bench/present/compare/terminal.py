"""A comparison on a terminal: one row per metric and model, then the labels, then what to know."""

import io
import shutil

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from vstain_bench.base.text import printable
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
from vstain_bench.present.numbers import ARROWS, counted
from vstain_bench.results.comparison import Comparison, Contrast

STYLES = {"better": "bold green", "worse": "bold red", "not told apart": "dim", "powerless": "dim", "undefined": "dim"}


def draw(comparison: Comparison, console: Console) -> None:
    """Print the comparison."""
    for line in headline(comparison):
        console.print(Text(printable(line), style="bold"))
    console.print()
    console.print(_main(comparison))
    console.print()
    if comparison.labels:
        console.print(_by_label(comparison))
        console.print()
    for note in comparison.notes:
        console.print(Text(f"• {printable(note)}"))


def _difference(contrast: Contrast) -> Text:
    text = Text(told_difference(contrast), style=STYLES.get(contrast.verdict, ""))
    if told_interval(contrast):
        text.append(f"\n{told_interval(contrast)}", style="dim")
    return text


def _main(comparison: Comparison) -> RichTable:
    several = len(comparison.models) > 1
    drawn = RichTable(show_edge=False, padding=0)
    drawn.add_column("metric", no_wrap=True)
    if several:
        drawn.add_column("model")
    noun = unit_noun(comparison)
    for head in ("difference", "p\nadjusted", "effect\nd_z", f"better in\n{noun}s"):
        drawn.add_column(head, justify="right", no_wrap=True)
    drawn.add_column("verdict")
    previous: Contrast | None = None
    for each in comparison.overall():
        if previous is not None and previous.primary and not each.primary:
            drawn.add_section()
        name = Text("")
        if previous is None or previous.metric != each.metric:
            name = Text(f"{each.metric} {ARROWS[each.better]}").append(f"\n{aside(each)}", style="dim")
        previous = each
        drawn.add_row(
            name,
            *([Text(printable(each.model))] if several else []),
            _difference(each),
            f"{told_p(each.p)}\n{told_p(each.adjusted_p)}",
            "–" if each.effect_size is None else f"{each.effect_size:+.2f}",
            told_wins(each),
            Text(printable(_short(each, noun)), style=STYLES.get(each.verdict, "")),
        )
    return drawn


def _short(contrast: Contrast, noun: str) -> str:
    """Return the verdict in a word where the notes below say the rest."""
    return "cannot be significant" if contrast.verdict == "powerless" else verdict_words(contrast, noun)


def _by_label(comparison: Comparison) -> RichTable:
    several = len(comparison.models) > 1
    drawn = RichTable(title="By label: primary metrics", title_justify="left", show_edge=False, padding=0)
    drawn.add_column("metric", no_wrap=True, min_width=max(map(len, comparison.primary), default=0) + 2)
    if several:
        drawn.add_column("model")
    for label, tiles in comparison.labels.items():
        drawn.add_column(Text(f"{printable(label)}\n{counted(tiles, 'tile')}"), justify="right")
    for each in comparison.overall():
        if not each.primary:
            continue
        found = [comparison.find(each.model, each.metric, label) for label in comparison.labels]
        drawn.add_row(
            Text(f"{each.metric} {ARROWS[each.better]}"),
            *([Text(printable(each.model))] if several else []),
            *(Text("–") if one is None else _difference(one) for one in found),
        )
    return drawn


def render(comparison: Comparison) -> str:
    """Return the comparison as plain text, as wide as the terminal."""
    text = io.StringIO()
    console = Console(file=text, width=max(40, shutil.get_terminal_size((120, 40)).columns), color_system=None)
    draw(comparison, console)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"
