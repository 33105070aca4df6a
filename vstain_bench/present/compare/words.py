"""What a comparison says, in plain words: what is told apart, what is not, and what these patients could never show."""

import math

from vstain_bench.present.numbers import ARROWS, counted
from vstain_bench.results.comparison import Comparison, Contrast
from vstain_bench.stats.significance import ALPHA, least_groups

MOST_DECIMALS = 6


def decimals(contrast: Contrast) -> int | None:
    """Return how many decimals a difference deserves: two digits of half its interval; None for powers of ten."""
    if contrast.low is not None and contrast.high is not None and contrast.high > contrast.low:
        size = (contrast.high - contrast.low) / 2
    else:
        size = abs(contrast.difference or contrast.value or 1.0)
    digits = max(1 - math.floor(math.log10(size)), 0)
    return digits if digits <= MOST_DECIMALS else None


def signed(number: float, digits: int | None) -> str:
    """Return a number with its sign, +0.00 as 0.00; without digits as +1.3e-07."""
    if digits is None:
        return f"{number:+.1e}" if number else "0"
    text = f"{number:+.{digits}f}"
    return text[1:] if float(text) == 0 else text


def aside(contrast: Contrast) -> str:
    """Return what a reader of the values must know beside the metric's name: unit, and distance from which target."""
    distance = f"distance from {contrast.target:g}" if contrast.target is not None else ""
    return ", ".join(filter(None, (contrast.unit, distance)))


def title(contrast: Contrast) -> str:
    """Return the metric with its direction, and in brackets what stands beside it."""
    told = aside(contrast)
    return f"{contrast.metric} {ARROWS[contrast.better]}" + (f" ({told})" if told else "")


def told_difference(contrast: Contrast) -> str:
    """Return ``+0.031``, or a dash."""
    return "–" if contrast.difference is None else signed(contrast.difference, decimals(contrast))


def told_interval(contrast: Contrast) -> str:
    """Return ``[+0.012, +0.050]``, or nothing."""
    if contrast.low is None or contrast.high is None:
        return ""
    digits = decimals(contrast)
    return f"[{signed(contrast.low, digits)}, {signed(contrast.high, digits)}]"


def told_p(p: float | None) -> str:
    """Return a p-value with two digits, none below 0.0001, or a dash."""
    if p is None:
        return "–"
    return "<0.0001" if p < 1e-4 else f"{p:.2g}"


def told_wins(contrast: Contrast) -> str:
    """Return ``14 of 17``: patients whose mean is better, or a dash."""
    return "–" if contrast.groups_better is None else f"{contrast.groups_better} of {contrast.groups}"


def unit_noun(comparison: Comparison) -> str:
    """Return what is resampled: patients, or tiles where patients are not known."""
    return "patient" if comparison.groups is not None else "tile"


def why_powerless(contrast: Contrast, noun: str) -> str:
    """Return why no data of these patients could be significant."""
    if contrast.p is None or contrast.smallest_p is None or contrast.groups is None:
        return f"cannot be tested with {counted(contrast.groups or 0, noun)}"
    if contrast.smallest_p > ALPHA:
        return f"cannot be significant with {counted(contrast.groups, noun)} (smallest p {contrast.smallest_p:.4g})"
    return (
        f"cannot be significant with {counted(contrast.groups, noun)} after {contrast.correction} over "
        f"{contrast.family} tests (smallest adjusted p {contrast.attainable_p:.2g})"
    )


def verdict_words(contrast: Contrast, noun: str) -> str:
    """Return the verdict in a few words."""
    if contrast.verdict == "undefined":
        return f"undefined: {contrast.reason}"
    if contrast.verdict == "powerless":
        return why_powerless(contrast, noun)
    if contrast.verdict == "equal":
        return "equal on every tile" if contrast.pairs else "equal"
    if contrast.verdict in ("better", "worse") and _opposed(contrast):
        return f"{contrast.verdict} by the mean of {noun}s, not by that of tiles"
    return contrast.verdict


def _opposed(contrast: Contrast) -> bool:
    return (contrast.difference or 0.0) * (contrast.group_difference or 0.0) < 0


def sentence(contrast: Contrast, noun: str) -> str:
    """Return the contrast as one sentence."""
    digits = decimals(contrast)
    where = f" among tiles of label {contrast.label}" if contrast.label is not None else ""
    subject = f"{contrast.model} against {contrast.reference} on {contrast.metric} {ARROWS[contrast.better]}{where}"
    if contrast.difference is None:
        return f"{subject}: {verdict_words(contrast, noun)}."
    unit = f" {contrast.unit}" if contrast.unit else ""
    parts = [f"{signed(contrast.difference, digits)}{unit} {told_interval(contrast)}".rstrip()]
    if contrast.groups_better is not None and contrast.groups is not None and noun == "patient":
        parts.append(f"better in {contrast.groups_better} of {counted(contrast.groups, noun)}")
    if contrast.p is not None:
        parts.append(f"p {told_p(contrast.p)}, adjusted {told_p(contrast.adjusted_p)}")
    return f"{subject}: {verdict_words(contrast, noun)}; {', '.join(parts)}."


def headline(comparison: Comparison) -> list[str]:
    """Return one sentence per model: on which primary metrics it is better, worse, or not told apart."""
    noun, lines = unit_noun(comparison), []
    for model in comparison.models:
        found = [each for each in comparison.overall() if each.model == model and each.metric in comparison.primary]
        groups: dict[str, list[str]] = {}
        for each in found:
            groups.setdefault(each.verdict, []).append(each.metric)
        parts = [
            f"{words} {_listed(groups[verdict])}"
            for verdict, words in (
                ("better", "better on"), ("worse", "worse on"), ("not told apart", "not told apart on"),
                ("equal", "equal on"), ("undefined", "without a difference on"),
            )
            if verdict in groups
        ]  # fmt: skip
        if "powerless" in groups:
            first = next(each for each in found if each.verdict == "powerless")
            parts.append(f"no verdict on {_listed(groups['powerless'])}, which {why_powerless(first, noun)}")
        if parts:
            lines.append(f"{model} against {comparison.reference}: {'; '.join(parts)}.")
    return lines


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def notes_of(comparison: Comparison) -> tuple[str, ...]:
    """Return what a reader of the differences must know, one sentence each."""
    noun, overall = unit_noun(comparison), comparison.overall()
    family = max((each.family or 0 for each in overall if each.correction == "Holm"), default=0)
    notes = [_what(comparison, noun, family)]
    powerless = next((each for each in overall if each.verdict == "powerless" and each.correction == "Holm"), None)
    if powerless is not None:
        why = why_powerless(powerless, noun)
        notes.append(f"{why[:1].upper()}{why[1:]}: {least_groups(family)} {noun}s would be enough.")
    if comparison.groups is None:
        notes.append(
            "No patient or slide is known: tiles were taken as independent, so p-values are too small wherever several "
            "tiles come from one patient. Score with --groups."
        )
    elif comparison.groups < 10:
        notes.append(f"{counted(comparison.groups, noun)}: intervals over fewer than 10 patients are unreliable.")
    for each in overall:
        if each.left_out:
            notes.append(
                f"{each.metric}: {counted(each.left_out, 'tile')} without a finite value under {each.model} or "
                f"{each.reference}, left out for both."
            )
    for each in overall:
        if _opposed(each):
            means = signed(each.group_difference or 0.0, decimals(each))
            notes.append(
                f"{each.metric}, {each.model}: the mean over {noun}s ({means}) and over tiles "
                f"({told_difference(each)}) point to opposite sides; the test is of {noun}s."
            )
    reasons: dict[str, list[str]] = {}
    for metric, reason in comparison.gaps.items():
        reasons.setdefault(reason, []).append(metric)
    for reason, metrics in reasons.items():
        were = "was" if len(metrics) == 1 else "were"
        notes.append(f"{_listed(metrics)} {were} not compared: {reason.rstrip('.')}.")
    return tuple(notes)


def _what(comparison: Comparison, noun: str, family: int) -> str:
    tests = list(dict.fromkeys(each.test for each in comparison.overall() if each.test))
    every = set(comparison.primary) == set(comparison.metrics)
    primary = "every metric is primary" if every else f"primary: {', '.join(comparison.primary)}"
    groups = "groups not known" if comparison.groups is None else counted(comparison.groups, noun)
    others = [*(["other metrics"] if not every else []), *(["every label"] if comparison.labels else [])]
    rest = f", Benjamini-Hochberg for the rest ({', '.join(others)})" if others else ""
    return (
        f"{counted(comparison.tiles, 'tile')} paired, {groups}; difference to {comparison.reference} [95 % interval]; "
        f"{'; '.join(tests) or 'no test'}. Adjusted p: Holm over {counted(family, 'test')} ({primary}){rest}."
    )
