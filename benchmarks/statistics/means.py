"""Means: what 95 % intervals cover, before (bootstrap of the mean over tiles) and after (Student over patients).

``python benchmarks/statistics/means.py [--studies N]`` prints means.md.
"""

from collections.abc import Iterator

import numpy as np
from before import bootstrap_interval
from studies import Patients, Shape, Sizes, draw_effects, draw_patients, draw_sizes, percent, run, seeded, table

from vstain_bench.stats.family import max_t
from vstain_bench.stats.intervals import jackknife_interval
from vstain_bench.stats.means import actual_coverage, cautions, skewed, student_interval
from vstain_bench.stats.significance import sign_flip

PATIENTS = (2, 3, 4, 5, 8, 17, 50)
CELLS: tuple[tuple[Sizes, Shape], ...] = (
    ("equal", "normal"), ("equal", "skewed"), ("unequal", "normal"), ("unequal", "skewed"),
)  # fmt: skip
RULES = ("before", "mean over patients", "mean over tiles")


def tile_interval(drawn: Patients) -> tuple[float, float]:
    """Return the jackknife interval of the mean over tiles."""
    sums = drawn.means * drawn.tiles
    without = (sums.sum() - sums) / (drawn.tiles.sum() - drawn.tiles)
    found = jackknife_interval(float(sums.sum() / drawn.tiles.sum()), without)
    return found.low, found.high


def coverage(patients: int, sizes: Sizes, kind: Shape, studies: int) -> dict[str, float]:
    """Return how often each rule's interval holds the truth, 0 for patients and for tiles."""
    random = seeded(1, patients, sizes == "equal", kind == "normal")
    held = dict.fromkeys(RULES, 0)
    for _ in range(studies):
        drawn = draw_patients(random, patients, sizes=sizes, kind=kind)
        macro = student_interval(drawn.means)
        assert macro is not None
        ends = (bootstrap_interval(drawn.means, drawn.tiles), (macro.low, macro.high), tile_interval(drawn))
        for rule, (low, high) in zip(RULES, ends, strict=True):
            held[rule] += low <= 0 <= high
    return {rule: hits / studies for rule, hits in held.items()}


def coverage_table(studies: int) -> Iterator[str]:
    """Yield coverage by rule, sizes, shape and number of patients."""
    rows = []
    for sizes, kind in CELLS:
        found = [coverage(patients, sizes, kind, studies) for patients in PATIENTS]
        rows += [[f"{rule}; {sizes}, {kind}", *(percent(each[rule]) for each in found)] for rule in RULES]
    yield from table(("coverage in %, patients:", *map(str, PATIENTS)), rows)


def disagreement(patients: int, studies: int) -> tuple[float, float, float]:
    """Return how far tile and patient means lie apart, and how often interval and p-value disagree, before and after.

    The patients' effect goes with the logarithm of their number of tiles (correlation 0.5, intraclass correlation 0.3).
    """
    random = seeded(2, patients)
    gaps, before, after = [], 0, 0
    for _ in range(studies):
        tiles = draw_sizes(random, patients, "unequal")
        logs = (np.log(tiles) - np.log(3 * 1500) / 2) / (np.log(1500 / 3) / 12**0.5)
        effects = 0.3**0.5 * (0.5 * logs + 0.75**0.5 * random.normal(size=patients)) + 0.2
        means = effects + random.normal(size=patients) * np.sqrt(0.7 / tiles)
        gaps.append(abs((means * tiles).sum() / tiles.sum() - means.mean()))
        low, high = bootstrap_interval(means, tiles)
        before += (low <= 0 <= high) == (sign_flip(means, 0).p <= 0.05)
        macro = student_interval(means)
        assert macro is not None
        after += (macro.low <= 0 <= macro.high) == (max_t(means[None], 0, draws=1999)[0].p <= 0.05)
    return float(np.mean(gaps)), before / studies, after / studies


def estimand_table(studies: int) -> Iterator[str]:
    """Yield what comes of printing a mean over tiles beside a test over patients."""
    rows = []
    for patients in (8, 17, 50):
        gap, before, after = disagreement(patients, studies)
        rows.append([f"{patients} patients", f"{gap:.2f}", percent(before), percent(after)])
    yield from table(("effect that goes with size", "gap in SD", "before, disagree %", "after, disagree %"), rows)


def one_large_patient(studies: int) -> Iterator[str]:
    """Yield the standard error of both means where one of 50 patients holds half of the tiles."""
    random = seeded(3)
    tiles = np.full(50, 20)
    tiles[0] = 20 * 49
    effects = 0.2**0.5 * draw_effects(random, (studies, 50), "normal")
    means = effects + random.normal(size=(studies, 50)) * np.sqrt(0.8 / tiles)
    over_tiles = (means * tiles).sum(axis=1) / tiles.sum()
    rows = [["standard error", f"{over_tiles.std():.3f}", f"{means.mean(axis=1).std():.3f}"]]
    yield from table(("one of 50 patients holds half of the tiles", "mean over tiles", "mean over patients"), rows)


def caution_table(studies: int) -> Iterator[str]:
    """Yield how often a caution is given, and what intervals with the skew caution cover."""
    rows = []
    for patients in (8, 17, 50):
        random = seeded(4, patients)
        flagged = dict.fromkeys(("normal", "skewed"), 0)
        for kind in flagged:
            for _ in range(studies):
                flagged[kind] += skewed(draw_patients(random, patients, sizes="unequal", kind=kind).means)
        uneven = np.mean(
            ["uneven-patients" in cautions(drawn.means, drawn.tiles)
             for drawn in (draw_patients(random, patients, sizes="unequal") for _ in range(studies))]
        )  # fmt: skip
        rows.append([f"{patients} patients", *(percent(each / studies) for each in flagged.values()), percent(uneven)])
    header = (
        "cautions in %",
        "skewed-patients, normal",
        "skewed-patients, skewed",
        "uneven-patients, 3 to 1,500 tiles",
    )
    yield from table(header, rows)


def unknown_patients() -> Iterator[str]:
    """Yield what an interval over tiles covers when the patients are not known (closed form, many patients)."""
    rows = [
        [
            f"{tiles} tiles a patient",
            *(percent(actual_coverage(per_patient=tiles, icc=icc)) for icc in (0.05, 0.2, 0.5)),
        ]
        for tiles in (1, 5, 20, 100)
    ]
    yield from table(("coverage of Student over tiles in %", "ICC 0.05", "ICC 0.2", "ICC 0.5"), rows)


def lines(studies: int) -> Iterator[str]:
    """Yield the page."""
    yield "Equal: 8 tiles a patient. Unequal: 3 to 1,500. Skewed: patients' effects are exponential. ICC 0.2."
    yield ""
    yield from coverage_table(studies)
    yield from estimand_table(studies)
    yield from one_large_patient(studies)
    yield from caution_table(studies)
    yield from unknown_patients()


if __name__ == "__main__":
    run("Means over patients", lines, studies=1000)
