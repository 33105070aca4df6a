"""A verdict on a terminal: the outcome, the numbers that moved, what could not be compared, and what to do."""

import io
import shutil

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from vstain_bench.base.text import printable
from vstain_bench.present.gate.outputs.definition import OUTPUTS, Output
from vstain_bench.present.gate.words import TITLES, fold, headline, told_moved
from vstain_bench.present.numbers import ARROWS, model_title
from vstain_bench.results.verdict import Finding, Kind, Verdict

STYLES: dict[Kind, str] = {
    "worse": "bold red", "missing": "red", "incomparable": "red", "undefined": "red", "better": "green", "new": "green",
}  # fmt: skip
MOST_ROWS = 60
"""Most numbers of one kind in the table; the JSON has all."""


def draw(verdict: Verdict, console: Console) -> None:
    """Print the verdict."""
    console.print(Text(f"{verdict.name}: {headline(verdict)}", style="bold green" if verdict.passed else "bold red"))
    for kind in ("worse", "better"):
        moved = verdict.of(kind)
        if moved:
            console.print()
            console.print(_moved(moved[:MOST_ROWS], kind))
            if len(moved) > MOST_ROWS:
                console.print(f"and {len(moved) - MOST_ROWS} more")
    folds = fold(verdict.of("missing", "incomparable", "undefined", "new", "void", "ignored"))
    if folds or verdict.notes:
        console.print()
    for each in folds:
        console.print(
            Text("• ").append(f"{TITLES[each.kind]}: ", STYLES.get(each.kind, "dim")).append(printable(each.text))
        )
    for note in verdict.notes:
        console.print(Text(f"• {printable(note)}"))


def _moved(findings: list[Finding], kind: Kind) -> RichTable:
    drawn = RichTable(title=Text(kind, style=STYLES[kind]), title_justify="left", show_edge=False)
    labelled = any(each.label is not None for each in findings)
    drawn.add_column("metric", no_wrap=True)
    drawn.add_column("model")
    if labelled:
        drawn.add_column("label")
    for head in ("baseline", "run", "by", "allowed"):
        drawn.add_column(head, justify="right", no_wrap=True)
    for each in findings:
        model = f"control {model_title(each.model)}" if each.is_control else each.model
        drawn.add_row(
            Text(f"{printable(each.metric)} {ARROWS[each.better]}{f' ({each.unit})' if each.unit else ''}"),
            Text(printable(model)),
            *([Text(printable(each.label or "all"))] if labelled else []),
            *(Text(cell) for cell in told_moved(each)),
        )
    return drawn


def render(verdict: Verdict) -> str:
    """Return the verdict as plain text, as wide as the terminal."""
    text = io.StringIO()
    console = Console(file=text, width=max(40, shutil.get_terminal_size((120, 40)).columns), color_system=None)
    draw(verdict, console)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


OUTPUTS.register("terminal")(Output("terminal", "for people", render))
