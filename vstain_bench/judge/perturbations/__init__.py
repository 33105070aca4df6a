"""Perturbations of known size, one file per family, and what the answers of a metric say about it.

Adding a file is enough. `PERTURBATIONS` holds the definitions, `curves`
the statistics on response curves.
"""

from vstain_bench.judge.perturbations.definition import (
    PERTURBATIONS,
    Draw,
    Perturbation,
    PerturbationContext,
    untouched,
)

__all__ = ["PERTURBATIONS", "Draw", "Perturbation", "PerturbationContext", "untouched"]
