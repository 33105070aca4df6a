"""``vstain-bench predict``: H&E tiles become virtual IHC tiles."""

from pathlib import Path
from typing import Annotated

import typer

from vstain_bench.base.listener import SILENT
from vstain_bench.cli import options
from vstain_bench.cli.progress import listening, talk
from vstain_bench.models.predict.config import PredictConfig


@options.configured(PredictConfig)
def predict(
    settings: PredictConfig,
    out: Annotated[Path, typer.Option(help="Folder of the images.", show_default=False)],
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Stain H&E tiles: one image for each, with its name, and predict.json, which says where they come from.

    Example: vstain-bench predict cssp2p --weights runs/cssp2p --source data/HE --out out/cssp2p

    The same command continues a prediction that was stopped.
    """
    from vstain_bench.cli.output import print_json
    from vstain_bench.models.predict.job import predict as job

    with listening(quiet) as listener:
        outcome = job(settings, out, SILENT if quiet else listener)
    if json:
        print_json(outcome.facts)
    talk(
        f"{outcome.images} images in {outcome.folder} ({outcome.made} made in {outcome.seconds:.1f} s). "
        f"To score them: vstain-bench run {outcome.folder} --real IHC"
    )
    if outcome.skipped:
        talk(f"{outcome.skipped} tiles were left out: {outcome.folder / 'skipped.csv'}")
    return 4 if outcome.skipped else 0
