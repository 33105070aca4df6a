"""A finished sweep: which metric can be trusted, for what, and what every defect costs it."""

from collections.abc import Callable, Iterator

from vstain_bench.judge.stress.findings import Estimate, Findings, Verdict
from vstain_bench.judge.stress.folder import StressFolder
from vstain_bench.present.numbers import ARROWS, counted
from vstain_bench.present.sentences import stress as words
from vstain_bench.present.sheet import Cell, Document, Head, Line, Record, Section, Sheet


def document(folder: StressFolder) -> Document:
    """Return what is shown of a finished sweep: its tables, then a card for each metric."""
    from vstain_bench.present.pages.stress import render_stress

    findings = folder.read()
    return Document(
        content=findings,
        title="Metric cards",
        headline=_headline(findings),
        sections=(*_tables(findings), *(_card(findings, verdict) for verdict in findings.verdicts)),
        records=lambda: _records(folder),
        page=lambda: render_stress(folder),
    )


def overview(findings: Findings) -> Document:
    """Return the tables of a sweep: what a command prints when it is done."""
    return Document(content=findings, headline=_headline(findings), sections=tuple(_tables(findings)))


def _headline(findings: Findings) -> tuple[str, ...]:
    return tuple(filter(None, (words.caution(findings), words.headline(findings))))


def _records(folder: StressFolder) -> Iterator[Record]:
    """Yield one record per answer: metric, model, perturbation, severity, seed, tile, group and value."""
    for answer in folder.read_answers().to_dict("records"):
        yield {str(key): None if value != value else value for key, value in answer.items()}  # NaN is no value


def _tables(findings: Findings) -> Iterator[Section]:
    patients = counted(findings.groups, "patient") if findings.groups is not None else "patients not known"
    mpp = ", ".join(f"{each:g}" for each in findings.mpp)
    tiles = (
        f"{counted(findings.tiles, 'tile')}, {patients}, {mpp} µm/px, {findings.conditions} perturbed copies of each"
    )
    notes = [f"{tiles}; 95 % intervals. On other tiles the figures differ: run it on yours.", *words.RANKING]
    notes += [f"{name} is not in this table: {reason}." for name, reason in findings.unavailable.items()]
    yield Section(sheet=ranking(findings), notes=tuple(notes))
    if any(verdict.flips for verdict in findings.verdicts):
        yield Section("Models change places", (words.FLIPS,), flips(findings))


def _card(findings: Findings, verdict: Verdict) -> Section:
    facts = (words.use_for(findings, verdict), words.told_erased(verdict), words.hardly_notices(findings, verdict))
    figures = (words.by_defect(findings, verdict), words.levels(verdict), words.halves(verdict))
    notes = tuple(fact for fact in (*facts, *figures) if fact)
    return Section(f"{verdict.metric} {ARROWS[verdict.better]}", notes=notes, code=verdict.signature)


def metric_head(verdict: Verdict) -> Head:
    """Return what a metric is called."""
    return Head(verdict.metric, ARROWS[verdict.better], note=verdict.signature, key=verdict.metric)


def _lines(findings: Findings, cells: Callable[[Verdict], tuple[Cell, ...]]) -> tuple[Line, ...]:
    return tuple(Line(metric_head(verdict), cells(verdict)) for verdict in findings.verdicts)


def ranking(findings: Findings) -> Sheet:
    """Return the metrics, the most trustworthy first, with what tells them apart."""
    columns = [Head(f"right first, {each:g} µm off", "↑") for each in findings.displacements]
    columns += [
        Head("worse if more", "↑"),
        Head("half lost at", "↑"),
        Head("no DAB costs", "↑"),
        Head("clean"),
        Head("floor"),
    ]

    def cells(verdict: Verdict) -> tuple[Cell, ...]:
        floor = verdict.floor_of.removeprefix("control:").replace("-", " ") if verdict.floor_of else ""
        return (
            *(_rate(verdict.rate(each)) for each in findings.displacements),
            Cell(words.percent(verdict.worse_if_more), number=verdict.worse_if_more),
            _half(verdict, words.DISPLACEMENT, " µm"),
            _equivalent(verdict, *words.ERASED, " µm"),
            Cell(words.number(verdict.clean, 3), number=verdict.clean),
            Cell(words.number(verdict.floor, 3), interval=floor, number=verdict.floor),
        )

    return Sheet(tuple(columns), _lines(findings, cells), corner="metric")


def flips(findings: Findings) -> Sheet:
    """Return how often models change places, by what was done to them."""
    swept = [verdict for verdict in findings.verdicts if verdict.flips]
    keys = dict.fromkeys((flip.perturbation, flip.severity, flip.unit) for verdict in swept for flip in verdict.flips)
    columns = tuple(Head(words.defect_title(*key)) for key in keys)
    lines = []
    for verdict in swept:
        rates = {(flip.perturbation, flip.severity, flip.unit): flip.rate for flip in verdict.flips}
        lines.append(Line(metric_head(verdict), tuple(_rate(rates.get(key), shaded=False) for key in keys)))
    return Sheet(columns, tuple(lines), corner="metric")


def defects(findings: Findings) -> Sheet:
    """Return the ordering rate at the first displacement against each defect."""
    swept = words.defects(findings)
    first = findings.displacements[0] if findings.displacements else 0.0

    def cells(verdict: Verdict) -> tuple[Cell, ...]:
        return tuple(_rate(verdict.rate(first, name, level), ends=False) for name, level, _ in swept)

    return Sheet(tuple(Head(title) for _, _, title in swept), _lines(findings, cells), corner="metric")


def equivalents(findings: Findings) -> Sheet:
    """Return what each defect costs each metric, in µm of displacement."""
    found = (each for verdict in findings.verdicts for each in verdict.equivalents)
    keys = dict.fromkeys((each.perturbation, each.severity, each.unit) for each in found)
    lines = (
        Line(
            Head(words.defect_title(*key)), tuple(_equivalent(verdict, key[0], key[1]) for verdict in findings.verdicts)
        )
        for key in keys
    )
    return Sheet(tuple(map(metric_head, findings.verdicts)), tuple(lines), corner="defect")


def half_lives(findings: Findings) -> Sheet:
    """Return the severity at which each metric has lost half, by perturbation."""
    lines = (
        Line(
            Head(words.spoken(each.name), unit=each.unit),
            tuple(_half(verdict, each.name) for verdict in findings.verdicts),
        )
        for each in findings.perturbations
    )
    return Sheet(tuple(map(metric_head, findings.verdicts)), tuple(lines), corner="perturbation")


def _rate(rate: Estimate | None, *, ends: bool = True, shaded: bool = True) -> Cell:
    if rate is None or rate.value is None:
        return Cell()
    interval = words.interval(rate, "percent") if ends else ""
    share = rate.value if shaded else None
    return Cell(words.percent(rate.value), interval=interval, number=rate.value, share=share)


def _half(verdict: Verdict, perturbation: str, unit: str = "") -> Cell:
    found = verdict.half_life(perturbation)
    if found is None:
        return Cell()
    if found.severity.value is not None:
        text = f"{words.number(found.severity.value)}{unit}"
        return Cell(text, interval=words.interval(found.severity), number=found.severity.value)
    if found.reason.startswith("half is never"):
        return Cell(f"> {found.largest:g}{unit}", number=2 * found.largest, notes=(found.reason,))
    return Cell(notes=(found.reason,))


def _equivalent(verdict: Verdict, perturbation: str, severity: float, unit: str = "") -> Cell:
    found = verdict.equivalent(perturbation, severity)
    if found is None:
        return Cell()
    if found.shift_um.value is None:
        return Cell(f"> {found.largest_um:g}{unit}", number=2 * found.largest_um)
    text = f"{words.number(found.shift_um.value)}{unit}"
    return Cell(text, interval=words.interval(found.shift_um) if unit else "", number=found.shift_um.value)
