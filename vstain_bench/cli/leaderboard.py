"""``vstain-bench leaderboard``: runs side by side, ranked where they compare, with published tables apart."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from vstain_bench.cli import options
from vstain_bench.cli.progress import listening, talk
from vstain_bench.judge.leaderboard.config import LeaderboardConfig

DEFAULT = "show"


class _Group(typer.core.TyperGroup):
    """A verb with a word of its own (``check``): anything else is given to ``show``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default command before what names none."""
        return super().parse_args(ctx, args if args and args[0] in self.commands else [DEFAULT, *args])


app = typer.Typer(cls=_Group, help="Rank runs where they compare, beside published tables; check a submitted file.")


@app.command(DEFAULT)
@options.configured(LeaderboardConfig)
def show(
    settings: LeaderboardConfig,
    runs: Annotated[
        list[Path] | None, typer.Argument(metavar="[RUN...]", help="Run folders, or results.json files alone.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="terminal, md, latex, csv, json or html.")] = "terminal",
    out: Annotated[
        Path | None, typer.Option(help="Folder for the site: index.html, a page per model.", show_default=False)
    ] = None,
    plugin: options.Plugin = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Rank runs where they compare: places with intervals over patients, controls, published tables apart.

    Example: vstain-bench leaderboard runs/mine runs/theirs --published her2match --out site

    Runs of other tiles, or with another definition of a metric, are never ranked together: what differs is named. The
    site needs no network and opens from a disk. A file that someone submits is validated by: vstain-bench leaderboard
    check FILE. A folder of that name is given as ./check.
    """
    from vstain_bench.base.registry import load_plugins
    from vstain_bench.cli.output import put
    from vstain_bench.judge.leaderboard.job import make_leaderboard
    from vstain_bench.present.formats import FORMATS
    from vstain_bench.present.site import publish_site
    from vstain_bench.present.subjects.leaderboard import document

    load_plugins(tuple(plugin or ()))
    chosen = FORMATS["json" if json else format_]
    with listening(quiet) as listener:
        made = make_leaderboard(runs or (), settings, listener.progress)
    if out is not None:
        talk(f"Written: {publish_site(made, out)}")
    put(document(made.leaderboard), chosen.name)
    return 0


@app.command("check")
def check(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="results.json, or TOML files of published tables.")
    ],
    plugin: options.Plugin = None,
    json: options.Json = False,
) -> int:
    """Validate files that are submitted: form, finite values, numbers of tiles, known definitions, ranges, sums.

    Example: vstain-bench leaderboard check benchmarks/her2match/results/mine.json

    Exit 1 with every problem of every file: where, what was found, what is expected, what to do.
    """
    from vstain_bench.base.registry import load_plugins
    from vstain_bench.base.text import printable
    from vstain_bench.cli.output import print_json
    from vstain_bench.judge.leaderboard.check import check_file
    from vstain_bench.present.numbers import counted

    load_plugins(tuple(plugin or ()))
    verdicts = [check_file(path) for path in files]
    if json:
        print_json([each.model_dump(mode="json") for each in verdicts])
    for each in () if json else verdicts:
        sys.stdout.writelines(f"{printable(f'{each.file}: {problem}')}\n" for problem in each.problems)
        if not each.problems:
            holds = ", ".join(counted(number, noun) for noun, number in each.holds.items())
            sys.stdout.write(f"{printable(each.file)}: no problem; {holds}\n")
    number = sum(len(each.problems) for each in verdicts)
    if number:
        talk(f"{counted(number, 'problem')} in {counted(len(verdicts), 'file')}")
    return 1 if number else 0
