"""Many tests at once: p-values corrected, and what the patients at hand could show at best."""

from collections.abc import Callable, Sequence

from vstain_bench.results.comparison import Contrast, Verdict
from vstain_bench.stats.significance import ALPHA, benjamini_hochberg, holm


def correct(contrasts: Sequence[Contrast]) -> tuple[Contrast, ...]:
    """Return the contrasts with adjusted p-values and verdicts, in their order.

    Primary tests over all tiles are corrected together by Holm; the rest (other metrics, and every label) by
    Benjamini and Hochberg.
    """
    corrected = list(contrasts)
    for primary in (True, False):
        places = [
            place
            for place, each in enumerate(contrasts)
            if each.p is not None and (each.primary and each.label is None) == primary
        ]
        adjust: Callable[[Sequence[float]], list[float]] = holm if primary else benjamini_hochberg
        adjusted = adjust([contrasts[place].p or 0.0 for place in places])
        # Adjusted values grow with every p: with all p at their smallest, they are the smallest there can be.
        attainable = adjust([contrasts[place].smallest_p or 0.0 for place in places])
        for place, p, least in zip(places, adjusted, attainable, strict=True):
            corrected[place] = contrasts[place].model_copy(
                update={
                    "correction": "Holm" if primary else "Benjamini-Hochberg", "family": len(places),
                    "adjusted_p": p, "attainable_p": least,
                }
            )  # fmt: skip
    return tuple(each.model_copy(update={"verdict": _verdict(each)}) for each in corrected)


def _verdict(contrast: Contrast) -> Verdict:
    difference, tested = contrast.difference, contrast.group_difference
    if difference is None or tested is None:
        return "undefined"
    if difference == 0 and all(pair.model == pair.reference for pair in contrast.pairs):
        return "equal"
    if contrast.adjusted_p is None or (contrast.attainable_p or 0.0) > ALPHA:
        return "powerless"
    if contrast.adjusted_p > ALPHA:
        return "not told apart"
    return "better" if (tested > 0) == (contrast.better == "higher") else "worse"
