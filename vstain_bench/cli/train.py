"""``vstain-bench train``: train a recipe, or continue a training that was stopped."""

from pathlib import Path
from typing import Annotated

import typer

from vstain_bench.cli import options
from vstain_bench.cli.progress import talk
from vstain_bench.cli.training_progress import training_progress
from vstain_bench.models.training.config import TrainConfig


@options.configured(TrainConfig)
def train(
    settings: TrainConfig,
    out: Annotated[Path | None, typer.Option(help="Folder of the training.", show_default="runs/train-RECIPE")] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Train a recipe on pairs of H&E and IHC; keep the generator of the epoch that a metric chooses.

    Example: vstain-bench train cssp2p --manifest tiles.csv --out runs/cssp2p --encoder-weights none --select ssim

    The same command continues a training that was stopped. Several GPUs: torchrun --nproc-per-node 4 -m
    vstain_bench train ...
    """
    from vstain_bench.cli.output import put
    from vstain_bench.models.training.job import train as job
    from vstain_bench.present.subjects.training import document

    with training_progress(quiet) as listener:
        outcome = job(settings, out, listener)
    if outcome.main:
        put(document(outcome), "json" if json else "terminal")
        talk(f"Kept: {outcome.folder.best}  Card: {outcome.folder.card}")
    return 0
