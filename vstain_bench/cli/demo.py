"""``vstain-bench demo``: the main job on synthetic tissue, no download."""

from pathlib import Path
from typing import Annotated

import typer

from vstain_bench.cli import options
from vstain_bench.cli.progress import progress


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the tiles and the run.")] = Path("demo"),
    tiles: Annotated[int, typer.Option(help="Number of tiles.", min=8)] = 24,
    size: Annotated[int, typer.Option(help="Side of a tile in px.", min=176)] = 256,
    seed: Annotated[int, typer.Option(help="Of the tissue.")] = 0,
    quiet: options.Quiet = False,
) -> int:
    """Write synthetic tissue and four simulated models, score them, and leave a report. Needs no download.

    Example: vstain-bench demo --out demo
    """
    from vstain_bench.cli.demonstration import run_demo
    from vstain_bench.cli.output import print_table

    with progress(quiet) as report:
        outcome = run_demo(out, tiles=tiles, size=size, seed=seed, progress=report)
    print_table(outcome.table)
    options.talk(f"Tiles: {out / 'tiles'}  Run folder: {outcome.folder.path}")
    options.talk(f"Report: {outcome.folder.report.resolve()}")
    return 0
