"""``vstain-bench run``: score folders of generated tiles."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from vstain_bench.base.config import RunConfig
from vstain_bench.cli import options
from vstain_bench.cli.progress import listening, talk


@options.configured(RunConfig, file=True)
def run(
    settings: RunConfig,
    out: Annotated[Path | None, typer.Option(help="Run folder.", show_default="runs/MODELS")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Score folders of generated tiles against their real IHC (and H&E).

    Example: vstain-bench run mine=out/tiles --real data/IHC --source data/HE --out runs/mine

    The same command continues a run that was stopped.
    """
    from vstain_bench.cli.output import finish_run, print_json, print_preview
    from vstain_bench.measure import run as job
    from vstain_bench.present.pages.run import render_run

    if dry_run:
        preview = job.preview(settings, out)
        print_json(asdict(preview)) if json else print_preview(preview)
        return 0
    with listening(quiet) as listener:
        if settings.shard is None:
            return finish_run(job.run(settings, out, listener, report=render_run), json=json)
        part = job.run_shard(settings, out, listener)
    if json:
        sys.stdout.write(part.record)
    talk(f"Shard {part.shard}: {part.tiles} of {part.of} tiles are scored in {part.folder.path}")
    talk("When every shard is done: vstain-bench merge SHARD... --out RUN")
    if part.skipped:
        talk(f"{part.skipped} tiles are left out (--on-error skip)")
    return 4 if part.skipped else 0
