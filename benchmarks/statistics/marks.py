"""Marks of controls: how often a model that is truly better is marked, and one that is no better is not.

``python benchmarks/statistics/marks.py [--studies N]`` prints marks.md.

Differences of tiles have a standard deviation of 1, of which a fifth of the variance is the patients'; a model is
better than each of three attainable controls by a number of such standard deviations. Before, the mean over tiles was
compared with each control's; now all controls are tested together over patients.
"""

from collections.abc import Iterator

from studies import percent, run, seeded, table

from vstain_bench.stats.marks import control_marks

CELLS = ((6, 12), (17, 12), (17, 50), (50, 50))
CONTROLS, ICC, DRAWS = 3, 0.2, 1_999


def marked(patients: int, tiles: int, effect: float, studies: int) -> tuple[float, float, float]:
    """Return how often a model gets a mark before; now any mark, and two (a control shown to be better)."""
    random = seeded(61, patients, tiles, int(100 * effect) + 1000)
    before, any_mark, two = 0, 0, 0
    for _ in range(studies):
        shared = random.normal(size=patients) * ICC**0.5
        own = random.normal(size=(CONTROLS, patients)) * ((1 - ICC) / tiles) ** 0.5
        gains = effect + shared + own
        before += bool((gains.mean(axis=1) <= 0).any())
        marks = control_marks(gains, 0, draws=DRAWS)
        any_mark += any(each != "beaten" for each in marks)
        two += "better" in marks
    return before / studies, any_mark / studies, two / studies


def lines(studies: int) -> Iterator[str]:
    """Yield the page."""
    rows = []
    for effect in (-0.25, 0.0, 0.25, 0.5, 1.0):
        found = [marked(patients, tiles, effect, studies) for patients, tiles in CELLS]
        rows += [
            [f"better by {effect:g} SD: {name}", *(percent(each[place]) for each in found)]
            for place, name in enumerate(("marked before", "marked now", "marked twice now"))
        ]
    header = (f"marked by any of {CONTROLS} controls, in %", *(f"{p} patients of {t}" for p, t in CELLS))
    yield from table(header, rows)


if __name__ == "__main__":
    run("Marks of controls", lines, studies=1000)
