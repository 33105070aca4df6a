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
    from vstain_bench.cli.ci import append_summary, parse_targets, publish
    from vstain_bench.judge.gate.job import Request
    from vstain_bench.judge.gate.job import gate as judge
    from vstain_bench.present.formats import FORMATS
    from vstain_bench.present.subjects.gate import document

    load_plugins(tuple(plugin or ()))
    request, targets = Request(run=run, baseline=baseline, tolerances=tolerances, name=name), parse_targets(write or ())
    name_ = FORMATS["json" if json else format_].name
    if accept or reason is not None:
        return _accept(request, accept, reason, bool(targets) or json)
    verdict = judge(request)
    shown = document(verdict)
    publish(shown, targets)
    _print(verdict, name_)
    append_summary(shown, os.environ)
    for target in targets:
        talk(f"Written: {target.path}")
    return 0 if verdict.passed else 1


def _print(verdict: "Verdict", name: str) -> None:
    """Print one format on stdout; on GitHub with annotations, and nothing in a table is taken for a command."""
    from vstain_bench.cli.ci import on_github, stopped_commands
    from vstain_bench.cli.output import put
    from vstain_bench.present.formats import render
    from vstain_bench.present.subjects.gate import abridged, document

    annotations = render(document(verdict), "github") if on_github(os.environ) else ""
    if name != "terminal":
        put(document(verdict), name)
        if name != "github":
            sys.stderr.write(annotations)
        return
    stop, resume = stopped_commands() if annotations else ("", "")
    if stop:
        sys.stdout.write(f"{stop}\n")
    put(abridged(verdict))
    if resume:
        sys.stdout.write(f"{resume}\n{annotations}")


def _accept(request: "Request", asked: bool, reason: str | None, others: bool) -> int:
    """Write the baseline and tell what it changes."""
    from vstain_bench.errors import UsageError
    from vstain_bench.judge.gate.accept import accept
    from vstain_bench.present.sentences.gate import changes

    if not asked or reason is None or others:
        raise UsageError(
            where="gate",
            found="--accept with --write or --json" if others else "--accept without --reason" if asked else "--reason",
            expected="--accept and --reason, together and alone",
        )
    done = accept(request, reason, changes)
    for change in changes(done.verdict) if done.verdict else ():
        talk(f"  {change}")
    talk(f"{'Accepted' if done.written else 'Nothing to accept, the numbers are equal'}: {request.baseline}")
    return 0
