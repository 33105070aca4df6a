"""A verdict as Markdown: the comment on a pull request, and the summary of a workflow's step.

The first line is a marker that no reader sees. A workflow finds its earlier comment by it and replaces that in place.
"""

from collections.abc import Iterator, Sequence

from vstain_bench.present.formats.markdown import escape
from vstain_bench.present.gate.outputs.definition import OUTPUTS, Output
from vstain_bench.present.gate.words import TITLES, fold, headline, told_moved
from vstain_bench.present.numbers import ARROWS, model_title
from vstain_bench.results.verdict import FAILING, Finding, Verdict

MOST_CHARACTERS = 60_000
"""GitHub takes comments of up to 65,536 characters."""
HEADS = ("metric", "model", "label", "baseline", "run", "by", "allowed")


def marker(name: str) -> str:
    """Return the line by which a comment is found again."""
    return f"<!-- vstain-bench gate: {name} -->"


def render(verdict: Verdict) -> str:
    """Return the outcome, a table of what moved, the rest as a list, and what to do; cut where it would be too long."""
    lines = list(_lines(verdict))
    size = 0
    for number, line in enumerate(lines):
        size += len(line) + 1
        if size > MOST_CHARACTERS:
            cut = f"{len(lines) - number} more lines are left out: see the JSON or JUnit output."
            return "\n".join([*lines[:number], "", cut]) + "\n"
    return "\n".join(lines) + "\n"


def _lines(verdict: Verdict) -> Iterator[str]:
    yield marker(verdict.name)
    yield f"### {'✓' if verdict.passed else '✗'} vstain-bench gate: {escape(verdict.name)}"
    yield ""
    yield escape(headline(verdict))
    for kind, title in (("worse", "Worse"), ("better", "Better")):
        moved = [each for each in verdict.findings if each.kind == kind]
        if moved:
            yield from ("", f"**{title}**", "", *_table(moved))
    folds = fold(verdict.of("missing", "incomparable", "undefined", "new", "void", "ignored"))
    if folds:
        yield ""
    for each in folds:
        title = f"**{TITLES[each.kind]}**" if each.kind in FAILING else TITLES[each.kind]
        yield f"- {title}: {escape(each.text)}"
    if verdict.notes:
        yield ""
    yield from (f"- {escape(note)}" for note in verdict.notes)


def _table(findings: Sequence[Finding]) -> Iterator[str]:
    yield f"| {' | '.join(HEADS)} |"
    yield "| --- | --- | --- | ---: | ---: | ---: | ---: |"
    for each in findings:
        metric = f"{escape(each.metric)} {ARROWS[each.better]}{f' ({escape(each.unit)})' if each.unit else ''}"
        model = f"*{escape(model_title(each.model))}*" if each.is_control else escape(each.model)
        label = escape(each.label) if each.label is not None else "all"
        yield f"| {' | '.join([metric, model, label, *map(escape, told_moved(each))])} |"


OUTPUTS.register("md")(Output("md", "Markdown for a pull request's comment or a step summary", render))
