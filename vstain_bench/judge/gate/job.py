"""The job behind ``vstain-bench gate``: read both sides and judge them."""

import re
from collections import Counter

from vstain_bench.judge.gate.config import GateConfig
from vstain_bench.judge.gate.judge import Context, judge
from vstain_bench.judge.gate.tolerances import NO_FILE, Names, Tolerances, read_tolerances
from vstain_bench.results.baseline import read_numbers
from vstain_bench.results.table import Table
from vstain_bench.results.verdict import Verdict, passes


def gate(request: GateConfig) -> Verdict:
    """Return what is found of every number of the run and the baseline.

    Raises:
        UsageError: the run, the baseline or the tolerances cannot be read.
    """
    run, before = read_numbers(request.run).table, read_numbers(request.baseline, "--baseline")
    tolerances = tolerances_of(request, run, before.table)
    findings = judge(Context(run, before.table, tolerances))
    return Verdict(
        name=name_of(request),
        passed=passes(findings),
        run=request.run.as_posix(),
        baseline=request.baseline.as_posix(),
        reason=before.reason,
        counts=dict(sorted(Counter(each.kind for each in findings).items())),
        findings=findings,
    )


def tolerances_of(request: GateConfig, *tables: Table) -> Tolerances:
    """Return the tolerances that the request names, after proving that every name in them is one of the tables'."""
    if request.tolerances is None:
        return NO_FILE
    tolerances = read_tolerances(request.tolerances)
    rows = [row for table in tables for row in table.rows]
    metrics = {row.metric for row in rows}
    names = Names(
        metrics=metrics,
        models={row.model for row in rows},
        labels={row.label for row in rows if row.label is not None},
        registered=_registered_metrics,
    )
    tolerances.check_names(names, f"--tolerances {request.tolerances}")
    return tolerances


def _registered_metrics() -> list[str]:
    from vstain_bench.metrics import METRICS  # with torch, and asked for only by a name that no table has

    return METRICS.names()


def name_of(request: GateConfig) -> str:
    """Return the name of the gate: letters, digits and ``_. -`` alone, so that it stands in every format as it is."""
    folder = request.run if request.run.is_dir() else request.run.parent
    name = request.name or folder.resolve().name
    return re.sub(r"-{2,}", "-", re.sub(r"[^\w. -]", "-", name)).strip("- ") or "run"
