"""``vstain-bench stress``: which metric forgives a displaced stain and notices a wrong one."""

from pathlib import Path
from typing import Annotated

import typer

from vstain_bench.cli import options
from vstain_bench.cli.progress import listening


def stress(
    generated: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN | GENERATED]...",
            help="Finished runs, or folders of generated tiles: their models are displaced, too.",
            show_default=False,
        ),
    ] = None,
    real: options.Real = None,
    source: options.Source = None,
    out: Annotated[Path, typer.Option(help="Folder of the sweep.")] = Path("runs/stress"),
    dataset: options.Dataset = None,
    root: options.Root = None,
    split: options.Split = None,
    manifest: options.Manifest = None,
    metrics: Annotated[str | None, typer.Option(help="Metrics by name.", show_default=False)] = None,
    protocol: Annotated[str, typer.Option(help="Named list of metrics.")] = "stress",
    perturbations: Annotated[
        str | None, typer.Option(help="Names from 'list perturbations', with commas.", show_default="all")
    ] = None,
    perturb: Annotated[str, typer.Option(help="The side: generated, real, both (alike) or source.")] = "generated",
    metric_cards: Annotated[
        Path | None, typer.Option(help="Markdown file: what was found of each metric.", show_default=False)
    ] = None,
    seeds: Annotated[int, typer.Option(help="Most seeds of each perturbation.", min=1)] = 1,
    groups: options.Groups = None,
    mpp: options.Mpp = None,
    decode: options.Decode = None,
    seed: Annotated[int | None, typer.Option(help="Of partners and intervals.", show_default="0")] = None,
    workers: options.Workers = None,
    processes: Annotated[
        int | None, typer.Option(help="Processes that observe tiles.", min=1, show_default="one per core, if worth it")
    ] = None,
    limit: options.Limit = None,
    plugin: options.Plugin = None,
    config: options.Config = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Perturb real tiles in micrometres and say how each metric answers.

    Example: vstain-bench stress --real data/IHC --source data/HE --mpp 0.25 --out runs/stress

    The same command continues a sweep that was stopped. The folder receives report.html and stress.json.
    """
    settings = options.resolve_runs(
        generated, config, real=real, source=source, dataset=dataset, root=root, split=split, manifest=manifest,
        metrics=metrics, protocol=protocol, groups=groups, mpp=mpp, decode=decode, seed=seed, workers=workers,
        limit=limit, plugin=plugin,
    )  # fmt: skip
    from vstain_bench.base.files import publish_text
    from vstain_bench.base.registry import load_plugins
    from vstain_bench.cli.output import put
    from vstain_bench.judge.stress.folder import StressFolder
    from vstain_bench.judge.stress.job import choose_side, run_stress
    from vstain_bench.present.formats import render
    from vstain_bench.present.pages.stress import render_stress
    from vstain_bench.present.subjects.stress import document, overview

    load_plugins(tuple(plugin or ()))
    names = [name.strip() for name in perturbations.split(",")] if perturbations else None
    with listening(quiet) as listener:
        findings = run_stress(
            settings, out, perturbations=names, seeds=seeds, side=choose_side(perturb), models=bool(generated),
            processes=processes, progress=listener.progress, report=render_stress,
        )  # fmt: skip
    if metric_cards is not None:
        publish_text(metric_cards, render(document(StressFolder(out)), "md"))
        options.talk(f"Written: {metric_cards}")
    put(overview(findings), "json" if json else "terminal")
    options.talk(f"Folder: {out}")
    return 0
