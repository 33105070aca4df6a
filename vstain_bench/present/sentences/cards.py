"""Metric cards: what a sweep found of each metric, as Markdown. Every sentence follows from the figures by a rule."""

from vstain_bench.judge.stress.findings import Findings, Verdict
from vstain_bench.judge.stress.folder import StressFolder
from vstain_bench.metrics import METRICS, build
from vstain_bench.present.numbers import ARROWS
from vstain_bench.present.sentences import stress as words


def render_cards(folder: StressFolder) -> str:
    """Return one card per metric of a finished sweep, the most trustworthy first."""
    findings = folder.read()
    groups = f"{findings.groups} groups" if findings.groups is not None else "groups not known"
    mpp = ", ".join(f"{each:g}" for each in findings.mpp)
    lines = [
        "# Metric cards",
        "",
        "Written by `vstain-bench stress --metric-cards`: what was measured, and what follows from it by stated rules.",
        f"{findings.tiles} tiles, {groups}, {mpp} µm/px, {findings.conditions} perturbed copies of each; "
        "95 % intervals. On other tiles the figures differ: run it on yours.",
        "",
        words.headline(findings),
        "",
        *_table(findings),
    ]
    for verdict in findings.verdicts:
        lines += ["", *_card(findings, verdict)]
    for name, reason in findings.unavailable.items():
        lines += ["", f"## {name}", "", f"Not measured: {reason}."]
    return "\n".join(lines) + "\n"


def _table(findings: Findings) -> list[str]:
    heads = [f"right first, {each:g} µm" for each in findings.displacements]
    rows = ["| " + " | ".join(["metric", *heads, "half lost at", "no DAB costs", "worse if more"]) + " |"]
    rows.append("| --- " * (len(heads) + 4) + "|")
    for verdict in findings.verdicts:
        rates = [verdict.rate(each) for each in findings.displacements]
        told = [f"{words.percent(rate.value)} ({words.interval(rate, 'percent')})" if rate else "–" for rate in rates]
        rows.append(
            "| " + " | ".join([f"`{verdict.metric}`", *told, _half(verdict), _erased(verdict), _more(verdict)]) + " |"
        )
    return rows


def _half(verdict: Verdict) -> str:
    found = verdict.half_life(words.DISPLACEMENT)
    if found is None or found.severity.value is None:
        return "never" if found is not None and found.reason.startswith("half is never") else "–"
    return f"{words.number(found.severity.value)} µm"


def _erased(verdict: Verdict) -> str:
    found = verdict.equivalent(*words.ERASED)
    if found is None:
        return "–"
    return f"> {found.largest_um:g} µm" if found.shift_um.value is None else f"{words.number(found.shift_um.value)} µm"


def _more(verdict: Verdict) -> str:
    return words.percent(verdict.worse_if_more)


def _card(findings: Findings, verdict: Verdict) -> list[str]:
    name = verdict.metric
    lines = [f"## {name} {ARROWS[verdict.better]}", ""]
    if name in METRICS:
        metric = build(name)
        low, high = (f"{end:g}".replace("inf", "∞") for end in metric.value_range)
        unit = f" {metric.unit}" if metric.unit else ""
        lines += [f"{metric.summary[:1].upper()}{metric.summary[1:]}; {low} to {high}{unit}. {metric.citation}.", ""]
    lines += [f"`{verdict.signature}`", ""]
    lines.append(f"- {words.use_for(findings, verdict)}")
    erased = words.told_erased(verdict)
    if erased:
        lines.append(f"- {erased}")
    blind = words.blind_to(findings, verdict)
    if blind:
        lines.append(f"- It hardly notices {', '.join(words.spoken(each) for each in blind)}.")
    against = [
        f"{words.defect_title(each.defect, each.severity or 0, _unit(findings, each.defect))} "
        f"{words.percent(each.rate.value)}"
        for each in verdict.ordering
        if each.defect is not None and each.displacement_um == findings.displacements[0]
    ]
    if against:
        lines.append(f"- Right first at {findings.displacements[0]:g} µm, by defect: {'; '.join(against)}.")
    floor = f" ({verdict.floor_of.removeprefix('control:').replace('-', ' ')})" if verdict.floor_of else ""
    lines.append(f"- Clean {words.number(verdict.clean, 3)}, floor {words.number(verdict.floor, 3)}{floor}.")
    halves = [
        f"{each.perturbation.replace('_', ' ')} {words.number(each.severity.value)} {each.unit}"
        for each in verdict.half_lives
        if each.severity.value is not None
    ]
    if halves:
        lines.append(f"- Half lost at: {'; '.join(halves)}.")
    return lines


def _unit(findings: Findings, name: str) -> str:
    return next((each.unit for each in findings.perturbations if each.name == name), "")
