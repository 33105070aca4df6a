"""``vstain-bench show``: a finished run, or a finished sweep, in another format."""

from pathlib import Path
from typing import Annotated

import typer

from vstain_bench.cli import options
from vstain_bench.cli.progress import talk


def show(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or of a sweep of 'stress'.")],
    format_: Annotated[str, typer.Option("--format", help="terminal, md, latex, csv, json or html.")] = "terminal",
    out: Annotated[Path | None, typer.Option(help="File to write instead of stdout.", show_default=False)] = None,
    plugin: options.Plugin = None,
) -> int:
    """Print a run's table, or what a sweep found.

    Example: vstain-bench show runs/mine --format latex
    """
    from vstain_bench.base.files import publish_text
    from vstain_bench.base.registry import load_plugins
    from vstain_bench.cli.output import put
    from vstain_bench.judge.stress.folder import StressFolder
    from vstain_bench.present.formats import render
    from vstain_bench.present.subjects import run, stress
    from vstain_bench.results.folder import RunFolder

    load_plugins(tuple(plugin or ()))
    sweep = StressFolder(folder)
    if sweep.findings.is_file():
        shown = stress.overview(sweep.read()) if format_ == "terminal" else stress.document(sweep)
    else:
        shown = run.document(RunFolder(folder))
    if out is None:
        put(shown, format_)
    else:
        publish_text(out, render(shown, format_))
        talk(f"Written: {out}")
    return 0
