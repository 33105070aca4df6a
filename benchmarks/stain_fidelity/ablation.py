"""What each choice of stain_fidelity is worth: ordering rates with one choice changed at a time.

    python benchmarks/stain_fidelity/ablation.py FOLDER:MPP [FOLDER:MPP ...] [--phantoms 8] [--crop 512]

Real IHC tiles (PNG) of the folders, and synthetic ones of the given seed. A displaced right tile is real against
itself after a translation or an elastic displacement; the aligned wrong ones are those of the stress suite
(`vstain_bench.judge.stress.verdict.WRONG`). The last column needs a folder HE and a folder of a model beside the IHC
folder (`--model NAME`): the smallest gap, over tiles, in the order model, other tiles' real, H&E copied, mean colour.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from vstain_bench.judge.perturbations import PERTURBATIONS, PerturbationContext
from vstain_bench.judge.stress.verdict import DISPLACED, WRONG
from vstain_bench.metrics.stain_fidelity import ASPECTS, Comparison, compare, describe
from vstain_bench.phantom import SCORES, phantom_tile
from vstain_bench.stain.density import Separation
from vstain_bench.types import Images, View

BASE = Comparison()
VARIANTS: dict[str, Comparison] = {
    "as defined": BASE,
    "no displacement forgiven": replace(BASE, radius_um=0.0),
    "displacements to 4 µm": replace(BASE, radius_um=4.0),
    "displacements to 12 µm": replace(BASE, radius_um=12.0),
    "averaged over 4 µm": replace(BASE, pool_um=4.0),
    "averaged over 16 µm": replace(BASE, pool_um=16.0),
    "one displacement per 4 µm": replace(BASE, window_um=4.0),
    "one displacement per 16 µm": replace(BASE, window_um=16.0),
    "amounts only": replace(BASE, aspects=ASPECTS[:3]),
    "textures only": replace(BASE, aspects=ASPECTS[3:]),
    "stains only, no residual": replace(BASE, aspects=(*ASPECTS[:2], *ASPECTS[3:5])),
    "DAB only": replace(BASE, aspects=(ASPECTS[1], ASPECTS[4])),
}
EXPONENTS = {"plain mean of aspects": 2.0, "worst aspect alone": 64.0}
SEPARATION = Separation()
FURTHEST = (2.0, 4.0)


def as_images(picture: np.ndarray) -> Images:
    """Return one picture, (h, w, 3), as images."""
    return torch.from_numpy(picture).permute(2, 0, 1)[None].contiguous()


def read(file: Path, crop: int) -> Images:
    """Return the middle of a file, at most ``crop`` px on a side."""
    picture = np.asarray(Image.open(file).convert("RGB"), dtype=np.float32) / 255
    top, left = ((side - min(side, crop)) // 2 for side in picture.shape[:2])
    return as_images(np.ascontiguousarray(picture[top : top + crop, left : left + crop]))


def tiles(arguments: argparse.Namespace) -> Iterator[tuple[str, Images, float]]:
    """Yield name, images and pixel size of every tile."""
    for folder in arguments.folders:
        path, _, mpp = folder.rpartition(":")
        for file in sorted(Path(path).glob("*.png")):
            if not arguments.only or any(each in file.name for each in arguments.only.split(",")):
                yield file.stem, read(file, arguments.crop), float(mpp)
    for number in range(arguments.phantoms):
        label = tuple(SCORES)[number % len(SCORES)]
        tile = phantom_tile(seed=arguments.seed + number, label=label, size=256, mpp=0.5, group_seed=number)
        yield f"synthetic {label}", as_images(tile.real), 0.5


def conditions() -> list[tuple[str, float, bool]]:
    """Return perturbation, severity and whether the tile stays right, of every condition."""
    right = [(name, distance, True) for name in DISPLACED for distance in FURTHEST]
    return right + [(name, severity, False) for name, levels in WRONG.items() for severity in levels]


def deviations(generated: View, real: View, comparison: Comparison) -> np.ndarray:
    """Return the deviation of every aspect."""
    pair = (describe(view, SEPARATION, comparison)[0] for view in (generated, real))
    return np.array(list(compare(*pair, comparison).deviations.values()))


def score(values: np.ndarray, exponent: float) -> float:
    """Return 1 less the power mean of deviations."""
    return float(1 - np.mean(values**exponent) ** (1 / exponent))


def sweep(found: Iterator[tuple[str, Images, float]]) -> list[dict[str, list[tuple[str, float, bool, np.ndarray]]]]:
    """Return per tile and variant the deviations under every condition; a seed each where something is drawn."""
    answers = []
    for name, images, mpp in found:
        real = View((name,), "real", images, (mpp,))
        mine: dict[str, list[tuple[str, float, bool, np.ndarray]]] = {variant: [] for variant in VARIANTS}
        for perturbation, severity, right in conditions():
            context = PerturbationContext(severity=severity, seed=0, ids=(name,), mpp=(mpp,))
            changed = PERTURBATIONS[perturbation].apply(images, context)
            if torch.equal(changed, images):
                continue  # no DAB to relocate, no nest to delete
            generated = View((name,), "generated", changed, (mpp,))
            for variant, comparison in VARIANTS.items():
                mine[variant].append((perturbation, severity, right, deviations(generated, real, comparison)))
        answers.append(mine)
        print(f"{name}: {len(mine['as defined'])} conditions", flush=True)
    return answers


def ordering(answers: list[dict[str, list[tuple[str, float, bool, np.ndarray]]]], variant: str, exponent: float) -> str:
    """Return the ordering rate at each displacement, tiles counting alike."""
    rates = []
    for distance in FURTHEST:
        each = []
        for mine in answers:
            scored = [(severity, right, score(values, exponent)) for _, severity, right, values in mine[variant]]
            upper = [value for severity, right, value in scored if right and severity == distance]
            lower = [value for _, right, value in scored if not right]
            each.append(np.mean([[one > other for other in lower] for one in upper]))
        rates.append(f"{np.mean(each):.3f}")
    return " | ".join(rates)


def margins(folder: Path, mpp: float, model: str, variant: str, exponent: float, crop: int) -> str:
    """Return the smallest gap between neighbours in the order expected, over tiles."""
    comparison = VARIANTS[variant]
    views = {
        (side, file.stem): View((file.stem,), side, read(file, crop), (mpp,))
        for side in (folder.name, "HE", model)
        for file in sorted((folder.parent / side).glob("*.png"))
    }
    names = [name for side, name in views if side == folder.name]
    gaps = []
    for name in names:
        real = views[folder.name, name]
        colour = real.images.mean(dim=(2, 3), keepdim=True).expand_as(real.images).contiguous()

        def of(view: View, real: View = real) -> float:
            return score(deviations(view, real, comparison), exponent)

        others = float(np.mean([of(views[folder.name, other]) for other in names if other != name]))
        row = [of(views[model, name]), others, of(views["HE", name]), of(View((name,), "colour", colour, (mpp,)))]
        gaps.append(min(before - after for before, after in pairwise(row)))
    return f"{min(gaps):+.3f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--only", default="", help="parts of file names, with commas")
    parser.add_argument("--phantoms", type=int, default=8)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--crop", type=int, default=512)
    parser.add_argument("--pairs", default="", help="FOLDER:MPP of IHC tiles with HE and the model beside it")
    parser.add_argument("--model", default="model_output_runA")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with torch.inference_mode():
        answers = sweep(tiles(arguments))
        print(f"\n{len(answers)} tiles\n\n| choice | 2 µm | 4 µm | least gap of controls |\n| --- | --- | --- | --- |")
        for variant, exponent in [
            *((name, 4.0) for name in VARIANTS),
            *(("as defined", e) for e in EXPONENTS.values()),
        ]:
            gap = "–"
            if arguments.pairs:
                path, _, mpp = arguments.pairs.rpartition(":")
                gap = margins(Path(path), float(mpp), arguments.model, variant, exponent, arguments.crop)
            name = next((key for key, value in EXPONENTS.items() if value == exponent), variant)
            print(f"| {name} | {ordering(answers, variant, exponent)} | {gap} |", flush=True)


if __name__ == "__main__":
    main()
