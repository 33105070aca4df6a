"""How many digits a number deserves: as many as its interval leaves.

Two significant figures of the interval's half-width where they are 10 to 35, else one, after the Particle Data Group's
rule for errors (Review of Particle Physics, section 5.3 of the introduction, with one figure less): 4.52 [0.4, 8.7] is
5 [0, 9], and 0.8231 [0.8102, 0.8360] is 0.823 [0.810, 0.836]. Never more, to make two models differ.
"""

import math
import statistics
from collections.abc import Iterable

TWO_FIGURES_BELOW = 3.55
"""Half-widths that begin with 10 to 35, rounded to two figures, keep two."""


def decimals(low: float, high: float) -> int | None:
    """Return the decimals of a value and of its interval; negative where tens or hundreds are uncertain.

    None where the interval is a point or has an infinite end, and so says nothing of digits.
    """
    half = (high - low) / 2
    if not (math.isfinite(half) and half > 0):
        return None
    exponent = math.floor(math.log10(half))
    mantissa = half / 10.0**exponent
    return -exponent + (1 if mantissa < TWO_FIGURES_BELOW else 0)


def column_decimals(intervals: Iterable[tuple[float, float]]) -> int | None:
    """Return common decimals of a column of numbers with these intervals (low, high): the lower median of theirs.

    None where no interval says anything.
    """
    found = [each for low, high in intervals if (each := decimals(low, high)) is not None]
    return statistics.median_low(found) if found else None


def rounded(value: float, places: int) -> float:
    """Return a value rounded to so many decimals, negative ones included, and never -0."""
    return round(value, places) + 0.0
