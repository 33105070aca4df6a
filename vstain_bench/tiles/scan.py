"""Which image files lie in a folder, and the key each of them has."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vstain_bench.base.names import unknown
from vstain_bench.base.text import printable
from vstain_bench.errors import InputError

IMAGE_EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff"})
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
SIDE_SUFFIX = re.compile(r"[_-](?:fake|real|rec|gen|generated|pred|output)(?:_[AB])?$", re.IGNORECASE)
"""What pix2pix and its relatives append to a tile's name."""


@dataclass(frozen=True)
class Scan:
    """The image files of one folder, as (key, path) in the order of their keys, and what was left aside."""

    folder: Path
    files: tuple[tuple[str, Path], ...]
    ignored: dict[str, int]

    def notes(self) -> list[str]:
        """Return one sentence per kind of file that was not taken."""
        return [f"{printable(self.folder)}: {count} × {kind} ignored" for kind, count in sorted(self.ignored.items())]


def require_folder(folder: Path, option: str) -> None:
    """Refuse a path that is no folder, proposing the nearest name beside it."""
    if folder.is_dir():
        return
    beside = sorted(entry.name for entry in folder.parent.iterdir()) if folder.parent.is_dir() else []
    found = "it is a file" if folder.exists() else "no such folder"
    where, tiles = f"{option} {printable(folder)}", "a folder of image tiles"
    raise unknown(folder.name, beside, where=where, found=found, expected=tiles)


def _walk(folder: Path) -> Iterator[Path]:
    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, followlinks=True, onerror=_refuse_unreadable):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(names))


def _refuse_unreadable(fault: OSError) -> None:
    raise InputError(
        where=printable(Path(fault.filename or ".")),
        found=f"the folder cannot be read ({fault.strerror})",
        expected="read permission on every folder of tiles",
    )


def strip_side(stem: str) -> str:
    """Return a tile's name without the suffix that says which side it shows, e.g. ``_fake_B``."""
    return SIDE_SUFFIX.sub("", stem)


def scan_folder(folder: Path, option: str) -> Scan:
    """Return every image file below ``folder``; its key is the relative path without extension and side suffix.

    Raises:
        UsageError: ``folder`` is not a folder.
        InputError: it holds no image file, or cannot be read.
    """
    require_folder(folder, option)
    ignored: Counter[str] = Counter()
    files = []
    for path in _walk(folder):
        if path.name.startswith(".") or path.name.lower() in _SYSTEM_FILES:
            ignored["hidden or system file"] += 1
        elif path.suffix.lower() not in IMAGE_EXTENSIONS:
            ignored[f"'{printable(path.suffix)}' file" if path.suffix else "file without extension"] += 1
        else:
            key = path.relative_to(folder).with_suffix("").as_posix()
            files.append((key, path))
    if not files:
        others = ", ".join(f"{count} × {kind}" for kind, count in sorted(ignored.items())) or "nothing"
        raise InputError(
            where=f"{option} {printable(folder)}",
            found=f"no image file (found {others})",
            expected=f"files ending in {', '.join(sorted(IMAGE_EXTENSIONS))}",
        )
    return Scan(folder, tuple(sorted(files)), dict(ignored))
