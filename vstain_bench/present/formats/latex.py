"""LaTeX as papers print it: booktabs, mean ± SD, best bold, second underlined, arrows for direction."""

from vstain_bench.base.text import printable
from vstain_bench.present.formats.definition import REPORTS, Report
from vstain_bench.present.numbers import Cell, Column, columns, footnotes, model_title
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import Table

_ARROWS = {"↑": r"$\uparrow$", "↓": r"$\downarrow$", "→": r"$\rightarrow$"}
_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "†": r"$\dagger$", "±": r"$\pm$", "×": r"$\times$",
    "–": "--", "é": r"\'e", "µ": r"$\mu$", **_ARROWS,
}  # fmt: skip


def escape(text: str) -> str:
    """Return text that LaTeX sets as it is."""
    return "".join(_SPECIAL.get(letter, letter) for letter in printable(" ".join(text.split())))


def _cell(cell: Cell) -> str:
    value = "--" if cell.value == "–" else cell.value
    if cell.place == 1:
        value = rf"\textbf{{{value}}}"
    elif cell.place == 2:
        value = rf"\underline{{{value}}}"
    spread = rf" {{\scriptsize $\pm$ {cell.sd}}}" if cell.sd else ""
    return value + spread + (r"$^\dagger$" if cell.marked else "")


def _title(column: Column) -> str:
    unit = f" ({escape(column.unit)})" if column.unit else ""
    return f"{escape(column.metric)}{unit} {_ARROWS[column.arrow]}"


def _tabular(table: Table) -> list[str]:
    shown = columns(table)
    lines = [
        rf"\begin{{tabular}}{{l{'c' * len(shown)}}}",
        r"\toprule",
        " & ".join(["", *(_title(column) for column in shown)]) + r" \\",
        r"\midrule",
    ]
    previous_control = False
    for model in table.row_models():
        control = model not in table.models
        if control and not previous_control:
            lines.append(r"\midrule")
        previous_control = control
        name = rf"\textit{{{escape(model_title(model))}}}" if control else escape(model)
        lines.append(" & ".join([name, *(_cell(column.cells.get(model, Cell(""))) for column in shown)]) + r" \\")
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def render(folder: RunFolder) -> str:
    """Return a table environment with its notes in the caption; it needs the package booktabs."""
    table = folder.read_table()
    caption = escape(" ".join(footnotes(table)))
    lines = [r"% needs \usepackage{booktabs}", r"\begin{table}", r"\centering", *_tabular(table)]
    return "\n".join([*lines, rf"\caption{{{caption}}}", r"\end{table}"]) + "\n"


REPORTS.register("latex")(Report("latex", "LaTeX table (booktabs) for a paper", "tex", render))
