"""Metrics: one file per family; adding a file is enough."""

from vstain_bench.metrics.definition import METRICS, build, mean_metric, set_metric
from vstain_bench.metrics.record import record_of, restore

__all__ = ["METRICS", "build", "mean_metric", "record_of", "restore", "set_metric"]
