"""``vstain-bench run``: score folders of generated tiles."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vstain_bench.cli import options
from vstain_bench.cli.progress import listening

if TYPE_CHECKING:
    from vstain_bench.base.config import RunConfig


def run(
    generated: options.Generated = None,
    real: options.Real = None,
    source: options.Source = None,
    out: Annotated[Path | None, typer.Option(help="Run folder.", show_default="runs/MODELS")] = None,
    dataset: options.Dataset = None,
    root: options.Root = None,
    split: options.Split = None,
    manifest: options.Manifest = None,
    layout: options.LayoutName = None,
    metrics: Annotated[
        str | None,
        typer.Option(help="Metrics by name, e.g. 'ssim,kid_subsets(size=100)'.", show_default=False),
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="Named list of metrics.", show_default="default")] = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option(help="Add a Fréchet and kernel distance over this encoder.", show_default=False),
    ] = None,
    background: Annotated[
        str | None, typer.Option(help="I0 of stain metrics: tile, slide, or e.g. 243/241/238.", show_default="tile")
    ] = None,
    vectors: Annotated[
        str | None, typer.Option(help="Stain vectors: h-dab, hed, macenko, macenko-slide.", show_default="h-dab")
    ] = None,
    groups: options.Groups = None,
    labels: options.Labels = None,
    mpp: options.Mpp = None,
    decode: options.Decode = None,
    on_error: Annotated[str | None, typer.Option(help="fail, or skip (listed, exit 4).", show_default="fail")] = None,
    controls: Annotated[int | None, typer.Option(help="Tiles for control rows; 0: none.", show_default="50")] = None,
    seed: Annotated[int | None, typer.Option(help="Of controls and intervals.", show_default="0")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:N.", show_default="auto")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of a network.", show_default="all")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Tiles at a time.", show_default="1, 8 on a GPU")] = None,
    workers: options.Workers = None,
    limit: options.Limit = None,
    shard: Annotated[
        str | None, typer.Option(help="Only part i/n of the tiles; 'merge' joins the parts.", show_default=False)
    ] = None,
    weights_dir: Annotated[Path | None, typer.Option(help="Folder of weight files.", show_default=False)] = None,
    offline: Annotated[bool | None, typer.Option("--offline", help="Never fetch weights.", show_default=False)] = None,
    plugin: options.Plugin = None,
    config: options.Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Score folders of generated tiles against their real IHC (and H&E).

    Example: vstain-bench run mine=out/tiles --real data/IHC --source data/HE --out runs/mine

    The same command continues a run that was stopped.
    """
    settings = options.resolve(
        generated, config, real=real, source=source, dataset=dataset, root=root, split=split, manifest=manifest,
        layout=layout, metrics=metrics, protocol=protocol, encoder=encoder, background=background, vectors=vectors,
        groups=groups, labels=labels, mpp=mpp,
        decode=decode, on_error=on_error, controls=controls, seed=seed, device=device, threads=threads,
        batch_size=batch_size, workers=workers, limit=limit, shard=shard, weights_dir=weights_dir, offline=offline,
        plugin=plugin,
    )  # fmt: skip
    from vstain_bench.cli.output import print_json, print_preview, print_table
    from vstain_bench.measure import run as job
    from vstain_bench.present.pages.run import render_run

    if dry_run:
        preview = job.preview(settings, out)
        print_json(asdict(preview)) if json else print_preview(preview)
        return 0
    if settings.shard is not None:
        return _run_shard(settings, out, json=json, quiet=quiet)
    with listening(quiet) as listener:
        outcome = job.run(settings, out, listener, report=render_run)
    if json:
        sys.stdout.write(outcome.table.to_json())
    else:
        print_table(outcome.table)
    options.talk(f"Run folder: {outcome.folder.path}  Report: {outcome.folder.report}")
    if outcome.skipped:
        options.talk(f"{outcome.skipped} tiles were left out: {outcome.folder.skipped}")
        return 4
    return 0


def _run_shard(settings: "RunConfig", out: Path | None, *, json: bool, quiet: bool) -> int:
    from vstain_bench.measure.run import run_shard

    with listening(quiet) as listener:
        outcome = run_shard(settings, out, listener)
    if json:
        sys.stdout.write(outcome.record)
    options.talk(f"Shard {outcome.shard}: {outcome.tiles} of {outcome.of} tiles are scored in {outcome.folder.path}")
    options.talk("When every shard is done: vstain-bench merge SHARD... --out RUN")
    if outcome.skipped:
        options.talk(f"{outcome.skipped} tiles are left out (--on-error skip)")
        return 4
    return 0
