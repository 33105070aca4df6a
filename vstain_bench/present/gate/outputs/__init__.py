"""Outputs of a gate: one file per format; every module of this package is imported, so adding a file is enough."""

import importlib
import pkgutil

from vstain_bench.present.gate.outputs.definition import OUTPUTS, Output

for _module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_module}")

__all__ = ["OUTPUTS", "Output"]
