"""``vstain-bench figure``: H&E, real IHC and every model side by side, for a paper."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from vstain_bench.cli.progress import talk


def figure(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders of the same tiles.")],
    out: Annotated[Path, typer.Option(help="File without ending: .png, .svg, .pdf and .txt are written.")] = Path(
        "figure"
    ),
    models: Annotated[
        str | None, typer.Option(help="Models with commas, in the order of the columns.", show_default="all")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="Labels with commas, in the order of the rows.", show_default="all")
    ] = None,
    tiles: Annotated[
        str | None, typer.Option(help="Tile ids with commas.", show_default="a seeded choice of each label")
    ] = None,
    per_label: Annotated[int, typer.Option(help="Rows of each label.", min=1, max=20)] = 1,
    seed: Annotated[int, typer.Option(help="Of the choice of tiles.", min=0)] = 0,
    field_um: Annotated[
        float | None, typer.Option(help="Side of the central field in µm.", min=1.0, show_default="whole tiles")
    ] = None,
    width_mm: Annotated[float, typer.Option(help="Width of the figure.", min=60.0, max=1000.0)] = 180.0,
    dpi: Annotated[int, typer.Option(help="Dots per inch.", min=50, max=1200)] = 300,
) -> int:
    """Draw the qualitative figure of a paper: one row per label, columns H&E, real IHC and each model.

    Example: vstain-bench figure runs/mine runs/theirs --field-um 128 --out paper/figure1

    Tiles are chosen by a seeded rule and named; what the caption has to say is printed and written beside the figure.
    """
    from vstain_bench.base.config import split_names
    from vstain_bench.present.figures.job import Request, make_figure, publish_figure

    request = Request(
        models=split_names(models), labels=split_names(labels), tiles=split_names(tiles), per_label=per_label,
        seed=seed, field_um=field_um, width_mm=width_mm, dpi=dpi,
    )  # fmt: skip
    made = make_figure(runs, request)
    written = publish_figure(made, out)
    sys.stdout.write(made.caption)
    talk(f"Written: {', '.join(str(path) for path in written)}")
    return 0
