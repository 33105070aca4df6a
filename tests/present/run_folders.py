"""A small finished run, written by hand: no metric is computed, so every number of a test stands here."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tests.records import record
from vstain_bench.images.reader import encode_png
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import Controls, Inputs, Protocol, Row, Table

SIGNATURES = {
    "fid": "fid|cmp:generated-real|encoder:inception|v:1",
    "css": "css|cmp:generated-source|win:gaussian11|v:1",
    "ssim": "ssim|cmp:generated-real|win:gaussian11|v:1",
    "psnr": "psnr|cmp:generated-real|range:1|v:1",
    "fd_random": "fd_random|cmp:generated-real|encoder:random|v:1",
}
BETTER = {"fid": "lower", "fd_random": "lower"}
KNOWN: Mapping[str, Mapping[str, object]] = {
    "ssim": {
        "summary": "structural similarity",
        "citation": "Wang, Bovik, Sheikh, Simoncelli 2004",
        "range": (-1.0, 1.0),
    },
}
PER_TILE = ("css", "ssim", "psnr")
CONTROL = "control:mean-colour"
REASON = "weights 'inception' are in none of /home/alice/.cache/vstain-bench/weights. Run `vstain-bench weights fetch`."


def score_row(model: str, metric: str, values: Sequence[float] = (), label: str | None = None, **given: object) -> Row:
    """Return a row: the mean of values, or the fields given."""
    finite = [value for value in values if math.isfinite(value)]
    made: dict[str, object] = {
        "model": model,
        "metric": metric,
        "label": label,
        "tiles": len(finite),
        "groups": 2,
        "infinite": len(values) - len(finite),
    }
    if finite:
        mean, sd = float(np.mean(finite)), float(np.std(finite, ddof=1)) if len(finite) > 1 else None
        made |= {"value": mean, "sd": sd, "low": mean - 0.05, "high": mean + 0.05, "interval": "bootstrap over groups"}
        made |= {"icc": 0.5, "effective_tiles": 3.3} if len(finite) > 1 else {}
    return Row.model_validate(made | given)


def write_tiles(folder: Path, owners: Sequence[str], tiles: Sequence[str], side: int) -> dict[tuple[str, str], Path]:
    """Write one PNG per owner and tile, named by number, and return where each lies."""
    random, paths = np.random.default_rng(7), {}
    folder.mkdir(parents=True, exist_ok=True)
    for column, owner in enumerate(owners):
        for number, tile in enumerate(tiles):
            path = folder / f"{column}_{number}.png"
            encode_png(path, random.random((side, side, 3), dtype=np.float32))
            paths[owner, tile] = path
    return paths


def write_run(
    path: Path,
    scores: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    tiles: Sequence[str],
    label: str = "3+",
    group: str = "p1",
    images: Mapping[tuple[str, str], Path] | None = None,
    unbeaten: Mapping[str, tuple[str, ...]] | None = None,
    facts: Mapping[str, object] | None = None,
    warnings: tuple[str, ...] = ("2 groups: intervals over fewer than 10 patients are unreliable.",),
    skipped: Sequence[tuple[str, str, str]] = (),
) -> RunFolder:
    """Write a run folder.

    Args:
        path: Where.
        scores: Per-tile values, by model and metric, in the order of ``tiles``.
        tiles: Their ids.
        label: The label of every tile.
        group: The group of every tile.
        images: File by owner (``source``, ``real``, a model) and tile; none leaves pairs.csv with paths to nothing.
        unbeaten: By metric, the controls that every model fails to beat.
        facts: Overrides of run.json.
        warnings: Of the table.
        skipped: Lines of skipped.csv.
    """
    path.mkdir(parents=True)
    folder = RunFolder(path)
    models = tuple(model for model in scores if model != CONTROL)
    rows = [
        score_row(model, metric, values, unbeaten=(unbeaten or {}).get(metric, ()) if model != CONTROL else ())
        for model, by_metric in scores.items()
        for metric, values in by_metric.items()
    ]
    rows += [score_row(model, "fid", status="unavailable", reason=REASON) for model in models]
    rows += [score_row(model, "fd_random", value=1.5, low=-0.5, high=3.5, tiles=len(tiles)) for model in models]
    rows += [
        score_row(model, metric, values, label=label)
        for model, by_metric in scores.items()
        for metric, values in by_metric.items()
    ]
    rows += [score_row(model, "fd_random", label=label, value=1.5, tiles=len(tiles)) for model in models]
    table = Table(
        protocol=Protocol(name="default"),
        inputs=Inputs(
            tiles=len(tiles),
            groups=2,
            labels={label: len(tiles)},
            mpp=(0.5,),
            sizes=("64×64",),
            has_source=True,
            skipped=len(skipped),
            partial=False,
            digest="ab" * 32,
        ),
        controls=Controls(tiles=len(tiles), seed=0),
        models=models,
        warnings=warnings,
        metrics=tuple(
            record(
                signature, better=BETTER.get(name, "higher"), unit="dB" if name == "psnr" else "", **KNOWN.get(name, {})
            )
            for name, signature in SIGNATURES.items()
        ),
        rows=tuple(rows),
    )
    folder.results.write_text(table.to_json(), encoding="utf-8")
    folder.write_facts({
        "command": ["vstain-bench", "run", "/data/study/models/plain", "--out", str(path)],
        "started": "2026-01-02T03:04:05Z", "seconds": 1234.5, "seed": 0, "threads": 2, "device": "cpu",
        "machine": {"host": "pathology-host", "platform": "Linux", "processor": "x86_64", "cores": 2},
        "versions": {"vstain-bench": "0.1.0"}, "weights": {"alexnet": "cd" * 32}, "layout": "manifest",
        "notes": ["real: EXIF orientation 1 is applied (2 ×)"],
    } | dict(facts or {}))  # fmt: skip
    folder.config.write_text('decode = ""\n', encoding="utf-8")
    _write_parquet(folder, scores, tiles, label, group)
    _write_csv(folder.skipped, ["tile", "kind", "reason"], skipped)
    owners = ["source", "real", *models]

    def where(owner: str, tile: str) -> str:
        return str((images or {}).get((owner, tile), path.parent / "gone" / f"{owners.index(owner)}.png"))

    header = ["tile", "group", "label", "mpp", "source", "real", *(f"generated:{model}" for model in models)]
    lines = [[tile, group, label, "0.5", *(where(owner, tile) for owner in owners)] for tile in tiles]
    _write_csv(folder.pairs, header, lines)
    return folder


def _write_csv(path: Path, header: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header, *lines])


def _write_parquet(
    folder: RunFolder,
    scores: Mapping[str, Mapping[str, Sequence[float]]],
    tiles: Sequence[str],
    label: str,
    group: str,
) -> None:
    lines = [
        (model, tile, group, label, metric, SIGNATURES[metric], value)
        for model, by_metric in scores.items()
        for metric, values in by_metric.items()
        for tile, value in zip(tiles, values, strict=True)
    ]
    columns = ["model", "tile", "group", "label", "metric", "signature", "value"]
    pd.DataFrame(lines, columns=columns).to_parquet(folder.tiles, index=False)


def replace_facts(folder: RunFolder, **changed: object) -> None:
    """Change fields of run.json."""
    folder.write_facts(json.loads(folder.run.read_text(encoding="utf-8")) | changed)
