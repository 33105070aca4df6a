"""``vstain-bench merge``: the shards of a run become the run."""

from pathlib import Path
from typing import Annotated

import typer

from vstain_bench.cli import options
from vstain_bench.cli.progress import listening


def merge(
    shards: Annotated[list[Path], typer.Argument(metavar="SHARD...", help="Folders written by run --shard i/n.")],
    out: Annotated[Path, typer.Option(help="Run folder to write.", show_default=False)],
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Join the shards of a run: the same bytes as one run would have written.

    Example: vstain-bench merge runs/part1 runs/part2 --out runs/mine
    """
    from vstain_bench.cli.output import finish_run
    from vstain_bench.measure.merge import merge as join
    from vstain_bench.present.pages.run import render_run

    with listening(quiet) as listener:
        return finish_run(join(shards, out, listener, report=render_run), json=json)
