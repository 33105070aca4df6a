"""A sweep as one HTML page that explains itself: which metric can be trusted, for what, and how it was found out."""

import base64
import math
from collections.abc import Callable
from dataclasses import dataclass

from vstain_bench.judge.stress.findings import Curve, Findings, Verdict
from vstain_bench.judge.stress.folder import StressFolder
from vstain_bench.judge.stress.samples import SIDE_PX
from vstain_bench.present.figures.panel import ScaleBar, choose_scale_bar
from vstain_bench.present.pages.frame import render_page
from vstain_bench.present.sentences import stress as words
from vstain_bench.present.subjects import stress as sheets

GROUPS = {
    "misalignment": "Misalignment: the stain is right and lies elsewhere",
    "defect": "Defects: the stain is wrong",
    "appearance": "Appearance: another laboratory or scanner",
    "storage": "Storage: what files do",
}
"""Kinds of perturbation in the order of the page."""
PLOTTED = ("translation", "elastic_32um")
WIDTH, HEIGHT = 100.0, 60.0
"""Of a plot, in units of its own."""


@dataclass(frozen=True)
class Line:
    """One curve: its name, its place among the curves, and points as SVG writes them; band is empty without one."""

    name: str
    number: int
    points: str
    band: str


@dataclass(frozen=True)
class Level:
    """What a defect leaves of a metric: percent from the top, and the words."""

    at: float
    text: str
    kind: str


@dataclass(frozen=True)
class Plot:
    """One metric: what is left of it under displacement, beside what defects leave."""

    metric: str
    description: str
    lines: tuple[Line, ...]
    levels: tuple[Level, ...]
    ticks: tuple[tuple[float, str], ...]
    half_life: float | None
    half_life_text: str


@dataclass(frozen=True)
class Sample:
    """A perturbation with its pictures (title and data: URI)."""

    title: str
    summary: str
    pictures: tuple[tuple[str, str], ...]


def render_stress(folder: StressFolder) -> str:
    """Return the whole page of a finished sweep."""
    findings = folder.read()
    plots = [plot for verdict in findings.verdicts if (plot := _plot(findings, verdict)) is not None]
    return render_page(
        "stress.html.j2",
        {
            "findings": findings,
            "headline": words.headline(findings),
            "caution": words.caution(findings),
            "ranking": sheets.ranking(findings),
            "explained": words.RANKING,
            "sentences": [_sentences(findings, verdict) for verdict in findings.verdicts],
            "plots": plots,
            "missing_plots": [v.metric for v in findings.verdicts if v.metric not in {plot.metric for plot in plots}],
            "first": findings.displacements[0] if findings.displacements else None,
            "defects": sheets.defects(findings),
            "equivalents": sheets.equivalents(findings),
            "half_lives": sheets.half_lives(findings),
            "flips": sheets.flips(findings),
            "flipped": words.FLIPS,
            "samples": _samples(folder, findings),
            "clean_sample": _uri(folder, "clean", 0.0),
            "scale_bar": _scale_bar(findings),
            "groups": GROUPS,
            "forgives": words.percent(words.FORGIVES),
        },
        styles=("stress.css",),
    )


def _sentences(findings: Findings, verdict: Verdict) -> tuple[str, list[str]]:
    found = (
        words.use_for(findings, verdict), words.told_erased(verdict), words.hardly_notices(findings, verdict),
    )  # fmt: skip
    return verdict.metric, [each for each in found if each]


def _left(value: float | None, verdict: Verdict, clean: float) -> float | None:
    """Return what is left of a metric, 1 clean and 0 at its floor, held to [-0.1, 1.05]."""
    if value is None or verdict.floor is None or clean == verdict.floor:
        return None
    return min(1.05, max(-0.1, (value - verdict.floor) / (clean - verdict.floor)))


def _plot(findings: Findings, verdict: Verdict) -> Plot | None:
    curves = [curve for curve in findings.curves if curve.metric == verdict.metric]
    by_name = {curve.perturbation: curve for curve in curves}
    moved = [by_name[name] for name in PLOTTED if name in by_name]
    if not moved or verdict.clean is None or verdict.floor is None or verdict.clean == verdict.floor:
        return None
    steps = [level for curve in moved for level in curve.severities if level > 0]
    low, high = math.log2(min(steps)) - 1, math.log2(max(steps))

    def across(severity: float) -> float:
        return 0.0 if severity == 0 else round(WIDTH * (math.log2(severity) - low) / (high - low), 2)

    levels = []
    for name, level, title in words.defects(findings):
        curve = by_name.get(name)
        if curve is None or level not in curve.severities:
            continue
        found = curve.values[curve.severities.index(level)].value
        left = _left(found, verdict, verdict.clean)
        if left is not None:
            levels.append(Level(_down(left), f"{title}: {words.percent(left)} left", name))
    half = verdict.half_life(PLOTTED[0])
    half_um = half.severity.value if half else None
    return Plot(
        metric=verdict.metric,
        description=f"{verdict.metric}: what is left under displacement, and under defects",
        lines=tuple(_line(curve, number, verdict, verdict.clean, across) for number, curve in enumerate(moved)),
        levels=tuple(levels),
        ticks=tuple((across(um), f"{um:g}") for um in (0.25, 1.0, 4.0) if low <= math.log2(um) < high),
        half_life=across(half_um) if half_um else None,
        half_life_text=f"half lost at {words.number(half_um)} µm" if half_um else "half never lost",
    )


def _down(left: float) -> float:
    return round(HEIGHT * (1.05 - left) / 1.15, 2)


def _line(curve: Curve, number: int, verdict: Verdict, clean: float, place: Callable[[float], float]) -> Line:
    points: list[str] = []
    upper: list[str] = []
    lower: list[str] = []
    for severity, found in zip(curve.severities, curve.values, strict=True):
        left = _left(found.value, verdict, clean)
        if left is None:
            continue
        points.append(f"{place(severity)},{_down(left)}")
        for ends, end in ((upper, found.high), (lower, found.low)):
            bound = _left(end, verdict, clean)
            ends.append(f"{place(severity)},{_down(left if bound is None else bound)}")
    return Line(curve.perturbation, number, " ".join(points), " ".join([*upper, *reversed(lower)]))


def _uri(folder: StressFolder, name: str, severity: float) -> str:
    path = folder.sample(name, severity)
    if not path.is_file():
        return ""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _scale_bar(findings: Findings) -> ScaleBar | None:
    return choose_scale_bar(SIDE_PX, findings.sample.field_um / SIDE_PX) if findings.sample else None


def _samples(folder: StressFolder, findings: Findings) -> dict[str, list[Sample]]:
    """Return the samples of each kind of perturbation."""
    found: dict[str, list[Sample]] = {kind: [] for kind in GROUPS}
    for each in findings.perturbations:
        pictures = []
        for severity in dict.fromkeys((each.levels[0], each.levels[-1])):
            uri = _uri(folder, each.name, severity)
            if uri:
                title = words.defect_title(each.name, severity, each.unit).removeprefix(words.spoken(each.name))
                pictures.append((title.lstrip(", "), uri))
        if pictures:
            found[each.kind].append(Sample(words.spoken(each.name), each.summary, tuple(pictures)))
    return {kind: samples for kind, samples in found.items() if samples}
