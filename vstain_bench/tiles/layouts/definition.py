"""What a layout is: how folders become files with a key, and what a key says about its tile."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from vstain_bench.base.registry import Registry
from vstain_bench.errors import UsageError
from vstain_bench.tiles.scan import scan_folder, strip_side
from vstain_bench.words import ImageFile


@dataclass(frozen=True)
class Locations:
    """What the user pointed at: one folder per model, and folders of real and source tiles or a data set's root.

    Without ``models`` only real and source tiles are wanted; with ``source_only`` not even real ones.
    """

    generated: Mapping[str, Path]
    real: Path | None = None
    source: Path | None = None
    root: Path | None = None
    split: str | None = None
    manifest: Path | None = None
    models: bool = True
    source_only: bool = False


@dataclass(frozen=True)
class Name:
    """What a tile's key, or a manifest's line, says about it."""

    group: str | None = None
    label: str | None = None
    split: str | None = None
    mpp: float | None = None


Files = tuple[tuple[str, ImageFile], ...]


@dataclass(frozen=True)
class Gathered:
    """Files by owner (``real``, ``source``, each model) as (key, file), duplicates included, and notes for the audit.

    ``names`` holds what is known of tiles beyond their keys (a manifest's columns); ``warnings`` what a reader of the
    table must know.
    """

    real: Files
    generated: Mapping[str, Files]
    source: Files | None = None
    names: Mapping[str, Name] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One way in which groups of this field lay out their tiles on disk.

    Attributes:
        name: Its name on the command line.
        summary: One line for ``list datasets``.
        kind: ``folders`` is chosen with --layout, ``dataset`` with --dataset and --root, ``manifest`` with --manifest.
        gather: From what the user pointed at to files.
        read_name: What a key says, or None when the key is not of this layout.
        recognises: Whether a folder of generated tiles is of this layout, so that it needs no option.
        mpp: Micrometres per pixel of the data set, where published.
    """

    name: str
    summary: str
    kind: Literal["folders", "dataset", "manifest"]
    gather: Callable[[Locations], Gathered]
    read_name: Callable[[str], Name | None] = lambda key: None
    recognises: Callable[[Path], bool] = lambda folder: False
    mpp: float | None = None


LAYOUTS: Registry[Layout] = Registry("layout", __package__)


def files_of(folder: Path, option: str) -> tuple[Files, list[str]]:
    """Return the keyed files of one folder, side suffixes stripped when every name has one, and notes."""
    scan = scan_folder(folder, option)
    notes = scan.notes()
    stripped = [(strip_side(key), path) for key, path in scan.files]
    if all(short != key for (key, _), (short, _) in zip(scan.files, stripped, strict=True)):
        example = scan.files[0][0]
        notes.append(f"{folder}: side suffix stripped from every name (e.g. '{example}' is tile '{stripped[0][0]}')")
        return tuple((key, ImageFile(path)) for key, path in sorted(stripped)), notes
    return tuple((key, ImageFile(path)) for key, path in scan.files), notes


def generated_files(given: Locations) -> tuple[dict[str, Files], list[str]]:
    """Return the keyed files of every model's folder, and notes."""
    found: dict[str, Files] = {}
    notes: list[str] = []
    for model, folder in given.generated.items():
        found[model], more = files_of(folder, f"GENERATED '{model}'")
        notes += more
    return found, notes


def require_root(given: Locations, layout: str) -> Path:
    """Return the data set's root, or say which option is missing."""
    if given.root is None:
        raise UsageError(where=f"--dataset {layout}", found="no --root", expected="the folder that holds the data set")
    return given.root


def gather_dataset(
    given: Locations, *, real: Mapping[str, Path], source: Path, split: str, read_name: Callable[[str], Name | None]
) -> Gathered:
    """Return the files of one split of a data set, and a warning when its slides lie in another split, too.

    Args:
        given: What the user pointed at.
        real: The folder of real tiles of every split.
        source: The folder of H&E tiles of the wanted split.
        split: The wanted split.
        read_name: What a key says.
    """
    if split not in real:
        raise UsageError(where=f"--split {split}", found="no such split", expected=f"one of {', '.join(real)}")
    if given.source_only:
        only, remarks = files_of(source, "--root")
        return Gathered(real=(), source=only, generated={}, notes=tuple(remarks))
    real_files, notes = files_of(real[split], "--root")
    source_files, more = files_of(source, "--root")
    generated, rest = generated_files(given)

    def groups(files: Files) -> set[str]:
        names = (read_name(key) for key, _ in files)
        return {name.group for name in names if name and name.group}

    own, warnings = groups(real_files), []
    for other, folder in real.items():
        if other == split or not own or not folder.is_dir() or not any(folder.iterdir()):
            continue
        shared = sorted(own & groups(files_of(folder, "--root")[0]))
        if shared:
            warnings.append(
                f"{len(shared)} of {len(own)} slides of '{split}' also lie in '{other}' (first: {shared[0]})"
            )
    return Gathered(
        real=real_files,
        source=source_files,
        generated=generated,
        notes=(*notes, *more, *rest),
        warnings=tuple(warnings),
    )
