"""``vstain-bench stress``: which metric forgives a displaced stain and notices a wrong one."""

from pathlib import Path
from typing import Annotated

import typer

from vstain_bench.cli import options
from vstain_bench.cli.progress import listening, talk
from vstain_bench.judge.stress.config import OPTIONS, StressConfig
from vstain_bench.judge.stress.runs import with_runs


@options.configured(StressConfig, file=True, only=OPTIONS, before=with_runs)
def stress(
    settings: StressConfig,
    out: Annotated[Path, typer.Option(help="Folder of the sweep.")] = Path("runs/stress"),
    metric_cards: Annotated[
        Path | None, typer.Option(help="Markdown file: what was found of each metric.", show_default=False)
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Perturb real tiles in micrometres and say how each metric answers.

    Example: vstain-bench stress --real data/IHC --source data/HE --mpp 0.25 --out runs/stress

    The same command continues a sweep that was stopped. The folder receives report.html and stress.json.
    """
    from vstain_bench.base.files import publish_text
    from vstain_bench.cli.output import put
    from vstain_bench.judge.stress.folder import StressFolder
    from vstain_bench.judge.stress.job import run_stress
    from vstain_bench.present.formats import render
    from vstain_bench.present.pages.stress import render_stress
    from vstain_bench.present.subjects.stress import document, overview

    with listening(quiet) as listener:
        findings = run_stress(settings, out, listener, report=render_stress)
    if metric_cards is not None:
        publish_text(metric_cards, render(document(StressFolder(out)), "md"))
        talk(f"Written: {metric_cards}")
    put(overview(findings), "json" if json else "terminal")
    talk(f"Folder: {out}")
    return 0
