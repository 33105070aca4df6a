"""Target registration error on landmarks set by people: ``python benchmarks/registration/landmarks.py CIMA BIRL``.

CIMA is the lung lesion of five stains with its ``annotations`` (landmarks at 50 % scale, images at 5 %), BIRL the two
pairs of the BIRL package (landmarks at the scale of the images); the licence of the slides keeps both out of this
repository. Each pair is registered twice by ``vstain_bench.stain.registration.register``:

- *as it lies*: sections were put on glass by hand, turned by up to 10° and up to 0.3 mm apart;
- *laid by half*: after an affine map fitted to every second landmark, as a registration of whole slides would leave it.
  Errors are those of the other half, which the fit has not seen.

Against the second section in the mirror nothing corresponds: there a registration has to refuse.

The error is the distance of a landmark's counterpart from where the registration puts it, in µm: its median and the
share of landmarks that came nearer. It prints the tables of README.md.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import ndimage

from vstain_bench.errors import Undefined
from vstain_bench.images.reader import DecodePolicy, read_image
from vstain_bench.stain.density import Separation, separate
from vstain_bench.stain.registration import register
from vstain_bench.words import ImageFile

MPP = 0.174 / 0.05
"""µm per pixel of an image at 5 % of a scan at 0.174 µm."""
CELL_UM = 2 * MPP
AS_IT_LIES_UM, LAID_BY_HALF_UM = 320.0, 80.0
"""Longest displacements that are allowed."""
SEPARATION = Separation("tile", "h-dab")

Points = NDArray[np.float64]
Picture = NDArray[np.float64]


@dataclass(frozen=True)
class Section:
    """One stained section: its name, haematoxylin OD (h, w), and landmarks (n, 2) as row and column in px."""

    name: str
    haematoxylin: Picture
    landmarks: Points


@dataclass(frozen=True)
class Result:
    """What a registration did to the landmarks: errors in µm before and after, shape (n,), and what it said."""

    said: str
    before: Points
    common: Points | None
    after: Points | None


def read_section(picture: Path, landmarks: Path, scale: float) -> Section:
    """Return a section; landmarks are divided by ``scale``."""
    pixels = read_image(ImageFile(picture), DecodePolicy()).pixels
    images = torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None]
    table = pd.read_csv(landmarks, index_col=0)
    points = table[["Y", "X"]].to_numpy(dtype=np.float64) / scale
    haematoxylin = separate(images, SEPARATION).haematoxylin[0].numpy().astype(np.float64)
    return Section(_short(picture.stem), haematoxylin, points)


def _short(stem: str) -> str:
    """Return a file's name without what is the same in all names of its lesion."""
    return stem.removeprefix("29-041-Izd2-w35-").removesuffix("-les3")


def cima(folder: Path) -> list[tuple[Section, Section]]:
    """Return H&E against each of the other four stains, landmarks of the annotator who marked them all."""
    sections = {
        path.stem: read_section(folder / f"{path.stem}.jpg", path, 10.0)
        for path in sorted((folder / "annotations" / "user-PS_scale-50pc").glob("*.csv"))
    }
    first = next(name for name in sections if "-He-" in name)
    return [(sections[first], sections[name]) for name in sections if name != first]


def birl(folder: Path) -> list[tuple[Section, Section]]:
    """Return H&E against the other stain of each tissue."""
    pairs = []
    for tissue in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(tissue.rglob("*.csv"), key=lambda path: ("_HE" not in path.stem, path.stem))
        one, other = (read_section(path.with_suffix(".jpg"), path, 1.0) for path in files)
        pairs.append((one, other))
    return pairs


def on_one_canvas(one: Section, other: Section) -> tuple[Section, Section]:
    """Return both sections on the smaller height and width: rows and columns beyond it are cut off both."""
    height, width = np.minimum(one.haematoxylin.shape, other.haematoxylin.shape)
    number = min(len(one.landmarks), len(other.landmarks))

    def cut(each: Section) -> Section:
        return Section(each.name, each.haematoxylin[:height, :width], each.landmarks[:number])

    return cut(one), cut(other)


def laid_by_half(one: Section, other: Section) -> tuple[Section, Section]:
    """Return the first section laid onto the second by every second landmark; the other landmarks are kept."""
    fitted, held = slice(0, None, 2), slice(1, None, 2)
    back, *_ = np.linalg.lstsq(_with_one(other.landmarks[fitted]), one.landmarks[fitted], rcond=None)
    matrix, offset = back[:2].T, back[2]
    picture = ndimage.affine_transform(
        one.haematoxylin, matrix, offset, output_shape=other.haematoxylin.shape, order=1, mode="nearest"
    )
    forth = (one.landmarks[held] - offset) @ np.linalg.inv(matrix).T
    return Section(one.name, picture, forth), Section(other.name, other.haematoxylin, other.landmarks[held])


def _with_one(points: Points) -> Points:
    return np.column_stack([points, np.ones(len(points))])


def measure(one: Section, other: Section, bound_um: float) -> Result:
    """Return how far the first section's landmarks lie from where the registration puts the second's."""
    before = _errors(one.landmarks, other.landmarks)
    try:
        common, local = (
            register(one.haematoxylin, other.haematoxylin, MPP, bound_um=bound_um, cell_um=CELL_UM, local=local)
            for local in (False, True)
        )
    except Undefined as reason:
        return Result(f"not decided: {reason}", before, None, None)
    if not common.accepted:
        return Result(f"refused ({common.evidence:.2f}, null {max(common.null):.2f})", before, None, None)
    said = f"accepted ({common.evidence:.2f}, null {max(common.null):.2f})"
    moved = [_moved(other.landmarks, each.field_um, each.cell_um) for each in (common, local)]
    return Result(said, before, *(_errors(one.landmarks, points) for points in moved))


def _errors(points: Points, others: Points) -> Points:
    return np.asarray(np.hypot(*(points - others).T) * MPP)


def _moved(points: Points, field_um: NDArray[np.float64], cell_um: float) -> Points:
    """Return where the registration puts points of the second section in the first, px."""
    cells = ((points + 0.5) * MPP / cell_um - 0.5).T
    move = [ndimage.map_coordinates(axis, cells, order=1, mode="nearest") for axis in field_um]
    return points + np.stack(move, axis=1) / MPP


def lines(pairs: list[tuple[Section, Section]]) -> Iterator[str]:
    """Yield the table in Markdown."""
    yield "| pair | how | registration (evidence, highest of null) | before | moved as one | locally | nearer |"
    yield "| --- | --- | --- | ---: | ---: | ---: | ---: |"
    for one, other in pairs:
        yield _line(one, other, "as it lies", measure(*on_one_canvas(one, other), AS_IT_LIES_UM))
        yield _line(one, other, "laid by half", measure(*laid_by_half(*on_one_canvas(one, other)), LAID_BY_HALF_UM))


def mirrored(one: Section, other: Section) -> Result:
    """Return what is said of a section against the other one in the mirror."""
    laid, against = laid_by_half(*on_one_canvas(one, other))
    mirror = Section(against.name, against.haematoxylin[:, ::-1].copy(), against.landmarks)
    return measure(laid, mirror, LAID_BY_HALF_UM)


def annotators(folder: Path) -> Iterator[str]:
    """Yield how far two annotators of the same section lie apart."""
    for path in sorted((folder / "annotations" / "user-JB_scale-50pc").glob("*.csv")):
        other = folder / "annotations" / "user-PS_scale-50pc" / path.name
        points = [pd.read_csv(each, index_col=0).to_numpy(dtype=np.float64) / 10.0 for each in (path, other)]
        yield f"- {path.stem}: {np.median(_errors(*points)):.1f} µm between two annotators"


def _line(one: Section, other: Section, how: str, found: Result) -> str:
    cells = [f"{np.median(found.before):.1f} µm"]
    for errors in (found.common, found.after):
        cells.append("–" if errors is None else f"{np.median(errors):.1f} µm")
    cells.append("–" if found.after is None else f"{100 * np.mean(found.after < found.before):.0f} %")
    return f"| {one.name} – {other.name} | {how} | {found.said} | {' | '.join(cells)} |"


if __name__ == "__main__":
    pairs = [*cima(Path(sys.argv[1])), *birl(Path(sys.argv[2]))]
    unrelated = (f"- {one.name} – {other.name} in the mirror: {mirrored(one, other).said}" for one, other in pairs)
    sys.stdout.write("\n".join([*lines(pairs), "", *unrelated, *annotators(Path(sys.argv[1]))]) + "\n")
