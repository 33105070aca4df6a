"""``vstain-bench predict``: H&E tiles become virtual IHC tiles."""

from pathlib import Path
from typing import Annotated

import typer

from vstain_bench.cli import options
from vstain_bench.cli.progress import listening


def predict(
    adapter: Annotated[str, typer.Argument(metavar="ADAPTER", help="A name from 'list adapters'.")],
    out: Annotated[Path, typer.Option(help="Folder of the images.", show_default=False)],
    weights: Annotated[
        str | None, typer.Option(help="A file, a folder of 'train', or authors:NAME.", show_default=False)
    ] = None,
    source: options.Source = None,
    dataset: options.Dataset = None,
    root: options.Root = None,
    split: options.Split = None,
    manifest: Annotated[Path | None, typer.Option(help="CSV with tile and source.", show_default=False)] = None,
    layout: Annotated[
        str | None, typer.Option(help="parallel, or side-by-side: H&E is the left half.", show_default="parallel")
    ] = None,
    mode: Annotated[str, typer.Option(help="eval, or released: as the authors' test script.")] = "eval",
    window: Annotated[
        str, typer.Option(help="Side of overlapping windows in px, whole, or auto: whole up to 2048 px.")
    ] = "auto",
    overlap: Annotated[int | None, typer.Option(help="Of windows, in px.", show_default="64")] = None,
    jpeg_quality: Annotated[
        int | None, typer.Option(help="Write JPEG of that quality; 75 as CSSP2P's authors.", show_default="PNG")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="key=value of the network.", show_default=False)
    ] = None,
    any_stain: Annotated[bool, typer.Option("--any-stain", help="Take tiles that do not look like H&E.")] = False,
    decode: options.Decode = None,
    on_error: Annotated[str, typer.Option(help="fail, or skip (listed, exit 4).")] = "fail",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N.")] = "auto",
    dtype: Annotated[str, typer.Option(help="fp32, or bf16.")] = "fp32",
    threads: Annotated[int | None, typer.Option(help="Threads of a network.", show_default="all")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Tiles at a time.", show_default="1, 8 on a GPU")] = None,
    workers: Annotated[int, typer.Option(help="Threads that decode ahead, and that write.")] = 2,
    seed: Annotated[int, typer.Option(help="Of a mode that draws random numbers.")] = 0,
    limit: options.Limit = None,
    weights_dir: Annotated[Path | None, typer.Option(help="Folder of weight files.", show_default=False)] = None,
    plugin: options.Plugin = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Stain H&E tiles: one image for each, with its name, and predict.json, which says where they come from.

    Example: vstain-bench predict cssp2p --weights runs/cssp2p --source data/HE --out out/cssp2p

    The same command continues a prediction that was stopped.
    """
    from vstain_bench.base.config import validated
    from vstain_bench.base.listener import SILENT
    from vstain_bench.cli.output import print_json
    from vstain_bench.models import predict as job

    values = {
        "adapter": adapter, "weights": weights, "source": source, "dataset": dataset, "root": root, "split": split,
        "manifest": manifest, "layout": layout, "mode": mode, "window": int(window) if window.isdecimal() else window,
        "overlap": overlap, "jpeg_quality": jpeg_quality, "settings": tuple(set_ or ()), "any_stain": any_stain,
        "decode": decode, "on_error": on_error, "device": device, "dtype": dtype, "threads": threads,
        "batch_size": batch_size, "workers": workers, "seed": seed, "limit": limit, "weights_dir": weights_dir,
        "plugin": tuple(plugin or ()),
    }  # fmt: skip
    given = {key: value for key, value in values.items() if value is not None}
    config = validated(job.PredictConfig, given, "predict")
    with listening(quiet) as listener:
        outcome = job.predict(config, out, listener if not quiet else SILENT)
    if json:
        print_json(outcome.facts)
    options.talk(
        f"{outcome.images} images in {outcome.folder} ({outcome.made} made in {outcome.seconds:.1f} s). "
        f"To score them: vstain-bench run {outcome.folder} --real IHC"
    )
    if outcome.skipped:
        options.talk(f"{outcome.skipped} tiles were left out: {outcome.folder / 'skipped.csv'}")
        return 4
    return 0
