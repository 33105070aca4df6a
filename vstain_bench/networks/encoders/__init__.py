"""Encoders and their weights: one file per encoder; every module of this package is imported."""

import importlib
import pkgutil

from vstain_bench.networks.encoders.definition import ENCODERS, build_encoder

for _module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_module}")

__all__ = ["ENCODERS", "build_encoder"]
