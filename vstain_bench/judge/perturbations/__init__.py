"""Perturbations of known size, one file per family, and what the answers of a metric say about it.

Every module of this package is imported, so adding a file is enough. `PERTURBATIONS` holds the definitions, `curves`
the statistics on response curves.
"""

import importlib
import pkgutil

from vstain_bench.judge.perturbations.definition import (
    PERTURBATIONS,
    Draw,
    Perturbation,
    PerturbationContext,
    untouched,
)

for _module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_module}")

__all__ = ["PERTURBATIONS", "Draw", "Perturbation", "PerturbationContext", "untouched"]
