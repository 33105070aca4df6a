"""What verbs print: JSON or a table on stdout."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from vstain_bench.present.formats import render
from vstain_bench.present.formats.terminal import draw

if TYPE_CHECKING:
    from vstain_bench.judge.stress.findings import Estimate, Findings
    from vstain_bench.measure.run import Preview
    from vstain_bench.models.training.job import Outcome
    from vstain_bench.present.sheet import Document
    from vstain_bench.results.table import Table


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave a closed pipe to the exit code 141 of the command; rich would exit with 1."""
        raise BrokenPipeError


def console() -> Console:
    """Return a console on stdout: colours on a terminal only, never fewer than 40 columns."""
    plain = _Console(markup=False, highlight=False, emoji=False)
    return plain if plain.width >= 40 else _Console(markup=False, highlight=False, emoji=False, width=40)


def print_json(content: object) -> None:
    """Print strict JSON."""
    sys.stdout.write(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False, default=str) + "\n")


def put(document: "Document", name: str = "terminal") -> None:
    """Print a document on stdout in a format; a terminal is drawn on, with its width and colours."""
    if name == "terminal":
        draw(document, console())
    else:
        sys.stdout.write(render(document, name))


def print_table(table: "Table") -> None:
    """Print a run's table."""
    from vstain_bench.present.subjects.run import overview

    put(overview(table))


def print_records(records: Sequence[Mapping[str, object]]) -> None:
    """Print records as blocks: the name and summary, then one line per further field that is not empty."""
    out = console()
    for record in records:
        out.print(Text(str(record["name"]), style="bold"), Text(str(record.get("summary", ""))))
        for key, value in record.items():
            if key not in ("name", "summary") and value not in (None, "", []):
                told = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
                out.print(Text(f"  {key + ':':<14}{told}"), soft_wrap=True)


def print_findings(findings: "Findings") -> None:
    """Print what a sweep says of each metric, the most trustworthy first."""
    drawn = RichTable(show_edge=False, padding=0)
    drawn.add_column("metric", no_wrap=True)
    for displacement in findings.displacements:
        drawn.add_column(f"right first\n{displacement:g} µm off", justify="right", no_wrap=True)
    for title in ("clean", "floor", "half\nlost at", "no DAB\ncosts", "worse\nif more"):
        drawn.add_column(title, justify="right", no_wrap=True)
    for verdict in findings.verdicts:
        rates = [verdict.rate(displacement) for displacement in findings.displacements]
        half, erased = verdict.half_life("translation"), verdict.equivalent("dab_loss", 100.0)
        drawn.add_row(
            verdict.metric,
            *(_rate(rate) if rate else "–" for rate in rates),
            _told(verdict.clean, ".3g"),
            _told(verdict.floor, ".3g"),
            _told(half.severity.value if half else None, ".2g", " µm"),
            _told(erased.shift_um.value if erased else None, ".2g", " µm"),
            _told(verdict.worse_if_more, ".0%"),
        )
    out = console()
    out.print(drawn)
    groups = "groups not known" if findings.groups is None else f"{findings.groups} groups"
    for line in (
        f"{findings.tiles} tiles, {groups}, {findings.conditions} perturbed copies of each; 95 % intervals.",
        "right first: how often the displaced real tile outranks one that is aligned and wrong.",
        "half lost at: the displacement that costs half of the way from clean to floor (the best control).",
        "no DAB costs: the displacement that costs as much as erasing all DAB.",
        "worse if more: share of steps to a larger defect that the metric calls worse.",
        "– : never within the levels, or not defined; see report.html and stress.json.",
        *(f"{name} has no verdict: {reason}" for name, reason in findings.unavailable.items()),
    ):
        out.print(Text(f"• {line}"))
    if any(verdict.flips for verdict in findings.verdicts):
        _print_flips(findings, out)


def _print_flips(findings: "Findings", out: Console) -> None:
    """Print how often models change places when all are displaced alike."""
    flips = [(verdict, flip) for verdict in findings.verdicts for flip in verdict.flips]
    shown = [(verdict, flip) for verdict, flip in flips if flip.perturbation == "translation"]
    levels = sorted({flip.severity for _, flip in shown})
    out.print(Text("\nModels change places on a tile, by displacement in µm"))
    drawn = RichTable(show_edge=False, padding=0)
    drawn.add_column("metric", no_wrap=True)
    for level in levels:
        drawn.add_column(f"{level:g}", justify="right", no_wrap=True)
    for verdict in findings.verdicts:
        own = {flip.severity: flip for each, flip in shown if each is verdict}
        if own:
            drawn.add_row(verdict.metric, *(_told(own[level].rate.value, ".0%") for level in levels))
    out.print(drawn)


def print_training(outcome: "Outcome") -> None:
    """Print each metric before and after training, and the epoch that it would have chosen."""
    from vstain_bench.models.training.history import choose

    untrained, last = outcome.history[0], outcome.history[-1]
    drawn = RichTable(show_edge=False, padding=0)
    drawn.add_column("metric", no_wrap=True)
    for title in ("untrained", f"epoch {outcome.chosen.epoch}\n(kept)", f"epoch {last.epoch}\n(last)", "own\nchoice"):
        drawn.add_column(title, justify="right", no_wrap=True)
    for metric in outcome.metrics:
        own = choose(metric, outcome.history)
        values = [epoch.metrics.get(metric.name) for epoch in (untrained, outcome.chosen, last)]
        drawn.add_row(metric.name, *(_told(value, ".4g") for value in values), f"epoch {own.epoch}" if own else "–")
    console().print(drawn)


def _rate(rate: "Estimate") -> str:
    ends = f"\n{rate.low:.2f}–{rate.high:.2f}" if rate.low is not None else ""
    return f"{rate.value:.2f}{ends}"


def _told(value: float | None, form: str, unit: str = "") -> str:
    return "–" if value is None else f"{value:{form}}{unit}"


def print_preview(preview: "Preview") -> None:
    """Print what a run would do."""
    groups = "not known" if preview.groups is None else str(preview.groups)
    facts = {
        "tiles": str(preview.tiles),
        "groups": groups,
        "labels": ", ".join(preview.labels) or "none",
        "models": ", ".join(preview.models),
        "layout": preview.layout,
        "metrics": ", ".join(preview.metrics),
        "controls": f"on {preview.control_tiles} tiles",
        "device": preview.device,
        "run folder": preview.out,
        **({"shard": preview.shard} if preview.shard else {}),
    }
    out = console()
    for name, value in facts.items():
        out.print(Text(f"{name + ':':<12}{value}"))
    for name, reason in preview.gaps.items():
        out.print(Text(f"{name} would have no value: {reason}"))
    for line in (*preview.warnings, *preview.notes):
        out.print(Text(f"• {line}"))
