"""A comparison as text: Markdown, LaTeX, CSV and JSON."""

import csv
import io
from collections.abc import Callable, Mapping

from vstain_bench.present.compare import terminal
from vstain_bench.present.compare.words import (
    headline,
    title,
    told_difference,
    told_interval,
    told_p,
    told_wins,
    unit_noun,
    verdict_words,
)
from vstain_bench.present.formats import latex, markdown
from vstain_bench.present.formats.data import guard_formula
from vstain_bench.results.comparison import Comparison, Contrast


def _heads(comparison: Comparison) -> list[str]:
    noun = unit_noun(comparison)
    return [
        "metric", "model", "difference", "95 % interval", "p", "adjusted p", "d_z", f"better in {noun}s", "verdict",
    ]  # fmt: skip


def _cells(contrast: Contrast, noun: str) -> list[str]:
    return [
        title(contrast),
        contrast.model,
        told_difference(contrast),
        told_interval(contrast) or "–",
        told_p(contrast.p),
        told_p(contrast.adjusted_p),
        "–" if contrast.effect_size is None else f"{contrast.effect_size:+.2f}",
        told_wins(contrast),
        verdict_words(contrast, noun),
    ]


def render_markdown(comparison: Comparison) -> str:
    """Return a table over all tiles, one per label, and the notes."""
    noun = unit_noun(comparison)

    def table(label: str | None) -> str:
        rows = [each for each in comparison.contrasts if each.label == label]
        lines = [_heads(comparison), *(_cells(each, noun) for each in rows)]
        text = ["| " + " | ".join(map(markdown.escape, line)) + " |" for line in lines]
        return "\n".join([text[0], "|" + " --- |" * len(lines[0]), *text[1:]])

    parts = ["\n".join(f"**{markdown.escape(line)}**  " for line in headline(comparison)), table(None)]
    parts.append("\n".join(f"- {markdown.escape(note)}" for note in comparison.notes))
    for label, tiles in comparison.labels.items():
        parts += [f"**Label {markdown.escape(label)}** ({tiles} tiles)", table(label)]
    return "\n\n".join(parts) + "\n"


def render_latex(comparison: Comparison) -> str:
    """Return a table environment over all tiles with its notes in the caption; it needs the package booktabs."""
    noun, rows = unit_noun(comparison), comparison.overall()
    lines = [" & ".join(map(latex.escape, _heads(comparison)[:-1])) + r" \\", r"\midrule"]
    previous = ""
    for each in rows:
        cells = [latex.escape(cell) for cell in _cells(each, noun)[:-1]]
        if each.verdict in ("better", "worse"):
            cells[2] = rf"\textbf{{{cells[2]}}}"
        if each.metric == previous:
            cells[0] = ""
        elif previous and len(comparison.models) > 1:
            lines.append(r"\addlinespace")
        previous = each.metric
        lines.append(" & ".join(cells) + r" \\")
    bold = "Bold: told apart from the reference at an adjusted p of 0.05."
    caption = latex.escape(" ".join([*comparison.notes, bold]))
    return "\n".join([
        r"% needs \usepackage{booktabs}", r"\begin{table}", r"\centering", r"\begin{tabular}{llrcccrc}", r"\toprule",
        *lines, r"\bottomrule", r"\end{tabular}", rf"\caption{{{caption}}}", r"\end{table}",
    ]) + "\n"  # fmt: skip


def render_csv(comparison: Comparison) -> str:
    """Return one line per contrast; empty cells are undefined. The patients' means are in the JSON alone."""
    fields = [field for field in Contrast.model_fields if field != "pairs"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(fields)
    for each in comparison.contrasts:
        values = each.model_dump(mode="json")
        writer.writerow([guard_formula("" if values[field] is None else values[field]) for field in fields])
    return text.getvalue()


FORMATS: Mapping[str, Callable[[Comparison], str]] = {
    "terminal": terminal.render,
    "md": render_markdown,
    "latex": render_latex,
    "csv": render_csv,
    "json": Comparison.to_json,
}
