"""``vstain-bench compare``: models against a reference, paired, per patient, corrected."""

from pathlib import Path
from typing import Annotated

import typer

from vstain_bench.cli import options
from vstain_bench.cli.progress import listening, talk
from vstain_bench.judge.compare.config import CompareConfig


@options.configured(CompareConfig)
def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run folders; one with several models is enough.")
    ],
    settings: CompareConfig,
    format_: Annotated[str, typer.Option("--format", help="terminal, md, latex, csv, json or html.")] = "terminal",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for comparison.html, .json, .csv and the figures as PNG, SVG, PDF.", show_default=False
        ),
    ] = None,
    plugin: options.Plugin = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Compare models on the same tiles: differences with intervals, tests of patients, corrected, in plain words.

    Example: vstain-bench compare runs/mine runs/theirs --reference theirs --primary lpips,fid

    Runs of other tiles, or with another definition of a metric, are refused (exit 3).
    """
    from vstain_bench.base.registry import load_plugins
    from vstain_bench.cli.output import put
    from vstain_bench.judge.compare.job import compare as contrast
    from vstain_bench.present.formats import FORMATS
    from vstain_bench.present.publish import publish_comparison
    from vstain_bench.present.subjects.comparison import document

    load_plugins(tuple(plugin or ()))
    chosen = FORMATS["json" if json else format_]
    with listening(quiet) as listener:
        found = contrast(runs, settings, listener.progress)
    if out is not None:
        written = publish_comparison(found, out)
        talk(f"Written to {out}: {', '.join(path.name for path in written)}")
    put(document(found), chosen.name)
    return 0
