"""Layouts: one file each; adding a file is enough."""

from vstain_bench.tiles.layouts.definition import (
    LAYOUTS,
    Gathered,
    Layout,
    Locations,
    Name,
    files_of,
    gather_dataset,
    generated_files,
    require_root,
)

__all__ = [
    "LAYOUTS",
    "Gathered",
    "Layout",
    "Locations",
    "Name",
    "files_of",
    "gather_dataset",
    "generated_files",
    "require_root",
]
