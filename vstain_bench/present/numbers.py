"""How numbers are shown, the same in every format: decimals, arrows, best and second, marks."""

import math
from collections.abc import Iterator, Mapping, Sequence

from vstain_bench.present.sheet import MISSING, Cell, Tone
from vstain_bench.results.comparison import Contrast
from vstain_bench.results.table import CONTROL_PREFIX, Row
from vstain_bench.words import Direction

ARROWS = {"higher": "↑", "lower": "↓", "target": "→"}
MARK = "†"
"""A control that anyone could have is at least as good."""
OUTDONE = "‡"
"""A control that anyone could have is shown to be better."""
MOST_DECIMALS = 6
UNTOLD = "its table, of an earlier schema, does not say: the signature is what is known"
"""What stands for the summary of a metric where a table has none."""


def decimals_of(rows: list[Row], better: Direction) -> int:
    """Return how many decimals a column deserves: two digits of the typical spread among the models.

    More are given until the two best models differ, where they do at all.
    """
    models = [row for row in rows if not row.is_control] or rows
    spreads = [row.sd for row in models if row.sd] or [
        (row.high - row.low) / 2
        for row in models
        if row.high is not None and row.low is not None and row.high > row.low
    ]
    if spreads:
        digits = 1 - math.floor(math.log10(sorted(spreads)[len(spreads) // 2]))
    else:
        digits = 3 - math.floor(math.log10(max((abs(row.value) for row in models if row.value), default=1.0)))
    digits = min(max(digits, 0), MOST_DECIMALS)
    place = places(rows, better)
    best = {row.value for row in models if row.value is not None and place.get(row.model)}
    while digits < MOST_DECIMALS and len({f"{value:.{digits}f}" for value in best}) < len(best):
        digits += 1
    return digits


def places(rows: list[Row], better: Direction) -> dict[str, int]:
    """Return 1 for the best and 2 for the second model among rows over the same tiles; equal values share a place."""
    ranked = [row for row in rows if row.value is not None and not row.is_control]
    if better == "target" or len(ranked) < 2 or len({row.tiles + row.infinite for row in ranked}) > 1:
        return {}
    sign = -1 if better == "higher" else 1
    values = sorted({sign * row.value for row in ranked if row.value is not None})
    return {
        row.model: values.index(sign * row.value) + 1
        for row in ranked
        if row.value is not None and values.index(sign * row.value) < 2
    }


def cell_of(row: Row | None, digits: int, place: int = 0) -> Cell:
    """Return a row of a table as shown, with the digits and the place that it has among its neighbours."""
    if row is None:
        return Cell(notes=("not scored",))
    if row.value is None:
        return Cell(notes=(f"{row.status}: {row.reason}",))
    tone: Mapping[int, Tone] = {1: "best", 2: "second"}
    return Cell(
        text=f"{row.value:.{digits}f}",
        spread=f"{row.sd:.{digits}f}" if row.sd is not None else "",
        interval=f"[{row.low:.{digits}f}, {row.high:.{digits}f}]" if row.low is not None else "",
        marks=OUTDONE if row.outdone else MARK if row.unbeaten else "",
        tone=tone.get(place, "plain"),
        number=row.value,
        notes=tuple(_control_notes(row)),
    )


def _control_notes(row: Row) -> Iterator[str]:
    """Yield what controls say of a number."""
    level = [each for each in row.unbeaten if each not in row.outdone]
    for names, words in ((row.outdone, "worse than"), (level, "no better than"), (row.untold, "not told apart from")):
        if names:
            titles = ", ".join(map(model_title, names))
            yield f"{words} {titles} on the tiles that both were scored on"


def model_title(model: str) -> str:
    """Return a model's name as shown; controls are in words."""
    return model.removeprefix(CONTROL_PREFIX).replace("-", " ") if model.startswith(CONTROL_PREFIX) else model


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in the right form."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def patients(number: int | None) -> str:
    """Return how many patients there are, or that they are not known."""
    return "patients not known" if number is None else counted(number, "patient")


def signed(number: float, digits: int | None) -> str:
    """Return a number with its sign, +0.00 as 0.00; without digits as +1.3e-07."""
    if digits is None:
        return f"{number:+.1e}" if number else "0"
    text = f"{number:+.{digits}f}"
    return text[1:] if float(text) == 0 else text


def decimals_of_difference(contrast: Contrast) -> int | None:
    """Return how many decimals a difference deserves: two digits of half its interval; None for powers of ten."""
    if contrast.low is not None and contrast.high is not None and contrast.high > contrast.low:
        size = (contrast.high - contrast.low) / 2
    else:
        size = abs(contrast.difference or contrast.value or 1.0)
    digits = max(1 - math.floor(math.log10(size)), 0)
    return digits if digits <= MOST_DECIMALS else None


def difference_of(contrast: Contrast) -> Cell:
    """Return a difference as shown, such as ``+0.031`` with ``[+0.012, +0.050]``."""
    if contrast.difference is None:
        return Cell(notes=(contrast.reason or "not compared",))
    digits = decimals_of_difference(contrast)
    low, high = contrast.low, contrast.high
    ends = f"[{signed(low, digits)}, {signed(high, digits)}]" if low is not None and high is not None else ""
    tone: Tone = contrast.verdict if contrast.verdict in ("better", "worse") else "plain"
    return Cell(signed(contrast.difference, digits), interval=ends, tone=tone, number=contrast.difference)


def p_value(p: float | None) -> str:
    """Return a p-value with two digits, none below 0.0001."""
    if p is None:
        return MISSING
    return "<0.0001" if p < 1e-4 else f"{p:.2g}"


def listed(names: Sequence[str]) -> str:
    """Return ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
