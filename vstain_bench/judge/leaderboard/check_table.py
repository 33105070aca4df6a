"""What a results table always fulfils: whole, finite, in range, with known definitions, and with sums that agree."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping

from vstain_bench.errors import VstainError
from vstain_bench.judge.leaderboard.problem import Problem
from vstain_bench.metrics import METRICS, record_of, restore
from vstain_bench.results.table import CONTROL_PREFIX, MetricRecord, Row, Table

LONGEST_NAME = 120
ROUNDING = 1e-6
"""Share of its size by which a mean of means may miss the mean: sums of float64 are nearer by far."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_AGAIN = "Score again with 'vstain-bench run' and submit its results.json as written."
_TOLD = ("signature", "version", "compares", "better", "unit", "perfect", "range", "interval", "family")
"""What a record says that its definition says, too."""


def check_table(table: Table) -> Iterator[Problem]:
    """Yield every problem of a table that satisfies the schema."""
    yield from _inputs(table)
    yield from _names(table)
    yield from _complete(table)
    known: dict[str, MetricRecord] = {}
    for place, record in enumerate(table.metrics):
        found = list(_definition(record, f"metrics.{place} ({record.name})"))
        yield from found
        if not found:
            known[record.name] = _known(record)
    for place, row in enumerate(table.rows):
        yield from _row(table, row, f"rows.{place} ({told(row)})", known.get(row.metric))
    yield from _sums(table, known)


def told(row: Row) -> str:
    """Return which row it is."""
    return f"{row.model}, {row.metric}" + (f", label {row.label}" if row.label is not None else "")


def _inputs(table: Table) -> Iterator[Problem]:
    inputs = table.inputs
    if inputs.partial:
        yield Problem(
            where="inputs.partial", found="true: only the first tiles were scored", expected="a run of all tiles",
            next_step="Give the run command again without --limit.",
        )  # fmt: skip
    if not _DIGEST.fullmatch(inputs.digest):
        yield Problem(
            where="inputs.digest", found=repr(inputs.digest), expected="64 hexadecimal digits", next_step=_AGAIN
        )
    counts = {
        "inputs.tiles": (inputs.tiles, 1), "inputs.skipped": (inputs.skipped, 0),
        "controls.tiles": (table.controls.tiles, 0),
        **({"inputs.groups": (inputs.groups, 1)} if inputs.groups is not None else {}),
        **{f"inputs.labels.{label}": (number, 1) for label, number in inputs.labels.items()},
    }  # fmt: skip
    for where, (number, least) in counts.items():
        if number < least:
            yield Problem(where=where, found=str(number), expected=f"{least} or more")
    most = {"inputs.groups": inputs.groups or 0, "controls.tiles": table.controls.tiles}
    most["inputs.labels"] = sum(inputs.labels.values())
    for where, number in most.items():
        if number > inputs.tiles:
            yield Problem(
                where=where, found=f"{number}", expected=f"at most the {inputs.tiles} tiles", next_step=_AGAIN
            )


def _names(table: Table) -> Iterator[Problem]:
    for place, name in enumerate(table.models):
        if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
            expected = f"a printable name of at most {LONGEST_NAME} letters"
            yield Problem(where=f"models.{place}", found=repr(name[:80]), expected=expected)
        if name.startswith(CONTROL_PREFIX):
            expected = f"a name that does not begin with '{CONTROL_PREFIX}', which marks controls"
            yield Problem(where=f"models.{place}", found=repr(name), expected=expected)
    for name, number in Counter(table.models).items():
        if number > 1:
            yield Problem(where="models", found=f"'{name}' {number} times", expected="every model once")
    if not table.models:
        yield Problem(where="models", found="none", expected="at least one")


def _complete(table: Table) -> Iterator[Problem]:
    """Yield rows that are missing, doubled, or of nobody."""
    keys = Counter((row.model, row.metric, row.label) for row in table.rows)
    for (model, metric, label), number in keys.items():
        if number > 1:
            where = f"rows ({model}, {metric}{f', label {label}' if label is not None else ''})"
            yield Problem(where=where, found=f"{number} rows", expected="one")
    for model in table.models:
        for name in table.metric_names():
            if (model, name, None) not in keys:
                yield Problem(
                    where=f"rows ({model}, {name})", found="none over all tiles", next_step=_AGAIN,
                    expected="a row for each metric of the protocol, with a reason where it has no value",
                )  # fmt: skip
    for place, row in enumerate(table.rows):
        where = f"rows.{place} ({told(row)})"
        if not row.is_control and row.model not in table.models:
            yield Problem(
                where=where, found="a model that 'models' lacks", expected=f"one of {', '.join(table.models)}"
            )


def _definition(record: MetricRecord, where: str) -> Iterator[Problem]:
    """Yield what of a metric is not known here, or otherwise."""
    if record.definition not in METRICS:
        yield Problem(
            where=where,
            found=f"metric '{record.name}', which is not known here",
            expected="a metric of 'list metrics'",
            next_step="Pass --plugin FILE with its definition, or leave it out: vstain-bench run --metrics.",
        )
        return
    try:
        known = _known(record)
    except VstainError as fault:
        yield Problem(where=where, found=fault.found, expected=fault.expected, next_step=_AGAIN)
        return
    for field in _TOLD:
        given, own = getattr(record, field), getattr(known, field)
        if given is not None and given != own:
            yield Problem(where=f"{where}, {field}", found=f"{given!r}", expected=f"{own!r}", next_step=_AGAIN)


def _known(record: MetricRecord) -> MetricRecord:
    """Return what this installation says of the metric that a record describes."""
    return record_of(restore(record.definition, record.params, record.name))


def _row(table: Table, row: Row, where: str, metric: MetricRecord | None) -> Iterator[Problem]:
    if (row.value is None) == (row.status == "ok"):
        found = f"status '{row.status}' {'without' if row.value is None else 'with'} a value"
        yield Problem(where=where, found=found, expected="a value where status is 'ok', and only there")
    if row.status != "ok" and not row.reason:
        yield Problem(where=where, found=f"status '{row.status}' without a reason", expected="why there is no value")
    yield from _numbers(row, where, metric)
    yield from _counts(table, row, where)
    controls = {each.model for each in table.rows if each.is_control}
    for name in row.unbeaten:
        if name not in controls:
            yield Problem(where=where, found=f"unbeaten '{name}'", expected="a control with rows in this table")


def _numbers(row: Row, where: str, metric: MetricRecord | None) -> Iterator[Problem]:
    for name, number in (("sd", row.sd), ("standard_error", row.standard_error), ("infinite", row.infinite)):
        if number is not None and number < 0:
            yield Problem(where=f"{where}, {name}", found=f"{number}", expected="0 or more")
    if (row.low is None) != (row.high is None):
        yield Problem(where=where, found="one end of an interval", expected="both, or none")
    low, high = row.low, row.high
    if low is not None and high is not None and low > high:
        yield Problem(
            where=where, found=f"interval [{low:g}, {high:g}]", expected="the lower end first", next_step=_AGAIN
        )
    if metric is not None and metric.range is not None and row.value is not None:
        least, most = (
            end if end is not None else sign * math.inf for end, sign in zip(metric.range, (-1, 1), strict=True)
        )
        slack = ROUNDING * max(1.0, abs(row.value))
        if not least - slack <= row.value <= most + slack:
            yield Problem(
                where=f"{where}, value", found=f"{row.value:g}", expected=f"a number from {least:g} to {most:g}",
                next_step="Was it multiplied for printing? Submit the table as it was written.",
            )  # fmt: skip
    if row.icc is not None and row.icc > 1 + ROUNDING:  # of groups of one or two tiles it may lie below -1
        yield Problem(where=f"{where}, icc", found=f"{row.icc:g}", expected="at most 1")
    if row.effective_tiles is not None and not 0 < row.effective_tiles <= row.tiles * (1 + ROUNDING):
        expected = f"more than 0 and at most the {row.tiles} tiles"
        yield Problem(where=f"{where}, effective_tiles", found=f"{row.effective_tiles:g}", expected=expected)


def _counts(table: Table, row: Row, where: str) -> Iterator[Problem]:
    """Yield numbers of tiles and groups that the inputs cannot give."""
    inputs = table.inputs
    if row.label is not None and row.label not in inputs.labels:
        yield Problem(
            where=where, found=f"label '{row.label}'", expected=f"one of {', '.join(inputs.labels) or 'none'}"
        )
        return
    most = inputs.tiles if row.label is None else inputs.labels[row.label]
    if row.is_control:
        most = min(most, table.controls.tiles)
    number = row.tiles + row.infinite
    if number > most or row.tiles < 0:
        yield Problem(where=f"{where}, tiles", found=str(number), expected=f"at most {most}", next_step=_AGAIN)
    elif row.status == "ok" and not row.is_control and number < most:
        yield Problem(
            where=f"{where}, tiles", found=f"{number} of {most}", next_step=_AGAIN,
            expected=f"all {most}: a value over fewer is no value",
        )  # fmt: skip
    if row.groups is not None and not 0 <= row.groups <= min(inputs.groups or 0, number):
        expected = f"at most {min(inputs.groups or 0, number)}"
        yield Problem(where=f"{where}, groups", found=str(row.groups), expected=expected, next_step=_AGAIN)


def _sums(table: Table, known: Mapping[str, MetricRecord]) -> Iterator[Problem]:
    """Yield means over all tiles that are not the mean of their labels' means, weighted by tiles."""
    by_label: dict[tuple[str, str], list[Row]] = {}
    for row in table.rows:
        if row.label is not None:
            by_label.setdefault((row.model, row.metric), []).append(row)
    for place, row in enumerate(table.rows):
        parts = by_label.get((row.model, row.metric), [])
        metric = known.get(row.metric)
        if (
            row.label is not None
            or row.value is None
            or metric is None
            or metric.interval != "bootstrap"
            or sum(p.tiles for p in parts) != row.tiles
        ):
            continue
        if any(part.value is None for part in parts):
            continue
        total = math.fsum(part.tiles * part.value for part in parts if part.value is not None)
        if abs(total / row.tiles - row.value) > ROUNDING * max(1.0, abs(row.value)):
            yield Problem(
                where=f"rows.{place} ({told(row)}), value", found=f"{row.value:.10g}",
                expected=f"{total / row.tiles:.10g}, the mean of its labels weighted by tiles", next_step=_AGAIN,
            )  # fmt: skip
