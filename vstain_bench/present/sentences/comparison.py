"""What a comparison says, in plain words: what is told apart, what is not, and what these patients could never show."""

from collections.abc import Iterator

from vstain_bench.present.numbers import (
    ARROWS,
    counted,
    decimals_of_difference,
    difference_of,
    listed,
    p_value,
    patients,
    signed,
)
from vstain_bench.results.comparison import Comparison, Contrast
from vstain_bench.stats.significance import ALPHA, least_groups

FEW_PATIENTS = 10
VERDICTS = {
    "better": "better on", "worse": "worse on", "not told apart": "not told apart on", "equal": "equal on",
    "undefined": "without a difference on",
}  # fmt: skip


def aside(contrast: Contrast) -> str:
    """Return what a reader of the values must know beside the metric's name: unit, and distance from which target."""
    distance = f"distance from {contrast.target:g}" if contrast.target is not None else ""
    return ", ".join(filter(None, (contrast.unit, distance)))


def title(contrast: Contrast) -> str:
    """Return the metric with its direction, and in brackets what stands beside it."""
    beside = aside(contrast)
    return f"{contrast.metric} {ARROWS[contrast.better]}" + (f" ({beside})" if beside else "")


def unit_of_test(comparison: Comparison) -> str:
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


def verdict_of(contrast: Contrast, noun: str) -> str:
    """Return the verdict in a few words."""
    if contrast.verdict == "undefined":
        return f"undefined: {contrast.reason}"
    if contrast.verdict == "powerless":
        return "cannot be significant" if contrast.p is not None else "cannot be tested"
    if contrast.verdict == "equal":
        return "equal on every tile" if contrast.pairs else "equal"
    if contrast.verdict in ("better", "worse") and _opposed(contrast):
        return f"{contrast.verdict} by the mean of {noun}s, not by that of tiles"
    return contrast.verdict


def _opposed(contrast: Contrast) -> bool:
    return (contrast.difference or 0.0) * (contrast.group_difference or 0.0) < 0


def sentence(contrast: Contrast, noun: str) -> str:
    """Return the contrast as one sentence."""
    where = f" among tiles of label {contrast.label}" if contrast.label is not None else ""
    subject = f"{contrast.model} against {contrast.reference} on {contrast.metric} {ARROWS[contrast.better]}{where}"
    verdict = why_powerless(contrast, noun) if contrast.verdict == "powerless" else verdict_of(contrast, noun)
    if contrast.difference is None:
        return f"{subject}: {verdict}."
    shown = difference_of(contrast)
    parts = [" ".join(filter(None, (shown.text, contrast.unit, shown.interval)))]
    if contrast.groups_better is not None and contrast.groups is not None and noun == "patient":
        parts.append(f"better in {contrast.groups_better} of {counted(contrast.groups, noun)}")
    if contrast.p is not None:
        parts.append(f"p {p_value(contrast.p)}, adjusted {p_value(contrast.adjusted_p)}")
    return f"{subject}: {verdict}; {', '.join(parts)}."


def headline(comparison: Comparison) -> Iterator[str]:
    """Yield one sentence per model: on which primary metrics it is better, worse, or not told apart."""
    noun = unit_of_test(comparison)
    for model in comparison.models:
        found = [each for each in comparison.overall() if each.model == model and each.metric in comparison.primary]
        metrics: dict[str, list[str]] = {}
        for each in found:
            metrics.setdefault(each.verdict, []).append(each.metric)
        parts = [f"{words} {listed(metrics[verdict])}" for verdict, words in VERDICTS.items() if verdict in metrics]
        if "powerless" in metrics:
            first = next(each for each in found if each.verdict == "powerless")
            parts.append(f"no verdict on {listed(metrics['powerless'])}, which {why_powerless(first, noun)}")
        if parts:
            yield f"{model} against {comparison.reference}: {'; '.join(parts)}."


def notes(comparison: Comparison) -> Iterator[str]:
    """Yield what a reader of the differences must know, one sentence each."""
    noun, overall = unit_of_test(comparison), comparison.overall()
    family = max((each.family or 0 for each in overall if each.correction == "Holm"), default=0)
    yield _what_was_done(comparison, family)
    powerless = next((each for each in overall if each.verdict == "powerless" and each.correction == "Holm"), None)
    if powerless is not None:
        why = why_powerless(powerless, noun)
        yield f"{why[:1].upper()}{why[1:]}: {least_groups(family)} {noun}s would be enough."
    if comparison.groups is None:
        yield (
            "No patient or slide is known: tiles were taken as independent, so p-values are too small wherever several "
            "tiles come from one patient. Score with --groups."
        )
    elif comparison.groups < FEW_PATIENTS:
        yield f"{counted(comparison.groups, noun)}: intervals over fewer than {FEW_PATIENTS} patients are unreliable."
    for each in overall:
        if each.left_out:
            yield (
                f"{each.metric}: {counted(each.left_out, 'tile')} without a finite value under {each.model} or "
                f"{each.reference}, left out for both."
            )
    for each in overall:
        if _opposed(each):
            mean = signed(each.group_difference or 0.0, decimals_of_difference(each))
            yield (
                f"{each.metric}, {each.model}: the mean over {noun}s ({mean}) and over tiles "
                f"({difference_of(each).text}) point to opposite sides; the test is of {noun}s."
            )
    reasons: dict[str, list[str]] = {}
    for metric, reason in comparison.gaps.items():
        reasons.setdefault(reason.rstrip("."), []).append(metric)
    for reason, metrics in reasons.items():
        yield f"{listed(metrics)} {'was' if len(metrics) == 1 else 'were'} not compared: {reason}."


def _what_was_done(comparison: Comparison, family: int) -> str:
    tests = list(dict.fromkeys(each.test for each in comparison.overall() if each.test))
    every = set(comparison.primary) == set(comparison.metrics)
    primary = "every metric is primary" if every else f"primary: {', '.join(comparison.primary)}"
    others = [*(["other metrics"] if not every else []), *(["every label"] if comparison.labels else [])]
    rest = f", Benjamini-Hochberg for the rest ({', '.join(others)})" if others else ""
    return (
        f"{counted(comparison.tiles, 'tile')} paired, {patients(comparison.groups)}; difference to "
        f"{comparison.reference} [95 % interval]; {'; '.join(tests) or 'no test'}. Adjusted p: Holm over "
        f"{counted(family, 'test')} ({primary}){rest}."
    )


def columns(noun: str) -> Iterator[str]:
    """Yield what the columns of the tests hold, one sentence each."""
    yield f"Bold: told apart from the reference at an adjusted p of {ALPHA:g}."
    better = "better in patients: those whose mean is better; " if noun == "patient" else ""
    yield (
        f"d_z: mean of the {noun}s' differences over their standard deviation; {better}better in tiles: their share, "
        "an equal one counting half [95 % interval]. Metrics of whole sets have none of these."
    )
