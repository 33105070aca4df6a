"""What the figures of a sweep say, in words: every sentence follows from them by a stated rule.

A metric *forgives* a displacement when a right tile that far away outranks aligned wrong ones in at least 95 % of
pairs; it is *misled* when that happens in less than half. It is *blind* to a defect whose largest severity costs it no
more than 5 % of the way from clean to floor, or that makes it better.
"""

from vstain_bench.judge.stress.findings import Equivalent, Estimate, Findings, Verdict
from vstain_bench.present.numbers import counted

FORGIVES, MISLED = 0.95, 0.5
BLIND = 0.05
FEW = 10
"""Patients below which what is said rests on few (``stats.means.FEW``, which a test holds equal)."""
ERASED = ("dab_loss", 100.0)
DISPLACEMENT = "translation"
RANKING = (
    "Right first: how often the right tile, displaced so far, outranks one that is aligned and wrong; 50 % is a coin.",
    "Worse if more: share of steps to a larger defect that the metric calls worse, mean over defects.",
    "Half lost at: the displacement at which half of the way from clean to floor is lost.",
    "No DAB costs: the displacement that costs as much as erasing all DAB; the larger, the more a stain is worth.",
    "Clean: a tile against itself. Floor: the best output that took no model (one colour, another patient's tile, the "
    "H&E copied).",
)
"""What the columns of the ranking mean, one sentence each."""
FLIPS = (
    "How often two models change places on a tile when both are displaced alike: 0 % is a ranking that survives, 50 % "
    "is none."
)


def number(value: float | None, digits: int = 2) -> str:
    """Return a number with so many significant digits, below 0.01 as that, or a dash."""
    if value is None:
        return "–"
    if 0 < value < 0.01:
        return "< 0.01"
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e" in text and abs(value) >= 1 else text


def percent(value: float | None) -> str:
    """Return a share in percent, or a dash."""
    return "–" if value is None else f"{100 * value:.0f} %"


def interval(found: Estimate, form: str = "number") -> str:
    """Return the 95 % interval of an estimate, an open end as >, or an empty text."""
    if found.low is None:
        return ""
    if form == "percent":
        return f"{100 * found.low:.0f}–{percent(found.high)}"
    return f"{number(found.low)}–{number(found.high)}" if found.high is not None else f"from {number(found.low)}"


def spoken(name: str) -> str:
    """Return the name of a perturbation as it is said: DAB and JPEG are written as such."""
    return " ".join({"dab": "DAB", "jpeg": "JPEG"}.get(word, word) for word in name.split("_"))


def defect_title(name: str, severity: float, unit: str) -> str:
    """Return a defect and how much of it."""
    said = spoken(name)
    return f"{said}, quality {100 - severity:g}" if unit == "100 - quality" else f"{said} {severity:g} {unit}"


def defects(findings: Findings) -> list[tuple[str, float, str]]:
    """Return the defects against which right tiles were held: name, severity and title."""
    units = {each.name: each.unit for each in findings.perturbations}
    found = dict.fromkeys(
        (each.defect, each.severity)
        for verdict in findings.verdicts
        for each in verdict.ordering
        if each.defect is not None and each.severity is not None
    )
    return [(name, level, defect_title(name, level, units.get(name, ""))) for name, level in found]


def hardly_notices(findings: Findings, verdict: Verdict) -> str:
    """Return which defects the metric is blind to, or nothing."""
    blind = blind_to(findings, verdict)
    return f"It hardly notices {', '.join(map(spoken, blind))}." if blind else ""


def by_defect(findings: Findings, verdict: Verdict) -> str:
    """Return how often a right tile outranks each defect at the first displacement."""
    if not findings.displacements:
        return ""
    first = findings.displacements[0]
    rates = ((title, verdict.rate(first, name, level)) for name, level, title in defects(findings))
    against = [f"{title} {percent(rate.value)}" for title, rate in rates if rate is not None]
    return f"Right first at {first:g} µm, by defect: {'; '.join(against)}." if against else ""


def levels(verdict: Verdict) -> str:
    """Return the values of a clean tile and of the floor."""
    floor = f" ({verdict.floor_of.removeprefix('control:').replace('-', ' ')})" if verdict.floor_of else ""
    return f"Clean {number(verdict.clean, 3)}, floor {number(verdict.floor, 3)}{floor}."


def halves(verdict: Verdict) -> str:
    """Return where half of a metric is lost, by perturbation."""
    lost = [
        f"{spoken(each.perturbation)} {number(each.severity.value)} {each.unit}"
        for each in verdict.half_lives
        if each.severity.value is not None
    ]
    return f"Half lost at: {'; '.join(lost)}." if lost else ""


def told_equivalent(metric: str, found: Equivalent) -> str:
    """Return what one defect costs, as a displacement."""
    title = defect_title(found.perturbation, found.severity, found.unit)
    if found.shift_um.value is None:
        return f"{title} costs {metric} more than any displacement up to {found.largest_um:g} µm"
    if found.shift_um.value == 0:
        return f"{title} costs {metric} nothing"
    ends = interval(found.shift_um)
    shift = f"{number(found.shift_um.value)} µm{f' ({ends})' if ends else ''}"
    return f"a displacement of {shift} costs {metric} as much as {title}"


def told_erased(verdict: Verdict) -> str:
    """Return the field's plainest question: what is a stain worth to this metric?"""
    found = verdict.equivalent(*ERASED)
    if found is None:
        return ""
    name = verdict.metric
    if found.shift_um.value is None:
        return f"Erasing all DAB costs {name} more than any displacement up to {found.largest_um:g} µm."
    if found.shift_um.value == 0:
        return f"Erasing all DAB costs {name} nothing."
    return f"A displacement of {number(found.shift_um.value)} µm costs {name} as much as erasing all DAB."


def cost(findings: Findings, verdict: Verdict, perturbation: str) -> float | None:
    """Return what the largest severity costs, as a share of the way from clean to floor; None where undefined."""
    curve = next((c for c in findings.curves if (c.metric, c.perturbation) == (verdict.metric, perturbation)), None)
    if curve is None or verdict.clean is None or verdict.floor is None or verdict.clean == verdict.floor:
        return None
    last = curve.values[-1].value
    clean = curve.values[0].value
    return None if last is None or clean is None else (last - clean) / (verdict.floor - verdict.clean)


def blind_to(findings: Findings, verdict: Verdict) -> list[str]:
    """Return the defects that cost the metric next to nothing, by name."""
    defects = [each.name for each in findings.perturbations if each.kind == "defect"]
    costs = {name: cost(findings, verdict, name) for name in defects}
    return [name for name, share in costs.items() if share is not None and share <= BLIND]


def use_for(findings: Findings, verdict: Verdict) -> str:
    """Return what the figures allow, in one or two sentences."""
    told = []
    for displacement in findings.displacements:
        rate = verdict.rate(displacement)
        if rate is None or rate.value is None:
            continue
        if rate.value >= FORGIVES:
            word = "forgives"
        elif rate.value < MISLED:
            word = "is misled by"
        else:
            word = "partly forgives"
        told.append((word, displacement, rate.value))
    if not told:
        return "What it forgives was not measured."
    words = {word for word, _, _ in told}
    shares = " and ".join(f"{percent(rate)} at {displacement:g} µm" for _, displacement, rate in told)
    if words == {"forgives"}:
        advice, only = "Use it on tiles that are not aligned", ""
    elif words == {"is misled by"}:
        advice, only = "Do not use it to rank models on tiles that are not aligned", "only "
    else:
        advice, only = "Use it with care on tiles that are not aligned", ""
    return f"{advice}: a right stain elsewhere outranks wrong ones in {only}{shares} of pairs."


def caution(findings: Findings) -> str:
    """Return why the figures must not be relied on, or nothing."""
    if findings.partial:
        return "Only the first tiles were swept (--limit): a trial, from which nothing follows."
    if findings.groups is None:
        return (
            "No patient or slide is known: tiles were taken as independent, so intervals are too narrow wherever "
            "several tiles come from one patient."
        )
    if findings.groups < FEW:
        return f"{counted(findings.groups, 'patient')}: what is said of metrics rests on few; see the intervals."
    return ""


def headline(findings: Findings) -> str:
    """Return what a pathologist should take home."""
    first = findings.displacements[0] if findings.displacements else 0.0
    rates = {verdict.metric: verdict.rate(first) for verdict in findings.verdicts}
    known = {metric: rate.value for metric, rate in rates.items() if rate is not None and rate.value is not None}
    if not known:
        return (
            "Nothing here says whether a metric forgives a displaced stain and notices a wrong one: sweep translation "
            "and the defects as well."
        )
    good = [metric for metric, rate in known.items() if rate >= FORGIVES]
    bad = [metric for metric, rate in known.items() if rate < MISLED]
    able = _listed(good) if good else "No metric here"
    told = f"{able} can tell a right stain that lies {first:g} µm off from a wrong one in place."
    if bad:
        told += f" {_listed(bad)} {'prefers' if len(bad) == 1 else 'prefer'} the wrong one more often than not."
    return told


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
