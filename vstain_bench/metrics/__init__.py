"""Metrics: one file per family; adding a file is enough."""

from vstain_bench.metrics.definition import METRICS, build
from vstain_bench.metrics.record import record_of, restore

__all__ = ["METRICS", "build", "record_of", "restore"]
