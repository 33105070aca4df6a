"""The results folder of pix2pix and its relatives: ``NAME_real_A``, ``NAME_fake_B`` and ``NAME_real_B`` side by side.

Source: bupt-ai-cz/BCI 841bd52 PyramidPix2pix/test.py writes ``results/{experiment}/test_latest/images`` so.
"""

import re
from pathlib import Path

from vstain_bench.errors import InputError
from vstain_bench.tiles.layouts.definition import LAYOUTS, Files, Gathered, Layout, Request
from vstain_bench.tiles.scan import scan_folder
from vstain_bench.types import ImageFile

_SIDE = re.compile(r"^(?P<key>.+)_(?P<side>fake_B|real_A|real_B)$")


def holds_pix2pix_results(folder: Path) -> bool:
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


def gather(request: Request) -> Gathered:
    """Return the files of one or several results folders; real and source tiles come from the first."""
    found = {model: _sides(folder, f"GENERATED '{model}'") for model, folder in request.generated.items()}
    first = next(iter(found.values()))[0]
    return Gathered(
        real=first["real_B"],
        source=first["real_A"] or None,
        generated={model: sides["fake_B"] for model, (sides, _) in found.items()},
        notes=tuple(note for _, notes in found.values() for note in notes),
    )


LAYOUTS.register("pix2pix")(
    Layout(
        name="pix2pix",
        summary="one folder with NAME_real_A, NAME_fake_B and NAME_real_B",
        kind="folders",
        gather=gather,
    )
)
