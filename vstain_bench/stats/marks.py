"""What attainable controls say of a model: beaten, not told apart, or better than the model.

A control that anyone can have without a model (the H&E itself, the real tile of another patient, one colour) is
compared with the model patient by patient, all controls in one family by step-down max-T (``family.max_t``)::

    beaten            the model is shown to be better                   no mark
    not told apart    neither is shown to be better                     one mark
    better            the control is shown to be better                 two marks

Comparing the values alone marks a model that is truly better by 0.25 SD in 16 to 33 %, and lets one that is no better
pass half of the time. Controls that hold the answer, and those that are perfect by construction, get no mark: they
stay out of ``gains``.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float

from vstain_bench.stats.family import max_t
from vstain_bench.stats.significance import ALPHA, DRAWS

Mark = Literal["beaten", "not told apart", "better"]
"""What a control is found to be."""


def control_marks(gains: Float[np.ndarray, "c g"], seed: int, *, draws: int = DRAWS) -> list[Mark]:
    """Return what each control is found to be.

    Args:
        gains: By how much the model is better than each control, one row a control, one column a patient, shape (c, g);
            NaN where a control lacks a patient (``control`` tiles are fewer).
        seed: Of the drawn signs.
        draws: Most assignments of signs.
    """
    if not len(gains):
        return []
    found: list[Mark] = []
    for row, test in zip(gains, max_t(gains, seed, draws=draws), strict=True):
        if test.p > ALPHA:
            found.append("not told apart")
        else:
            found.append("beaten" if np.nanmean(row) > 0 else "better")
    return found
