"""Whether the difference of two models depends on the label: a permutation test of labels over patients.

"Better in 3+, not shown in 2+" is no finding: two tests of which one is significant do not differ by that. Asked is
whether the differences differ between labels. With d the difference of a patient within a label, the statistic is the
sum of squares between labels::

    S = sum_label n_label (mean of d in the label - mean of all d)²

- Every patient has one label (an HER2 score of the patient): labels are exchanged between patients.
- Patients have tiles of several labels: d is taken from the patient's own mean over labels, and labels are exchanged
  within patients. Patients with a single label say nothing of this and are left out.

p = (1 + as extreme) / (1 + drawn) (Phipson, Smyth 2010), exact in the sense that no more than 5 % of true nulls are
rejected where patients of all labels are alike but for the label.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vstain_bench.arrays import Values

DRAWS = 9_999
_TIE = 1e-10

Missing = Literal["one-label", "one-patient-per-label"]
"""Why there is no test: nothing to compare, or nothing that could be exchanged."""


@dataclass(frozen=True)
class Interaction:
    """What labels do to a difference of two models.

    Attributes:
        p: Of "the difference is the same under all labels"; None where there is no test.
        missing: Why there is none.
        by_label: Mean difference over the patients of each label, in the order of the labels.
        patients: Patients of each label.
        design: ``between`` patients of one label each, or ``within`` patients of several.
        left_out: Patients of one label in a design within patients.
    """

    p: float | None
    missing: Missing | None
    by_label: Mapping[str, float]
    patients: Mapping[str, int]
    design: Literal["between", "within"]
    left_out: int


def interaction(
    differences: Values, groups: np.ndarray, labels: np.ndarray, seed: int, *, draws: int = DRAWS
) -> Interaction:
    """Return whether the mean over patients of a difference depends on the label.

    Args:
        differences: The model's value less the reference's on each tile, shape (n,), n >= 1.
        groups: The patient of each tile, shape (n,).
        labels: The label of each tile, shape (n,); leave tiles without one out.
        seed: Of the drawn permutations.
        draws: Permutations.
    """
    keys, cell, tiles = np.unique(np.stack([groups, labels]), axis=1, return_inverse=True, return_counts=True)
    means = np.bincount(cell.ravel(), weights=differences) / tiles
    names, label = np.unique(keys[1], return_inverse=True)
    _, patient = np.unique(keys[0], return_inverse=True)
    counts = np.bincount(patient)
    by_label = {str(name): float(means[label == place].mean()) for place, name in enumerate(names)}
    patients = {str(name): int((label == place).sum()) for place, name in enumerate(names)}
    within = bool((counts > 1).any())
    kept = counts[patient] > 1 if within else np.ones(len(means), dtype=bool)
    block = patient if within else np.zeros(len(means), dtype=int)
    values = means - (np.bincount(block, weights=means) / np.bincount(block))[block]
    missing: Missing | None = None
    if len(names) < 2:
        missing = "one-label"
    elif not within and max(patients.values()) < 2:
        missing = "one-patient-per-label"
    p = None if missing else _permuted(values[kept], label[kept], block[kept], seed, draws)
    left_out = int((counts == 1).sum()) if within else 0
    return Interaction(p, missing, by_label, patients, "within" if within else "between", left_out)


def _permuted(values: Values, label: np.ndarray, block: np.ndarray, seed: int, draws: int) -> float:
    """Return p of the sum of squares between labels when labels are exchanged within blocks; each block has mean 0."""
    random = np.random.default_rng(seed)
    order = np.argsort(block, kind="stable")
    values, label, block = values[order], label[order], block[order]
    sizes = np.bincount(label)
    used = sizes > 0

    def between(labels: np.ndarray) -> float:
        sums = np.bincount(labels, weights=values, minlength=len(sizes))
        return float(np.sum(sums[used] ** 2 / sizes[used]))

    observed = between(label)
    least = observed * (1 - _TIE)
    extreme = 0
    for _ in range(draws):
        shuffled = np.lexsort((random.uniform(size=len(label)), block))  # a new order inside each block
        extreme += between(label[shuffled]) >= least
    return (1 + extreme) / (1 + draws)
