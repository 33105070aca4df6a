"""Formats: one file each; every module of this package is imported, so adding a file is enough."""

import importlib
import pkgutil

from vstain_bench.present.formats.definition import FORMATS, Format, render

for _module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_module}")

__all__ = ["FORMATS", "Format", "render"]
