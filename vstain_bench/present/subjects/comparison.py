"""A comparison: differences to the reference with their tests, over all tiles and by label."""

from collections.abc import Callable, Iterator

from vstain_bench.present.numbers import ARROWS, counted, difference_of, p_value
from vstain_bench.present.pages.comparison import render_comparison
from vstain_bench.present.sentences import comparison as words
from vstain_bench.present.sheet import Cell, Document, Head, Line, Section, Sheet, Tone
from vstain_bench.results.comparison import Comparison, Contrast


def document(comparison: Comparison) -> Document:
    """Return what is shown of a comparison."""
    return Document(
        content=comparison,
        headline=tuple(words.headline(comparison)),
        sections=tuple(_sections(comparison)),
        notes=tuple(words.notes(comparison)),
        records=lambda: (each.model_dump(mode="json", exclude={"pairs"}) for each in comparison.contrasts),
        page=lambda: render_comparison(comparison, tests(comparison), by_label(comparison)),
    )


def _sections(comparison: Comparison) -> Iterator[Section]:
    yield Section(sheet=tests(comparison))
    if comparison.labels:
        yield Section("By label", sheet=by_label(comparison))


def tests(comparison: Comparison) -> Sheet:
    """Return the differences over all tiles and what the tests say of them, primary metrics first."""
    noun = words.unit_of_test(comparison)
    better = (Head("better in", unit="patients"),) if noun == "patient" else ()
    columns = (
        Head("difference", unit="95 % interval"), Head("verdict", text=True), Head("p"), Head("adjusted p"),
        Head("effect", unit="d_z"), *better, Head("better in", unit="% of tiles"),
    )  # fmt: skip

    def cells(each: Contrast) -> tuple[Cell, ...]:
        reason = (words.why_powerless(each, noun),) if each.verdict == "powerless" else ()
        difference = difference_of(each)
        verdict = Cell(words.verdict_of(each, noun), tone=_tone(each), notes=reason)
        effect = Cell() if each.effect_size is None else Cell(f"{each.effect_size:+.2f}", number=each.effect_size)
        patients = (_patients(each),) if noun == "patient" else ()
        return difference, verdict, _p(each.p), _p(each.adjusted_p), effect, *patients, _tiles(each)

    return Sheet(
        tuple(columns), _lines(comparison, cells), corner=_corner(comparison), notes=tuple(words.columns(noun))
    )


def by_label(comparison: Comparison) -> Sheet:
    """Return the differences among the tiles of each label."""
    noun = words.unit_of_test(comparison)
    columns = (Head(label, unit=counted(tiles, "tile"), key=label) for label, tiles in comparison.labels.items())

    def cell(each: Contrast | None) -> Cell:
        if each is None or each.difference is None:
            return Cell(notes=(each.reason or "" if each is not None else "not compared",))
        shown, p = difference_of(each), f"p {p_value(each.adjusted_p)}" if each.adjusted_p is not None else ""
        return Cell(
            shown.text, interval=shown.interval, standing=p, tone=shown.tone, number=shown.number,
            notes=(words.verdict_of(each, noun),),
        )  # fmt: skip

    def cells(overall: Contrast) -> tuple[Cell, ...]:
        found = (comparison.find(overall.model, overall.metric, label) for label in comparison.labels)
        return tuple(map(cell, found))

    note = (
        "Difference with its 95 % interval among the tiles of one label; p is corrected by Benjamini and Hochberg with "
        "every other test that is not primary."
    )
    return Sheet(tuple(columns), _lines(comparison, cells), corner=_corner(comparison), notes=(note,))


def _corner(comparison: Comparison) -> str:
    return "model" if len(comparison.models) > 1 else "metric"


def _lines(comparison: Comparison, cells: Callable[[Contrast], tuple[Cell, ...]]) -> tuple[Line, ...]:
    """Return a row per metric and model: under their metric where there are several models, else by what corrects."""
    every = set(comparison.primary) == set(comparison.metrics)

    def head(each: Contrast) -> Head:
        if len(comparison.models) > 1:
            return Head(each.model, group=words.title(each) + (", primary" if each.primary and not every else ""))
        correction = "Primary: Holm" if each.primary else "Further: Benjamini-Hochberg"
        return Head(
            each.metric, ARROWS[each.better], words.aside(each), note=each.signature, key=each.metric, group=correction
        )

    return tuple(Line(head(each), cells(each)) for each in comparison.overall())


def _tone(contrast: Contrast) -> Tone:
    return contrast.verdict if contrast.verdict in ("better", "worse") else "faint"


def _p(p: float | None) -> Cell:
    return Cell(p_value(p), number=p)


def _patients(contrast: Contrast) -> Cell:
    if contrast.groups_better is None:
        return Cell()
    return Cell(f"{contrast.groups_better} of {contrast.groups}", number=contrast.groups_better)


def _tiles(contrast: Contrast) -> Cell:
    if contrast.wins is None:
        return Cell()
    low, high = contrast.wins_low, contrast.wins_high
    ends = f"[{100 * low:.0f}, {100 * high:.0f}]" if low is not None and high is not None else ""
    return Cell(f"{100 * contrast.wins:.0f}", interval=ends, number=contrast.wins)
