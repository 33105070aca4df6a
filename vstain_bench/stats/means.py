"""The mean over patients with Student's t, the headline of a metric with a value per tile, and the mean over tiles.

With m_j the mean of the n_j tiles of patient j, G patients and s the standard deviation (n - 1) of the m_j::

    m = sum_j m_j / G          m ± t(0.975; G - 1) s / sqrt(G)          G_eff = (sum_j n_j)² / sum_j n_j²

(Student 1908; Kish 1965, section 11.7, for G_eff.) Every patient counts alike, so the mean is that of the next patient,
and its interval that of the paired tests, which have one difference a patient too. A mean over tiles answers for the
next tile: with 3 to 1,500 tiles a patient the two lie 0.33 SD apart where the value goes with the number of tiles, and
one patient who holds half of the tiles of 50 gives it three times the standard error.

Of two models give the differences tile by tile: the same functions then give the paired difference and its interval.
What must be said beside a number is a value here (``Caution``); the words for it are those of ``present``.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from vstain_bench.arrays import Values
from vstain_bench.stats.intervals import CONFIDENCE, Interval, jackknife_interval
from vstain_bench.stats.paired import group_means

FEW = 10
"""Patients, or what unequal patients are worth, below which a row carries a caution."""
DOMINATING = 0.5
"""Share of all tiles above which one patient decides the mean over tiles."""
SKEWED = 2.0
"""Standard errors of the skewness beyond which it is no accident: 5 % of normal samples are as far."""
_ROUNDING = 1e-12

NoInterval = Literal["one-patient", "one-tile"]
"""Why there is no interval: nothing shows how much patients, or tiles, differ."""
Caution = Literal[
    "one-patient", "few-patients", "uneven-patients", "dominating-patient", "skewed-patients", "patients-unknown"
]
"""What a reader must know beside a number.

- ``one-patient``: no interval; nothing is known of another patient.
- ``few-patients``: fewer than 10 patients.
- ``uneven-patients``: 10 or more, whose unequal numbers of tiles are worth fewer than 10 in a mean over tiles.
- ``dominating-patient``: one patient holds more than half of the tiles.
- ``skewed-patients``: the patients' means are skewed beyond chance; the interval covers less than it says.
- ``patients-unknown``: tiles were taken as independent.
"""


@dataclass(frozen=True)
class PatientMean:
    """The mean over patients.

    Attributes:
        value: m.
        interval: Its 95 % interval, None with one patient.
        missing: Why there is no interval, None where there is one.
        sd: s, the standard deviation of the patients' means; None with one patient.
        error: s / sqrt(G); None with one patient.
        groups: G.
        effective_groups: G_eff, what the patients are worth in a mean over tiles: G where all have equally many.
        tiles: Number of tiles.
        cautions: What must be said beside the number.
    """

    value: float
    interval: Interval | None
    missing: NoInterval | None
    sd: float | None
    error: float | None
    groups: int
    effective_groups: float
    tiles: int
    cautions: tuple[Caution, ...]


@dataclass(frozen=True)
class TileMean:
    """The mean over tiles, the number that papers print.

    Attributes:
        value: The mean.
        interval: Its 95 % interval: over patients by the jackknife where they are known; else Student's over tiles,
            too narrow wherever several tiles come from one patient. None with one patient, or one tile.
        missing: Why there is no interval, None where there is one.
        sd: The standard deviation of tiles (n - 1), which is no error of the mean; None with one tile.
        tiles: Number of tiles.
        cautions: What must be said beside the number.
    """

    value: float
    interval: Interval | None
    missing: NoInterval | None
    sd: float | None
    tiles: int
    cautions: tuple[Caution, ...]


def mean_over_patients(values: Values, groups: np.ndarray) -> PatientMean:
    """Return the mean over patients with Student's interval.

    Args:
        values: One finite value per tile, or one difference of two models, shape (n,), n >= 1.
        groups: The patient of each tile, shape (n,).
    """
    found = group_means(values, groups)
    number, interval = len(found.means), student_interval(found.means)
    sd = float(found.means.std(ddof=1)) if number > 1 else None
    return PatientMean(
        value=float(found.means.mean()),
        interval=interval,
        missing=None if interval else "one-patient",
        sd=sd,
        error=None if sd is None else sd / math.sqrt(number),
        groups=number,
        effective_groups=effective_groups(found.tiles),
        tiles=len(values),
        cautions=cautions(found.means, found.tiles),
    )


def mean_over_tiles(values: Values, groups: np.ndarray | None) -> TileMean:
    """Return the mean over tiles; with ``groups`` None no patient is known, and tiles are taken as independent.

    Args:
        values: One finite value per tile, shape (n,), n >= 1.
        groups: The patient of each tile, shape (n,), or None.
    """
    value, tiles = float(values.mean()), len(values)
    sd = float(values.std(ddof=1)) if tiles > 1 else None
    if groups is None:
        plain = student_interval(values, method="Student's t over tiles")
        return TileMean(value, plain, None if plain else "one-tile", sd, tiles, ("patients-unknown",))
    found = group_means(values, groups)
    warned = cautions(found.means, found.tiles)
    if len(found.means) < 2:
        return TileMean(value, None, "one-patient", sd, tiles, warned)
    sums = found.means * found.tiles
    without = (sums.sum() - sums) / (tiles - found.tiles)
    return TileMean(value, jackknife_interval(value, without), None, sd, tiles, warned)


def student_interval(
    means: Values, *, confidence: float = CONFIDENCE, method: str = "Student's t over patients"
) -> Interval | None:
    """Return the mean ± t(n - 1) s / sqrt(n) of independent numbers, shape (n,), or None with fewer than two.

    Args:
        means: One per patient.
        confidence: Of the two-sided interval.
        method: How the interval is named.
    """
    number = len(means)
    if number < 2:
        return None
    reach = float(stats.t.ppf((1 + confidence) / 2, number - 1) * means.std(ddof=1)) / math.sqrt(number)
    return Interval(float(means.mean()) - reach, float(means.mean()) + reach, method)


def effective_groups(tiles: np.ndarray) -> float:
    """Return how many patients with equally many tiles weigh as unequal ones do: (sum n_j)² / sum n_j², shape (g,)."""
    sizes = np.asarray(tiles, dtype=float)
    return float(sizes.sum() ** 2 / np.square(sizes).sum())


def cautions(means: Values, tiles: np.ndarray) -> tuple[Caution, ...]:
    """Return what must be said of so many patients with these means and numbers of tiles, each of shape (g,)."""
    number = len(means)
    found: list[Caution] = []
    if number < FEW:
        found.append("one-patient" if number == 1 else "few-patients")
    elif effective_groups(tiles) < FEW:
        found.append("uneven-patients")
    if number > 1 and tiles.max() > DOMINATING * tiles.sum():
        found.append("dominating-patient")
    if skewed(means):
        found.append("skewed-patients")
    return tuple(found)


def skewed(means: Values) -> bool:
    """Return whether the skewness G1 of numbers lies beyond two of its standard errors under normality.

    G1 = sqrt(n (n - 1)) / (n - 2) m_3 / m_2^(3/2), SE = sqrt(6 n (n - 1) / ((n - 2) (n + 1) (n + 3))) (Fisher 1930;
    Joanes, Gill 1998, The Statistician 47:183). Below five numbers no skewness is beyond it.
    """
    number = len(means)
    if number < 3 or np.ptp(means) <= _ROUNDING * np.abs(means).max():
        return False
    error = math.sqrt(6 * number * (number - 1) / ((number - 2) * (number + 1) * (number + 3)))
    return abs(float(stats.skew(means, bias=False))) > SKEWED * error


def effective_tiles(tiles: int, *, per_patient: float, icc: float) -> float:
    """Return what tiles are worth in independent ones when so many come from a patient: n / (1 + (m - 1) icc).

    For data whose patients are not known: what their interval would be worth under an assumed clustering (Kish 1965,
    section 5.4).
    """
    return tiles / (1 + (per_patient - 1) * icc)


def actual_coverage(*, per_patient: float, icc: float) -> float:
    """Return what a 95 % interval over tiles covers when they come from patients: 2 Phi(1.96 / sqrt(deff)) - 1.

    With many patients; deff = 1 + (m - 1) icc is the factor by which the variance of the mean is larger.
    """
    quantile = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
    return float(2 * stats.norm.cdf(quantile / math.sqrt(1 + (per_patient - 1) * icc)) - 1)
