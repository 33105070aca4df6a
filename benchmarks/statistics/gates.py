"""Gates: what a run that is worse passes, and how often an unchanged one fails, by the tolerances `ci` and `paired`.

``python benchmarks/statistics/gates.py [--studies N]`` prints gates.md.

A metric is 1 on average, with a standard deviation of 0.1 over patients. The run and its baseline hold the same tiles
of the same patients; a retraining changes each patient's mean by a normal amount of standard deviation 0.02, and a
model that is worse loses 2 or 5 % besides. Higher is better.
"""

from collections.abc import Iterator

import numpy as np
from before import bootstrap_interval
from studies import percent, run, seeded, table

from vstain_bench.stats.noninferiority import judge_losses

PATIENTS = (6, 17, 50)
SPREAD, RETRAINING = 0.1, 0.02
NUMBERS = 10
DRAWS = 1_999


def passed(patients: int, loss: float, studies: int) -> dict[str, float]:
    """Return how often each rule passes a run whose mean is lower by a loss."""
    random = seeded(41, patients, int(1000 * loss))
    hits = {"ci (before)": 0, "paired 0 %": 0, "paired 2 %": 0, "paired 2 %, strict": 0, "paired 5 %, strict": 0}
    for _ in range(studies):
        baseline = 1 + SPREAD * random.normal(size=patients)
        changed = baseline - loss + RETRAINING * random.normal(size=patients)
        low, _high = bootstrap_interval(baseline, np.full(patients, 8))
        losses = (baseline - changed)[None]
        none, two, five = (judge_losses(losses, np.array([margin]), 0)[0] for margin in (0.0, 0.02, 0.05))
        hits["ci (before)"] += changed.mean() >= low
        hits["paired 0 %"] += none.passes()
        hits["paired 2 %"] += two.passes()
        hits["paired 2 %, strict"] += two.passes(strict=True)
        hits["paired 5 %, strict"] += five.passes(strict=True)
    return {rule: each / studies for rule, each in hits.items()}


def single_numbers(studies: int) -> Iterator[str]:
    """Yield how often one number passes, by how much worse the run truly is."""
    rows = []
    for loss in (0.0, 0.02, 0.05):
        found = [passed(patients, loss, studies) for patients in PATIENTS]
        name = "unchanged" if loss == 0 else f"worse by {100 * loss:g} %"
        rows += [[f"{name}: {rule}", *(percent(each[rule]) for each in found)] for rule in found[0]]
    yield from table(("passes in %, patients:", *map(str, PATIENTS)), rows)


def false_alarm(patients: int, joint: bool, loss: float, studies: int) -> float:
    """Return how often a gate of ten correlated numbers fails at a margin of 2 %."""
    random, margins, failed = seeded(42, patients, int(1000 * loss)), np.full(NUMBERS, 0.02), 0
    for _ in range(studies):
        shared = random.normal(size=patients)
        losses = loss + RETRAINING * 0.5**0.5 * (shared + random.normal(size=(NUMBERS, patients)))
        if joint:
            found = judge_losses(losses, margins, 0, draws=DRAWS)
        else:
            found = [judge_losses(row[None], margins[:1], 0)[0] for row in losses]
        failed += not all(each.passes() for each in found)
    return failed / studies


def joint_numbers(studies: int) -> Iterator[str]:
    """Yield how often a gate of ten numbers fails, judged one by one and together."""
    rows = []
    for loss in (0.0, 0.02, 0.05):
        for joint in (False, True):
            name = "together (max-T)" if joint else "one by one"
            found = [false_alarm(patients, joint, loss, studies) for patients in PATIENTS]
            rows.append([f"worse by {100 * loss:g} %: {name}", *map(percent, found)])
    yield from table((f"paired 2 % on {NUMBERS} numbers, fails in %, patients:", *map(str, PATIENTS)), rows)


def lines(studies: int) -> Iterator[str]:
    """Yield the page."""
    yield "A mean of 1 with a standard deviation of 0.1 over patients; a retraining moves each patient by 0.02 (SD)."
    yield ""
    yield from single_numbers(studies)
    yield from joint_numbers(studies)


if __name__ == "__main__":
    run("Gates", lines, studies=1000)
