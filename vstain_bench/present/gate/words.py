"""A verdict in plain words: how a number moved, findings of one cause together, the outcome, and what to do next."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vstain_bench.judge.gate.tolerances import Tolerance, parse_tolerance
from vstain_bench.present.numbers import counted
from vstain_bench.results.table import CONTROL_PREFIX, Row
from vstain_bench.results.verdict import AGREEING, FAILING, Finding, Kind, Verdict

MOST_NAMED = 4
"""Most metrics that a line names one by one."""
TITLES: Mapping[Kind, str] = {
    "worse": "worse", "missing": "missing", "incomparable": "not comparable", "undefined": "no value",
    "better": "better", "new": "new", "within": "within", "same": "same", "void": "no value in either",
    "ignored": "not gated",
}  # fmt: skip
"""What each kind is called where people read it."""


def owner(row: Row | Finding) -> str:
    """Return whose number it is, such as ``model 'mine'`` or ``control 'mean-colour'``."""
    return f"{'control' if row.is_control else 'model'} '{row.model.removeprefix(CONTROL_PREFIX)}'"


def place(row: Row | Finding) -> str:
    """Return owner and label."""
    return owner(row) + (f", label '{row.label}'" if row.label is not None else "")


def told_cause(row: Row, kind: Kind, cause: str) -> str:
    """Return a finding without a comparison as a sentence."""
    return f"{row.metric} of {place(row)}: {TITLES[kind]}, {cause}"


def told_change(
    old: Row, new: Row, kind: Kind, *, unit: str, loss: float, tolerance: Tolerance, target: float | None
) -> str:
    """Return how a value moved, by how much for the worse or better, and what is allowed.

    Args:
        old: The baseline's row, with a value.
        new: The run's row, with a value.
        kind: ``same``, ``within``, ``worse`` or ``better``.
        unit: The metric's, empty for a pure number.
        loss: How much worse the run is, negative where it is better.
        tolerance: What is allowed.
        target: The value to hit, for a metric with one.
    """
    assert old.value is not None
    assert new.value is not None
    one, two = told_values(old.value, new.value)
    unit = f" {unit}" if unit else ""
    start = f"{new.metric} of {place(new)}"
    if kind == "same":
        return f"{start}: {one}{unit}, as in the baseline"
    moved = f"{start} {'rose' if new.value > old.value else 'fell'} from {one} to {two}{unit}"
    interval = f"the baseline's interval [{old.low:.6g}, {old.high:.6g}]" if tolerance.kind == "ci" else ""
    if kind == "within":
        return f"{moved}: within {interval or tolerance.text}"
    aim = f" ({'further from' if loss > 0 else 'nearer to'} {target:g})" if target is not None else ""
    allowed = f"outside {interval}" if interval else f"{tolerance.text} is allowed"
    return f"{moved}{aim}: {kind} by {told_size(old.value, loss, tolerance)}, {allowed}"


def told_moved(finding: Finding) -> tuple[str, str, str, str]:
    """Return the cells of a finding that moved: the baseline's value, the run's, by how much, and what is allowed."""
    assert finding.baseline is not None
    assert finding.value is not None
    assert finding.worsening is not None
    one, two = told_values(finding.baseline, finding.value)
    tolerance = parse_tolerance(finding.allowed, "allowed")
    return one, two, told_size(finding.baseline, finding.worsening, tolerance), finding.allowed


def told_size(old: float, loss: float, tolerance: Tolerance) -> str:
    """Return the size of a change in the tolerance's own terms: a share of the baseline where it is one."""
    if tolerance.relative and not tolerance.absolute and old:
        return f"{abs(loss / old):.2%}"
    return told_value(abs(loss), 3)


def told_values(old: float, new: float) -> tuple[str, str]:
    """Return two values with as many significant digits as tell them apart and one more, at least four."""
    digits = 4
    while digits < 17 and old != new and f"{old:.{digits - 1}g}" == f"{new:.{digits - 1}g}":
        digits += 1
    return told_value(old, digits), told_value(new, digits)


def told_value(value: float, digits: int = 4) -> str:
    """Return a value with significant digits, and without an exponent where that can be read."""
    if value and not 1e-5 <= abs(value) < 1e9:
        return f"{value:.{digits}g}"
    whole = math.floor(math.log10(abs(value))) + 1 if value else 1
    return f"{value:.{max(0, digits - whole)}f}"


@dataclass(frozen=True)
class Fold:
    """Findings of one kind and one cause, told in one line."""

    kind: Kind
    cause: str
    findings: tuple[Finding, ...]

    @property
    def text(self) -> str:
        """The line: the finding itself, or the cause with what it concerns."""
        if len(self.findings) == 1:
            return f"{self.findings[0].metric} of {place(self.findings[0])}: {self.cause}"
        metrics = list(dict.fromkeys(each.metric for each in self.findings))
        owners = list(dict.fromkeys(owner(each) for each in self.findings))
        told = listed(metrics, "metrics")
        if len(owners) > 1:
            told += f" of {listed(owners, 'models and controls')}"
        elif owners[0] not in self.cause:
            told += f" of {owners[0]}"
        return f"{self.cause}: {len(self.findings)} numbers, {told}"


def listed(names: Sequence[str], noun: str) -> str:
    """Return names in a row, the first few one by one."""
    if len(names) <= MOST_NAMED:
        return ", ".join(names)
    return f"{', '.join(names[: MOST_NAMED - 1])} and {len(names) - MOST_NAMED + 1} more {noun}"


def fold(findings: Iterable[Finding]) -> list[Fold]:
    """Return findings that were not compared, those of one kind and cause together."""
    together: dict[tuple[Kind, str], list[Finding]] = {}
    for each in findings:
        if each.cause is not None:
            together.setdefault((each.kind, each.cause), []).append(each)
    return [Fold(kind, cause, tuple(members)) for (kind, cause), members in together.items()]


_COUNTED: Mapping[Kind, tuple[str, str]] = {
    "worse": ("is worse", "are worse"),
    "missing": ("is missing", "are missing"),
    "incomparable": ("cannot be compared", "cannot be compared"),
    "undefined": ("has no value", "have no value"),
    "better": ("is better", "are better"),
    "new": ("is new", "are new"),
    "ignored": ("is not gated", "are not gated"),
    "void": ("has no value in either", "have no value in either"),
}


def headline(verdict: Verdict) -> str:
    """Return the outcome in one sentence, with the number of findings of each kind that matters."""
    agreeing = sum(verdict.counts.get(kind, 0) for kind in AGREEING)
    told = f"{agreeing} of {counted(len(verdict.findings), 'number')} as in the baseline"
    if not verdict.passed and not verdict.failing:
        return f"The gate fails: no number could be compared. {_counts(verdict, tuple(_COUNTED))}."
    if verdict.passed:
        beside = _counts(verdict, ("better", "new", "ignored", "void"))
        return f"The gate passes: {told}{f'; {beside}' if beside else ''}."
    beside = _counts(verdict, ("better", "new", "ignored", "void"))
    return f"The gate fails: {_counts(verdict, FAILING)}; {told}{f'; {beside}' if beside else ''}."


def _counts(verdict: Verdict, kinds: Iterable[Kind]) -> str:
    parts = []
    for kind in kinds:
        number = verdict.counts.get(kind, 0)
        if number:
            parts.append(f"{number} {_COUNTED[kind][number > 1]}")
    return ", ".join(parts)


def notes_of(findings: Sequence[Finding], *, accept: str, reason: str | None) -> tuple[str, ...]:
    """Return what a reader should know or do beside the findings.

    Args:
        findings: All of them.
        accept: The command that accepts the run.
        reason: Why the baseline was accepted.
    """
    notes = [f"The baseline was accepted because: {reason}"] if reason else []
    gone = {each.model for each in findings if each.kind == "missing"} - _models(findings, "missing")
    come = {each.model for each in findings if each.kind == "new"} - _models(findings, "new")
    if len(gone) == 1 and len(come) == 1:
        old, new = gone.pop(), come.pop()
        notes.append(f"Was '{old}' renamed to '{new}'? Name it on the command line: vstain-bench run {old}=DIR")
    kinds = {each.kind for each in findings}
    if "incomparable" in kinds:
        notes.append(
            "Numbers over other tiles or of another definition prove nothing: score as the baseline was scored."
        )
    if kinds & {"worse", "missing", "incomparable"}:
        notes.append(f"If this change is meant, accept it with its reason: {accept}")
    if "undefined" in kinds:
        notes.append(
            "A number without a value never passes: make it computable, leave its metric out of the run, or "
            "set its tolerance to 'ignore'."
        )
    if "better" in kinds and not kinds & set(FAILING):
        notes.append(f"Accept the run, so that what was gained is kept: {accept}")
    return tuple(notes)


def _models(findings: Sequence[Finding], kind: Kind) -> set[str]:
    """Return the models that have a finding of another kind: those that both tables hold."""
    return {each.model for each in findings if each.kind != kind}
