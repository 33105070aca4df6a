"""How numbers are shown, the same in every format: decimals, arrows, best and second, marks."""

import math
from collections.abc import Mapping

from vstain_bench.present.sheet import Cell, Tone
from vstain_bench.results.table import CONTROL_PREFIX, Row
from vstain_bench.words import Direction

ARROWS = {"higher": "↑", "lower": "↓", "target": "→"}
MARK = "†"
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
    controls = ", ".join(model_title(control) for control in row.unbeaten)
    return Cell(
        text=f"{row.value:.{digits}f}",
        spread=f"{row.sd:.{digits}f}" if row.sd is not None else "",
        interval=f"[{row.low:.{digits}f}, {row.high:.{digits}f}]" if row.low is not None else "",
        marks=MARK if row.unbeaten else "",
        tone=tone.get(place, "plain"),
        number=row.value,
        notes=(f"no better than {controls} on the tiles that both were scored on",) if row.unbeaten else (),
    )


def model_title(model: str) -> str:
    """Return a model's name as shown; controls are in words."""
    return model.removeprefix(CONTROL_PREFIX).replace("-", " ") if model.startswith(CONTROL_PREFIX) else model


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in the right form."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
