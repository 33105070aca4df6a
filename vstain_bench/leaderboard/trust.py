"""What a stress sweep says of a metric, to stand beside its column: ``stress.json`` of ``vstain-bench stress``."""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vstain_bench.errors import UsageError
from vstain_bench.results.table import FrozenModel


class Ordering(FrozenModel):
    """How often a right tile that is displaced outranks a wrong one that is aligned."""

    displacement_um: float
    rate: float
    low: float | None = None
    high: float | None = None


class TrustFigures(FrozenModel):
    """One metric's answers in a sweep."""

    metric: str
    signature: str
    ordering: tuple[Ordering, ...]
    half_life_um: float | None = Field(None, description="Displacement that costs half of the way to the best control")
    erased_um: float | None = Field(None, description="Displacement that costs as much as erasing all DAB")
    monotone: float | None = Field(None, description="Share of steps to a larger defect that the metric calls worse")


class Trust(FrozenModel):
    """A sweep: its tiles, and the figures of each metric by signature."""

    tiles: int
    groups: int | None
    figures: tuple[TrustFigures, ...]

    def of(self, signature: str) -> TrustFigures | None:
        """Return the figures of exactly this definition, or None."""
        return next((each for each in self.figures if each.signature == signature), None)


class _Verdict(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    metric: str
    ordering: tuple[dict[str, float | int | None], ...]
    half_life_um: float | None = None
    erased_um: float | None = None
    monotone: float | None = None


class _Sweep(BaseModel):
    """What is read of stress.json; whatever else it holds is no matter here."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    tiles: int
    groups: int | None
    signatures: dict[str, str]
    verdicts: tuple[_Verdict, ...]


def read_trust(folder: Path) -> Trust:
    """Return the figures of a sweep from its folder, or from a stress.json.

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    path = folder / "stress.json" if folder.is_dir() else folder
    try:
        sweep = _Sweep.model_validate(json.loads(path.read_text(encoding="utf-8")))
        figures = tuple(_figures(sweep, verdict) for verdict in sweep.verdicts)
    except (OSError, ValueError, KeyError) as fault:
        told = fault.errors()[0]["msg"] if isinstance(fault, ValidationError) else str(fault)
        raise UsageError(
            where=f"--trust {folder}",
            found=f"no stress.json that can be read ({told})",
            expected="the folder of a sweep, as written by 'vstain-bench stress --out DIR'",
        ) from fault
    return Trust(tiles=sweep.tiles, groups=sweep.groups, figures=figures)


def _figures(sweep: _Sweep, verdict: _Verdict) -> TrustFigures:
    known = Ordering.model_fields
    return TrustFigures(
        metric=verdict.metric,
        signature=sweep.signatures[verdict.metric],
        ordering=tuple(
            Ordering.model_validate({key: value for key, value in each.items() if key in known})
            for each in verdict.ordering
        ),
        half_life_um=verdict.half_life_um,
        erased_um=verdict.erased_um,
        monotone=verdict.monotone,
    )
