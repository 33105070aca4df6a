"""The figures first measured on four BCI pairs, measured again: ``python benchmarks/bci/facts.py FOLDER [GREY]``.

FOLDER holds ``IHC`` and ``model_output_runA`` with the same file names, GREY a folder ``IHC`` of crops on grey
glass; the tiles' licence keeps both out of this repository. Each line is one figure: what was done, the metric, the
figure as first measured, the figure now, their difference. A ``*`` marks a difference beyond half of the last digit
given and the metric's tolerance; its reason is printed below, and the command ends with 1 if it has none. What it
prints stands in benchmarks/bci/README.md.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from vstain_bench.images.reader import DecodePolicy, read_image
from vstain_bench.judge.perturbations import PERTURBATIONS, PerturbationContext
from vstain_bench.judge.perturbations.geometry import shift
from vstain_bench.measure.controls import CONTROLS
from vstain_bench.metrics import build
from vstain_bench.metrics.stain_amount import positive_fractions
from vstain_bench.stain.density import VECTORS, Separation, mix, optical_density, separate, unmix
from vstain_bench.types import Batch, ImageFile, Images, Metric, View

MPP = 0.25
"""The figures were measured as if a pixel had 0.25 µm."""
_STAIN: Mapping[str, object] = {"background": "255", "vectors": "hed"}
METRICS: Mapping[str, Metric] = {
    "ssim": build("ssim"),
    "psnr": build("psnr"),
    "od_bias": build("dab_od_bias", _STAIN),
    "dice": build("dab_tolerance_dice", {"tolerance_um": 0.0, **_STAIN}),
    "dab_js": build("dab_js", _STAIN),
    "r64": build("dab_block_r", {"block_um": 16.0, **_STAIN}),
}
"""Dice is that of DAB above 0.15 OD, r64 the correlation of DAB over blocks of 64 px."""
COLUMNS = tuple(METRICS)
TOLERANCE = {"ssim": 0.002, "psnr": 0.1, "od_bias": 0.002, "dice": 0.01, "dab_js": 0.006, "r64": 0.004}
Sides = Mapping[str, View]
Make = Callable[[Sides], Images]


@dataclass(frozen=True)
class Case:
    """One thing done to a tile.

    Attributes:
        section: Of the list of facts that the figures stand in.
        name: What was done.
        make: From the views of a tile to its altered image.
        figures: Of ssim, psnr, od_bias, dice, dab_js and r64, as first given; empty where there is none.
        border: Pixels cut from every side before measuring.
        reason: Why figures differ, if they do.
    """

    section: str
    name: str
    make: Make
    figures: str
    border: int = 0
    reason: str = ""

    def given(self) -> Iterator[tuple[str, str]]:
        """Yield metric and figure."""
        for metric, figure in zip(COLUMNS, self.figures.split("|"), strict=False):
            if figure.strip():
                yield metric, figure.strip()


def _picture(sides: Sides) -> np.ndarray:
    return sides["real"].images[0].permute(1, 2, 0).numpy()


def _images(picture: np.ndarray) -> Images:
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]


def moved(pixels: int) -> Make:
    """Return the real tile moved to the right, its border reflected."""
    return lambda sides: _images(shift(_picture(sides), 0, pixels))


def turned(degrees: float) -> Make:
    """Return the real tile rotated with linear interpolation."""
    return lambda sides: _images(
        ndimage.rotate(_picture(sides), degrees, axes=(0, 1), reshape=False, order=1, mode="mirror")
    )


def truncated(images: Images) -> Images:
    """Return images as 8-bit codes that were cut off, not rounded, as a cast to bytes does it."""
    return (images.clamp(0, 1) * 255).floor() / 255


def rebuilt(gain: float) -> Make:
    """Return the real tile rebuilt from its HED stains, clipped at 0, with DAB multiplied; cut off to 8 bits."""

    def make(sides: Sides) -> Images:
        matrix = VECTORS["hed"].matrix
        amounts = unmix(optical_density(sides["real"].images[0], torch.ones(3)), matrix).clamp_min(0)
        amounts[VECTORS["hed"].dab] *= gain
        return truncated((10 ** -mix(amounts, matrix))[None])

    return make


def blurred(sigma: float) -> Make:
    """Return the real tile blurred; cut off to 8 bits."""
    return lambda sides: truncated(_images(ndimage.gaussian_filter(_picture(sides), (sigma, sigma, 0))))


def perturbed(name: str, severity: float, owner: str = "real") -> Make:
    """Return what a perturbation of the stress suite makes of one side."""

    def make(sides: Sides) -> Images:
        context = PerturbationContext(severity=severity, seed=0, ids=sides[owner].ids, mpp=(MPP,))
        return PERTURBATIONS[name].apply(sides[owner].images, context)

    return make


def control(name: str) -> Make:
    """Return a control's output."""
    return lambda sides: CONTROLS[name].make(sides[CONTROLS[name].needs].images)


FIELD = "another random field; cubic interpolation, where linear blurs"
CASES = (  # figures: SSIM, PSNR, DAB OD difference, Dice, JSD, r64
    Case("0.2", "model", lambda sides: sides["model"].images, "0.414 | 19.6"),
    Case("0.2", "mean colour", control("mean-colour"), "0.591 | 21.7"),
    Case("0.2", "white", lambda sides: torch.ones_like(sides["real"].images), "0.589 | 17.5"),
    Case("0.2", "model, sigma 16 px", perturbed("blur", 16 * MPP, "model"), "0.589 | 21.9"),
    Case("0.2", "another's real", control("other-real"), "0.382 | 17.9"),
    Case("2.3", "shift 1 px", moved(1), "0.880 | 31.7 | 0.000 | 0.829 | 0.000 | 1.00"),
    Case("2.3", "shift 2 px", moved(2), "0.692 | 26.9 | 0.000 | 0.698 | 0.001 | 1.00"),
    Case("2.3", "shift 4 px", moved(4), "0.500 | 23.6 | 0.000 | 0.539 | 0.002 | 1.00"),
    Case("2.3", "shift 8 px", moved(8), "0.444 | 21.8 | 0.000 | 0.404 | 0.003 | 0.985"),
    Case("2.3", "shift 16 px", moved(16), "0.439 | 21.0 | -0.001 | 0.298 | 0.006 | 0.950"),
    Case("2.3", "shift 32 px", moved(32), "0.432 | 20.5 | -0.001 | 0.24 | 0.01 | 0.85"),
    Case(
        "2.3", "shift 64 px", moved(64), "0.431 | 20.2 | -0.002 | 0.20 | 0.02 | 0.65",
        reason="the reflected border is a sixteenth of the tile, and holds its own tissue",
    ),
    Case("2.3", "rotation 0.5°", turned(0.5), "0.603 | 25.0 | 0.000 | 0.61 | 0.015 | 1.0", border=64),
    Case("2.3", "rotation 1°", turned(1), "0.492 | 22.7 | 0.000 | 0.46 | 0.015 | 0.99", border=64),
    Case("2.3", "rotation 2°", turned(2), "0.460 | 21.4 | 0.000 | 0.34 | 0.015 | 0.96", border=64),
    Case("2.3", "rotation 5°", turned(5), "0.442 | 20.5 | 0.000 | 0.24 | 0.015 | 0.84", border=64),
    Case("2.3", "elastic 2 px", perturbed("elastic_8um", 0.5), "0.764 | 28.0 | 0.000 | 0.74 | | 1.0", reason=FIELD),
    Case("2.3", "elastic 4 px", perturbed("elastic_8um", 1.0), "0.600 | 24.7 | 0.000 | 0.60 | | 1.0", reason=FIELD),
    Case("2.3", "elastic 8 px", perturbed("elastic_8um", 2.0), "0.499 | 22.6 | 0.000 | 0.46 | | 0.98", reason=FIELD),
    Case("2.3", "elastic 16 px", perturbed("elastic_8um", 4.0), "0.461 | 21.4 | 0.000 | 0.34 | | 0.95", reason=FIELD),
    Case("2.3", "blur sigma 1 px", blurred(1), "0.943 | 36 | 0.000 | 0.89 | 0.07 | 1.0"),
    Case("2.3", "blur sigma 2 px", blurred(2), "0.813 | 31 | 0.000 | 0.76 | 0.12 | 1.0"),
    Case("2.3", "blur sigma 4 px", blurred(4), "0.674 | 27 | 0.000 | 0.59 | 0.19 | 1.0"),
    Case("2.3", "blur sigma 8 px", blurred(8), "0.612 | 25 | 0.000 | 0.42 | 0.28 | 1.0"),
    Case("2.3", "DAB x 0", rebuilt(0), "0.850 | 21 | -0.073 | 0.00 | 0.95"),
    Case("2.3", "DAB x 0.5", rebuilt(0.5), "0.957 | 28 | -0.036 | 0.16 | 0.49 | 1.0"),
    Case("2.3", "DAB x 0.8", rebuilt(0.8), "0.980 | 36 | -0.014 | 0.67 | 0.19 | 1.0"),
    Case("2.3", "DAB x 1.25", rebuilt(1.25), "0.981 | 29 | 0.020 | 0.71 | 0.20 | 1.0"),
    Case("2.3", "DAB x 2", rebuilt(2), "0.945 | 21 | 0.075 | 0.43 | 0.52 | 1.0"),
    Case("2.3", "JPEG 95", perturbed("jpeg_420", 5), "0.999 | 54 | 0.000 | 0.99 | 0.01 | 1.0"),
    Case("2.3", "JPEG 80", perturbed("jpeg_420", 20), "0.994 | 47 | 0.000 | 0.96 | 0.01 | 1.0"),
    Case("2.3", "JPEG 50", perturbed("jpeg_420", 50), "0.946 | 37 | 0.000 | 0.87 | 0.06 | 1.0"),
)  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """One line: a figure as first measured, and now."""

    case: Case
    metric: str
    given: str
    now: float

    @property
    def difference(self) -> float:
        """Now less as first measured."""
        return self.now - float(self.given)

    @property
    def differs(self) -> bool:
        """Whether more than rounding and the metric's tolerance lies between them."""
        rounding = 0.5 * 10.0 ** -len(self.given.partition(".")[2])
        return abs(self.difference) > rounding + TOLERANCE[self.metric]


def read(path: Path) -> Images:
    """Return one picture, shape (1, 3, h, w)."""
    return _images(read_image(ImageFile(path), DecodePolicy()).pixels)


def read_sides(folder: Path, place: int) -> Sides:
    """Return the views of one tile, and of the real tile of the next."""
    paths = sorted((folder / "IHC").glob("*.png"))
    partner = paths[(place + 1) % len(paths)]
    model = folder / "model_output_runA" / paths[place].name
    files = {"real": paths[place], "model": model, "partner": partner}
    return {owner: View((paths[place].stem,), owner, read(file), (MPP,)) for owner, file in files.items()}


def _cut(view: View, border: int) -> View:
    inner = slice(border, -border or None)
    return View(view.ids, view.owner, view.images[..., inner, inner].contiguous(), view.mpp) if border else view


def measure(folder: Path, cases: tuple[Case, ...] = CASES) -> list[Figure]:
    """Return every figure of some cases, its mean over the tiles of a folder."""
    values: dict[tuple[str, str], list[float]] = {}
    for place in range(len(list((folder / "IHC").glob("*.png")))):
        sides = read_sides(folder, place)
        for case in cases:
            with torch.inference_mode():
                altered = View(sides["real"].ids, case.name, case.make(sides), (MPP,))
                batch = Batch({"generated": _cut(altered, case.border), "real": _cut(sides["real"], case.border)})
                for name, _ in case.given():
                    metric = METRICS[name]
                    rows = metric.observe(batch).numpy()
                    found = metric.values(rows) if metric.values is not None else rows[:, 0]
                    values.setdefault((case.name, name), []).append(float(found[0]))
    return [
        Figure(case, name, given, float(np.mean(values[case.name, name])))
        for case in cases
        for name, given in case.given()
    ]


def backgrounds(folder: Path) -> Iterator[tuple[str, float, float]]:
    """Yield the share of pixels above 0.15 OD of DAB with an I0 of 255, and with that of the tile, for each picture."""
    for path in sorted((folder / "IHC").glob("*.png")):
        picture = read(path)
        fixed, own = (
            float(positive_fractions(separate(picture, Separation(background)).dab, [0.15]))
            for background in ("255", "tile")
        )
        yield path.stem, fixed, own


def report(figures: list[Figure]) -> int:
    """Print one line per figure and the reasons of those that differ; return 1 if one has none."""
    print(f"{'':<5}{'real tile after':<20}{'metric':<9}{'first':>8}{'now':>9}{'difference':>12}")
    for each in figures:
        mark = " *" if each.differs else ""
        line = f"{each.case.section:<5}{each.case.name:<20}{each.metric:<9}{each.given:>8}{each.now:>9.3f}"
        print(f"{line}{each.difference:>+12.3f}{mark}")
    differing = [each for each in figures if each.differs]
    print(f"\n{len(figures) - len(differing)} of {len(figures)} figures agree.")
    for reason in dict.fromkeys(each.case.reason for each in differing):
        names = dict.fromkeys(each.case.name for each in differing if each.case.reason == reason)
        print(f"* {', '.join(names)}: {reason or 'NO REASON KNOWN'}")
    return int(any(not each.case.reason for each in differing))


def main(folder: Path, grey: Path | None) -> int:
    """Print all figures and, where the crops on grey glass are given, what the background does to them."""
    failed = report(measure(folder))
    if grey is not None:
        print("\n0.4  share of pixels above 0.15 OD of DAB, real IHC        I0 255   I0 of the tile")
        for name, fixed, own in (*backgrounds(folder), *backgrounds(grey)):
            print(f"     {name:<50}{fixed:>9.3f}{own:>17.3f}")
        print("     as first given, of crops that are not at hand             0.919            0.012")
        print("                                                               0.998            0.379")
    return failed


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else None))
