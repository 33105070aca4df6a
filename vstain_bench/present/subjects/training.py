"""A finished training: each metric before and after it, and the epoch that it would have chosen."""

from collections.abc import Iterator

from vstain_bench.models.training.history import choose
from vstain_bench.models.training.job import FinishedTraining
from vstain_bench.present.numbers import ARROWS
from vstain_bench.present.sheet import Cell, Document, Facts, Head, Line, Section, Sheet


def document(outcome: FinishedTraining) -> Document:
    """Return what is shown of a finished training."""
    untrained, last = outcome.history[0], outcome.history[-1]
    columns = (
        Head("untrained"),
        Head("kept", unit=f"epoch {outcome.chosen.epoch}"),
        Head("last", unit=f"epoch {last.epoch}"),
        Head("own choice", text=True),
    )

    def lines() -> Iterator[Line]:
        for metric in outcome.metrics:
            own = choose(metric, outcome.history)
            values = (epoch.metrics.get(metric.name) for epoch in (untrained, outcome.chosen, last))
            chosen = Cell(f"epoch {own.epoch}") if own else Cell()
            yield Line(Head(metric.name, ARROWS[metric.better], metric.unit), (*map(_cell, values), chosen))

    sheet = Sheet(columns, tuple(lines()), corner="metric")
    return Document(content=Facts(outcome.folder.read_card()), sections=(Section(sheet=sheet),))


def _cell(value: float | None) -> Cell:
    return Cell() if value is None else Cell(f"{value:.4g}", number=value)
