"""How many patients a comparison needs, and what so many can detect, from a pilot run.

A paired t test of G patients whose differences have mean d and standard deviation s rejects at 5 % with the power ::

    P(|T| > t(0.975; G - 1)),  T noncentral t with G - 1 degrees of freedom and noncentrality sqrt(G) d / s

(Cohen 1988, section 2; the exact form.) At 80 % so much is detected: 1.43, 1.16, 0.72, 0.40 standard deviations with
6, 8, 17, 50 patients; sign flips, the test of comparisons, find the same in 62, 78, 80, 79 %.

A pilot knows s from few patients itself: ``careful_spread`` is the upper 80 % limit of s, with which the power is at
least the wanted one in four of five pilots (Browne 1995, Statistics in Medicine 14:1933).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from vstain_bench.arrays import Values
from vstain_bench.stats.significance import ALPHA

POWER = 0.8
MOST_PATIENTS = 100_000
CAREFUL = 0.8


@dataclass(frozen=True)
class Plan:
    """What a pilot run says of a study.

    Attributes:
        groups: Patients of the pilot.
        sd: Standard deviation of its differences over patients.
        careful_sd: The upper 80 % limit of that.
        effect: The difference that the study should detect, in the metric's unit.
        needed: Patients that detect it in 80 % if ``sd`` is right; None beyond 100,000.
        careful: The same for ``careful_sd``.
        detectable: What the pilot's own patients detect in 80 %.
    """

    groups: int
    sd: float
    careful_sd: float
    effect: float
    needed: int | None
    careful: int | None
    detectable: float


def power(effect: float, sd: float, groups: int) -> float:
    """Return the chance that so many patients tell apart a difference, at 5 %, two-sided.

    Args:
        effect: The true mean difference.
        sd: The true standard deviation of the differences over patients, above 0.
        groups: Number of patients, at least 2.
    """
    critical = float(stats.t.ppf(1 - ALPHA / 2, groups - 1))
    centre = math.sqrt(groups) * abs(effect) / sd
    upper = float(stats.nct.sf(critical, groups - 1, centre))
    return upper + float(stats.nct.cdf(-critical, groups - 1, centre)) if centre < 5 else upper


def detectable(sd: float, groups: int, *, wanted: float = POWER) -> float:
    """Return the difference that so many patients detect with the wanted power, at least 2 patients."""
    found = optimize.brentq(lambda effect: power(effect, 1.0, groups) - wanted, 1e-9, 200.0, xtol=1e-12, rtol=1e-12)
    return float(found) * sd


def patients_needed(effect: float, sd: float, *, wanted: float = POWER) -> int | None:
    """Return the fewest patients that detect a difference with the wanted power, None beyond 100,000.

    Args:
        effect: The true mean difference, not 0.
        sd: Standard deviation of the differences over patients.
        wanted: Power.
    """
    if effect == 0 or power(effect, sd, MOST_PATIENTS) < wanted:
        return None
    low, high = 1, 2  # power rises with the patients: double, then halve the gap
    while power(effect, sd, high) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if power(effect, sd, middle) < wanted else (low, middle)
    return high


def careful_spread(sd: float, groups: int, *, confidence: float = CAREFUL) -> float:
    """Return the upper limit of a standard deviation from so many patients: s sqrt((G - 1) / chi²(0.2; G - 1))."""
    return sd * math.sqrt((groups - 1) / float(stats.chi2.ppf(1 - confidence, groups - 1)))


def plan(differences: Values, effect: float) -> Plan | None:
    """Return what a pilot says of a study that should detect an effect; None where the pilot shows no spread.

    Args:
        differences: Mean difference of each patient of the pilot, shape (g,).
        effect: The difference to detect, in the metric's unit, not 0.
    """
    number = len(differences)
    if number < 2 or np.ptp(differences) == 0:
        return None
    sd = float(differences.std(ddof=1))
    careful = careful_spread(sd, number)
    return Plan(
        groups=number,
        sd=sd,
        careful_sd=careful,
        effect=effect,
        needed=patients_needed(effect, sd),
        careful=patients_needed(effect, careful),
        detectable=detectable(sd, number),
    )
