"""Tests of paired differences, one difference per patient, and what many tests at once cost.

The unit is the group (patient or slide), never the tile: tiles of one patient are no independent witnesses. All tests
are two-sided.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy import stats

from vstain_bench.arrays import Values

ALPHA = 0.05
EXACT_GROUPS = 18
"""Up to here every assignment of signs is counted; beyond, assignments are drawn."""
DRAWS = 99_999
"""Assignments of signs that are drawn beyond ``EXACT_GROUPS``."""
_CHUNK = 3_000
_TIE = 1e-12
"""Sums that differ by less than this part of the sum of sizes are equal but for rounding."""

Comparisons = Float[np.ndarray, "t n"]
"""One row of differences over the same groups per comparison."""
TestName = Literal["sign-flip", "wilcoxon"]


@dataclass(frozen=True)
class Test:
    """A p-value, how it was found, and the smallest that this number of groups could have given."""

    __test__ = False  # pytest: not a test case

    p: float
    method: str
    smallest: float

    @property
    def powerless(self) -> bool:
        """Whether no data whatever could have been significant."""
        return self.smallest > ALPHA


def sign_flip(differences: Values, seed: int) -> Test:
    """Return the permutation test of differences whose signs are exchangeable under the null hypothesis.

    The statistic is the size of their sum. Up to 18 groups all assignments of signs are counted, so p is exact and at
    least 2 / 2^n; beyond, 99,999 are drawn and p = (1 + as extreme) / (1 + drawn) (Phipson, Smyth 2010, Statistical
    Applications in Genetics and Molecular Biology 9:39).

    Args:
        differences: One per group, finite, shape (n,), n >= 1.
        seed: Of the drawn signs.
    """
    return sign_flips(differences[None], seed)[0]


def sign_flips(differences: Comparisons, seed: int) -> list[Test]:
    """Return ``sign_flip`` of each row of differences over the same groups, shape (comparisons, n)."""
    number = differences.shape[1]
    if number <= EXACT_GROUPS:
        method, smallest = f"sign-flip permutation, all {2**number}", 2.0 ** (1 - number)
        return [Test(_counted(row), method, smallest) for row in differences]
    method, smallest = f"sign-flip permutation, {DRAWS} drawn", 1 / (1 + DRAWS)
    return [Test(float(p), method, smallest) for p in _drawn(differences, seed)]


def _least_extreme(differences: Comparisons) -> Float[np.ndarray, " t"]:
    return np.asarray(np.abs(differences.sum(axis=1)) - _TIE * np.abs(differences).sum(axis=1))


def _counted(differences: Values) -> float:
    sums = differences[:1]
    for difference in differences[1:]:  # the first sign is kept: flipping all of them changes no size
        sums = np.concatenate([sums + difference, sums - difference])
    return float(np.count_nonzero(np.abs(sums) >= _least_extreme(differences[None])[0])) / len(sums)


def _drawn(differences: Comparisons, seed: int) -> Float[np.ndarray, " t"]:
    random, extreme = np.random.default_rng(seed), _least_extreme(differences)
    as_extreme = np.zeros(len(differences), dtype=int)
    for start in range(0, DRAWS, _CHUNK):
        shape = (min(_CHUNK, DRAWS - start), differences.shape[1])
        signs = (random.integers(0, 2, size=shape, dtype=np.int8) * 2 - 1).astype(float)
        as_extreme += np.count_nonzero(np.abs(signs @ differences.T) >= extreme, axis=0)
    return np.asarray((1 + as_extreme) / (1 + DRAWS))


def wilcoxon(differences: Values) -> Test:
    """Return Wilcoxon's signed-rank test; groups without a difference are left out, as Wilcoxon did.

    Exact up to 50 groups without ties (with ties up to 13), else by the normal approximation: scipy's choice.
    """
    kept = differences[differences != 0]
    smallest = 2.0 ** (1 - len(differences))
    if not kept.size:
        return Test(1.0, "Wilcoxon signed rank", smallest)
    return Test(float(stats.wilcoxon(kept).pvalue), "Wilcoxon signed rank", smallest)


def paired_test(differences: Values, name: TestName, seed: int) -> Test:
    """Return the test of that name."""
    return paired_tests(differences[None], name, seed)[0]


def paired_tests(differences: Comparisons, name: TestName, seed: int) -> list[Test]:
    """Return the test of that name for each row of differences over the same groups."""
    return [wilcoxon(row) for row in differences] if name == "wilcoxon" else sign_flips(differences, seed)


def jackknife_test(difference: float, error: float, blocks: int) -> Test:
    """Return Student's t test of a difference with a jackknife standard error over blocks of groups."""
    method = f"t test over {blocks} jackknife blocks"
    if error == 0:
        return Test(1.0 if difference == 0 else 0.0, method, 0.0)
    return Test(float(2 * stats.t.sf(abs(difference) / error, blocks - 1)), method, 0.0)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted so that any false finding among them stays below the level (Holm 1979).

    The i-th smallest of m is multiplied by m - i + 1, and no adjusted value is below that of a smaller p.
    """
    order = np.argsort(p_values, kind="stable")
    stepped = np.asarray(p_values, dtype=float)[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return [float(p) for p in adjusted]


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted so that the expected share of false findings stays below the level.

    Benjamini, Hochberg 1995; holds under independence and positive dependence.
    """
    if not p_values:
        return []
    return [float(p) for p in stats.false_discovery_control(list(p_values), method="bh")]


def least_groups(tests: int = 1) -> int:
    """Return how many groups an exact test needs before Holm over so many tests can reach significance."""
    return 1 + math.ceil(math.log2(tests / ALPHA))
