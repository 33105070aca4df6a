"""``vstain-bench gate``: a run against its baseline, for continuous integration."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vstain_bench.cli import options
from vstain_bench.cli.progress import talk

if TYPE_CHECKING:
    from vstain_bench.judge.gate.job import Request
    from vstain_bench.present.gate.outputs import Output
    from vstain_bench.results.verdict import Verdict


def gate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder, or its results.json.")],
    baseline: Annotated[
        Path, typer.Option(help="Accepted numbers: a file of --accept, a results.json or a run.", show_default=False)
    ],
    tolerances: Annotated[
        Path | None,
        typer.Option(help="TOML, e.g. fid = '2%', psnr = '0.05', ssim = 'ci'.", show_default="numeric noise"),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Tells this gate from others in comments and reports.", show_default="the run's")
    ] = None,
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
    from vstain_bench.judge.gate.job import Request
    from vstain_bench.judge.gate.job import gate as judge
    from vstain_bench.present.gate.outputs import OUTPUTS
    from vstain_bench.present.gate.publish import append_summary, parse_targets, publish

    load_plugins(tuple(plugin or ()))
    request, targets = Request(run=run, baseline=baseline, tolerances=tolerances, name=name), parse_targets(write or ())
    output = OUTPUTS["json" if json else format_]
    if accept or reason is not None:
        return _accept(request, accept, reason, bool(targets) or json)
    verdict = judge(request)
    publish(verdict, targets)
    _print(verdict, output)
    append_summary(verdict, os.environ)
    for target in targets:
        talk(f"Written: {target.path}")
    return 0 if verdict.passed else 1


def _print(verdict: "Verdict", output: "Output") -> None:
    """Print one format on stdout; on GitHub with annotations, and nothing in a table is taken for a command."""
    from vstain_bench.cli.output import console
    from vstain_bench.present.gate.outputs import OUTPUTS
    from vstain_bench.present.gate.outputs.terminal import draw
    from vstain_bench.present.gate.publish import on_github, stopped_commands

    annotations = OUTPUTS["github"].render(verdict) if on_github(os.environ) else ""
    if output.name != "terminal":
        sys.stdout.write(output.render(verdict))
        if output.name != "github":
            sys.stderr.write(annotations)
        return
    stop, resume = stopped_commands() if annotations else ("", "")
    if stop:
        sys.stdout.write(f"{stop}\n")
    draw(verdict, console())
    if resume:
        sys.stdout.write(f"{resume}\n{annotations}")


def _accept(request: "Request", asked: bool, reason: str | None, others: bool) -> int:
    """Write the baseline and tell what it changes."""
    from vstain_bench.errors import UsageError
    from vstain_bench.judge.gate.accept import accept, changes

    if not asked or reason is None or others:
        raise UsageError(
            where="gate",
            found="--accept with --write or --json" if others else "--accept without --reason" if asked else "--reason",
            expected="--accept and --reason, together and alone",
        )
    done = accept(request, reason)
    for told in changes(done.verdict) if done.verdict else ():
        talk(f"  {told}")
    talk(f"{'Accepted' if done.written else 'Nothing to accept, the numbers are equal'}: {request.baseline}")
    return 0
