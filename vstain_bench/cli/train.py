"""``vstain-bench train``: train a recipe, or continue a training that was stopped."""

from pathlib import Path
from typing import Annotated

import typer

from vstain_bench.cli import options
from vstain_bench.cli.training_progress import training_progress


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe, see 'list recipes'.", show_default=False)],
    real: options.Real = None,
    source: options.Source = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the training.", show_default="runs/train-RECIPE")] = None,
    dataset: options.Dataset = None,
    root: options.Root = None,
    split: Annotated[str | None, typer.Option(help="Split to train on.", show_default="train, if any")] = None,
    manifest: options.Manifest = None,
    layout: options.LayoutName = None,
    val_split: Annotated[str | None, typer.Option(help="Split to validate on.", show_default=False)] = None,
    val_manifest: Annotated[Path | None, typer.Option(help="CSV of tiles to validate on.", show_default=False)] = None,
    val_real: Annotated[
        Path | None, typer.Option(help="Folder of real IHC to validate on.", show_default=False)
    ] = None,
    val_source: Annotated[Path | None, typer.Option(help="Folder of its H&E.", show_default=False)] = None,
    val_share: Annotated[
        float | None,
        typer.Option(help="Share held out, whole patients, where none of these is given.", show_default="0.1"),
    ] = None,
    groups: options.Groups = None,
    labels: options.Labels = None,
    mpp: options.Mpp = None,
    decode: options.Decode = None,
    on_error: Annotated[str | None, typer.Option(help="fail, or skip.", show_default="fail")] = None,
    limit: options.Limit = None,
    recipe_file: Annotated[
        Path | None, typer.Option("--recipe", help="TOML file of settings, e.g. recipe.toml.", show_default=False)
    ] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="One setting, e.g. lr=1e-4; repeatable.", show_default=False)
    ] = None,
    encoder_weights: Annotated[
        str | None, typer.Option(help="imagenet, none (from scratch) or a file.", show_default="the recipe's")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs in all.", min=1, show_default="the recipe's")] = None,
    match_steps: Annotated[
        bool, typer.Option("--match-steps", help="As many epochs as make the original's steps on these pairs.")
    ] = False,
    select: Annotated[str, typer.Option(help="Metric that chooses the checkpoint.")] = "lpips",
    metrics: Annotated[str | None, typer.Option(help="Further metrics by name.", show_default=False)] = None,
    protocol: Annotated[str, typer.Option(help="Named list of metrics.")] = "training",
    validate_every: Annotated[int, typer.Option(help="Epochs between validations.", min=1)] = 1,
    precision: Annotated[str, typer.Option(help="fp32 or bf16.")] = "fp32",
    accumulate: Annotated[int, typer.Option(help="Parts in which a device takes its batch.", min=1)] = 1,
    ema: Annotated[float, typer.Option(help="Decay of a running mean of weights; 0: none.", min=0, max=1)] = 0.0,
    channels_last: Annotated[bool | None, typer.Option(help="Memory layout.", show_default="on a GPU")] = None,
    compile: Annotated[bool, typer.Option("--compile", help="Compile the networks (torch.compile).")] = False,
    save_every: Annotated[int, typer.Option(help="Steps between states for resuming.", min=1)] = 500,
    log_every: Annotated[int, typer.Option(help="Steps between lines of metrics.jsonl.", min=1)] = 50,
    cache_mb: Annotated[int, typer.Option(help="Memory for decoded tiles, per process.", min=0)] = 2048,
    samples: Annotated[int, typer.Option(help="Rows of each epoch's sample sheet; 0: none.", min=0)] = 4,
    seed: Annotated[int | None, typer.Option(help="Of everything random.", show_default="0")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:N.", show_default="auto")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of a network.", show_default="all")] = None,
    workers: options.Workers = None,
    weights_dir: Annotated[Path | None, typer.Option(help="Folder of weight files.", show_default=False)] = None,
    offline: Annotated[bool | None, typer.Option("--offline", help="Never fetch weights.", show_default=False)] = None,
    plugin: options.Plugin = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Train a recipe on pairs of H&E and IHC; keep the generator of the epoch that a metric chooses.

    Example: vstain-bench train cssp2p --manifest tiles.csv --out runs/cssp2p --encoder-weights none --select ssim

    The same command continues a training that was stopped. Several GPUs: torchrun --nproc-per-node 4 -m
    vstain_bench train ...
    """
    tiles = options.resolve(
        None, None, real=real, source=source, dataset=dataset, root=root, split=split, manifest=manifest, layout=layout,
        groups=groups, labels=labels, mpp=mpp, decode=decode, on_error=on_error, limit=limit, seed=seed, device=device,
        threads=threads, workers=workers, weights_dir=weights_dir, offline=offline, plugin=plugin,
    )  # fmt: skip
    from vstain_bench.cli.output import put
    from vstain_bench.models.training.config import make_train_config
    from vstain_bench.models.training.job import train as job
    from vstain_bench.present.subjects.training import document

    config = make_train_config(
        recipe=recipe, tiles=tiles, recipe_file=recipe_file, assignments=tuple(assignments or ()),
        encoder_weights=encoder_weights, epochs=epochs, match_steps=match_steps, val_split=val_split,
        val_manifest=val_manifest, val_real=val_real, val_source=val_source, val_share=val_share, select=select,
        metrics=metrics, protocol=protocol, validate_every=validate_every, precision=precision, accumulate=accumulate,
        ema=ema, channels_last=channels_last, compile=compile, save_every=save_every, log_every=log_every,
        cache_mb=cache_mb, samples=samples,
    )  # fmt: skip
    with training_progress(quiet) as listener:
        outcome = job(config, out, listener)
    if outcome.main:
        put(document(outcome), "json" if json else "terminal")
        options.talk(f"Kept: {outcome.folder.best}  Card: {outcome.folder.card}")
    return 0
