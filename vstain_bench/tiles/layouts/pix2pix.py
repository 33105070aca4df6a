"""The results folder of pix2pix and its relatives: ``NAME_real_A``, ``NAME_fake_B`` and ``NAME_real_B`` side by side.

Source: bupt-ai-cz/BCI 841bd52 PyramidPix2pix/test.py writes ``results/{experiment}/test_latest/images`` so.
"""

import filecmp
import re
from collections.abc import Mapping
from pathlib import Path

from vstain_bench.base.text import printable
from vstain_bench.errors import InputError
from vstain_bench.tiles.layouts.definition import LAYOUTS, Files, Gathered, Layout, Locations
from vstain_bench.tiles.scan import scan_folder
from vstain_bench.words import ImageFile

_SIDE = re.compile(r"^(?P<key>.+)_(?P<side>fake_B|real_A|real_B)$")


def holds_results(folder: Path) -> bool:
    """Say whether a folder looks like pix2pix output: at least one ``_fake_B`` beside its ``_real_B``."""
    names = {path.stem for path in folder.iterdir()} if folder.is_dir() else set()
    return any(name.endswith("_fake_B") and f"{name[:-7]}_real_B" in names for name in names)


def _sides(folder: Path, option: str) -> tuple[dict[str, Files], list[str]]:
    scan = scan_folder(folder, option)
    sides: dict[str, list[tuple[str, ImageFile]]] = {"fake_B": [], "real_A": [], "real_B": []}
    other = 0
    for stem, path in scan.files:
        match = _SIDE.match(stem)
        if match:
            sides[match["side"]].append((match["key"], ImageFile(path)))
        else:
            other += 1
    notes = [*scan.notes(), *([f"{folder}: {other} images without a side suffix ignored"] if other else [])]
    if not sides["fake_B"] or not sides["real_B"]:
        raise InputError(
            where=f"{option} {folder}",
            found=f"{len(sides['fake_B'])} _fake_B and {len(sides['real_B'])} _real_B images",
            expected="a pix2pix results folder with both",
            next_step="Give the folders of real tiles with --real.",
        )
    return {side: tuple(files) for side, files in sides.items()}, notes


def _require_same(model: str, first: tuple[str, Mapping[str, Files]], sides: Mapping[str, Files]) -> None:
    """Refuse a folder whose real tiles or H&E are not the first folder's, byte for byte."""
    for side, what in (("real_B", "real tile"), ("real_A", "H&E")):
        known = dict(first[1][side])
        for key, file in sides[side]:
            if key not in known or _equal(file.path, known[key].path):
                continue
            raise InputError(
                where=f"tile '{printable(key)}' of GENERATED '{model}' and '{first[0]}'",
                found=f"'{printable(file.path)}' and '{printable(known[key].path)}' differ",
                expected=f"the same {what} in every results folder: all models are scored against the first folder's",
                next_step="Test the models on the same tiles, or score each folder in a run of its own.",
            )


def _equal(one: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError as fault:
        raise InputError(
            where=printable(fault.filename or one),
            found=f"it cannot be read ({fault.strerror})",
            expected="a readable file",
            next_step="Check the file and its permissions.",
        ) from fault


def gather(given: Locations) -> Gathered:
    """Return the files of one or several results folders; real and source tiles are the first's, and equal in all."""
    found = {model: _sides(folder, f"GENERATED '{model}'") for model, folder in given.generated.items()}
    (first, (sides, _)), *others = found.items()
    for model, (theirs, _) in others:
        _require_same(model, (first, sides), theirs)
    return Gathered(
        real=sides["real_B"],
        source=sides["real_A"] or None,
        generated={model: own["fake_B"] for model, (own, _) in found.items()},
        notes=tuple(note for _, notes in found.values() for note in notes),
    )


LAYOUTS.register("pix2pix")(
    Layout(
        name="pix2pix",
        summary="one folder with NAME_real_A, NAME_fake_B and NAME_real_B",
        kind="folders",
        gather=gather,
        recognises=holds_results,
    )
)
