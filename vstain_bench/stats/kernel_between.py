"""Kernel distance between patients: KID without the pairs of tiles of one patient, and with an error over patients.

With k̄(x_p, y_q) the mean kernel value of the tiles of patient p on one side and of patient q on the other::

    h(p, q) = k̄(x_p, x_q) + k̄(y_p, y_q) - k̄(x_p, y_q) - k̄(y_p, x_q)          for p != q
    K = mean of h over all pairs of patients

KID is unbiased for tiles drawn independently. Where tiles come in patients, pairs of tiles of one patient are alike,
and the sums within a side hold more of them than the sum across: of two equal distributions and 17 patients of 30 tiles
it gives +0.08 at an intraclass correlation of 0.2 and +0.27 at 0.5 (64 features of variance 1), and its interval never
holds 0. Left out of all three sums, such pairs bias nothing. K is a U-statistic of patients (Gretton et al., JMLR 2012,
lemma 6, with patients for points), so every patient counts alike and the values without each patient follow in closed
form::

    K_(-j) = (G (G - 1) K - 2 sum_q h(j, q)) / ((G - 1) (G - 2))

The interval is the jackknife's over patients with Student's t. Close to equal distributions K degenerates and the
interval errs to the safe side. Of two models the difference of their h gives the difference of K, with its interval.

Exchanging two models A and B in whole patients, as ``distances.swap_test`` does, changes K_A - K_B in a way that is
linear in the patients: it is the mean of a share of each, whose sign the exchange flips. With phi the mean feature map
of the tiles of a patient and < , > the kernel::

    c_p = mean over q != p of < phi(a_p) - phi(b_p), phi(a_q) + phi(b_q) - 2 phi(y_q) >          mean_p c_p = K_A - K_B

``swap_shares`` returns them, so ``family.max_t`` of one row of shares is the exact swap test of two kernel distances,
and rows of several models, or of other metrics, stand in one family (``family.adjust_pairs`` for ranks).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy import stats

from vstain_bench.arrays import PerPatient, RowArray, Values
from vstain_bench.stats.family import Square
from vstain_bench.stats.intervals import CONFIDENCE, Interval, jackknife_error

Kernel = Callable[[RowArray, RowArray], Float[np.ndarray, "r c"]]
"""From two sets of features, shapes (r, d) and (c, d), to the kernel values of all pairs."""
_CHUNK = 1024

Missing = Literal["one-patient", "two-patients"]
"""Why something is missing: one patient has no other to pair with; of two, none can be left out."""


@dataclass(frozen=True)
class KernelDistance:
    """A kernel distance between patients, or the difference of two.

    Attributes:
        value: K, which is below 0 half of the time where the distributions are equal; None with one patient.
        interval: Its 95 % interval over patients, None with fewer than three.
        without: K without each patient, in the order of their names, shape (g,); empty with fewer than three.
        missing: Why the value or the interval is missing, None where neither is.
        groups: G.
    """

    value: float | None
    interval: Interval | None
    without: Values
    missing: Missing | None
    groups: int


def cubic(first: RowArray, second: RowArray) -> Float[np.ndarray, "r c"]:
    """Return KID's kernel (a.b / d + 1)³ of all pairs of rows (Binkowski et al., ICLR 2018)."""
    return np.asarray((first @ second.T / first.shape[1] + 1) ** 3)


def patient_pairs(generated: RowArray, real: RowArray, groups: np.ndarray, *, kernel: Kernel = cubic) -> Square:
    """Return h of all pairs of patients in the order of their names, shape (g, g), symmetric, 0 on the diagonal.

    Args:
        generated: Features, shape (n, d).
        real: Features of the same tiles, shape (n, d).
        groups: The patient of each tile, shape (n,).
        kernel: KID's by default.
    """
    mean = _PatientMeans(groups, kernel)
    across = mean.of(generated, real)
    pairs = mean.of(generated, generated) + mean.of(real, real) - across - across.T
    np.fill_diagonal(pairs, 0.0)
    return np.asarray(pairs)


def swap_shares(
    first: RowArray, second: RowArray, real: RowArray, groups: np.ndarray, *, kernel: Kernel = cubic
) -> PerPatient:
    """Return the share c_p of each patient in K_A - K_B, in the order of their names, shape (g,), for tests alone.

    Their spread is not the error of the difference: for its interval see ``between_patients``.

    Args:
        first: Features of model A, shape (n, d).
        second: Features of model B of the same tiles, shape (n, d).
        real: Features of the real tiles, shape (n, d).
        groups: The patient of each tile, shape (n,); at least two patients.
        kernel: KID's by default.
    """
    mean = _PatientMeans(groups, kernel)
    crossed = mean.of(first, second)
    pairs = mean.of(first, first) + crossed - crossed.T - mean.of(second, second)
    pairs -= 2 * (mean.of(first, real) - mean.of(second, real))
    np.fill_diagonal(pairs, 0.0)
    return np.asarray(pairs.sum(axis=1) / (len(pairs) - 1))


class _PatientMeans:
    """Mean kernel values of all pairs of patients, in the order of their names."""

    def __init__(self, groups: np.ndarray, kernel: Kernel) -> None:
        self.order = np.argsort(groups, kind="stable")
        _, self.starts, self.tiles = np.unique(groups[self.order], return_index=True, return_counts=True)
        self.kernel = kernel

    def of(self, first: RowArray, second: RowArray) -> Square:
        ours, theirs = (each[self.order].astype(np.float64) for each in (first, second))
        bands = [self.kernel(ours[start : start + _CHUNK], theirs) for start in range(0, len(ours), _CHUNK)]
        by_row = np.concatenate([np.add.reduceat(band, self.starts, axis=1) for band in bands])
        return np.asarray(np.add.reduceat(by_row, self.starts, axis=0) / np.outer(self.tiles, self.tiles))


def between_patients(pairs: Square) -> KernelDistance:
    """Return the kernel distance from h of all pairs of patients, or the difference of two from that of their h.

    Args:
        pairs: What ``patient_pairs`` returns, shape (g, g).
    """
    number = len(pairs)
    if number < 2:
        return KernelDistance(None, None, np.empty(0), "one-patient", number)
    value = float(pairs.sum()) / (number * (number - 1))
    if number < 3:
        return KernelDistance(value, None, np.empty(0), "two-patients", number)
    without = (pairs.sum() - 2 * pairs.sum(axis=1)) / ((number - 1) * (number - 2))
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, number - 1)) * jackknife_error(without)
    interval = Interval(value - reach, value + reach, f"jackknife over {number} patients")
    return KernelDistance(value, interval, without, None, number)
