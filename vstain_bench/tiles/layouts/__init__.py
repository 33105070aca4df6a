"""Layouts: one file each; every module of this package is imported, so adding a file is enough."""

import importlib
import pkgutil

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

for _module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_module}")

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
