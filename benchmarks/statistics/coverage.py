"""How often the 95 % intervals cover the truth, and how often tests reject a true null, on simulated studies.

``python benchmarks/statistics/coverage.py [STUDIES]`` prints the table of README.md (default 1,000 studies each).

A study has 5, 17 or 50 patients with 1 to 40 tiles each (a geometric number, 8 on average) and an intraclass
correlation of 0.2: what a tile shows is sqrt(0.2) of its patient and sqrt(0.8) of its own, both normal. Numbers of
tiles are drawn anew for every study and have nothing to do with the values.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from vstain_bench.judge.compare.contrast import score_sample
from vstain_bench.judge.evidence import Sample
from vstain_bench.metrics import build
from vstain_bench.stats.intervals import Interval, bootstrap_mean, jackknife, jackknife_error, jackknife_interval
from vstain_bench.stats.paired import group_means, win_rate
from vstain_bench.stats.significance import ALPHA, jackknife_test, sign_flip

PATIENTS = (5, 17, 50)
ICC = 0.2
MEAN_TILES, MOST_TILES = 8, 40
FEATURES = 6
PSNR_SPREAD = 0.3 * np.log(10)
"""Of the logarithm of the squared error: 3 dB."""
SEED = 20_261_125


@dataclass(frozen=True)
class Found:
    """One study's estimate, its interval, and the p-value of a test where there is one."""

    estimate: float
    interval: Interval | None
    p: float | None = None


Analyse = Callable[[np.random.Generator, np.ndarray], Found]


@dataclass(frozen=True)
class Case:
    """What is estimated, what is true (None: the mean of all estimates), and whether the null hypothesis holds."""

    name: str
    truth: float | None
    analyse: Analyse
    null: bool = False


def draw_groups(random: np.random.Generator, patients: int) -> np.ndarray:
    """Return the patient of each tile of one study, shape (n,)."""
    sizes = np.minimum(random.geometric(1 / MEAN_TILES, patients), MOST_TILES)
    return np.repeat(np.array([f"p{number:02d}" for number in range(patients)]), sizes)


def draw_values(random: np.random.Generator, groups: np.ndarray, columns: int = 1) -> np.ndarray:
    """Return standard normal values with the intraclass correlation, shape (n, columns)."""
    names, index = np.unique(groups, return_inverse=True)
    patient = random.normal(0, ICC**0.5, (len(names), columns))
    return np.asarray(patient[index] + random.normal(0, (1 - ICC) ** 0.5, (len(groups), columns)))


def mean(random: np.random.Generator, groups: np.ndarray) -> Found:
    """Return a mean over tiles; the truth is 0."""
    values = draw_values(random, groups)[:, 0]
    return Found(float(values.mean()), bootstrap_mean(values, groups, 0))


def skewed_mean(random: np.random.Generator, groups: np.ndarray) -> Found:
    """Return the mean of a skewed value, exp of a normal one; the truth is sqrt(e)."""
    values = np.exp(draw_values(random, groups)[:, 0])
    return Found(float(values.mean()), bootstrap_mean(values, groups, 0))


def difference(random: np.random.Generator, groups: np.ndarray) -> Found:
    """Return the paired difference of two models that share what is difficult about a patient; the truth is 0."""
    shared = 2 * draw_values(random, groups)[:, 0]
    models = [shared + draw_values(random, groups)[:, 0] for _ in range(2)]
    values = models[0] - models[1]
    p = sign_flip(group_means(values, groups).means, 0).p
    return Found(float(values.mean()), bootstrap_mean(values, groups, 0), p)


def wins(shift: float) -> Analyse:
    """Return how often a model is better that is better by ``shift`` standard deviations; the truth is Phi(shift)."""

    def analyse(random: np.random.Generator, groups: np.ndarray) -> Found:
        found = win_rate(shift + draw_values(random, groups)[:, 0], groups)
        return Found(found.value, found.interval)

    return analyse


def pooled(random: np.random.Generator, groups: np.ndarray) -> Found:
    """Return psnr_pooled of tiles whose PSNR is normal around 20 dB with an SD of 3 dB, as papers print it."""
    metric = build("psnr_pooled")
    errors = np.exp(PSNR_SPREAD * draw_values(random, groups)) / 100

    def leave_out(rows: np.ndarray, blocks: np.ndarray) -> np.ndarray:
        return np.array([metric.score(rows[blocks != block]) for block in range(blocks.max() + 1)])

    estimate = metric.score(errors)
    return Found(estimate, jackknife(estimate, errors, groups, leave_out))


def distance_difference(name: str, *, apart: float) -> Analyse:
    """Return the difference of two models' distances; one lies 0.5 from the real tiles, the other ``apart`` more."""
    metric = build(name)

    def analyse(random: np.random.Generator, groups: np.ndarray) -> Found:
        real = draw_values(random, groups, FEATURES)
        scored = []
        for offset in (0.5, 0.5 + apart):
            generated = 0.7 * real + 0.7 * draw_values(random, groups, FEATURES) + offset
            rows = np.concatenate([generated, real], axis=1)
            scored.append(score_sample(metric, Sample(np.arange(len(groups)), rows, groups, groups)))
        estimate, without = scored[0].estimate - scored[1].estimate, scored[0].without - scored[1].without
        p = jackknife_test(estimate, jackknife_error(without), len(without)).p
        return Found(estimate, jackknife_interval(estimate, without), p)

    return analyse


CASES = (
    Case("mean (bootstrap)", 0.0, mean),
    Case("mean of a skewed value (bootstrap)", float(np.exp(0.5)), skewed_mean),
    Case("paired difference (bootstrap; sign-flip)", 0.0, difference, null=True),
    Case("win rate, truth 0.69", float(stats.norm.cdf(0.5)), wins(0.5)),
    Case("win rate, truth 0.98", float(stats.norm.cdf(2.0)), wins(2.0)),
    Case("psnr_pooled (jackknife)", 20 - 5 * PSNR_SPREAD**2 * float(np.log10(np.e)), pooled),
    Case("difference of kd_random (jackknife)", None, distance_difference("kd_random", apart=0.3)),
    Case("difference of kd_random, models alike (jackknife)", 0.0, distance_difference("kd_random", apart=0.0), True),
    Case("difference of fd_random (jackknife)", None, distance_difference("fd_random", apart=0.3)),
    Case("difference of fd_random, models alike (jackknife)", 0.0, distance_difference("fd_random", apart=0.0), True),
)


@dataclass(frozen=True)
class Measured:
    """What came out: share of intervals that cover, and share of true nulls that are rejected at 0.05."""

    coverage: float
    rejected: float | None


def measure(case: Case, patients: int, studies: int) -> Measured:
    """Return the coverage of a case over studies of so many patients."""
    random = np.random.default_rng([SEED, patients])
    found = [case.analyse(random, draw_groups(random, patients)) for _ in range(studies)]
    truth = float(np.mean([one.estimate for one in found])) if case.truth is None else case.truth
    covered = [one.interval is not None and one.interval.low <= truth <= one.interval.high for one in found]
    rejected = [one.p <= ALPHA for one in found if one.p is not None]
    return Measured(float(np.mean(covered)), float(np.mean(rejected)) if case.null else None)


def lines(studies: int) -> Iterator[str]:
    """Yield the table in Markdown."""
    yield "| interval | " + " | ".join(f"{patients} patients" for patients in PATIENTS) + " |"
    yield "| --- |" + " ---: |" * len(PATIENTS)
    for case in CASES:
        measured = [measure(case, patients, studies) for patients in PATIENTS]
        yield f"| {case.name} | " + " | ".join(f"{100 * each.coverage:.1f} %" for each in measured) + " |"
        if case.null:
            told = [f"{100 * each.rejected:.1f} %" for each in measured if each.rejected is not None]
            yield "| – its test rejects at 0.05 | " + " | ".join(told) + " |"


if __name__ == "__main__":
    for line in lines(int(sys.argv[1]) if len(sys.argv) > 1 else 1000):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
