"""Rates of tiles within patients: what their 95 % intervals cover, bootstrap (before) and Wilson on effective numbers.

``python benchmarks/statistics/rates.py [--studies N]`` prints rates.md.

A tile counts where a normal value with an intraclass correlation lies below a threshold, so that the rate over all
patients is the truth. Patients have 8 tiles each, or 3 to 40.
"""

from collections.abc import Iterator

import numpy as np
from before import bootstrap_interval
from scipy import stats
from studies import percent, run, seeded, table

from vstain_bench.stats.rates import rate_over_patients

PATIENTS = (2, 6, 17, 50)
TRUTHS = (0.5, 0.8, 0.95, 0.99)
ICC = 0.2


def coverage(patients: int, truth: float, equal: bool, studies: int) -> tuple[float, float, float]:
    """Return what the bootstrap and Wilson's intervals cover, and how often the bootstrap's is a point."""
    random = seeded(51, patients, int(100 * truth), equal)
    held, points = np.zeros(2), 0
    threshold = stats.norm.ppf(truth)
    for _ in range(studies):
        tiles = np.full(patients, 8) if equal else np.exp(random.uniform(np.log(3), np.log(40), patients)).astype(int)
        groups = np.repeat(np.arange(patients), tiles)
        values = ICC**0.5 * random.normal(size=patients)[groups] + (1 - ICC) ** 0.5 * random.normal(size=len(groups))
        outcomes = (values < threshold).astype(float)
        means = np.bincount(groups, weights=outcomes) / tiles
        low, high = bootstrap_interval(means, tiles)
        found = rate_over_patients(outcomes, groups)
        assert found.interval is not None
        held += [low <= truth <= high, found.interval.low <= truth <= found.interval.high]
        points += low == high
    return float(held[0] / studies), float(held[1] / studies), points / studies


def lines(studies: int) -> Iterator[str]:
    """Yield the page."""
    yield f"ICC {ICC} of the value behind the outcome."
    yield ""
    for equal in (True, False):
        rows = []
        for truth in TRUTHS:
            found = [coverage(patients, truth, equal, studies) for patients in PATIENTS]
            for place, name in enumerate(("bootstrap (before)", "Wilson (after)", "bootstrap is a point")):
                rows.append([f"truth {truth}: {name}", *(percent(each[place]) for each in found)])
        sizes = "8 tiles a patient" if equal else "3 to 40 tiles a patient"
        yield from table((f"coverage in %, {sizes}, patients:", *map(str, PATIENTS)), rows)


if __name__ == "__main__":
    run("Rates", lines, studies=1000)
