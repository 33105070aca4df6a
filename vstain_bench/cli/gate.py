"""``vstain-bench gate``: a run against its baseline, for continuous integration."""

import os
from typing import Annotated

import typer

from vstain_bench.cli import options
from vstain_bench.cli.progress import talk
from vstain_bench.judge.gate.config import GateConfig


@options.configured(GateConfig)
def gate(
    settings: GateConfig,
    format_: Annotated[
        str, typer.Option("--format", help="terminal, md, junit, github, metrics, codequality or json.")
    ] = "terminal",
    write: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FORMAT=FILE", help="Write a file too, e.g. junit=gate.xml; repeatable.", show_default=False
        ),
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="Make the run the new baseline, with --reason.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why the numbers are right.", show_default=False)] = None,
    plugin: options.Plugin = None,
    json: options.Json = False,
) -> int:
    """Fail (exit 1) when a number of the run is worse than its baseline, missing, or cannot be compared.

    Example: vstain-bench gate runs/mine --baseline baseline.json --write md=gate.md --write junit=gate.xml

    On GitHub it also annotates the run and appends to the job's summary.
    """
    from vstain_bench.base.registry import load_plugins
    from vstain_bench.cli.ci import append_summary, parse_targets, publish, put_verdict, take_baseline
    from vstain_bench.judge.gate.job import gate as judge
    from vstain_bench.present.formats import FORMATS
    from vstain_bench.present.subjects.gate import document

    load_plugins(tuple(plugin or ()))
    targets, form = parse_targets(write or ()), FORMATS["json" if json else format_].name
    if accept or reason is not None:
        take_baseline(settings, accept, reason, bool(targets) or json)
        return 0
    verdict = judge(settings)
    shown = document(verdict)
    publish(shown, targets)
    put_verdict(verdict, form)
    append_summary(shown, os.environ)
    for target in targets:
        talk(f"Written: {target.path}")
    return 0 if verdict.passed else 1
