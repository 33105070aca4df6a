"""What a gate finds: one finding per number of the run or the baseline, and the verdict over all of them."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from vstain_bench.results.table import CONTROL_PREFIX, FrozenModel

VERDICT_VERSION = "1.2"

Kind = Literal["worse", "missing", "incomparable", "undefined", "better", "new", "within", "same", "void", "ignored"]

KINDS: dict[Kind, str] = {
    "worse": "worse than the baseline by more than the tolerance",
    "missing": "in the baseline, not in the run",
    "incomparable": "in both, but another definition, other tiles, or another number of tiles",
    "undefined": "the run has no value",
    "better": "better than the baseline by more than the tolerance",
    "new": "in the run, without a value in the baseline",
    "within": "differs by no more than the tolerance",
    "same": "equal",
    "void": "a control or label without a value in both",
    "ignored": "not gated: the tolerance is 'ignore'",
}
FAILING: tuple[Kind, ...] = ("worse", "missing", "incomparable", "undefined")
"""The kinds that fail a gate: a comparison that cannot be made never reads as a pass."""
AGREEING: tuple[Kind, ...] = ("same", "within")


class Finding(FrozenModel):
    """What is found of one number."""

    model: str
    metric: str
    label: str | None = Field(description="Only tiles of this label; null for all")
    kind: Kind
    baseline: float | None = Field(description="The accepted value; null where there is none")
    value: float | None = Field(description="The run's value; null where there is none")
    worsening: float | None = Field(
        None, description="By how much the run is worse (negative: better), in the metric's unit; null if not compared"
    )
    allowed: str = Field(description="The tolerance as written, such as '2%', '0.05', 'ci' or 'ignore'")
    unit: str
    better: Literal["higher", "lower", "target"]
    cause: str | None = Field(None, description="Why numbers were not compared; the same for all of one cause")
    target: float | None = Field(None, description="The value to hit, for a metric with one")
    low: float | None = Field(None, description="Lower end of the baseline's interval, where 'ci' is allowed")
    high: float | None = Field(None, description="Its upper end")

    @property
    def fails(self) -> bool:
        """Whether this finding alone fails the gate."""
        return self.kind in FAILING

    @property
    def is_control(self) -> bool:
        """Whether the number is a control's."""
        return self.model.startswith(CONTROL_PREFIX)


class Verdict(FrozenModel):
    """The outcome of a gate, the content of ``gate --json``."""

    verdict_version: str = VERDICT_VERSION
    name: str = Field(description="Tells gates apart in comments and reports")
    passed: bool
    run: str = Field(description="The run, as the command line names it")
    baseline: str = Field(description="The baseline, as the command line names it")
    reason: str | None = Field(description="Why the baseline was accepted; null for a plain results.json")
    counts: dict[Kind, int] = Field(description="Findings of each kind")
    findings: tuple[Finding, ...]

    def of(self, *kinds: Kind) -> list[Finding]:
        """Return the findings of some kinds, in the order of the table."""
        return [each for each in self.findings if each.kind in kinds]

    @property
    def failing(self) -> list[Finding]:
        """The findings that fail the gate."""
        return self.of(*FAILING)


def passes(findings: Sequence[Finding]) -> bool:
    """Return whether nothing fails and something was compared."""
    return not any(each.fails for each in findings) and any(each.kind in (*AGREEING, "better") for each in findings)
