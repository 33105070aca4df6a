"""How numbers are shown, the same in every format: decimals, arrows, best and second, marks."""

import math
from dataclasses import dataclass

from vstain_bench.results.table import CONTROL_PREFIX, Row, Table

ARROWS = {"higher": "↑", "lower": "↓", "target": "→"}
MARK = "†"
MOST_DECIMALS = 6


@dataclass(frozen=True)
class Cell:
    """One number as shown: value, ± sd, [low, high]; empty texts where there is none.

    ``place`` is 1 for the best model of the column, 2 for the second, else 0. ``marked`` says that a control is as
    good or better.
    """

    value: str
    sd: str = ""
    interval: str = ""
    place: int = 0
    marked: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Column:
    """One metric with its cells by model."""

    metric: str
    arrow: str
    unit: str
    cells: dict[str, Cell]

    @property
    def title(self) -> str:
        """Name, direction and unit."""
        return f"{self.metric} {self.arrow}" + (f" ({self.unit})" if self.unit else "")


def decimals_of(rows: list[Row]) -> int:
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
    place = places(rows)
    best = {row.value for row in models if row.value is not None and place.get(row.model)}
    while digits < MOST_DECIMALS and len({f"{value:.{digits}f}" for value in best}) < len(best):
        digits += 1
    return digits


def places(rows: list[Row]) -> dict[str, int]:
    """Return 1 for the best and 2 for the second model among rows over the same tiles; equal values share a place."""
    ranked = [row for row in rows if row.value is not None and not row.is_control and row.better != "target"]
    if len(ranked) < 2 or len({row.tiles + row.infinite for row in ranked}) > 1:
        return {}
    sign = -1 if ranked[0].better == "higher" else 1
    values = sorted({sign * row.value for row in ranked if row.value is not None})
    return {
        row.model: values.index(sign * row.value) + 1
        for row in ranked
        if row.value is not None and values.index(sign * row.value) < 2
    }


def columns(table: Table, label: str | None = None) -> list[Column]:
    """Return the columns of the table for all tiles, or for those of one label."""
    made = []
    for first in table.metrics():
        rows = [row for row in table.rows if row.metric == first.metric and row.label == label]
        if not rows:
            continue
        digits, place = decimals_of(rows), places(rows)
        cells = {row.model: _cell(row, digits, place.get(row.model, 0)) for row in rows}
        made.append(Column(first.metric, ARROWS[first.better], first.unit, cells))
    return made


def _cell(row: Row, digits: int, place: int) -> Cell:
    if row.value is None:
        return Cell(value="–", reason=f"{row.status}: {row.reason}")
    return Cell(
        value=f"{row.value:.{digits}f}",
        sd=f"{row.sd:.{digits}f}" if row.sd is not None else "",
        interval=f"[{row.low:.{digits}f}, {row.high:.{digits}f}]" if row.low is not None else "",
        place=place,
        marked=bool(row.unbeaten),
    )


def model_title(model: str) -> str:
    """Return a model's name as shown; controls are in words."""
    return model.removeprefix(CONTROL_PREFIX).replace("-", " ") if model.startswith(CONTROL_PREFIX) else model


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in the right form."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def footnotes(table: Table) -> list[str]:
    """Return what a reader must know beside the numbers, one sentence each."""
    inputs = table.inputs
    groups = counted(inputs.groups, "group") if inputs.groups is not None else "groups not known"
    notes = [
        f"{counted(inputs.tiles, 'tile')}, {groups}; protocol {table.protocol.name}. "
        "Value ± SD over tiles; [95 % interval]."
    ]
    if any(row.is_control for row in table.rows):
        notes.append(f"Controls on {counted(table.controls.tiles, 'tile')} (seed {table.controls.seed}).")
    unbeaten = [
        f"{row.model} on {row.metric} ({', '.join(model_title(control) for control in row.unbeaten)})"
        for row in table.rows
        if row.unbeaten and row.label is None
    ]
    if unbeaten:
        notes.append(f"{MARK} no better than a control on the control's tiles: {'; '.join(unbeaten)}.")
    infinite = [f"{row.infinite} of {row.model}" for row in table.rows if row.infinite and row.label is None]
    if infinite:
        notes.append(
            f"Tiles identical to the real ones, without a finite PSNR and not in its mean: {'; '.join(infinite)}."
        )
    gaps: dict[str, dict[str, None]] = {}
    for row in table.rows:
        if row.reason and row.label is None and not row.is_control:
            gaps.setdefault(f"{row.status}: {row.reason}", {})[row.metric] = None
    return [
        *notes,
        *(f"{', '.join(metrics)} {reason.rstrip('.')}." for reason, metrics in gaps.items()),
        *table.warnings,
    ]
