"""Metrics: one file per family; every module of this package is imported, so adding a file is enough."""

import importlib
import pkgutil

from vstain_bench.metrics.definition import METRICS, build, mean_metric, set_metric
from vstain_bench.metrics.record import record_of, restore

for _module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_module}")

__all__ = ["METRICS", "build", "mean_metric", "record_of", "restore", "set_metric"]
