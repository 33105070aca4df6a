"""Whether two models are equivalent within a margin: two one-sided tests over patients.

With d the mean over patients of the differences, s their standard deviation and M > 0 the margin, two models are
equivalent at 5 % if d ± t(0.95; G - 1) s / sqrt(G), the 90 % interval, lies inside (-M, M)::

    p = max(P(T > (d + M) / SE), P(T > (M - d) / SE))

(Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15:657.) "Not told apart" is no equivalence: with few
patients everything is not told apart.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from vstain_bench.arrays import Values
from vstain_bench.stats.intervals import Interval
from vstain_bench.stats.means import student_interval
from vstain_bench.stats.significance import ALPHA


@dataclass(frozen=True)
class Equivalence:
    """What patients say of a margin.

    Attributes:
        finding: ``equivalent``: the difference lies within the margin; ``different``: it lies beyond; ``open``: neither
            is shown.
        value: d.
        interval: The 90 % interval of d, None with one patient.
        margin: M.
        p: Of "differs by the margin or more"; None with one patient.
        groups: G.
    """

    finding: Literal["equivalent", "different", "open"]
    value: float
    interval: Interval | None
    margin: float
    p: float | None
    groups: int


def judge_equivalence(differences: Values, margin: float) -> Equivalence:
    """Return whether the mean of one difference per patient lies within ± the margin.

    Args:
        differences: Mean difference of each patient, shape (g,), g >= 1.
        margin: Largest difference that does not matter, above 0, in the metric's unit.

    Raises:
        ValueError: the margin is not above 0.
    """
    if not margin > 0:
        raise ValueError(f"a margin of {margin} leaves nothing to be equivalent within")
    number, value = len(differences), float(differences.mean())
    interval = student_interval(differences, confidence=1 - 2 * ALPHA)
    if interval is None:
        return Equivalence("open", value, None, margin, None, number)
    error = float(differences.std(ddof=1)) / math.sqrt(number)
    nearest = min(value + margin, margin - value)
    if error > 1e-12 * float(np.abs(differences).max()):
        p = float(stats.t.sf(nearest / error, number - 1))
    else:  # no patient differs from another: the p-value of equal signs, never 0
        p = 2.0**-number if nearest > 0 else 1.0
    if p <= ALPHA:
        return Equivalence("equivalent", value, interval, margin, p, number)
    beyond = interval.low >= margin or interval.high <= -margin
    return Equivalence("different" if beyond else "open", value, interval, margin, p, number)
