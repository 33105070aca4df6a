"""What a sweep found, as data: the content of stress.json, from which every table and page is made."""

import math

from pydantic import BaseModel, ConfigDict, ValidationError

from vstain_bench.base.files import parse_json, to_json
from vstain_bench.errors import InputError
from vstain_bench.judge.stress.config import PerturbedSide
from vstain_bench.words import Direction

SCHEMA_VERSION = "1.1"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(_Record):
    """A number and its 95 % interval; None where there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None


class Ordering(_Record):
    """How often the displaced right tile outranks an aligned wrong one; over all defects where ``defect`` is None."""

    displacement_um: float
    defect: str | None = None
    severity: float | None = None
    rate: Estimate
    tiles: int
    pairs: int


class HalfLife(_Record):
    """The severity at which half of the way from clean to floor is lost; None: not within the levels, see reason."""

    perturbation: str
    unit: str
    severity: Estimate
    largest: float
    reason: str = ""


class Equivalent(_Record):
    """The displacement in µm that costs as much as a defect; None: more than the largest that was tried."""

    perturbation: str
    severity: float
    unit: str
    shift_um: Estimate
    largest_um: float


class Monotone(_Record):
    """Share of steps to a larger severity that the metric calls worse, and the rank correlation of the mean curve."""

    perturbation: str
    share: Estimate
    spearman: float | None


class Flips(_Record):
    """How often two models change places on a tile when both are perturbed alike."""

    perturbation: str
    severity: float
    unit: str
    rate: Estimate
    tiles: int
    pairs: int


class Verdict(_Record):
    """One metric's answers.

    Attributes:
        metric: Its name.
        signature: Everything that can change its number.
        better: Which direction is better.
        unit: Of its values.
        clean: Mean of the real tile against itself; None where it is infinite.
        floor: Mean of its best trivial output.
        floor_of: Which control that is.
        ordering: Right tiles elsewhere against wrong ones in place.
        half_lives: By perturbation.
        equivalents: What each defect costs, in µm of displacement.
        monotone: By defect.
        flips: Where several models were swept.
        notes: What could not be said, and why.
    """

    metric: str
    signature: str
    better: Direction
    unit: str
    clean: float | None
    floor: float | None
    floor_of: str | None
    ordering: tuple[Ordering, ...]
    half_lives: tuple[HalfLife, ...]
    equivalents: tuple[Equivalent, ...]
    monotone: tuple[Monotone, ...]
    flips: tuple[Flips, ...] = ()
    notes: tuple[str, ...] = ()

    def rate(self, displacement_um: float, defect: str | None = None, severity: float | None = None) -> Estimate | None:
        """Return an ordering rate, of all defects together or of one."""
        wanted = (displacement_um, defect, severity)
        return next((o.rate for o in self.ordering if (o.displacement_um, o.defect, o.severity) == wanted), None)

    def half_life(self, perturbation: str) -> HalfLife | None:
        """Return the half-life under one perturbation."""
        return next((each for each in self.half_lives if each.perturbation == perturbation), None)

    def equivalent(self, perturbation: str, severity: float) -> Equivalent | None:
        """Return what one defect costs in µm."""
        return next((e for e in self.equivalents if (e.perturbation, e.severity) == (perturbation, severity)), None)

    @property
    def worse_if_more(self) -> float | None:
        """Mean over defects of the share of steps to a larger one that make the metric worse."""
        shares = [each.share.value for each in self.monotone if each.share.value is not None]
        return math.fsum(shares) / len(shares) if shares else None


class Curve(_Record):
    """Mean of a metric over tiles at 0 and every severity of a perturbation."""

    metric: str
    perturbation: str
    severities: tuple[float, ...]
    values: tuple[Estimate, ...]
    tiles: int


class Sweep(_Record):
    """One perturbation that was swept."""

    name: str
    summary: str
    family: str
    kind: str
    unit: str
    levels: tuple[float, ...]
    seeds: int


class Sample(_Record):
    """The tile that the sample pictures show, and the side of what they show in µm."""

    tile: str
    field_um: float


class Findings(_Record):
    """What a sweep found; verdicts in the order of their first ordering rate, the highest first."""

    schema_version: str = SCHEMA_VERSION
    tiles: int
    groups: int | None
    partial: bool = False
    mpp: tuple[float, ...]
    seed: int
    perturbed: PerturbedSide
    models: tuple[str, ...]
    conditions: int
    unavailable: dict[str, str]
    perturbations: tuple[Sweep, ...]
    sample: Sample | None
    verdicts: tuple[Verdict, ...]
    curves: tuple[Curve, ...]

    def to_json(self) -> str:
        """Return strict JSON; equal findings give equal bytes."""
        return to_json(self.model_dump(mode="json"))

    @property
    def displacements(self) -> tuple[float, ...]:
        """The displacements in µm at which right and wrong tiles were compared."""
        return tuple(sorted({each.displacement_um for verdict in self.verdicts for each in verdict.ordering}))


def read_findings(text: str, where: str) -> Findings:
    """Return the findings of a stress.json.

    Raises:
        InputError: it is no such file, or of another version.
    """
    kind, step = (
        "stress.json as 'vstain-bench stress' writes it",
        "Give the same stress command again with this version.",
    )
    content = parse_json(
        text, where, kind, version=("schema_version", SCHEMA_VERSION), next_step=step, fault=InputError
    )
    try:
        return Findings.model_validate(content)
    except ValidationError as fault:
        first = str(fault).splitlines()[0]
        raise InputError(
            where=where, found=f"no findings of a sweep: {first}", expected=kind, next_step=step
        ) from fault


def finite(value: float | None) -> float | None:
    """Return a number that JSON can hold, or None."""
    return value if value is not None and math.isfinite(value) else None
