"""What comparing models gives: one contrast for each model, metric and label, against one reference."""

from typing import Literal

from pydantic import Field

from vstain_bench.results.table import FrozenModel

SCHEMA_VERSION = "1.1"
Verdict = Literal["better", "worse", "equal", "not told apart", "powerless", "undefined"]


class GroupPair(FrozenModel):
    """The means of one patient's tiles under both models."""

    group: str
    model: float
    reference: float
    tiles: int


class Contrast(FrozenModel):
    """One model against the reference on one metric, over all tiles or those of one label."""

    model: str
    reference: str
    metric: str
    signature: str
    label: str | None = Field(None, description="Only tiles of this label; null for all")
    primary: bool = Field(description="Whether it belongs to the tests that Holm corrects together")
    better: Literal["higher", "lower", "target"]
    target: float | None = Field(None, description="For 'target': values are distances from this number")
    unit: str = ""
    value: float | None = Field(None, description="The model's score over the tiles compared")
    reference_value: float | None = Field(None, description="The reference's score over the same tiles")
    difference: float | None = Field(None, description="value - reference_value")
    low: float | None = Field(None, description="Lower end of the 95 % interval of the difference")
    high: float | None = Field(None, description="Upper end of the 95 % interval of the difference")
    interval: str | None = Field(None, description="How the interval was made, or why there is none")
    group_difference: float | None = Field(None, description="Mean of the groups' mean differences: what is tested")
    test: str | None = Field(None, description="How p was found")
    p: float | None = Field(None, description="Two-sided, before correction")
    smallest_p: float | None = Field(None, description="The smallest p that this number of groups could give")
    correction: Literal["Holm", "Benjamini-Hochberg"] | None = None
    family: int | None = Field(None, description="Tests that are corrected together")
    adjusted_p: float | None = Field(None, description="p after the correction")
    attainable_p: float | None = Field(None, description="The smallest adjusted p that these groups could give")
    effect_size: float | None = Field(None, description="Cohen's d_z: mean over SD of the groups' differences")
    wins: float | None = Field(None, description="Share of tiles on which the model is better; equal ones count half")
    wins_low: float | None = None
    wins_high: float | None = None
    groups_better: int | None = Field(None, description="Groups in whose mean the model is better")
    groups_equal: int | None = Field(None, description="Groups with equal means")
    tiles: int = 0
    groups: int | None = Field(None, description="Units of resampling; tiles where groups are not known")
    left_out: int = Field(0, description="Tiles without a finite value under one of the two")
    verdict: Verdict = "undefined"
    reason: str | None = Field(None, description="Why there is no difference")
    pairs: tuple[GroupPair, ...] = Field((), description="One pair of means per group, for metrics with tile values")


class ComparedRun(FrozenModel):
    """One of the runs, without where it lies."""

    name: str
    models: tuple[str, ...] = Field(description="Its models, as they are named here")
    protocol: str


class Comparison(FrozenModel):
    """The content of comparison.json."""

    schema_version: str = SCHEMA_VERSION
    runs: tuple[ComparedRun, ...]
    reference: str
    models: tuple[str, ...] = Field(description="All models but the reference")
    metrics: tuple[str, ...] = Field(description="Metrics that were compared, primary ones first")
    primary: tuple[str, ...]
    labels: dict[str, int] = Field(description="Tiles per label")
    tiles: int
    groups: int | None = Field(description="Number of groups, or null: tiles were taken as independent")
    digest: str = Field(description="sha256 over the ids and file contents of all real and source tiles")
    seed: int
    gaps: dict[str, str] = Field(description="Metrics that could not be compared, and why")
    contrasts: tuple[Contrast, ...]

    def overall(self) -> list[Contrast]:
        """Return the contrasts over all tiles."""
        return [each for each in self.contrasts if each.label is None]

    def find(self, model: str, metric: str, label: str | None = None) -> Contrast | None:
        """Return one contrast, or None."""
        asked = (model, metric, label)
        return next((each for each in self.contrasts if (each.model, each.metric, each.label) == asked), None)
