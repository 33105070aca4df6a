"""Simulated runs through the real writers of a run folder: only the rows of tiles are drawn, nothing is scored.

A leaderboard of 50 runs with 20 metrics, with hostile names among the models::

    python -m tests.leaderboard.simulated FOLDER
"""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vstain_bench.base.files import publish_text
from vstain_bench.base.randomness import seed_of
from vstain_bench.measure.controls import CONTROLS
from vstain_bench.measure.journal import Entry, Journal
from vstain_bench.measure.observe import Output, Plan
from vstain_bench.measure.protocol import Protocol, parse_metrics
from vstain_bench.measure.run_files import publish_skipped, publish_tiles
from vstain_bench.measure.selection import Selection
from vstain_bench.measure.tabulate import tabulate
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import Table
from vstain_bench.types import ImageFile, Metric, RowArray, Tile

PER_TILE = (
    "ssim", "ms_ssim", "css", "psnr", "mae", "de2000", "cw_ssim", "css_global", "css_uniform5", "ssim_skimage7",
    "ssim_torchmetrics", "ms_ssim_torchmetrics", "ssim_shift_marginal", "dab_js", "dab_w1", "dab_block_r",
    "mask_dice_kataria", "pixel_r_grey_usigan",
)  # fmt: skip
OF_SETS = ("fd_random", "kd_random")
TWENTY = ",".join((*PER_TILE, *OF_SETS))
FEATURES = 6
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    '"><script>alert(2)</script>',
    "{{7*7}}",
    "rtl\u202etxt",
    "two\nlines\x1b[31m",
    "../../etc/passwd",
    "$\\frac{1}{0}$ & _%|`*",
)


@dataclass(frozen=True)
class Simulated:
    """One run: its models with their quality (more is better), on tiles of patients.

    Patients differ by more than models do, alike for all models. ``tiles_seed`` stands for the tiles' contents.
    """

    models: Mapping[str, float]
    metrics: str = "ssim,psnr,fd_random"
    protocol: str = "custom"
    groups: int = 12
    tiles_per_group: int = 3
    labels: Sequence[str] = ("0", "3+")
    seed: int = 0
    tiles_seed: int = 0
    control_tiles: int = 12
    controls: bool = True
    rows: Mapping[tuple[str, str], RowArray] = field(default_factory=dict)
    """By model and metric, in place of what is drawn."""

    @property
    def tiles(self) -> tuple[Tile, ...]:
        return tuple(
            Tile(
                id=f"p{group:02d}_{number}", group=f"p{group:02d}",
                label=self.labels[number % len(self.labels)] or None, mpp=0.5,
                real=ImageFile(Path("IHC.png")), generated={},
            )
            for group in range(self.groups) for number in range(self.tiles_per_group)
        )  # fmt: skip


def draw_rows(run: Simulated, model: str, metric: Metric, quality: float) -> RowArray:
    """Return one row per tile, (n, k), whose mean moves with the quality in the metric's direction."""
    if (model, metric.name) in run.rows:
        return run.rows[model, metric.name]
    number = len(run.tiles)
    random = np.random.default_rng(seed_of("rows", run.seed, model, metric.name))
    shared = np.random.default_rng(seed_of("patients", run.tiles_seed, metric.name))
    if metric.values is None:
        real = shared.normal(0, 1, (number, FEATURES))
        return np.hstack([real + random.normal(0, 0.3, real.shape) + max(4 - quality, 0) * 0.3, real])
    patients = np.repeat(shared.normal(0, 0.5, run.groups), run.tiles_per_group)
    height = quality + patients + random.normal(0, 0.25, number)
    low, high = metric.value_range
    share = 1 / (1 + np.exp(-(height if metric.better == "higher" else -height)))
    if metric.name == "psnr":  # what is kept is the mean squared error
        return np.asarray(10 ** -(1 + 2 * share))[:, None]
    top = min(high, 1.0) if math.isfinite(high) else 30.0
    return np.asarray(max(low, 0.0) + (top - max(low, 0.0)) * share)[:, None]


def write_run(path: Path, run: Simulated) -> RunFolder:
    """Write the run folder."""
    path.mkdir(parents=True)
    folder, metrics = RunFolder(path), parse_metrics(run.metrics).metrics
    ids = tuple(tile.id for tile in run.tiles)
    controls = tuple(CONTROLS[name].model for name in CONTROLS) if run.controls else ()
    subset = frozenset(ids[: run.control_tiles]) if run.controls else frozenset()
    plan = Plan(
        tiles=run.tiles, sizes=dict.fromkeys(ids, (64, 64)), metrics=metrics,
        outputs=tuple(_output(name) for name in run.models), extra=tuple(_output(name) for name in controls),
        subset=subset,
    )  # fmt: skip
    with Journal(folder.journal) as journal:
        journal.claim({"models": sorted(run.models)})
        files = {tile: {"real": {"sha256": f"{run.tiles_seed}-{tile}"}} for tile in ids}
        journal.acknowledge(files, _entries(run, metrics, ids, subset, controls))
        table = _table(run, metrics, plan, journal, controls)
        publish_tiles(folder, journal, plan)
    publish_skipped(folder, [])
    publish_text(folder.results, table.to_json())
    publish_text(folder.config, f"metrics = {run.metrics!r}\n")
    lines = [f"{tile.id},{tile.group},{tile.label or ''},{tile.mpp}" for tile in run.tiles]
    publish_text(folder.pairs, "\n".join(["tile,group,label,mpp", *lines]) + "\n")
    folder.write_facts({"seed": 0})
    return folder


def _output(name: str) -> Output:
    return Output(name, lambda views: next(iter(views.values())))


def _entries(
    run: Simulated, metrics: Sequence[Metric], ids: tuple[str, ...], subset: frozenset[str], controls: Sequence[str]
) -> list[Entry]:
    everyone = [(model, quality, frozenset(ids)) for model, quality in run.models.items()]
    everyone += [(name, -1.0 - place / 4, subset) for place, name in enumerate(controls)]
    entries: dict[tuple[str, str], Entry] = {}
    for model, quality, kept in everyone:
        mask = np.array([tile in kept for tile in ids])
        for metric in metrics:
            rows = draw_rows(run, model, metric, quality)[mask]
            entry = Entry(model, metric.rows, tuple(tile for tile in ids if tile in kept), rows)
            entries.setdefault((model, metric.rows), entry)  # metrics may share what they observe
    return list(entries.values())


def _table(
    run: Simulated, metrics: tuple[Metric, ...], plan: Plan, journal: Journal, controls: tuple[str, ...]
) -> Table:
    return tabulate(
        journal, protocol=Protocol(run.protocol, "", metrics),
        selection=Selection(metrics, {}, {}), tiles=run.tiles, sizes=plan.sizes,
        models=tuple(run.models), controls=controls, controlled=plan.subset, seed=0, partial=False, refused=0,
        warnings=(),
    )  # fmt: skip


def write_many(folder: Path, *, runs: int = 50, metrics: str = TWENTY, groups: int = 17) -> list[Path]:
    """Write runs of one model each over the same tiles, the first ones with hostile names; return their folders."""
    written = []
    for number in range(runs):
        name = HOSTILE[number] if number < len(HOSTILE) else f"model {number:02d}"
        run = Simulated({name: 1.5 * number / runs}, metrics=metrics, groups=groups, seed=number, controls=number == 0)
        written.append(write_run(folder / f"run{number:02d}", run).path)
    return written


if __name__ == "__main__":
    for made in write_many(Path(sys.argv[1])):
        print(made)
