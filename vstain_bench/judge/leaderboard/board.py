"""The leaderboard as data: boards by protocol, sections of runs that compare, and published tables beside them.

It is what every format prints, and what leaderboard.json holds.
"""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from vstain_bench.judge.leaderboard.published import Published, PublishedTable
from vstain_bench.judge.leaderboard.trust import Trust
from vstain_bench.results.table import Controls, FrozenModel, Inputs, Row

SCHEMA_VERSION = "1.1"


class Place(FrozenModel):
    """Where a model stands on one metric among the models of its section."""

    rank: int = Field(description="Rank of its value; equal values share the better rank")
    place: int = Field(description="The best rank that is not excluded; never better than that of a better number")
    shared: bool = Field(description="Whether another model has the same place")
    low: int = Field(description="The best rank that is not excluded; all ranks of a section hold together in 95 %")
    high: int = Field(description="The worst rank that is not excluded")
    leads: bool = Field(False, description="Whether it is not told apart from the best; of nobody where all are so")
    letters: tuple[str, ...] = Field((), description="Models that share a letter are not told apart")
    of: int = Field(description="Models that are ranked")


class Entrant(FrozenModel):
    """One row of the leaderboard: a model of a run, or a control. Controls have no places."""

    title: str = Field(description="The model's name; with its run where several runs have it")
    run: str
    model: str
    rows: tuple[Row, ...]
    places: dict[str, Place] = Field(default_factory=dict, description="By metric, over all tiles")

    def find(self, metric: str, label: str | None = None) -> Row | None:
        """Return the row of one metric and label, or None."""
        return next((row for row in self.rows if row.metric == metric and row.label == label), None)


class Head(FrozenModel):
    """One metric of a section: its definition, and what could not be ranked on it."""

    metric: str
    signature: str
    unit: str
    better: Literal["higher", "lower", "target"]
    perfect: float | None = Field(None, description="The ceiling: the number of identical sides, where it is known")
    summary: str | None = Field(None, description="What is compared with what; null where the tables do not say")
    citation: str | None = None
    unranked: str = Field("", description="Why no model is ranked on it, or an empty text")
    notes: tuple[str, ...] = Field((), description="Models that have no rank, and why")


class ControlRows(FrozenModel):
    """The control rows of one subset of tiles."""

    controls: Controls
    entrants: tuple[Entrant, ...]


class Section(FrozenModel):
    """Runs whose numbers compare: the same tiles and the same definitions. Ranks never leave a section.

    Entrants stand in the order of ``leading``, a metric that the protocol calls primary, or else the first that ranks.
    """

    runs: tuple[str, ...]
    inputs: Inputs
    leading: str = ""
    warnings: tuple[str, ...] = Field((), description="What a reader of the numbers must know")
    heads: tuple[Head, ...]
    entrants: tuple[Entrant, ...]
    controls: tuple[ControlRows, ...]
    apart: tuple[str, ...] = Field((), description="Why it is not ranked with the sections before it")

    def head(self, metric: str) -> Head | None:
        """Return the head of a metric, or None."""
        return next((head for head in self.heads if head.metric == metric), None)

    def metric_rows(self, metric: str, label: str | None = None) -> list[Row]:
        """Return the rows of one metric and label, of models and controls."""
        everyone = (*self.entrants, *(entrant for each in self.controls for entrant in each.entrants))
        found = [entrant.find(metric, label) for entrant in everyone]
        return [row for row in found if row is not None]


class Board(FrozenModel):
    """One protocol: its sections of measured rows."""

    protocol: str
    sections: tuple[Section, ...]

    @property
    def heads(self) -> tuple[Head, ...]:
        """The metrics of all sections, each once, in the order of the protocol."""
        first: dict[str, Head] = {}
        for section in self.sections:
            for head in section.heads:
                first.setdefault(head.metric, head)
        return tuple(first.values())

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all sections, sorted."""
        return tuple(sorted({label for section in self.sections for label in section.inputs.labels}))


class Leaderboard(FrozenModel):
    """Measured boards and published tables."""

    schema_version: str = SCHEMA_VERSION
    title: str
    boards: tuple[Board, ...]
    published: tuple[Published, ...]
    trust: Trust | None = None

    def tables_of(self, board: Board) -> Iterator[tuple[Published, PublishedTable]]:
        """Yield the published tables whose columns a board's protocol computes."""
        return (
            (published, table)
            for published in self.published
            for table in published.table
            if table.protocol == board.protocol
        )

    def entrants(self) -> Iterator[tuple[Board, Section, Entrant]]:
        """Yield every model with where it stands; controls are not among them."""
        for board in self.boards:
            for section in board.sections:
                for entrant in section.entrants:
                    yield board, section, entrant
