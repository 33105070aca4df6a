"""The leaderboard as data: boards by protocol, sections of runs that compare, and published tables beside them.

It is what every format prints, and what leaderboard.json holds.
"""

import json
from collections.abc import Iterator

from pydantic import Field

from vstain_bench.leaderboard.published import Published, PublishedTable
from vstain_bench.leaderboard.trust import Trust
from vstain_bench.results.table import Controls, FrozenModel, Inputs, Row

SCHEMA_VERSION = "1.0"


class Place(FrozenModel):
    """Where a model stands on one metric among the models of its section."""

    rank: int = Field(description="Rank of its value; equal values share the better rank")
    place: int = Field(description="1 + the models that are better and told apart from it: shared by those that are not")
    low: int = Field(description="Lower end of the 95 % interval of its rank over draws of patients")
    high: int = Field(description="Upper end")
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
    """One metric of a section: its definition, and why nothing is ranked on it, or an empty text."""

    metric: str
    signature: str
    unit: str
    better: str
    unranked: str = ""


class ControlRows(FrozenModel):
    """The control rows of one subset of tiles."""

    controls: Controls
    entrants: tuple[Entrant, ...]


class Section(FrozenModel):
    """Runs whose numbers compare: the same tiles and the same definitions. Ranks never leave a section."""

    runs: tuple[str, ...]
    inputs: Inputs
    heads: tuple[Head, ...]
    entrants: tuple[Entrant, ...]
    controls: tuple[ControlRows, ...]
    notes: tuple[str, ...] = ()

    def head(self, metric: str) -> Head | None:
        """Return the head of a metric, or None."""
        return next((head for head in self.heads if head.metric == metric), None)

    def metric_rows(self, metric: str, label: str | None = None) -> list[Row]:
        """Return the models' rows of one metric and label."""
        found = [entrant.find(metric, label) for entrant in self.entrants]
        return [row for row in found if row is not None]


class Board(FrozenModel):
    """One protocol: sections of measured rows, and the keys of published tables that it computes."""

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
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return strict JSON: no time, no path, the same bytes for the same content."""
        return json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def tables(self) -> Iterator[tuple[Published, PublishedTable]]:
        """Yield every published table with the data set that it belongs to."""
        for published in self.published:
            for table in published.table:
                yield published, table

    def tables_of(self, board: Board) -> Iterator[tuple[Published, PublishedTable]]:
        """Yield the published tables whose columns a board's protocol computes."""
        return ((published, table) for published, table in self.tables() if table.protocol == board.protocol)

    def entrants(self) -> Iterator[tuple[Board, Section, Entrant]]:
        """Yield every model with where it stands; controls are not among them."""
        for board in self.boards:
            for section in board.sections:
                for entrant in section.entrants:
                    yield board, section, entrant
