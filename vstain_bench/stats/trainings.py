"""Two recipes trained several times each: the difference of recipes, with the variance between trainings in it.

With k_A and k_B trainings, scored on the same G patients; d_j the difference of the recipes' means for patient j, s_D²
its variance over patients; s_A² and s_B² the variances between trainings of their means over patients::

    V = s_D² / G + s_A² / k_A + s_B² / k_B              difference ± t(0.975; f) sqrt(V)
    f = V² / ((s_D² / G)² / (G - 1) + (s_A² / k_A)² / (k_A - 1) + (s_B² / k_B)² / (k_B - 1))

(Satterthwaite 1946, Biometrics Bulletin 2:110, for the degrees of freedom.) A test over patients takes the weights as
they are: of equal recipes trained once each, with a spread between trainings of 0.3 of that between patients, it calls
one better in 9 / 31 / 52 % with 6 / 17 / 50 patients; this one, with three trainings each, in 5 to 6 %. With one
training of either recipe the variance between trainings is not known, and the claim is about these weights alone
(``missing`` says so).
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy import stats

from vstain_bench.stats.intervals import CONFIDENCE, Interval

Missing = Literal["one-training", "one-patient", "no-spread"]
"""Why there is no test of recipes."""


@dataclass(frozen=True)
class Trained:
    """The difference of two recipes.

    Attributes:
        value: Mean difference over patients and trainings.
        interval: Its 95 % interval for another training and other patients, None where there is none.
        p: Of equal recipes, two-sided; None where there is no test.
        missing: Why there is none.
        freedom: Degrees of freedom f.
        patients_variance: s_D² / G, None with one patient.
        trainings_variance: s_A² / k_A + s_B² / k_B, None with one training of either.
        groups: G.
        trainings: k_A and k_B.
    """

    value: float
    interval: Interval | None
    p: float | None
    missing: Missing | None
    freedom: float | None
    patients_variance: float | None
    trainings_variance: float | None
    groups: int
    trainings: tuple[int, int]


def compare_recipes(first: Float[np.ndarray, "a g"], second: Float[np.ndarray, "b g"]) -> Trained:
    """Return the difference of two recipes, the first less the second.

    Args:
        first: Mean of each patient's tiles under each training of one recipe, shape (k_A, g).
        second: The same of the other over the same patients, shape (k_B, g).
    """
    groups, trainings = first.shape[1], (len(first), len(second))
    differences = first.mean(axis=0) - second.mean(axis=0)
    value = float(differences.mean())
    by_patient = float(differences.var(ddof=1)) / groups if groups > 1 else None
    parts = [float(each.mean(axis=1).var(ddof=1)) / len(each) for each in (first, second) if len(each) > 1]
    by_training = sum(parts) if len(parts) == 2 else None
    missing: Missing | None = None
    if by_patient is None:
        missing = "one-patient"
    elif by_training is None:
        missing = "one-training"
    elif by_patient + by_training == 0:
        missing = "no-spread"
    if missing or by_patient is None or by_training is None:
        return Trained(value, None, None, missing, None, by_patient, by_training, groups, trainings)
    variance = by_patient + by_training
    squares = by_patient**2 / (groups - 1) + sum(
        part**2 / (number - 1) for part, number in zip(parts, trainings, strict=True)
    )
    freedom, error = variance**2 / squares, math.sqrt(variance)
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    interval = Interval(
        value - reach, value + reach, f"Student's t over {groups} patients and {sum(trainings)} trainings"
    )
    p = float(2 * stats.t.sf(abs(value) / error, freedom))
    return Trained(value, interval, p, None, freedom, by_patient, by_training, groups, trainings)
