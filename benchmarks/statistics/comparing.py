"""Comparing two models: errors and power of tests over patients, alone and in families, margins, labels and trainings.

``python benchmarks/statistics/comparing.py [--studies N]`` prints comparing.md.
"""

from collections.abc import Iterator

import numpy as np
from scipy import stats
from studies import percent, run, seeded, table

from vstain_bench.stats.equivalence import judge_equivalence
from vstain_bench.stats.family import max_t
from vstain_bench.stats.interaction import interaction
from vstain_bench.stats.power import detectable
from vstain_bench.stats.significance import ALPHA, holm, sign_flip, sign_flips
from vstain_bench.stats.trainings import compare_recipes

FEW = (5, 6, 8, 12, 17)
TESTS = 18
DRAWS = 1_999
"""Most sign flips of a simulated test; 17 patients are drawn, fewer counted."""


def single_test(patients: int, kind: str, studies: int) -> float:
    """Return how often one sign-flip test rejects differences with a mean of 0."""
    random = seeded(11, patients, len(kind))
    rejected = 0
    for _ in range(studies):
        values = random.normal(size=patients) if kind == "symmetric" else random.exponential(size=patients) - 1
        rejected += max_t(values[None], 0, draws=DRAWS)[0].p <= ALPHA
    return rejected / studies


def single_tests(studies: int) -> Iterator[str]:
    """Yield type I errors of one test."""
    rows = [
        [f"{kind} differences", *(percent(single_test(patients, kind, studies)) for patients in FEW)]
        for kind in ("symmetric", "asymmetric")
    ]
    yield from table(("one sign-flip test, true nulls rejected in %, patients:", *map(str, FEW)), rows)


def family(patients: int, effect: float, kind: str, studies: int) -> tuple[float, float]:
    """Return how often Holm and max-T find the first of 18 tests; with no effect, how often they find any.

    The tests share half of their variance; the other 17 are null.
    """
    random = seeded(12, patients, int(10 * effect), len(kind))
    found = np.zeros(2)
    for _ in range(studies):
        draw = random.normal if kind == "normal" else (lambda size: np.exp(random.normal(size=size)) - np.exp(0.5))
        differences = 0.5**0.5 * (draw(size=patients) + draw(size=(TESTS, patients)))
        differences[0] += effect
        place = slice(0, 1) if effect else slice(None)
        step_down = [each.p for each in max_t(differences, 0, draws=DRAWS)]
        plain = [each.p for each in sign_flips(differences, 0)] if patients <= 12 else _drawn(differences)
        found += [min(holm(plain)[place]) <= ALPHA, min(step_down[place]) <= ALPHA]
    return float(found[0] / studies), float(found[1] / studies)


def _drawn(differences: np.ndarray) -> list[float]:
    """Return the p-value of each row alone from as many flips as max-T draws; all 65,536 take too long here."""
    return [max_t(row[None], 0, draws=DRAWS * 4)[0].p for row in differences]


def families(studies: int) -> Iterator[str]:
    """Yield family errors and power of 18 tests, Holm (before) beside max-T (after)."""
    few = (6, 8, 12)
    rows = []
    for name, effect, kind in (
        ("any false finding, normal", 0.0, "normal"),
        ("any false finding, strongly skewed", 0.0, "skewed"),
        ("effect of 2 SD found", 2.0, "normal"),
        ("effect of 7 SD found", 7.0, "normal"),
    ):
        found = [family(patients, effect, kind, studies) for patients in few]
        rows += [[f"{name}: {rule}", *(percent(each[place]) for each in found)]
                 for place, rule in enumerate(("Holm", "max-T"))]  # fmt: skip
    yield from table((f"{TESTS} correlated tests, in %, patients:", *map(str, few)), rows)


def powers(studies: int) -> Iterator[str]:
    """Yield how often the difference that is called detectable at 80 % is found by the t test and by sign flips."""
    rows = []
    for patients in (6, 8, 17, 50):
        random, effect = seeded(13, patients), detectable(1.0, patients)
        drawn = random.normal(effect, 1.0, (studies, patients))
        student = np.mean(stats.ttest_1samp(drawn, 0.0, axis=1).pvalue <= ALPHA)
        flips = np.mean([max_t(row[None], 0, draws=DRAWS)[0].p <= ALPHA for row in drawn])
        rows.append([f"{patients} patients", f"{effect:.2f}", percent(float(student)), percent(float(flips))])
    yield from table(("detectable at 80 %", "effect in SD", "found by t in %", "by sign flips in %"), rows)


def margins(studies: int) -> Iterator[str]:
    """Yield how often two models are called equivalent within 0.5 SD."""
    rows = []
    for truth in (0.0, 0.5):
        shares = []
        for patients in (6, 17, 50):
            drawn = seeded(14, patients, int(10 * truth)).normal(truth, 1.0, (studies, patients))
            shares.append(np.mean([judge_equivalence(row, 0.5).finding == "equivalent" for row in drawn]))
        rows.append([f"true difference {truth} SD", *(percent(float(each)) for each in shares)])
    yield from table(("called equivalent within 0.5 SD, in %, patients:", "6", "17", "50"), rows)


def labels(studies: int) -> Iterator[str]:
    """Yield how often a label is said to matter: significant in one and not in the other, beside the interaction.

    Half of the patients have each label; the model is better by 1 SD of the patients' differences in both, or by 0 in
    the second.
    """
    rows = []
    for name, second in (("better by 1 SD under both", 1.0), ("better by 1 SD under one, 0 under the other", 0.0)):
        naive, tested = np.zeros(3), np.zeros(3)
        for column, patients in enumerate((12, 20, 50)):
            random = seeded(15, patients, int(second))
            tags = np.array(["3+", "2+"] * (patients // 2))
            groups = np.array([f"p{each:02d}" for each in range(patients)])
            for _ in range(studies):
                values = np.where(tags == "3+", 1.0, second) + random.normal(size=patients)
                p_values = [stats.ttest_1samp(values[tags == tag], 0.0).pvalue <= ALPHA for tag in ("3+", "2+")]
                naive[column] += p_values[0] and not p_values[1]
                p = interaction(values, groups, tags, 0, draws=199).p
                tested[column] += p is not None and p <= ALPHA
        rows.append([f"{name}: before", *(percent(each / studies) for each in naive)])
        rows.append([f"{name}: interaction", *(percent(each / studies) for each in tested)])
    yield from table(("label said to matter, in %, patients:", "12", "20", "50"), rows)


def trainings(studies: int) -> Iterator[str]:
    """Yield how often one of two equal recipes is called better; spread between trainings 0.3 of that of patients."""
    rows = []
    for name, each in (("one training each: before", 1), ("three trainings each: after", 3)):
        shares = []
        for patients in (6, 17, 50):
            random, wrong = seeded(16, patients, each), 0
            for _ in range(studies):
                ours, theirs = (
                    random.normal(size=(1, patients)) / 2**0.5 + 0.3 * random.normal(size=(each, 1)) for _ in range(2)
                )
                if each == 1:
                    wrong += sign_flip((ours - theirs)[0], 0).p <= ALPHA if patients <= 17 else (
                        max_t(ours - theirs, 0, draws=DRAWS)[0].p <= ALPHA
                    )  # fmt: skip
                else:
                    p = compare_recipes(ours, theirs).p
                    wrong += p is not None and p <= ALPHA
            shares.append(percent(wrong / studies))
        rows.append([name, *shares])
    yield from table(("equal recipes, one called better in %, patients:", "6", "17", "50"), rows)


def lines(studies: int) -> Iterator[str]:
    """Yield the page."""
    for part in (single_tests, families, powers, margins, labels, trainings):
        yield from part(studies)


if __name__ == "__main__":
    run("Comparing models", lines, studies=1000)
