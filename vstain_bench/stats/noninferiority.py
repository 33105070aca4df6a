"""A run against its baseline on the same tiles: whether it is worse by more than a margin, patient by patient.

With d_j the mean over the tiles of patient j of how much worse the run is than the baseline (a loss: positive is
worse), d their mean, s their standard deviation over G patients and M the margin::

    low = d - t(0.95; G - 1) s / sqrt(G)        high = d + t(0.95; G - 1) s / sqrt(G)

    worse     low > M        shown worse by more than the margin: a gate fails
    within    high < M       shown to be no worse than the margin: the strict form passes
    open      otherwise      neither is shown: a gate passes, its strict form fails

(One-sided tests at 5 %, hence quantiles of 0.95.) Over several gated numbers "worse" is decided by one-sided step-down
max-T of d - M (``family.max_t``), so that all of them together cry wolf in at most 5 %. "Within" needs no correction,
since the strict form passes only if every number is shown to be within (intersection-union, Berger 1982, Technometrics
24:295).

A tolerance that is the baseline's interval holds the variation between patients, though both sides hold the same ones:
with 6 patients that vary by 10 %, a model that is 5 % worse passes it in 90 %, and a paired margin of 2 % in 7 %. With
fewer than 5 patients max-T over several numbers can show nothing (``Loss.smallest``).
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy import stats

from vstain_bench.arrays import Values
from vstain_bench.stats.family import max_t
from vstain_bench.stats.significance import ALPHA, DRAWS

Finding = Literal["same", "within", "open", "worse", "undefined"]
"""What a number is found to be; ``same``: no patient differs at all; ``undefined``: fewer than two patients."""


@dataclass(frozen=True)
class Loss:
    """How much worse a run is on one number.

    Attributes:
        finding: What the patients show.
        value: d, the mean over patients of how much worse the run is; negative where it is better.
        low: Lower end of its one-sided 95 % interval, None with one patient.
        high: Upper end of the other one-sided 95 % interval, None with one patient.
        margin: M.
        p: Of "no worse than the margin", adjusted for all numbers; None with one patient.
        smallest: The smallest p that so many patients could have given; above 0.05 nothing could be shown.
        groups: G.
    """

    finding: Finding
    value: float
    low: float | None
    high: float | None
    margin: float
    p: float | None
    smallest: float
    groups: int

    def passes(self, *, strict: bool = False) -> bool:
        """Return whether a gate passes: nothing is shown to be worse or, strictly, all is shown to be within."""
        return self.finding in ("same", "within") or (not strict and self.finding == "open")


def judge_losses(losses: Float[np.ndarray, "k g"], margins: Values, seed: int, *, draws: int = DRAWS) -> list[Loss]:
    """Return what the patients show of each gated number.

    Args:
        losses: By how much the run is worse, one row a number, one column a patient, shape (k, g); NaN where a number
            lacks a patient.
        margins: The margin of each number in its unit, at least 0, shape (k,).
        seed: Of the drawn signs of max-T.
        draws: Most assignments of signs.
    """
    known = [row[np.isfinite(row)] for row in losses]
    if len(known) > 1:
        tests = max_t(losses - margins[:, None], seed, alternative="greater", draws=draws)
        found = [(test.p, test.smallest) for test in tests]
    else:
        found = [(_one_sided(row, float(margin)), 0.0) for row, margin in zip(known, margins, strict=True)]
    return [
        _judged(row, float(margin), p, smallest)
        for row, margin, (p, smallest) in zip(known, margins, found, strict=True)
    ]


def _one_sided(losses: Values, margin: float) -> float:
    """Return Student's p of a mean above the margin; without spread that of equal signs, never 0."""
    number = len(losses)
    if number < 2:
        return 1.0
    excess, spread = float(losses.mean()) - margin, float(losses.std(ddof=1))
    if spread <= 1e-12 * np.abs(losses).max():
        return 2.0**-number if excess > 0 else 1.0
    return float(stats.t.sf(excess / (spread / math.sqrt(number)), number - 1))


def _judged(losses: Values, margin: float, p: float, smallest: float) -> Loss:
    number = len(losses)
    value = float(losses.mean()) if number else math.nan
    if number < 2:
        finding: Finding = "same" if number and not losses.any() else "undefined"
        return Loss(finding, value, None, None, margin, None, 1.0, number)
    reach = float(stats.t.ppf(1 - ALPHA, number - 1) * losses.std(ddof=1)) / math.sqrt(number)
    low, high = value - reach, value + reach
    if not losses.any():
        finding = "same"
    elif p <= ALPHA:
        finding = "worse"
    else:
        finding = "within" if high < margin else "open"
    return Loss(finding, value, low, high, margin, p, smallest, number)
