"""Options that several verbs share, and how they become a configuration."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vstain_bench.cli.progress import talk as talk  # every verb has these options, and says where its results lie

if TYPE_CHECKING:
    from vstain_bench.base.config import RunConfig

Generated = Annotated[
    list[str] | None,
    typer.Argument(metavar="GENERATED...", help="Folders of generated tiles, DIR or name=DIR.", show_default=False),
]
Real = Annotated[Path | None, typer.Option(help="Folder of real IHC tiles.", show_default=False)]
Source = Annotated[Path | None, typer.Option(help="Folder of H&E tiles.", show_default=False)]
Dataset = Annotated[str | None, typer.Option(help="her2match, bci or mist, with --root.", show_default=False)]
Root = Annotated[Path | None, typer.Option(help="Folder of the data set.", show_default=False)]
Split = Annotated[str | None, typer.Option(help="Its split.", show_default=False)]
Manifest = Annotated[
    Path | None,
    typer.Option(help="CSV: tile,source,real,generated,group,label,mpp.", show_default=False),
]
LayoutName = Annotated[
    str | None, typer.Option("--layout", help="parallel, pix2pix or side-by-side.", show_default="recognised")
]
Groups = Annotated[
    str | None,
    typer.Option(help="Patients: layout, none, regex:PATTERN or a CSV file.", show_default="layout"),
]
Labels = Annotated[
    str | None, typer.Option(help="Labels: layout, none, regex:PATTERN or a CSV file.", show_default="layout")
]
Mpp = Annotated[float | None, typer.Option(help="Micrometres per pixel.", show_default=False)]
Decode = Annotated[
    str | None,
    typer.Option(help="How to read files that are not 8-bit RGB, e.g. alpha=white,gray=replicate.", show_default=False),
]
Workers = Annotated[int | None, typer.Option(help="Threads that decode ahead.", show_default="2")]
Limit = Annotated[int | None, typer.Option(help="Only the first N tiles: a trial, no result.", show_default=False)]
Config = Annotated[Path | None, typer.Option(help="TOML file, e.g. an earlier run's config.toml.", show_default=False)]
Plugin = Annotated[
    list[Path] | None, typer.Option(help="Python file or package that registers things.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")]


def resolve(generated: list[str] | None, config: Path | None, **options: object) -> "RunConfig":
    """Return the configuration of the given options over a configuration file."""
    from vstain_bench.base.config import make_config
    from vstain_bench.tiles.inputs import parse_models

    values = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    if generated:
        values["generated"] = parse_models(generated)
    return make_config(values, config)


def resolve_runs(generated: list[str] | None, config: Path | None, **options: object) -> "RunConfig":
    """Return the configuration where folders of finished runs may stand for their models and tiles."""
    from vstain_bench.judge.stress.runs import inputs_of

    runs = [Path(each) for each in generated or () if (Path(each) / "results.json").is_file()]
    if not runs:
        return resolve(generated, config, **options)
    found, models = inputs_of(runs)
    folders = [each for each in generated or () if Path(each) not in runs]
    given = {key: value for key, value in options.items() if value is not None}
    return resolve([*(f"{name}={path}" for name, path in models.items()), *folders], config, **{**found, **given})
