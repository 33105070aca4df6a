"""``vstain-bench show``: a finished run in another format."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from vstain_bench.cli import options


def show(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    format_: Annotated[str, typer.Option("--format", help="terminal, md, latex, csv, json or html.")] = "terminal",
    out: Annotated[Path | None, typer.Option(help="File to write instead of stdout.", show_default=False)] = None,
    plugin: options.Plugin = None,
) -> int:
    """Print a run's table.

    Example: vstain-bench show runs/mine --format latex
    """
    from vstain_bench.cli.output import console
    from vstain_bench.publish import publish_text
    from vstain_bench.registry import load_plugins
    from vstain_bench.reports import REPORTS
    from vstain_bench.reports.terminal import draw
    from vstain_bench.results.folder import RunFolder

    load_plugins(tuple(plugin or ()))
    report, run = REPORTS[format_], RunFolder(folder)
    if out is not None:
        publish_text(out, report.render(run))
        options.talk(f"Written: {out}")
    elif report.name == "terminal":
        draw(run.read_table(), console())
    else:
        sys.stdout.write(report.render(run))
    return 0
