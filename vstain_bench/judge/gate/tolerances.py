"""How much worse a number may be: a small grammar, sections for models and labels, and defaults from measured noise.

A tolerances file is TOML. A value is an amount (``"0.05"``, in the metric's unit), a share of the baseline's value
(``"2%"``), their sum (``"0.01 + 0.1%"``), ``"ci"`` (fails only outside the baseline's 95 % interval) or ``"ignore"``::

    default = "0.5%"
    fid = "2%"
    psnr = "0.05"
    lpips_vgg = "ignore"

    [model."mine"]
    ssim = "ci"

    [label."3+"]
    default = "ci"

    [controls]
    default = "ignore"

For each number the first of its model's section, ``[controls]`` (for a control), its label's section and the top that
names the metric or a default decides; where none does, the noise of the computation itself.
"""

import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vstain_bench.base.names import nearest
from vstain_bench.errors import UsageError
from vstain_bench.results.table import Row

DEFAULT = "default"
SECTIONS = ("model", "label", "controls")
GRAMMAR = "an amount '0.05', a share '2%', both '0.01 + 0.1%', 'ci' or 'ignore'"
_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_AMOUNT = re.compile(rf"({_NUMBER})\s*(%?)(?:\s*\+\s*({_NUMBER})\s*(%?))?")


@dataclass(frozen=True)
class Tolerance:
    """How much worse one number may be.

    Attributes:
        text: As written.
        kind: ``amount`` by ``absolute`` plus ``relative`` times the baseline's value; ``ci`` down to the far end of the
            baseline's interval; ``ignore`` by any amount.
        absolute: In the metric's unit.
        relative: Share of the absolute value of the baseline.
    """

    text: str
    kind: Literal["amount", "ci", "ignore"] = "amount"
    absolute: float = 0.0
    relative: float = 0.0

    def allowed(self, baseline: float) -> float:
        """Return the amount that is allowed beside a baseline's value."""
        return self.absolute + self.relative * abs(baseline)


def parse_tolerance(value: object, where: str) -> Tolerance:
    """Return the tolerance that a value of the file stands for.

    Raises:
        UsageError: it is none.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value!r}"
    if not isinstance(value, str):
        raise _no_tolerance(where, repr(value), "")
    text = value.strip()
    if text == "ci" or text == "ignore":
        return Tolerance(text, kind="ci" if text == "ci" else "ignore")
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise _no_tolerance(where, f"'{value}'", _hint(text))
    one, share, two, other_share = match.groups()
    if two is not None and bool(share) == bool(other_share):
        raise _no_tolerance(where, f"'{value}'", "Give one amount and one share.")
    numbers = {share: float(one)} | ({other_share: float(two)} if two is not None else {})
    return Tolerance(text, absolute=numbers.get("", 0.0), relative=numbers.get("%", 0.0) / 100)


def _no_tolerance(where: str, found: str, next_step: str) -> UsageError:
    return UsageError(where=where, found=f"{found} is no tolerance", expected=GRAMMAR, next_step=next_step)


def _hint(text: str) -> str:
    if re.fullmatch(r"[-+±].*", text):
        return "Leave the sign out: which direction is worse is known from the metric."
    if re.fullmatch(r"\d+,\d+\s*%?", text):
        return f"Write '{text.replace(',', '.')}'."
    if re.fullmatch(rf"{_NUMBER}\s*[^\W\d]+", text):
        return "Leave the unit out: an amount is in the metric's unit."
    return nearest(text.lower(), ["ci", "ignore"])


NOISE: tuple[tuple[str, str], ...] = (
    ("psnr", "1e-4"),
    ("ssim", "1e-6"),
    ("ms_ssim", "1e-6"),
    ("css", "1e-6"),
    ("cw_ssim", "1e-6"),
    ("lpips", "1e-5"),
    ("st_lpips", "1e-5"),
    ("dists", "1e-5"),
    ("fid", "0.01 + 0.1%"),
    ("fd", "1e-6 + 0.1%"),
    ("kid", "1e-6"),
    ("kd", "1e-6 + 0.1%"),
    (DEFAULT, "1e-6 + 0.01%"),
)
"""Families of metrics and what their numbers differ by between equal runs: other threads, libraries, processors."""


def noise_of(metric: str) -> Tolerance:
    """Return the default of a metric: that of its family, which its name begins with (``fid`` for ``fid_tf``)."""
    for family, text in NOISE:
        if metric == family or metric.startswith(f"{family}_"):
            return parse_tolerance(text, family)
    return parse_tolerance(dict(NOISE)[DEFAULT], DEFAULT)


@dataclass(frozen=True)
class Names:
    """What a tolerances file may name: the metrics, models and labels of the run and the baseline.

    ``registered`` returns metrics that exist but were not scored: naming one is no mistake, and it has no effect.
    """

    metrics: Collection[str]
    models: Collection[str]
    labels: Collection[str]
    registered: Callable[[], Collection[str]] = tuple


@dataclass(frozen=True)
class Tolerances:
    """The tolerances of a file by section: ``top``, ``model``, ``label`` (by name) and ``controls``."""

    top: Mapping[str, Tolerance]
    models: Mapping[str, Mapping[str, Tolerance]]
    labels: Mapping[str, Mapping[str, Tolerance]]
    controls: Mapping[str, Tolerance]

    def of(self, row: Row) -> Tolerance:
        """Return the tolerance of a number."""
        for section in self._sections(row):
            for key in (row.metric, DEFAULT):
                if key in section:
                    return section[key]
        return noise_of(row.metric)

    def _sections(self, row: Row) -> Iterator[Mapping[str, Tolerance]]:
        yield self.models.get(row.model, {})
        if row.is_control:
            yield self.controls
        if row.label is not None:
            yield self.labels.get(row.label, {})
        yield self.top

    def metrics(self) -> set[str]:
        """Return all metrics that are named anywhere."""
        sections = (self.top, self.controls, *self.models.values(), *self.labels.values())
        return {key for section in sections for key in section} - {DEFAULT}

    def check_names(self, names: Names, where: str) -> None:
        """Refuse names that occur nowhere, proposing the nearest that does.

        Raises:
            UsageError: a metric, model or label is unknown.
        """
        for kind, given, known in (
            ("model", self.models, names.models),
            ("label", self.labels, names.labels),
            ("metric", self.metrics(), self._known_metrics(names)),
        ):
            for name in sorted(given):
                if name not in known:
                    mine = sorted(names.metrics if kind == "metric" else known)
                    raise UsageError(
                        where=f"{where}, {kind} '{name}'",
                        found=f"neither the run nor the baseline has this {kind}",
                        expected=f"one of {', '.join(mine)}" if mine else f"no {kind}: there is none",
                        next_step=nearest(name, sorted(known)),
                    )

    def _known_metrics(self, names: Names) -> Collection[str]:
        if set(self.metrics()) <= set(names.metrics):
            return names.metrics
        return {*names.metrics, *names.registered()}


NO_FILE = Tolerances({}, {}, {}, {})
"""Without a file: measured noise alone."""


def read_tolerances(path: Path) -> Tolerances:
    """Return the tolerances of a file.

    Raises:
        UsageError: it cannot be read, or something in it is no tolerance or section.
    """
    where = f"--tolerances {path}"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as fault:
        raise UsageError(where=where, found="no such file", expected="a TOML file of tolerances") from fault
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise UsageError(where=where, found=f"it cannot be read: {fault}", expected="TOML") from fault
    tables = {key: value for key, value in content.items() if isinstance(value, dict)}
    for key in tables:
        if key not in SECTIONS:
            raise UsageError(
                where=f"{where}, [{key}]",
                found="no such section",
                expected='[model."NAME"], [label."NAME"] or [controls]',
                next_step=nearest(key, list(SECTIONS)),
            )
    top = {key: value for key, value in content.items() if key not in tables}
    return Tolerances(
        top=_section(top, where),
        models=_named(tables.get("model", {}), f"{where}, [model"),
        labels=_named(tables.get("label", {}), f"{where}, [label"),
        controls=_section(tables.get("controls", {}), f"{where}, [controls]"),
    )


def _named(content: Mapping[str, object], where: str) -> dict[str, dict[str, Tolerance]]:
    sections = {}
    for name, section in content.items():
        if not isinstance(section, dict):
            raise UsageError(
                where=f"{where}]",
                found=f"'{name}' stands in no section of a name",
                expected=f'{where.rpartition(", ")[2]}."NAME"] above it',
            )
        sections[name] = _section(section, f'{where}."{name}"]')
    return sections


def _section(content: Mapping[str, object], where: str) -> dict[str, Tolerance]:
    return {key: parse_tolerance(value, f"{where}, {key}") for key, value in content.items()}
