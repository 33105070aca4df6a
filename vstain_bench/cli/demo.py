"""``vstain-bench demo``: the main job on synthetic tissue, no download."""

from pathlib import Path
from typing import Annotated

import typer

from vstain_bench.cli import options
from vstain_bench.cli.progress import listening, talk

PATIENTS = 6


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
    from vstain_bench.base.config import RunConfig
    from vstain_bench.cli.output import print_table
    from vstain_bench.measure.run import run
    from vstain_bench.phantom import Displacement, write_phantom
    from vstain_bench.present.pages.run import render_run

    # where the real IHC lies against its H&E: a micrometre, as after good registration of a re-stained section
    displaced = Displacement(shift_um=(0.6, -0.8), elastic_um=0.5, elastic_length_um=30.0)
    per_patient = -(-tiles // PATIENTS)
    with listening(quiet) as listener:
        listener.progress("writing tissue", 0, 1)
        phantom = write_phantom(
            out / "tiles", groups=PATIENTS, tiles_per_group=per_patient, size=size, seed=seed, misalignment=displaced
        )
        listener.progress("writing tissue", 1, 1)
        models = dict(phantom.models)
        config = RunConfig(generated=models, manifest=phantom.manifest, offline=True, controls=12, seed=seed)
        outcome = run(config, out / "run", listener, report=render_run)
    print_table(outcome.table)
    talk(f"Tiles: {out / 'tiles'}  Run folder: {outcome.folder.path}")
    talk(f"Report: {outcome.folder.report.resolve()}")
    return 0
