"""``vstain-bench figure``: H&E, real IHC and every model side by side, for a paper."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from vstain_bench.cli import options
from vstain_bench.cli.progress import talk
from vstain_bench.present.figures.config import FigureConfig


@options.configured(FigureConfig)
def figure(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders of the same tiles.")],
    settings: FigureConfig,
    out: Annotated[Path, typer.Option(help="File without ending: .png, .svg, .pdf and .txt are written.")] = Path(
        "figure"
    ),
) -> int:
    """Draw the qualitative figure of a paper: one row per label, columns H&E, real IHC and each model.

    Example: vstain-bench figure runs/mine runs/theirs --field-um 128 --out paper/figure1

    Tiles are chosen by a seeded rule and named; what the caption has to say is printed and written beside the figure.
    """
    from vstain_bench.present.figures.job import make_figure, publish_figure

    made = make_figure(runs, settings)
    written = publish_figure(made, out)
    sys.stdout.write(made.caption)
    talk(f"Written: {', '.join(str(path) for path in written)}")
    return 0
