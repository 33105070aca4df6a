"""Distances between sets: tests, intervals, bias and kernel distances when tiles come in patients.

``python benchmarks/statistics/distances.py [--studies N]`` prints distances.md. Fréchet distances are computed from
each patient's sums of features and of their products, which is the same number many times faster.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from studies import percent, run, seeded, table

from vstain_bench.metrics.frechet import frechet_distance
from vstain_bench.metrics.kernel import jackknife_values, kernel_distance
from vstain_bench.stats.distances import at_common_size, distance, swap_test
from vstain_bench.stats.family import max_t
from vstain_bench.stats.intervals import jackknife_error, jackknife_interval
from vstain_bench.stats.kernel_between import between_patients, patient_pairs, swap_shares
from vstain_bench.stats.significance import ALPHA, jackknife_test

FEATURES, TILES, ICC = 8, 30, 0.2
SWAPS = 199


@dataclass(frozen=True)
class Sums:
    """Each patient's number of tiles, sums of features and of their products, of both sides, one row a patient."""

    rows: np.ndarray

    @classmethod
    def of(cls, sides: tuple[np.ndarray, np.ndarray]) -> "Sums":
        """Return the sums of both sides, each of shape (patients, tiles, d)."""
        parts = [np.full((len(sides[0]), 1), sides[0].shape[1], dtype=float)]
        for side in sides:
            parts += [side.sum(axis=1), np.einsum("ptd,pte->pde", side, side).reshape(len(side), -1)]
        return cls(np.concatenate(parts, axis=1))


def frechet(rows: np.ndarray) -> float:
    """Return the Fréchet distance of rows of sums."""
    total = rows.sum(axis=0)
    features = int(((len(total) - 1) // 2) ** 0.5)
    while 1 + 2 * features * (1 + features) > len(total):
        features -= 1
    count, place, moments = total[0], 1, []
    for _ in range(2):
        mean = total[place : place + features] / count
        products = total[place + features : place + features + features**2].reshape(features, features)
        moments.append((mean, (products - count * np.outer(mean, mean)) / (count - 1)))
        place += features * (1 + features)
    (one, first), (two, second) = moments
    values, directions = np.linalg.eigh(first)
    root = directions * np.sqrt(values.clip(min=0))
    cross = np.sqrt(np.linalg.eigvalsh(root.T @ second @ root).clip(min=0)).sum()
    return max(0.0, float((one - two) @ (one - two) + np.trace(first) + np.trace(second) - 2 * cross))


def draw_side(
    random: np.random.Generator, patients: int, features: int, tiles: int = TILES, icc: float = ICC
) -> np.ndarray:
    """Return features of tiles of patients, shape (patients, tiles, features), each with variance 1."""
    effects = icc**0.5 * random.normal(size=(patients, 1, features))
    return effects + (1 - icc) ** 0.5 * random.normal(size=(patients, tiles, features))


def defective(random: np.random.Generator, real: np.ndarray, scale: float) -> np.ndarray:
    """Return a model's tiles: the real ones with noise and with an offset of each patient's own."""
    offset = scale * 0.2 * random.normal(size=(len(real), 1, real.shape[2]))
    return real + offset + 0.5 * random.normal(size=real.shape)


def without_each(rows: np.ndarray) -> np.ndarray:
    """Return the distance without each patient."""
    return np.array([frechet(np.delete(rows, patient, axis=0)) for patient in range(len(rows))])


def told_apart(random: np.random.Generator, patients: int, scales: tuple[float, float], studies: int) -> list[str]:
    """Return how often two models of these scales are told apart: by the jackknife, its logarithm, the swap; in %."""
    rejected = np.zeros(3)
    for number in range(studies):
        real = draw_side(random, patients, FEATURES)
        first, second = (Sums.of((defective(random, real, scale), real)).rows for scale in scales)
        estimates = (frechet(first), frechet(second))
        left = (without_each(first), without_each(second))
        raw = jackknife_test(estimates[0] - estimates[1], jackknife_error(left[0] - left[1]), patients)
        logs = jackknife_error(np.log(left[0]) - np.log(left[1]))
        log = jackknife_test(math.log(estimates[0] / estimates[1]), logs, patients)
        swap = swap_test(frechet, first, second, np.arange(patients), number, draws=SWAPS)
        rejected += [each.p <= ALPHA for each in (raw, log, swap)]
    return [percent(each / studies) for each in rejected]


RULES = ("told apart in %", "raw jackknife (before)", "log jackknife", "patient swap (after)")


def comparisons(studies: int) -> Iterator[str]:
    """Yield how often two models are told apart by each rule, alike and with offsets 2 and 4.5 times as large."""
    rows = []
    for patients in (6, 17):
        for scale in (1.0, 2.0, 4.5):
            found = told_apart(seeded(31, patients, int(10 * scale)), patients, (scale, 1.0), studies)
            name = "alike" if scale == 1 else f"offset scale x{scale:g}"
            rows.append([f"{name}, {patients} patients", *found])
    yield from table(RULES, rows)


def strong_nulls(studies: int) -> Iterator[str]:
    """Yield the same of two models that are alike, both with offsets 4.5 times as large."""
    rows = [
        [
            f"alike at offset scale x4.5, {patients} patients",
            *told_apart(seeded(36, patients), patients, (4.5, 4.5), studies),
        ]
        for patients in (6, 17)
    ]
    yield from table(RULES, rows)


def population(features: int) -> float:
    """Return the distance of the populations of ``defective`` at scale 1: traces alone, means are equal."""
    extra = 0.2**2 + 0.5**2
    return features * (1 + 1 + extra - 2 * math.sqrt(1 + extra))


def intervals(studies: int) -> Iterator[str]:
    """Yield coverage of the distance at this n and of the population's, and what the share of bias says."""
    rows = []
    for features in (8, 64):
        for patients in (6, 17, 50):
            random, found = seeded(32, features, patients), []
            for _ in range(studies):
                real = draw_side(random, patients, features)
                summed = Sums.of((defective(random, real, 1.0), real)).rows
                left = without_each(summed)
                estimate = frechet(summed)
                found.append((distance(estimate, left), jackknife_interval(estimate, left)))
            mean, truth = float(np.mean([each.value for each, _ in found])), population(features)
            made = [(each, raw) for each, raw in found if each.interval is not None]
            held = [
                np.mean([each.interval.low <= level <= each.interval.high for each, _ in made])
                for level in (mean, truth)
            ]
            raw = [np.mean([each.low <= level <= each.high for _, each in made]) for level in (mean,)]
            negative = np.mean([each.low < 0 for _, each in made])
            shares = [each.bias_share for each, _ in found if each.bias_share is not None]
            rows.append(
                [f"d = {features}, {patients} patients", percent(raw[0]), percent(float(negative)), percent(held[0]),
                 percent(held[1]), percent(1 - truth / mean), percent(float(np.median(shares))),
                 percent(float(np.mean([each.biased for each, _ in found])))]
            )  # fmt: skip
    header = (
        "Fréchet distance, in %", "raw interval holds E[F at this n] (before)", "its low end below 0",
        "log interval holds E[F at this n]", "log interval holds F of the population", "true share of bias",
        "median estimated share", "flagged",
    )  # fmt: skip
    yield from table(header, rows)


def unequal_labels(studies: int) -> Iterator[str]:
    """Yield distances of labels with equal distributions and unequal numbers of tiles, before and after."""
    sizes = {"38 tiles": 38, "240 tiles": 240, "440 tiles": 440}
    before, after = dict.fromkeys(sizes, 0.0), dict.fromkeys(sizes, 0.0)
    random, repeats = seeded(33), max(5, studies // 20)

    def score(rows: np.ndarray) -> float:
        return frechet_distance(rows[:, :64], rows[:, 64:])

    for number in range(repeats):
        strata = {name: random.normal(size=(tiles, 128)) for name, tiles in sizes.items()}
        for name, rows in strata.items():
            before[name] += score(rows) / repeats
        for name, value in at_common_size(score, strata, number)[1].items():
            after[name] += value / repeats
    rows = [["each at its own number (before)", *(f"{each:.1f}" for each in before.values())],
            ["all at 38 tiles (after)", *(f"{each:.1f}" for each in after.values())]]  # fmt: skip
    yield from table(("distance of equal distributions, d = 64", *sizes), rows)


def kernel_bias(studies: int) -> Iterator[str]:
    """Yield the mean of kernel distances whose truth is 0, and what their intervals over patients cover."""
    rows, patients = [], 17
    groups = np.repeat(np.arange(patients), TILES)
    for icc in (0.0, 0.2, 0.5):
        random, plain, between, held = seeded(34, int(10 * icc)), [], [], np.zeros(2)
        for _ in range(studies):
            ours, theirs = (draw_side(random, patients, 64, icc=icc).reshape(-1, 64) for _ in range(2))
            estimate = kernel_distance(ours, theirs)
            old = jackknife_interval(estimate, jackknife_values(np.concatenate([ours, theirs], axis=1), groups))
            new = between_patients(patient_pairs(ours, theirs, groups))
            assert new.value is not None
            assert new.interval is not None
            plain.append(estimate)
            between.append(new.value)
            held += [old.low <= 0 <= old.high, new.interval.low <= 0 <= new.interval.high]
        error = float(np.std(between)) / studies**0.5
        rows.append(
            [f"ICC {icc}", f"{np.mean(plain):.4f}", f"{np.mean(between):.4f} ± {error:.4f}",
             *(percent(each / studies) for each in held)]
        )  # fmt: skip
    header = (
        "truth 0, 17 patients of 30 tiles, d = 64", "mean of kid (before)", "mean between patients (after)",
        "kid's interval holds 0, %", "interval between patients holds 0, %",
    )  # fmt: skip
    yield from table(header, rows)


def kernel_tests(studies: int) -> Iterator[str]:
    """Yield errors and power of comparing two models by kernel distances between patients, d = 8."""
    rows = []
    for patients in (6, 17):
        groups = np.repeat(np.arange(patients), TILES)
        for scale in (1.0, 2.0):
            random, rejected, held, values = seeded(35, patients, int(scale)), np.zeros(2), [], []
            for _ in range(studies):
                real = draw_side(random, patients, FEATURES)
                flat = real.reshape(-1, FEATURES)
                models = [defective(random, real, each).reshape(-1, FEATURES) + 0.3 * each for each in (scale, 1.0)]
                pairs = [patient_pairs(each, flat, groups) for each in models]
                difference = between_patients(pairs[0] - pairs[1])
                shares = swap_shares(models[0], models[1], flat, groups)
                assert difference.interval is not None
                assert difference.value is not None
                old = jackknife_test(difference.value, jackknife_error(difference.without), patients)
                new = max_t(shares[None], 0, draws=1999)[0]
                rejected += [old.p <= ALPHA, new.p <= ALPHA]
                values.append(difference.value)
                held.append(difference.interval)
            truth = float(np.mean(values)) if scale > 1 else 0.0
            covered = np.mean([each.low <= truth <= each.high for each in held])
            name = "alike" if scale == 1 else f"offset scale x{scale:g}"
            rows.append([f"{name}, {patients} patients", *(percent(each / studies) for each in rejected),
                         percent(float(covered))])  # fmt: skip
    header = ("kernel distances of two models, in %", "t of the jackknife rejects", "swap rejects", "interval holds")
    yield from table(header, rows)


def lines(studies: int) -> Iterator[str]:
    """Yield the page."""
    yield f"Patients of {TILES} tiles, ICC {ICC}; a model is the real tile with noise and an offset a patient."
    yield ""
    yield from comparisons(studies)
    rest = max(5, studies // 3)
    yield f"{rest} studies a cell from here on."
    yield ""
    for part in (intervals, unequal_labels, kernel_bias, kernel_tests, strong_nulls):
        yield from part(rest)


if __name__ == "__main__":
    run("Distances between sets", lines, studies=300)
