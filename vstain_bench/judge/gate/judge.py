"""Every number of the run beside that of the baseline: worse, better, as before, or not comparable, and why."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from vstain_bench.judge.gate.tolerances import Tolerance, Tolerances
from vstain_bench.results.baseline import key_of
from vstain_bench.results.comparable import (
    Obstacle,
    control_obstacles,
    input_obstacles,
    row_obstacles,
    signature_obstacles,
)
from vstain_bench.results.table import MetricRecord, Row, Table, called
from vstain_bench.results.verdict import Finding, Kind
from vstain_bench.words import Direction

RUN, BASELINE = "the run", "the baseline"
_ROUNDING = 4 * sys.float_info.epsilon
"""Relative error of a difference of two numbers: a change of exactly the tolerance is within it."""


@dataclass(frozen=True)
class Context:
    """What all numbers share.

    Attributes:
        run: The table under test.
        baseline: The accepted table.
        tolerances: How much worse a number may be.
    """

    run: Table
    baseline: Table
    tolerances: Tolerances

    def record(self, old: Row | None, new: Row | None) -> MetricRecord:
        """Return what the metric of a number is, by the run's table where that has it."""
        if new is not None:
            return self.run.metric(new)
        assert old is not None
        return self.baseline.metric(old)

    def target(self, metric: str) -> float | None:
        """Return the value to hit, or None where neither table says it."""
        found = (table.metric(metric).perfect for table in (self.run, self.baseline))
        return next((value for value in found if value is not None), None)


def judge(context: Context) -> tuple[Finding, ...]:
    """Return one finding per number of either table: those of the baseline in its order, then new ones."""
    before = {key_of(row): row for row in context.baseline.rows}
    after = {key_of(row): row for row in context.run.rows}
    inputs = input_obstacles({BASELINE: context.baseline.inputs, RUN: context.run.inputs})
    controls = control_obstacles({BASELINE: context.baseline.controls, RUN: context.run.controls})
    found = []
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        row = new or old
        assert row is not None
        shared = inputs or (controls if row.is_control else ())
        found.append(_judge(old, new, shared, context))
    return tuple(found)


def _judge(old: Row | None, new: Row | None, shared: tuple[Obstacle, ...], context: Context) -> Finding:
    row = new or old
    assert row is not None
    tolerance = context.tolerances.of(row)
    found = partial(_finding, old, new, context.record(old, new), tolerance)
    if tolerance.kind == "ignore":
        return found("ignored", cause="the tolerance is 'ignore'")
    if old is None:
        if row.value is None:
            cause = f"new, and {row.status}, {row.reason}"
            return found(_kind_without_value(old, row), cause=cause)
        return found("new", cause=_lacking(row, context.baseline, BASELINE))
    if new is None:
        return found("missing", cause=_lacking(row, context.run, RUN))
    records = {BASELINE: context.baseline.metric(old), RUN: context.run.metric(new)}
    obstacles = (*signature_obstacles(records), *row_obstacles({BASELINE: old, RUN: new}))
    # Other tiles explain another number of them, and a number that does not exist has none.
    kinds = ("signature",) if shared or None in (old.value, new.value) else ("signature", "n", "infinite")
    apart = [each.text for each in (*shared, *(each for each in obstacles if each.kind in kinds))]
    apart += _described_otherwise(records[BASELINE], records[RUN])
    if apart:
        return found("incomparable", cause="; ".join(apart))
    if new.value is None:
        return found(_kind_without_value(old, new), cause=f"{new.status}, {new.reason}")
    if old.value is None:
        return found("new", cause=f"the baseline has no value ({old.status}, {old.reason})")
    return _compared(old, new, tolerance, context)


def _kind_without_value(old: Row | None, new: Row) -> Kind:
    """Return ``void`` where the lack of a value is accepted, else ``undefined``.

    Accepted are controls and labels alone, since some have no value by their nature (a single tile of a label, real
    tiles exchanged among themselves under a distance between sets), and only where the baseline has none either.
    """
    if not new.is_control and new.label is None:
        return "undefined"
    return "void" if old is None or (old.value is None and old.status == new.status) else "undefined"


def _described_otherwise(old: MetricRecord, new: MetricRecord) -> Iterator[str]:
    for field in ("better", "unit"):
        one, two = getattr(old, field), getattr(new, field)
        if one != two:
            yield f"{new.name}: {field} is '{one}' in {BASELINE} and '{two}' in {RUN}"


def _lacking(row: Row, table: Table, name: str) -> str:
    """Return what a table lacks that it has no such row: the model, metric or label, or the row alone."""
    rows = table.rows
    if row.model not in {each.model for each in rows}:
        return f"{name} has no {called(row.model)}"
    if row.metric not in {each.metric for each in rows}:
        return f"{name} has no metric {row.metric}"
    if row.label not in {each.label for each in rows}:
        return f"{name} has no tile of label '{row.label}'"
    return f"{name} has no {row.metric} for {called(row.model)}"


def _compared(old: Row, new: Row, tolerance: Tolerance, context: Context) -> Finding:
    """Return the finding of two values that stand side by side."""
    assert old.value is not None
    assert new.value is not None
    record = context.run.metric(new)
    found = partial(_finding, old, new, record, tolerance)
    target = context.target(record.name) if record.better == "target" else None
    if record.better == "target" and target is None:
        return found("incomparable", cause=f"{record.name}: neither table says which value is best; score again")
    if tolerance.kind == "ci" and (old.low is None or old.high is None):
        cause = f"'ci' was asked for, and the baseline has no interval ({old.interval or 'none is known'})"
        return found("incomparable", cause=cause)
    loss = _loss(new.value, record.better, target) - _loss(old.value, record.better, target)
    allowed = tolerance.allowed(old.value) + _ROUNDING * max(abs(old.value), abs(new.value))
    kind: Kind
    if new.value == old.value:
        kind = "same"
    elif _within_interval(old, new.value) if tolerance.kind == "ci" else abs(loss) <= allowed:
        kind = "within"
    else:
        kind = "worse" if loss >= 0 else "better"
    return found(kind, worsening=loss, target=target)


def _loss(value: float, better: Direction, target: float | None) -> float:
    """Return a number that is lower for a better value."""
    return {"higher": -value, "lower": value, "target": abs(value - (target or 0.0))}[better]


def _within_interval(old: Row, value: float) -> bool:
    """Return whether a value lies in the baseline's interval, which is made to hold the baseline's value."""
    assert old.value is not None
    assert old.low is not None
    assert old.high is not None
    return min(old.low, old.value) <= value <= max(old.high, old.value)


def _finding(
    old: Row | None,
    new: Row | None,
    record: MetricRecord,
    tolerance: Tolerance,
    kind: Kind,
    *,
    cause: str | None = None,
    worsening: float | None = None,
    target: float | None = None,
) -> Finding:
    row = new or old
    assert row is not None
    return Finding(
        model=row.model,
        metric=row.metric,
        label=row.label,
        kind=kind,
        baseline=old.value if old else None,
        value=new.value if new else None,
        worsening=worsening,
        allowed=tolerance.text,
        unit=record.unit,
        better=record.better,
        cause=cause,
        target=target,
        low=old.low if old and tolerance.kind == "ci" else None,
        high=old.high if old and tolerance.kind == "ci" else None,
    )
