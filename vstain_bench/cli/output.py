"""What verbs print: JSON or a table on stdout."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from vstain_bench.reports.terminal import draw

if TYPE_CHECKING:
    from vstain_bench.results.table import Table
    from vstain_bench.run import Preview
    from vstain_bench.stress.curves import Rate
    from vstain_bench.stress.job import Stressed


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


def print_table(table: "Table") -> None:
    """Print a run's table."""
    draw(table, console(), labels=False)


def print_records(records: Sequence[Mapping[str, object]]) -> None:
    """Print records as blocks: the name and summary, then one line per further field that is not empty."""
    out = console()
    for record in records:
        out.print(Text(str(record["name"]), style="bold"), Text(str(record.get("summary", ""))))
        for key, value in record.items():
            if key not in ("name", "summary") and value not in (None, "", []):
                told = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
                out.print(Text(f"  {key + ':':<14}{told}"), soft_wrap=True)


def print_verdicts(result: "Stressed") -> None:
    """Print what a sweep says of each metric, the most trustworthy first."""
    drawn = RichTable(show_edge=False, padding=0)
    displacements = list(result.verdicts[0].ordering) if result.verdicts else []
    drawn.add_column("metric", no_wrap=True)
    for displacement in displacements:
        drawn.add_column(f"right first\n{displacement:g} µm off", justify="right", no_wrap=True)
    for title in ("clean", "floor", "half\nlost at", "no DAB\ncosts", "worse\nif more"):
        drawn.add_column(title, justify="right", no_wrap=True)
    for verdict in result.verdicts:
        rates = [verdict.ordering.get(displacement) for displacement in displacements]
        drawn.add_row(
            verdict.metric,
            *(_rate(rate) if rate else "–" for rate in rates),
            _told(verdict.clean, ".3g"),
            _told(verdict.floor, ".3g"),
            _told(verdict.half_life_um, ".2g", " µm"),
            _told(verdict.erased_um, ".2g", " µm"),
            _told(verdict.monotone, ".0%"),
        )
    out = console()
    out.print(drawn)
    groups = "groups not known" if result.groups is None else f"{result.groups} groups"
    out.print(Text(f"• {result.tiles} tiles, {groups}, {result.conditions} perturbed copies of each; 95 % intervals."))
    out.print(Text("• right first: how often the displaced real tile outranks one that is aligned and wrong."))
    out.print(
        Text("• half lost at: the displacement that costs half of the way from clean to floor (the best control).")
    )
    out.print(Text("• no DAB costs: the displacement that costs as much as erasing all DAB."))
    out.print(Text("• worse if more: share of steps to a larger defect that the metric calls worse."))
    out.print(Text("• – : never within the levels, or not defined (see stress.json)."))
    for name, reason in result.gaps.items():
        out.print(Text(f"• {name} has no value: {reason}"))


def _rate(rate: "Rate") -> str:
    ends = f"\n{rate.interval.low:.2f}–{rate.interval.high:.2f}" if rate.interval else ""
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
