"""A verdict in plain words: how a number moved, findings of one cause together, the outcome, and what to do next."""

import math
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vstain_bench.judge.gate.tolerances import Tolerance, parse_tolerance
from vstain_bench.present.numbers import counted
from vstain_bench.results.table import called
from vstain_bench.results.verdict import AGREEING, FAILING, Finding, Kind, Verdict

MOST_CHANGES = 20
"""Most changes that a baseline keeps one by one."""
MOST_NAMED = 4
"""Most metrics that a line names one by one."""
TITLES: Mapping[Kind, str] = {
    "worse": "worse", "missing": "missing", "incomparable": "not comparable", "undefined": "no value",
    "better": "better", "new": "new", "within": "within", "same": "same", "void": "no value in either",
    "ignored": "not gated",
}  # fmt: skip
"""What each kind is called where people read it."""


def place(finding: Finding) -> str:
    """Return whose number it is, and of which label."""
    label = f", label '{finding.label}'" if finding.label is not None else ""
    return f"{called(finding.model)}{label}"


def sentence(finding: Finding) -> str:
    """Return a finding as a sentence: how far a value moved and what is allowed, or why it was not compared."""
    start = f"{finding.metric} of {place(finding)}"
    if finding.cause is not None or finding.baseline is None or finding.value is None or finding.worsening is None:
        return f"{start}: {TITLES[finding.kind]}, {finding.cause}"
    old, new = values(finding.baseline, finding.value)
    unit = f" {finding.unit}" if finding.unit else ""
    if finding.kind == "same":
        return f"{start}: {old}{unit}, as in the baseline"
    way = "rose" if finding.value > finding.baseline else "fell"
    change = f"{start} {way} from {old} to {new}{unit}"
    known = finding.low is not None and finding.high is not None
    interval = f"the baseline's interval [{finding.low:.6g}, {finding.high:.6g}]" if known else ""
    if finding.kind == "within":
        return f"{change}: within {interval or finding.allowed}"
    nearer = "further from" if finding.worsening > 0 else "nearer to"
    aim = f" ({nearer} {finding.target:g})" if finding.target is not None else ""
    size = size_of(finding.baseline, finding.worsening, parse_tolerance(finding.allowed, "allowed"))
    allowed = f"outside {interval}" if interval else f"{finding.allowed} is allowed"
    return f"{change}{aim}: {finding.kind} by {size}, {allowed}"


def moved(finding: Finding) -> tuple[str, str, str, str]:
    """Return the cells of a finding that moved: the baseline's value, the run's, by how much, and what is allowed."""
    assert finding.baseline is not None
    assert finding.value is not None
    assert finding.worsening is not None
    one, two = values(finding.baseline, finding.value)
    tolerance = parse_tolerance(finding.allowed, "allowed")
    return one, two, size_of(finding.baseline, finding.worsening, tolerance), finding.allowed


def size_of(old: float, loss: float, tolerance: Tolerance) -> str:
    """Return the size of a change in the tolerance's own terms: a share of the baseline where it is one."""
    if tolerance.relative and not tolerance.absolute and old:
        return f"{abs(loss / old):.2%}"
    return significant(abs(loss), 3)


def values(old: float, new: float) -> tuple[str, str]:
    """Return two values with as many significant digits as tell them apart and one more, at least four."""
    digits = 4
    while digits < 17 and old != new and f"{old:.{digits - 1}g}" == f"{new:.{digits - 1}g}":
        digits += 1
    return significant(old, digits), significant(new, digits)


def significant(value: float, digits: int = 4) -> str:
    """Return a value with significant digits, and without an exponent where that can be read."""
    if value and not 1e-5 <= abs(value) < 1e9:
        return f"{value:.{digits}g}"
    whole = math.floor(math.log10(abs(value))) + 1 if value else 1
    return f"{value:.{max(0, digits - whole)}f}"


@dataclass(frozen=True)
class Fold:
    """Findings of one kind and one cause, in one line."""

    kind: Kind
    cause: str
    findings: tuple[Finding, ...]

    @property
    def text(self) -> str:
        """The line: the finding itself, or the cause with what it concerns."""
        if len(self.findings) == 1:
            return f"{self.findings[0].metric} of {place(self.findings[0])}: {self.cause}"
        metrics = list(dict.fromkeys(each.metric for each in self.findings))
        owners = list(dict.fromkeys(called(each.model) for each in self.findings))
        names = listed(metrics, "metrics")
        if len(owners) > 1:
            names += f" of {listed(owners, 'models and controls')}"
        elif owners[0] not in self.cause:
            names += f" of {owners[0]}"
        return f"{self.cause}: {len(self.findings)} numbers, {names}"


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
    said = f"{agreeing} of {counted(len(verdict.findings), 'number')} as in the baseline"
    if not verdict.passed and not verdict.failing:
        return f"The gate fails: no number could be compared. {_counts(verdict, tuple(_COUNTED))}."
    if verdict.passed:
        beside = _counts(verdict, ("better", "new", "ignored", "void"))
        return f"The gate passes: {said}{f'; {beside}' if beside else ''}."
    beside = _counts(verdict, ("better", "new", "ignored", "void"))
    return f"The gate fails: {_counts(verdict, FAILING)}; {said}{f'; {beside}' if beside else ''}."


def _counts(verdict: Verdict, kinds: Iterable[Kind]) -> str:
    parts = []
    for kind in kinds:
        number = verdict.counts.get(kind, 0)
        if number:
            parts.append(f"{number} {_COUNTED[kind][number > 1]}")
    return ", ".join(parts)


def notes_of(verdict: Verdict) -> Iterator[str]:
    """Yield what a reader should know or do beside the findings."""
    findings, accept = verdict.findings, _command(verdict)
    if verdict.reason:
        yield f"The baseline was accepted because: {verdict.reason}"
    gone = {each.model for each in findings if each.kind == "missing"} - _models(findings, "missing")
    come = {each.model for each in findings if each.kind == "new"} - _models(findings, "new")
    if len(gone) == 1 and len(come) == 1:
        old, new = gone.pop(), come.pop()
        yield f"Was '{old}' renamed to '{new}'? Name it on the command line: vstain-bench run {old}=DIR"
    kinds = {each.kind for each in findings}
    if "incomparable" in kinds:
        yield "Numbers over other tiles or of another definition prove nothing: score as the baseline was scored."
    if kinds & {"worse", "missing", "incomparable"}:
        yield f"If this change is meant, accept it with its reason: {accept}"
    if "undefined" in kinds:
        yield (
            "A number without a value never passes: make it computable, leave its metric out of the run, or set its "
            "tolerance to 'ignore'."
        )
    if "better" in kinds and not kinds & set(FAILING):
        yield f"Accept the run, so that what was gained is kept: {accept}"


def _command(verdict: Verdict) -> str:
    """Return the command that accepts the run; a run's own results are never replaced."""
    baseline = "baseline.json" if verdict.reason is None else shlex.quote(verdict.baseline)
    return f"vstain-bench gate {shlex.quote(verdict.run)} --baseline {baseline} --accept --reason '...'"


def changes(verdict: Verdict) -> tuple[str, ...]:
    """Return what a run changes of the baseline in words, the first few one by one."""
    found = [sentence(each) for each in verdict.of("worse", "better")]
    found += [each.text for each in fold(verdict.of("missing", "incomparable", "new"))]
    if len(found) > MOST_CHANGES:
        found[MOST_CHANGES - 1 :] = [f"{len(found) - MOST_CHANGES + 1} more changes"]
    return tuple(found)


def _models(findings: Sequence[Finding], kind: Kind) -> set[str]:
    """Return the models that have a finding of another kind: those that both tables hold."""
    return {each.model for each in findings if each.kind != kind}
