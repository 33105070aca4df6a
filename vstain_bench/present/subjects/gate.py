"""The verdict of a gate: the numbers that moved, what could not be compared, and what to do next."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from vstain_bench.present.numbers import ARROWS, counted, model_title
from vstain_bench.present.sentences.gate import TITLES, fold, headline, moved, notes_of, sentence
from vstain_bench.present.sheet import Cell, Document, Head, Line, Record, Section, Sheet
from vstain_bench.results.verdict import Finding, Kind, Verdict

MOST_ROWS = 60
"""Most numbers of one kind that a terminal shows; every other format has all."""
_APART: tuple[Kind, ...] = ("missing", "incomparable", "undefined", "new", "void", "ignored")


def document(verdict: Verdict) -> Document:
    """Return what is shown of a verdict."""
    return Document(
        content=verdict,
        title=f"vstain-bench gate: {verdict.name}",
        headline=(headline(verdict),),
        passed=verdict.passed,
        sections=tuple(_sections(verdict)),
        notes=tuple(notes_of(verdict)),
        records=lambda: _records(verdict),
        anchor=f"vstain-bench gate: {verdict.name}",
    )


def abridged(verdict: Verdict) -> Document:
    """Return what a terminal shows of a verdict: the first numbers of each kind."""
    whole = document(verdict)
    return replace(whole, sections=tuple(map(_abridged, whole.sections)))


def _abridged(section: Section) -> Section:
    sheet = section.sheet
    if sheet is None or len(sheet.lines) <= MOST_ROWS:
        return section
    more = f"and {len(sheet.lines) - MOST_ROWS} more"
    return replace(section, sheet=replace(sheet, lines=sheet.lines[:MOST_ROWS], notes=(*sheet.notes, more)))


def _sections(verdict: Verdict) -> Iterator[Section]:
    kinds: tuple[Kind, ...] = ("worse", "better")
    for kind in kinds:
        findings = verdict.of(kind)
        if findings:
            yield Section(f"{TITLES[kind].capitalize()}: {counted(len(findings), 'number')}", sheet=_moved(findings))
    apart = tuple(f"{TITLES[each.kind]}: {each.text}" for each in fold(verdict.of(*_APART)))
    if apart:
        yield Section(notes=apart)


def _moved(findings: Sequence[Finding]) -> Sheet:
    columns = (
        Head("model", text=True), Head("label", text=True), Head("baseline"), Head("run"), Head("by"), Head("allowed"),
    )  # fmt: skip
    lines = (
        Line(
            Head(each.metric, ARROWS[each.better], each.unit),
            (
                Cell(f"control {model_title(each.model)}" if each.is_control else each.model),
                Cell(each.label if each.label is not None else "all"),
                *(Cell(text) for text in moved(each)),
            ),
        )
        for each in findings
    )
    return Sheet(columns, tuple(lines), corner="metric")


def _records(verdict: Verdict) -> Iterator[Record]:
    return (each.model_dump(mode="json") | {"text": sentence(each)} for each in verdict.findings)
