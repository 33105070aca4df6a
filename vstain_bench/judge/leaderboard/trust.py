"""What a stress sweep says of a metric, to stand beside its column: the findings of ``vstain-bench stress``."""

from pathlib import Path

from pydantic import Field

from vstain_bench.judge.stress.findings import Estimate, Findings, Verdict, read_findings
from vstain_bench.judge.stress.folder import StressFolder
from vstain_bench.results.table import FrozenModel

DISPLACEMENT = "translation"
ERASED = ("dab_loss", 100.0)


class Ordering(FrozenModel):
    """How often a right tile that is displaced outranks a wrong one that is aligned."""

    displacement_um: float
    rate: Estimate


class TrustFigures(FrozenModel):
    """One metric's answers in a sweep."""

    metric: str
    signature: str
    ordering: tuple[Ordering, ...]
    half_life_um: float | None = Field(None, description="Displacement that costs half of the way to the best control")
    erased_um: float | None = Field(None, description="Displacement that costs as much as erasing all DAB")
    worse_if_more: float | None = Field(None, description="Share of steps to a larger defect that it calls worse")

    def rate(self, displacement_um: float) -> Estimate | None:
        """Return the ordering rate at one displacement, or None."""
        return next((each.rate for each in self.ordering if each.displacement_um == displacement_um), None)


class Trust(FrozenModel):
    """A sweep: its tiles, and the figures of each metric by signature."""

    tiles: int
    groups: int | None
    figures: tuple[TrustFigures, ...]

    @property
    def displacements(self) -> tuple[float, ...]:
        """The displacements in µm at which right and wrong tiles were compared."""
        return tuple(sorted({each.displacement_um for figures in self.figures for each in figures.ordering}))

    def of(self, signature: str) -> TrustFigures | None:
        """Return the figures of exactly this definition, or None."""
        return next((each for each in self.figures if each.signature == signature), None)


def read_trust(path: Path) -> Trust:
    """Return the figures of a sweep from its folder, or from its stress.json.

    Raises:
        UsageError: the folder holds no finished sweep.
        InputError: stress.json cannot be understood.
    """
    findings = read_findings(path.read_text("utf-8"), str(path)) if path.is_file() else StressFolder(path).read()
    return trust_of(findings)


def trust_of(findings: Findings) -> Trust:
    """Return what of a sweep stands beside a metric's column."""
    return Trust(
        tiles=findings.tiles, groups=findings.groups, figures=tuple(_figures(each) for each in findings.verdicts)
    )


def _figures(verdict: Verdict) -> TrustFigures:
    half, erased = verdict.half_life(DISPLACEMENT), verdict.equivalent(*ERASED)
    return TrustFigures(
        metric=verdict.metric,
        signature=verdict.signature,
        ordering=tuple(
            Ordering(displacement_um=each.displacement_um, rate=each.rate)
            for each in verdict.ordering
            if each.defect is None
        ),
        half_life_um=half.severity.value if half else None,
        erased_um=erased.shift_um.value if erased else None,
        worse_if_more=verdict.worse_if_more,
    )
