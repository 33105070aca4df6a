"""A manifest: one CSV with the columns ``tile, source, real, generated, group, label, mpp``; paths relative to it.

``tile`` and ``real`` are needed, ``tile`` and ``source`` where nothing but the H&E is wanted. ``generated`` may be left
out when folders of generated tiles are given, which are then matched by tile; a column ``generated:NAME`` adds the
model NAME. Empty cells say "not known".
"""

import csv
from collections.abc import Sequence
from pathlib import Path

from vstain_bench.base.names import unknown
from vstain_bench.errors import InputError, UsageError
from vstain_bench.tiles.layouts.definition import LAYOUTS, Files, Gathered, Layout, Locations, Name, generated_files
from vstain_bench.words import ImageFile

COLUMNS = ("tile", "source", "real", "generated", "group", "label", "split", "mpp")


def _read_lines(manifest: Path, needed: Sequence[str]) -> tuple[list[str], list[dict[str, str]]]:
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, strict=True)
            columns = [column.strip() for column in reader.fieldnames or []]
            reader.fieldnames = columns
            lines = [{key: (value or "").strip() for key, value in line.items() if key} for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise UsageError(
            where=f"--manifest {manifest}", found=f"it cannot be read as CSV: {fault}", expected="a UTF-8 CSV file"
        ) from fault
    for column in columns:
        if column not in COLUMNS and not column.startswith("generated:"):
            some = f"some of {', '.join(COLUMNS)}, generated:NAME"
            found = f"unknown column '{column}'"
            raise unknown(column, COLUMNS, where=f"--manifest {manifest}", found=found, expected=some)
    for name in needed:
        if name not in columns:
            raise UsageError(
                where=f"--manifest {manifest}",
                found=f"no column '{name}'",
                expected=f"the columns {' and '.join(needed)}",
            )
    if not lines:
        raise InputError(where=f"--manifest {manifest}", found="no tile", expected="one line per tile below the header")
    return columns, lines


def _micrometres(manifest: Path, number: int, text: str) -> float | None:
    try:
        mpp = float(text) if text else None
    except ValueError:
        mpp = -1.0
    if mpp is not None and not 0 < mpp < 100:
        raise InputError(
            where=f"{manifest}, line {number}", found=f"mpp '{text}'", expected="micrometres per pixel such as 0.25"
        )
    return mpp


def gather(given: Locations) -> Gathered:
    """Return the files that the manifest names."""
    manifest = given.manifest
    if manifest is None:
        raise UsageError(where="--layout manifest", found="no --manifest", expected="--manifest FILE.csv")
    columns, lines = _read_lines(manifest, ("tile", "source" if given.source_only else "real"))
    folder = manifest.parent

    def column(name: str) -> Files:
        return tuple((line["tile"], ImageFile(folder / line[name])) for line in lines if line[name])

    names = {
        line["tile"]: Name(
            group=line.get("group") or None,
            label=line.get("label") or None,
            split=line.get("split") or None,
            mpp=_micrometres(manifest, number, line.get("mpp", "")),
        )
        for number, line in enumerate(lines, start=2)
    }
    models: dict[str, Files] = {}
    if given.models and not given.generated:
        models |= {"generated": column("generated")} if "generated" in columns else {}
        models |= {name.partition(":")[2]: column(name) for name in columns if name.startswith("generated:")}
    more, notes = generated_files(given)
    models |= more
    if given.models and not any(models.values()):
        raise UsageError(
            where=f"--manifest {manifest}",
            found="no generated tiles",
            expected="a filled column 'generated', or a folder GENERATED on the command line",
        )
    source = column("source") if "source" in columns else ()
    if given.source_only:
        return Gathered(real=(), source=source, generated={}, names=names)
    return Gathered(real=column("real"), source=source or None, generated=models, names=names, notes=tuple(notes))


LAYOUTS.register("manifest")(
    Layout(
        name="manifest",
        summary=f"a CSV file with the columns {', '.join(COLUMNS)}",
        kind="manifest",
        gather=gather,
    )
)
