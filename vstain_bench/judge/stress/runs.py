"""Finished runs as inputs: their tiles and all their models."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from vstain_bench.base.config import RunConfig, make_config
from vstain_bench.errors import UsageError

TILES = ("real", "source", "dataset", "root", "split", "manifest", "layout", "groups", "labels", "mpp", "decode")
"""The settings of a run that say which tiles it scored."""


def with_runs(given: Mapping[str, object]) -> dict[str, object]:
    """Return the options given, where finished runs stand for their models and tiles.

    A file of settings names no models here, nor the metrics' protocol: displaced is only what was asked for.
    """
    named = given.get("generated")
    paths = [str(each) for each in named] if isinstance(named, list | tuple) else []
    runs = [Path(each) for each in paths if (Path(each) / "results.json").is_file()]
    found, models = inputs_of(runs) if runs else ({}, {})
    folders = [
        *(f"{name}={path}" for name, path in models.items()),
        *(each for each in paths if Path(each) not in runs),
    ]
    asked = {key: value for key, value in given.items() if value is not None}
    return {"protocol": "stress", **found, **asked, "generated": folders, "models": bool(paths)}


def inputs_of(runs: Sequence[Path]) -> tuple[dict[str, object], dict[str, Path]]:
    """Return the settings under which the tiles of some runs are read together, and the folders of all their models.

    Raises:
        UsageError: a folder is no finished run, two runs scored different tiles, or two models have one name.
    """
    first: RunConfig | None = None
    models: dict[str, Path] = {}
    from vstain_bench.results.folder import RunFolder  # it needs pydantic's models of the table: not for --help

    for path in runs:
        folder = RunFolder(path)
        folder.require()
        config = make_config({}, folder.config)
        first = first or config
        for key in TILES:
            ours, theirs = getattr(first, key), getattr(config, key)
            if ours != theirs:
                raise UsageError(
                    where=f"{path} and {runs[0]}",
                    found=f"they scored different tiles: {key} is {theirs} and {ours}",
                    expected="runs of the same tiles",
                )
        taken = sorted(set(models) & set(config.generated))
        if taken:
            raise UsageError(
                where=str(path),
                found=f"the model name '{taken[0]}' is taken by another run",
                expected="models of different names",
                next_step="Give the folders of tiles instead, as name=DIR.",
            )
        models |= config.generated
    return {key: getattr(first, key) for key in TILES if first and getattr(first, key) is not None}, models
