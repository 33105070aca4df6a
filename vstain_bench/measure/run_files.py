"""The files of a run beside its table: which tiles were paired, which were left out, and every value of every tile."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from vstain_bench.base.files import publish_csv, replacing
from vstain_bench.measure.journal import Journal
from vstain_bench.measure.observe import Plan
from vstain_bench.results.folder import RunFolder
from vstain_bench.tiles.inputs import Inputs
from vstain_bench.tiles.pairing import Problem
from vstain_bench.words import ImageFile, Tile


def _absolute(file: ImageFile) -> ImageFile:
    return replace(file, path=file.path.absolute())


def publish_pairs(folder: RunFolder, inputs: Inputs) -> None:
    """Write pairs.csv: the files of every tile, as absolute paths, so that a report made later finds them."""

    def line(tile: Tile) -> list[object]:
        generated = [tile.generated[model] for model in inputs.models]
        files = [_absolute(file) if file else "" for file in (tile.source, tile.real, *generated)]
        return [tile.id, tile.group, tile.label, tile.mpp, *files]

    header = ["tile", "group", "label", "mpp", "source", "real", *(f"generated:{model}" for model in inputs.models)]
    publish_csv(folder.pairs, header, (line(tile) for tile in inputs.audit.tiles))


def unreadable(journal: Journal) -> list[Problem]:
    """Return the tiles that were left out because a file could not be decoded."""
    return [Problem(tile, "decode", reason) for tile, reason in journal.skipped().items()]


def publish_skipped(folder: RunFolder, problems: Sequence[Problem]) -> None:
    """Write skipped.csv: every tile that was left out, and why."""
    ordered = sorted(problems, key=lambda problem: (problem.tile, problem.kind, problem.message))
    publish_csv(folder.skipped, ["tile", "kind", "reason"], ([each.tile, each.kind, each.message] for each in ordered))


def publish_tiles(folder: RunFolder, journal: Journal, plan: Plan) -> None:
    """Write tiles.parquet: one row per model, tile and metric with a value per tile."""
    tiles = {tile.id: tile for tile in plan.tiles}
    frames = []
    for metric in plan.metrics:
        for model in plan.names:
            ids, rows = journal.rows(model, metric.rows)
            if metric.values is None or not ids or rows.shape[1] == 0:
                continue
            frames.append(
                pd.DataFrame(
                    {
                        "model": model,
                        "tile": list(ids),
                        "group": pd.Series([tiles[tile].group for tile in ids], dtype="object"),
                        "label": pd.Series([tiles[tile].label for tile in ids], dtype="object"),
                        "metric": metric.name,
                        "signature": metric.signature,
                        "value": metric.values(rows),
                    }
                )
            )
    columns = ["model", "tile", "group", "label", "metric", "signature", "value"]
    table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)
    with replacing(folder.tiles) as temporary:
        table.to_parquet(temporary, index=False)
