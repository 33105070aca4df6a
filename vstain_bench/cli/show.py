"""``vstain-bench show``: a finished run, or a finished sweep, in another format."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vstain_bench.cli import options

if TYPE_CHECKING:
    from vstain_bench.judge.stress.folder import StressFolder


def show(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or of a sweep of 'stress'.")],
    format_: Annotated[
        str, typer.Option("--format", help="terminal, md, latex (of a run), csv, json or html.")
    ] = "terminal",
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
    from vstain_bench.present.subjects.run import document
    from vstain_bench.results.folder import RunFolder

    load_plugins(tuple(plugin or ()))
    sweep = StressFolder(folder)
    if sweep.findings.is_file():
        text = _sweep(sweep, format_)
        if text is not None and out is None:
            sys.stdout.write(text)
    elif out is None:
        put(document(RunFolder(folder)), format_)
    else:
        text = render(document(RunFolder(folder)), format_)
    if out is not None and text is not None:
        publish_text(out, text)
        options.talk(f"Written: {out}")
    return 0


def _sweep(folder: "StressFolder", format_: str) -> str | None:
    """Return a sweep in a format, or None where it was drawn on the terminal."""
    from vstain_bench.cli.output import print_findings
    from vstain_bench.present.stress_formats import render_sweep

    if format_ == "terminal":
        print_findings(folder.read())
        return None
    return render_sweep(folder, format_)
