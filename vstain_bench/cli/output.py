"""What verbs print: JSON or a table on stdout."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from vstain_bench.cli.progress import talk
from vstain_bench.present.formats import render
from vstain_bench.present.formats.terminal import draw

if TYPE_CHECKING:
    from vstain_bench.measure.run import FinishedRun, Preview
    from vstain_bench.present.sheet import Document
    from vstain_bench.results.table import Table
    from vstain_bench.tiles.audit import Audit


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


def finish_run(outcome: "FinishedRun", *, json: bool) -> int:
    """Print what a run came to, say where it lies, and return the exit code."""
    if json:
        sys.stdout.write(outcome.table.to_json())
    else:
        print_table(outcome.table)
    talk(f"Run folder: {outcome.folder.path}  Report: {outcome.folder.report}")
    if outcome.skipped:
        talk(f"{outcome.skipped} tiles were left out: {outcome.folder.skipped}")
    return 4 if outcome.skipped else 0


def print_records(records: Sequence[Mapping[str, object]]) -> None:
    """Print records as blocks: the name and summary, then one line per further field that is not empty."""
    out = console()
    for record in records:
        out.print(Text(str(record["name"]), style="bold"), Text(str(record.get("summary", ""))))
        for key, value in record.items():
            if key not in ("name", "summary") and value not in (None, "", []):
                text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
                out.print(Text(f"  {key + ':':<14}{text}"), soft_wrap=True)


def print_audit(audit: "Audit", layout: str) -> None:
    """Print what an audit of the input found."""
    out = console()
    out.print(f"{len(audit.tiles)} tiles can be scored (layout {layout}).")
    problems = [problem.message for problem in audit.problems]
    for heading, lines in (("Problems", problems), ("Warnings", audit.warnings), ("Notes", audit.notes)):
        if lines:
            out.print(f"{heading}:")
        for line in lines:
            out.print(f"  {line}")


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
