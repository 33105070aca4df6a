"""Train the six models, predict, score, and print the CSSP2P GAN paper's Tables 1 and 2 beside the published numbers.

    python benchmarks/phantom/reproduce.py OUT                    minutes on two cores: small networks, phantom tiles
    python benchmarks/phantom/reproduce.py OUT --scale paper      the recipes as published, phantom tiles of 1024 px
    python benchmarks/phantom/reproduce.py OUT --scale paper --dataset her2match --root DIR      (or bci, mist)

Everything goes through the commands ``train``, ``predict`` and ``run``; the same call continues what was stopped. The
phantom's IHC lies off its H&E by ``--shift-um`` and ``--elastic-um``, as a consecutive section does. Table 1 is the
ablation on the validation tiles, Table 2 the comparison on the test tiles. Where weights for a column are missing, the
column's stand-in is scored instead and marked; a claim of the paper is then checked on it.
"""

import argparse
import csv
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import Image

from vstain_bench.base.files import publish_text
from vstain_bench.phantom import write_phantom
from vstain_bench.phantom.defects import Displacement
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import Table

PROTOCOL = Path(__file__).with_name("reproduce.toml")
ABLATION = {"bce": "BCE", "cbce": "cBCE", "p2p": "P2P", "cssp2p": "CSSP2P"}
COMPARISON = {"pyramid_pix2pix": "PPix2Pix", "asp": "ASP", "cssp2p": "CSSP2P"}
"""Recipes of each table, and what the paper calls them."""
SPLITS = {"her2match": ("train", "val", "test"), "bci": ("train", None, "test"), "mist": ("train", None, "val")}
"""Of each data set: where to train, to validate (None: patients held out of the first) and to test."""

FAMILY = ("backbone=resnet18", "discriminator_width=16", "discriminator_layers=3", "lr=5e-4", "crop=64", "batch_size=4")
SMALL = {
    **dict.fromkeys(ABLATION, FAMILY),
    "pyramid_pix2pix": ("width=16", "blocks=3", "discriminator_width=16", "crop=64", "batch_size=4"),
    "asp": (
        "width=16", "blocks=3", "layers=[0, 4, 8, 10, 12]", "discriminator_width=16", "discriminator_layers=3",
        "projector_size=64", "patches=64", "crop=64", "batch_size=4",
    ),
}  # fmt: skip
"""Settings of the small version: narrow networks on crops of 64 px."""


@dataclass(frozen=True)
class Column:
    """One column: what the paper calls it, the metrics that may fill it (the first is the paper's), and its factor."""

    title: str
    metrics: tuple[str, ...]
    better: str
    factor: float = 1.0
    form: str = ".2f"


COLUMNS = (
    Column("LPIPS", ("lpips_vgg_unscaled",), "lower"),
    Column("FID", ("fid_torchmetrics", "fd_random"), "lower", form=".3g"),
    Column("KID", ("kid_subsets", "kid", "kd_random"), "lower", factor=100, form=".3g"),
    Column("SSIM", ("ssim_torchmetrics",), "higher"),
    Column("MS-SSIM", ("ms_ssim_torchmetrics",), "higher"),
    Column("CSS", ("css",), "higher"),
    Column("PSNR", ("psnr",), "higher", form=".1f"),
)
OWN = (Column("DAB W1", ("dab_w1",), "lower"), Column("fine detail", ("fine_detail",), "higher"))
"""What the paper's tables lack: how far the stain's distribution is off, and fine detail beside the real IHC's."""
DETAIL = 0.25
"""Cycles per pixel above which detail is fine: half of what pixels can hold."""
Scores = Mapping[str, Mapping[str, tuple[float, float | None]]]
"""By model and metric: the number and its standard deviation over tiles."""


@dataclass(frozen=True)
class Tiles:
    """Options that name the tiles to train on, and those of each table for ``predict`` and ``run``."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of trainings, predictions, runs and tables.md")
    parser.add_argument("--scale", choices=("small", "paper"), default="small")
    parser.add_argument("--dataset", choices=tuple(SPLITS))
    parser.add_argument("--root", type=Path)
    parser.add_argument("--shift-um", type=float, default=2.0, help="displacement of the phantom's IHC")
    parser.add_argument("--elastic-um", type=float, default=1.0, help="and its smooth deformation")
    parser.add_argument("--epochs", type=int, help="of every model; default 8 for small, the recipes' for paper")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    asked = parser.parse_args()
    if (asked.dataset is None) != (asked.root is None):
        parser.error("--dataset and --root belong together")
    return asked


def phantom_tiles(asked: argparse.Namespace) -> Tiles:
    """Write the phantom and three manifests of patients of their own."""
    folder = asked.out / "phantom"
    groups, each, size = (12, 6, 192) if asked.scale == "small" else (60, 48, 1024)
    off = Displacement(shift_um=(asked.shift_um, -asked.shift_um / 2), elastic_um=asked.elastic_um)
    if not (folder / "test.csv").is_file():
        phantom = write_phantom(
            folder, groups=groups, tiles_per_group=each, size=size, seed=asked.seed, misalignment=off, models={}
        )
        with phantom.manifest.open(newline="", encoding="utf-8") as stream:
            header, *lines = csv.reader(stream)
        column = header.index("group")
        names = sorted({line[column] for line in lines})
        parts = {"train": names[: groups * 7 // 12], "val": names[groups * 7 // 12 : groups * 9 // 12]}
        parts["test"] = names[groups * 9 // 12 :]
        for part, members in parts.items():
            kept = [",".join(line) for line in (header, *(line for line in lines if line[column] in members))]
            publish_text(folder / f"{part}.csv", "\n".join(kept) + "\n")
    train, val, test = (str(folder / f"{part}.csv") for part in ("train", "val", "test"))
    return Tiles(("--manifest", train, "--val-manifest", val), ("--manifest", val), ("--manifest", test))


def dataset_tiles(asked: argparse.Namespace) -> Tiles:
    """Name the splits of a data set; one without a validation split has Table 1 on its test split, too."""
    train, val, test = SPLITS[asked.dataset]
    place = ("--dataset", asked.dataset, "--root", str(asked.root), "--split")
    validating = ("--val-split", val) if val else ("--val-share", "0.1")
    return Tiles((*place, train, *validating), (*place, val or test), (*place, test))


def command(*parts: str) -> None:
    """Run one command of vstain-bench, which tells itself what it does, or why it ends; the script then ends as it."""
    line = [sys.executable, "-m", "vstain_bench", *parts]
    if code := subprocess.run(line, check=False, stdout=subprocess.DEVNULL).returncode:
        sys.exit(code)


def train(recipe: str, tiles: Tiles, asked: argparse.Namespace) -> Path:
    """Train one recipe, or continue; return its folder."""
    folder: Path = asked.out / "train" / recipe
    options = ["--seed", str(asked.seed), "--device", asked.device]
    if asked.scale == "small":
        options += [part for setting in SMALL[recipe] for part in ("--set", setting)]
        options += ["--epochs", str(asked.epochs or 8), "--select", "mae", "--validate-every", "4", "--samples", "2"]
        options += ["--encoder-weights", "none"] if recipe in ABLATION else []
    else:
        options += [
            "--select",
            "lpips_vgg_unscaled",
            "--metrics",
            "lpips_vgg_unscaled,ssim,psnr",
            "--precision",
            "bf16",
        ]
        steps = recipe in COMPARISON and recipe not in ABLATION  # the paper: as many steps as in the original work
        options += ["--epochs", str(asked.epochs)] if asked.epochs else ["--match-steps"] if steps else []
    command("train", recipe, *tiles.train, *options, "--out", str(folder))
    return folder


def score(recipes: Mapping[str, str], where: tuple[str, ...], name: str, asked: argparse.Namespace) -> Scores:
    """Predict the tiles of one table with each of its models, score them together, and return the numbers."""
    folders = {}
    for recipe, model in recipes.items():
        folders[model] = asked.out / "tiles" / name / recipe
        weights = str(asked.out / "train" / recipe)
        command("predict", recipe, "--weights", weights, *where, "--device", asked.device, "--out", str(folders[model]))
    run = RunFolder(asked.out / "runs" / name)
    given = [f"{model}={folder}" for model, folder in folders.items()]
    command("run", *given, *where, "--protocol", str(PROTOCOL), "--device", asked.device, "--out", str(run.path))
    return {
        model: {**numbers(run.read_table(), model), "fine_detail": detail(run, model, folder)}
        for model, folder in folders.items()
    }


def numbers(table: Table, model: str) -> dict[str, tuple[float, float | None]]:
    """Return every number that a model has."""
    rows = [row for row in table.rows if row.model == model and row.label is None]
    return {row.metric: (row.value, row.sd) for row in rows if row.value is not None}


def fine_energy(path: Path) -> float:
    """Return the power per pixel of an image's luminance, 0 to 255, above ``DETAIL`` cycles per pixel."""
    luminance = np.asarray(Image.open(path).convert("L"), dtype=np.float64)
    power = np.abs(np.fft.fft2(luminance - luminance.mean())) ** 2 / luminance.size**2
    radius = np.hypot(np.fft.fftfreq(luminance.shape[0])[:, None], np.fft.fftfreq(luminance.shape[1])[None])
    return float(power[radius > DETAIL].sum())


def detail(run: RunFolder, model: str, folder: Path) -> tuple[float, None]:
    """Return the fine energy of a model's tiles beside that of their real IHC; 1 is as sharp, 0 is smooth."""
    with run.pairs.open(newline="", encoding="utf-8") as stream:
        pairs = [(Path(line[f"generated:{model}"]), Path(line["real"])) for line in csv.DictReader(stream)]
    made, real = (sum(fine_energy(pair[side]) for pair in pairs) for side in (0, 1))
    return made / real, None


def published(table: str) -> dict[str, list[str]]:
    """Return a table of the paper as printed: the cells of each model."""
    text = (resources.files("vstain_bench.judge") / "published" / "her2match.toml").read_text(encoding="utf-8")
    found = next(entry for entry in tomllib.loads(text)["table"] if entry["key"] == table)
    return {row["model"]: row["cells"] for row in found["row"]}


def metric_of(column: Column, scores: Scores) -> str | None:
    """Return the first metric of a column that every model has."""
    return next((name for name in column.metrics if all(name in found for found in scores.values())), None)


def cells(scores: Scores, model: str) -> list[str]:
    """Return a model's row: number ± standard deviation, ° for a stand-in, – for none."""
    row = []
    for column in (*COLUMNS, *OWN):
        metric = metric_of(column, scores)
        if metric is None:
            row.append("–")
            continue
        value, sd = (None if part is None else column.factor * part for part in scores[model][metric])
        spread = "" if sd is None else f" ± {sd:{column.form}}"
        row.append(f"{value:{column.form}}{spread}{'' if metric == column.metrics[0] else '°'}")
    return row


def drawn(title: str, scores: Scores, printed: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a table in Markdown: each model here, and as published below it."""
    lines = [f"## {title}", "", f"| Model | | {' | '.join(each.title for each in (*COLUMNS, *OWN))} |"]
    lines.append("| --- " * (2 + len(COLUMNS) + len(OWN)) + "|")
    for model in scores:
        lines.append(f"| {model} | here | {' | '.join(cells(scores, model))} |")
        lines.append(f"| | published | {' | '.join(printed[model])} | | |")
    return [*lines, ""]


@dataclass(frozen=True)
class Claim:
    """One sentence of the paper: the column, the model that is ahead by the claim, and those it is ahead of."""

    words: str
    table: int
    column: str
    ahead: str
    behind: tuple[str, ...]
    more: bool

    def check(self, value: Callable[[str, str], float | None]) -> str:
        """Return what the numbers say of it."""
        first, others = value(self.ahead, self.column), [value(model, self.column) for model in self.behind]
        if first is None or any(other is None for other in others):
            return "not scored"
        best = max if self.more else min
        rest = best(other for other in others if other is not None)
        if first == rest:
            return f"equal ({first:.3g})"
        return f"{'held' if (first > rest) == self.more else 'not held'} ({first:.3g} against {rest:.3g})"


CLAIMS = (
    Claim("conditioning lowers FID", 1, "FID", "cBCE", ("BCE",), more=False),
    Claim("conditioning lowers KID", 1, "KID", "cBCE", ("BCE",), more=False),
    Claim("without conditioning CSS is highest", 1, "CSS", "BCE", ("cBCE", "P2P", "CSSP2P"), more=True),
    Claim("CSSP2P has the lowest FID", 2, "FID", "CSSP2P", ("PPix2Pix", "ASP"), more=False),
    Claim("CSSP2P has the lowest KID", 2, "KID", "CSSP2P", ("PPix2Pix", "ASP"), more=False),
    Claim("ASP has the highest CSS", 2, "CSS", "ASP", ("PPix2Pix", "CSSP2P"), more=True),
    Claim("Pyramid Pix2Pix is smoother than CSSP2P", 2, "fine detail", "PPix2Pix", ("CSSP2P",), more=False),
    Claim("SSIM ranks the smooth model above the faithful one", 2, "SSIM", "PPix2Pix", ("CSSP2P",), more=True),
    Claim("PSNR ranks the smooth model above the faithful one", 2, "PSNR", "PPix2Pix", ("CSSP2P",), more=True),
)


def judged(tables: Sequence[tuple[Scores, Mapping[str, Sequence[str]]]]) -> list[str]:
    """Return each claim with what the numbers here and the published ones say of it."""
    lines = ["## The paper's claims", "", "| claim | table | here | published |", "| --- | --- | --- | --- |"]
    every = {column.title: column for column in (*COLUMNS, *OWN)}
    titles = [column.title for column in COLUMNS]
    for claim in CLAIMS:
        scores, printed = tables[claim.table - 1]

        def here(model: str, title: str, scores: Scores = scores) -> float | None:
            metric = metric_of(every[title], scores)
            return None if metric is None else every[title].factor * scores[model][metric][0]

        def there(model: str, title: str, printed: Mapping[str, Sequence[str]] = printed) -> float | None:
            return float(printed[model][titles.index(title)].partition(" ")[0]) if title in titles else None

        lines.append(f"| {claim.words} | {claim.table} | {claim.check(here)} | {claim.check(there)} |")
    return [*lines, ""]


def main() -> None:
    """Train, predict, score, print, and keep what was printed in OUT/tables.md."""
    asked = arguments()
    tiles = dataset_tiles(asked) if asked.dataset else phantom_tiles(asked)
    for recipe in {**ABLATION, **COMPARISON}:
        train(recipe, tiles, asked)
    ablation = score(ABLATION, tiles.validation, "validation", asked)
    comparison = score(COMPARISON, tiles.test, "test", asked)
    place = asked.dataset or f"phantom, IHC {asked.shift_um:g} µm off and deformed by {asked.elastic_um:g} µm"
    lines = [f"# Tables 1 and 2 on {place} ({asked.scale} networks)", ""]
    lines += drawn("Table 1: ablation, validation tiles", ablation, published("table1"))
    lines += drawn("Table 2: comparison, test tiles", comparison, published("table2"))
    lines += [
        "KID is ×10⁻². ± is the standard deviation over tiles; of KID, over subsets where it is the paper's. ° marks a "
        "stand-in: no weights are here, or fewer than 100 tiles. Fine detail is the power above "
        f"{DETAIL:g} cycles per pixel beside that of the real IHC. Published numbers are of HER2match.",
        "",
        *judged([(ablation, published("table1")), (comparison, published("table2"))]),
    ]
    text = "\n".join(lines)
    publish_text(asked.out / "tables.md", text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
