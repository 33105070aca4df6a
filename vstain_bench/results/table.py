"""The one table that reports, gates and leaderboards read: numbers, what was measured on what, and how.

A table describes its own metrics, so whoever reads it needs neither the registry nor a signature's parts. Rows name
their metric: no table holds two metrics of one name.
"""

import json
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vstain_bench.base.files import to_json
from vstain_bench.errors import UsageError
from vstain_bench.results.migrate import to_current
from vstain_bench.words import Direction, Family, Side

SCHEMA_VERSION = "1.1"
CONTROL_PREFIX = "control:"

Status = Literal["ok", "undefined", "unavailable"]
Parameter = str | int | float | bool


class FrozenModel(BaseModel):
    """A value of a file of results: nothing unknown in it, no number that JSON does not have."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def to_json(self) -> str:
        """Return strict JSON: no NaN, no time, no path; equal content gives equal bytes."""
        return to_json(self.model_dump(mode="json"))


class MetricRecord(FrozenModel):
    """What one metric of the table is: all that a reader needs beside its numbers.

    Null is what a table of schema 1.0 did not say.
    """

    name: str = Field(description="Exact name, by which rows refer to it")
    definition: str = Field(description="Name under which it is registered: 'fd' for 'fd_uni' over an encoder 'uni'")
    params: dict[str, Parameter] = Field(description="Everything that can change the number, by name")
    version: int = Field(description="Raised when the same parameters give another number than before")
    signature: str = Field(description="Name, sides, parameters and version as one string: numbers compare if equal")
    summary: str | None = Field(None, description="What is compared with what, in one line")
    compares: tuple[Side, ...] = Field(description="The sides that it reads")
    better: Direction
    unit: str = Field("", description="Unit of the number; empty for a pure number")
    perfect: float | None = Field(None, description="The number for identical sides; null where it is not finite")
    range: tuple[float | None, float | None] | None = Field(
        None, description="Smallest and largest possible number; null for an end that is not finite"
    )
    interval: Literal["bootstrap", "jackknife"] | None = Field(
        None, description="'bootstrap' for a mean over tiles, 'jackknife' for a score of a whole set"
    )
    family: Family | None = Field(None, description="What it looks at")
    citation: str | None = Field(None, description="The paper, or file and commit where code was the definition")


def called(model: str) -> str:
    """Return whose number a row is: ``model 'mine'`` or ``control 'mean-colour'``."""
    control = model.startswith(CONTROL_PREFIX)
    return f"{'control' if control else 'model'} '{model.removeprefix(CONTROL_PREFIX)}'"


class Row(FrozenModel):
    """One number: a model's score on one metric, over all tiles or those of one label."""

    model: str = Field(description="Model, or a control when it begins with 'control:'")
    metric: str = Field(description="Name of one of the table's metrics")
    label: str | None = Field(None, description="Only tiles of this label; null for all")
    value: float | None = Field(None, description="The score; null unless status is 'ok'")
    sd: float | None = Field(None, description="Standard deviation over tiles (n - 1); null for metrics of whole sets")
    standard_error: float | None = Field(None, description="Of the score over independent tiles, where known (KID)")
    low: float | None = Field(None, description="Lower end of the 95 % interval")
    high: float | None = Field(None, description="Upper end of the 95 % interval")
    interval: str | None = Field(None, description="How the interval was made, or why there is none")
    tiles: int = Field(description="Tiles that the value was computed from")
    groups: int | None = Field(None, description="Patients or slides among them; null when not known")
    infinite: int = Field(0, description="Tiles beside these whose value is not finite (identical tiles under PSNR)")
    icc: float | None = Field(None, description="Intraclass correlation of tiles within groups")
    effective_tiles: float | None = Field(None, description="Independent tiles that the tiles are worth")
    unbeaten: tuple[str, ...] = Field(
        (),
        description="Attainable controls that are at least as good, by the mean over patients on their tiles",
    )
    outdone: tuple[str, ...] = Field((), description="Those of them that are shown to be better")
    untold: tuple[str, ...] = Field(
        (), description="Attainable controls that it is ahead of, though these patients do not tell the two apart"
    )
    status: Status = "ok"
    reason: str | None = Field(None, description="Why there is no value")

    @property
    def is_control(self) -> bool:
        """Whether this row is a control, not a model."""
        return self.model.startswith(CONTROL_PREFIX)


class Quantity(FrozenModel):
    """What one side is like, behind a metric: e.g. the share of strong stain behind an error of the H-score."""

    owner: str = Field(description="'real', or a model")
    metric: str = Field(description="The metric whose rows it was taken from")
    label: str | None = Field(None, description="Only tiles of this label; null for all")
    name: str
    value: float


class Protocol(FrozenModel):
    """The named list of metrics that was asked for: those of the table, in its order."""

    name: str
    primary: tuple[str, ...] = Field((), description="Metrics on which models are to be compared; none: all")


class Inputs(FrozenModel):
    """What was scored, without where it lies."""

    tiles: int
    groups: int | None = Field(description="Number of groups, or null: tiles were taken as independent")
    labels: dict[str, int] = Field(description="Tiles per label")
    mpp: tuple[float, ...] = Field(description="Micrometres per pixel that occur, empty when not known")
    sizes: tuple[str, ...] = Field(description="Tile sizes that occur, width×height in px")
    has_source: bool
    skipped: int = Field(description="Tiles left out under --on-error skip")
    partial: bool = Field(description="Whether --limit cut the tiles; such a run is no result")
    digest: str = Field(description="sha256 over the ids and file contents of all real and source tiles")


class ControlRecord(FrozenModel):
    """What one control is."""

    role: Literal["attainable", "oracle"] = Field(
        description="'attainable' without a model and without the answer; 'oracle', made from the tile's own real side"
    )
    summary: str = Field(description="What it is made of")


class Controls(FrozenModel):
    """On which tiles the control rows were computed, and what the controls are."""

    tiles: int
    seed: int
    about: dict[str, ControlRecord] = Field({}, description="By the name that rows have; empty where it is not known")

    def is_oracle(self, model: str) -> bool:
        """Return whether rows of this name were made from the answer."""
        return model in self.about and self.about[model].role == "oracle"


class Table(FrozenModel):
    """The content of results.json."""

    schema_version: str = SCHEMA_VERSION
    protocol: Protocol
    inputs: Inputs
    controls: Controls
    models: tuple[str, ...] = Field(description="Models in the order given")
    warnings: tuple[str, ...] = Field(description="What a reader of the numbers must know")
    metrics: tuple[MetricRecord, ...] = Field(description="What each metric is, in the order of the protocol")
    rows: tuple[Row, ...]
    quantities: tuple[Quantity, ...] = Field((), description="What the two sides are like, behind the metrics")

    def find(self, model: str, metric: str, label: str | None = None) -> Row | None:
        """Return one row, or None."""
        return next(
            (row for row in self.rows if row.model == model and row.metric == metric and row.label == label), None
        )

    @model_validator(mode="after")
    def _described(self) -> Self:
        names = [record.name for record in self.metrics]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"metrics: '{twice}' occurs twice")
        unknown = next((row.metric for row in self.rows if row.metric not in names), None)
        if unknown is not None:
            raise ValueError(f"rows: metric '{unknown}' is not among 'metrics'")
        return self

    def metric(self, of: Row | str) -> MetricRecord:
        """Return what the metric of a row, or of that name, is."""
        name = of if isinstance(of, str) else of.metric
        return next(record for record in self.metrics if record.name == name)

    def metric_names(self) -> list[str]:
        """Return the names of all metrics, in the order of the protocol."""
        return [record.name for record in self.metrics]

    def quantity(self, owner: str, metric: str, name: str, label: str | None = None) -> float | None:
        """Return one quantity, or None."""
        key = (owner, metric, name, label)
        return next(
            (each.value for each in self.quantities if (each.owner, each.metric, each.name, each.label) == key), None
        )

    def row_models(self) -> list[str]:
        """Return models, then controls, each once, in the order of the table."""
        return list(dict.fromkeys(row.model for row in self.rows))

    def labels(self) -> list[str]:
        """Return all labels, sorted."""
        return sorted({row.label for row in self.rows if row.label is not None})


def read_table(text: str, where: str) -> Table:
    """Return the table of a results.json of this schema or an earlier one, or say where it is none."""
    try:
        return parse_table(json.loads(text))
    except ValueError as fault:
        raise UsageError(
            where=where,
            found=f"not a results table: {fault}",
            expected=f"a results.json of schema {SCHEMA_VERSION} or 1.0, as written by 'vstain-bench run'",
        ) from fault


def parse_table(content: object) -> Table:
    """Return the table that a JSON value holds.

    Raises:
        ValueError: it holds none; pydantic's ValidationError where it is one whose fields are wrong.
    """
    if not isinstance(content, dict):
        raise ValueError("it is no object")
    return Table.model_validate(to_current(content, SCHEMA_VERSION))
