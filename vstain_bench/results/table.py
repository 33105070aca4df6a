"""The one table that reports, gates and leaderboards read: rows, and what was measured on what."""

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from vstain_bench.errors import UsageError

SCHEMA_VERSION = "1.0"
CONTROL_PREFIX = "control:"

Status = Literal["ok", "undefined", "unavailable"]


class FrozenModel(BaseModel):
    """A value of a file of results: nothing unknown in it, no number that JSON does not have."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Row(FrozenModel):
    """One number: a model's score on one metric, over all tiles or those of one label."""

    model: str = Field(description="Model, or a control when it begins with 'control:'")
    metric: str = Field(description="Exact name of the metric")
    signature: str = Field(description="Everything that can change the number")
    condition: str = Field("clean", description="'clean', or the perturbation that the tiles went through")
    label: str | None = Field(None, description="Only tiles of this label; null for all")
    value: float | None = Field(None, description="The score; null unless status is 'ok'")
    sd: float | None = Field(None, description="Standard deviation over tiles (n - 1); null for metrics of whole sets")
    standard_error: float | None = Field(None, description="Of the score over independent tiles, where known (KID)")
    low: float | None = Field(None, description="Lower end of the 95 % interval")
    high: float | None = Field(None, description="Upper end of the 95 % interval")
    interval: str | None = Field(None, description="How the interval was made, or why there is none")
    unit: str = ""
    better: Literal["higher", "lower", "target"]
    tiles: int = Field(description="Tiles that the value was computed from")
    groups: int | None = Field(None, description="Patients or slides among them; null when not known")
    infinite: int = Field(0, description="Tiles beside these whose value is not finite (identical tiles under PSNR)")
    icc: float | None = Field(None, description="Intraclass correlation of tiles within groups")
    effective_tiles: float | None = Field(None, description="Independent tiles that the tiles are worth")
    unbeaten: tuple[str, ...] = Field((), description="Controls that are as good or better on the control's tiles")
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
    """The named list of metrics that was asked for."""

    name: str
    signatures: tuple[str, ...]


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


class Controls(FrozenModel):
    """On which tiles the control rows were computed."""

    tiles: int
    seed: int


class Table(FrozenModel):
    """The content of results.json."""

    schema_version: str = SCHEMA_VERSION
    protocol: Protocol
    inputs: Inputs
    controls: Controls
    models: tuple[str, ...] = Field(description="Models in the order given")
    warnings: tuple[str, ...] = Field(description="What a reader of the numbers must know")
    rows: tuple[Row, ...]
    quantities: tuple[Quantity, ...] = Field((), description="What the two sides are like, behind the metrics")

    def to_json(self) -> str:
        """Return strict JSON: no NaN, no timestamp, the same bytes for the same content."""
        return json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def find(self, model: str, metric: str, label: str | None = None) -> Row | None:
        """Return one row, or None."""
        return next(
            (row for row in self.rows if row.model == model and row.metric == metric and row.label == label), None
        )

    def metrics(self) -> list[Row]:
        """Return the first row of each metric, in the order of the protocol."""
        first: dict[str, Row] = {}
        for row in self.rows:
            first.setdefault(row.metric, row)
        order = [signature.partition("|")[0] for signature in self.protocol.signatures]
        return sorted(first.values(), key=lambda row: order.index(row.metric) if row.metric in order else len(order))

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
    """Return the table of a results.json, or say where it is not one."""
    try:
        content = json.loads(text)
        version = content.get("schema_version") if isinstance(content, dict) else None
        if version != SCHEMA_VERSION:
            raise ValueError(f"schema_version {version!r}, expected {SCHEMA_VERSION!r}")
        return Table.model_validate(content)
    except ValueError as fault:
        raise UsageError(
            where=where,
            found=f"not a results table: {fault}",
            expected=f"a results.json of schema {SCHEMA_VERSION}, as written by 'vstain-bench run'",
        ) from fault
