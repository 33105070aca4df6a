"""LaTeX as papers print it: booktabs, mean ± SD, arrows for direction, marks and notes below."""

from collections.abc import Iterator

from vstain_bench.base.text import printable
from vstain_bench.present.formats.definition import Format, register
from vstain_bench.present.sheet import Cell, Document, Head, Line, Section, Sheet

_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "†": r"$\dagger$", "‡": r"$\ddagger$",
    "±": r"$\pm$", "×": r"$\times$",
    "–": "--", "−": r"$-$", "é": r"\'e", "µ": r"$\mu$", "∞": r"$\infty$", "↑": r"$\uparrow$", "↓": r"$\downarrow$",
    "→": r"$\rightarrow$",
}  # fmt: skip


def escape(text: str) -> str:
    """Return text that LaTeX sets as it is."""
    return "".join(_SPECIAL.get(letter, letter) for letter in printable(" ".join(text.split())))


def render(document: Document) -> str:
    """Return one table environment per section, its sentences in the caption; they need the package booktabs."""
    parts = [r"% needs \usepackage{booktabs}"]
    for number, section in enumerate(document.sections):
        around = (*document.headline, *document.notes) if not number else ()
        parts += _section(section, around)
    return "\n".join(parts) + "\n"


def _section(section: Section, around: tuple[str, ...]) -> Iterator[str]:
    sheet = section.sheet
    if sheet is None:
        items = [rf"\item {escape(note)}" for note in (*section.lead, *section.notes)]
        items += [rf"\item \texttt{{{escape(section.code)}}}"] if section.code else []
        if section.title:
            yield rf"\paragraph{{{escape(section.title)}}}"
        if items:
            yield "\n".join([r"\begin{itemize}", *items, r"\end{itemize}"])
        return
    title = f"{section.title or sheet.title}." if section.title or sheet.title else ""
    caption = " ".join(filter(None, (title, *section.lead, *sheet.notes, *sheet.gaps, *section.notes, *around)))
    yield "\n".join([
        r"\begin{table}", r"\centering", *_tabular(sheet), rf"\caption{{{escape(caption)}}}", r"\end{table}",
    ])  # fmt: skip


def _tabular(sheet: Sheet) -> Iterator[str]:
    sheet = sheet.narrow()
    columns = "".join("l" if head.text else "c" for head in sheet.columns)
    yield rf"\begin{{tabular}}{{l{columns}}}"
    yield r"\toprule"
    if any(head.group and head.kind != "control" for head in sheet.columns):
        spans = (rf"\multicolumn{{{number}}}{{c}}{{{escape(group)}}}" for group, number in sheet.spans())
        yield " & ".join(["", *spans]) + r" \\"
    yield " & ".join([escape(sheet.corner), *map(_name, sheet.columns)]) + r" \\"
    for title, lines in sheet.groups():
        yield r"\midrule"
        if title:
            span = len(sheet.columns) + 1
            yield rf"\multicolumn{{{span}}}{{l}}{{\scriptsize {escape(title)}}} \\"
        yield from map(_line, lines)
    yield r"\bottomrule"
    yield r"\end{tabular}"


def _line(line: Line) -> str:
    return " & ".join([_name(line.head), *map(_cell, line.cells)]) + r" \\"


def _name(head: Head) -> str:
    name = escape(head.full)
    return name if head.kind == "measured" else rf"\textit{{{name}}}"


def _cell(cell: Cell) -> str:
    value = escape(cell.text)
    if cell.tone in ("best", "better", "worse"):
        value = rf"\textbf{{{value}}}"
    elif cell.tone == "second":
        value = rf"\underline{{{value}}}"
    spread = rf" {{\scriptsize $\pm$ {escape(cell.spread)}}}" if cell.spread else ""
    marks = "".join(rf"$^{{{escape(mark).strip('$')}}}$" for mark in cell.marks)
    small = [part for part in (cell.interval if not cell.spread else "", cell.standing) if part]
    return value + spread + marks + "".join(rf" {{\scriptsize {escape(part)}}}" for part in small)


register(Format("latex", "LaTeX (booktabs), for a paper", "tex", render))
