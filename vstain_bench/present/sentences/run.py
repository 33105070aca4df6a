"""What the table says, in two sentences: who leads, and who fails to beat a control."""

from collections.abc import Sequence

from markupsafe import Markup

from vstain_bench.base.text import printable
from vstain_bench.present.numbers import MARK, OUTDONE, counted, model_title, places
from vstain_bench.results.table import Row, Table

MOST_NAMED = 4
"""Most models that a sentence names one by one."""


def headline(table: Table) -> Markup:
    """Return the sentences that the numbers support: point estimates and control comparisons, no verdict."""
    sentences = [_leaders(table), _controls(table)]
    return Markup(" ").join(sentence for sentence in sentences if sentence)


def _name(model: str) -> Markup:
    return Markup("<b><bdi>{}</bdi></b>").format(printable(model))


def _listed(parts: Sequence[str]) -> Markup:
    """Return ``a, b and c``."""
    if len(parts) < 2:
        return Markup("").join(parts)
    return Markup("{} and {}").format(Markup(", ").join(parts[:-1]), parts[-1])


def _metrics(names: Sequence[str], of: int) -> Markup:
    if len(names) == of:
        return Markup("{}").format("the only metric" if of == 1 else f"all {of} metrics")
    return _listed(names) if len(names) <= 3 else Markup("{} of {} metrics").format(len(names), of)


def _leaders(table: Table) -> Markup:
    if not any(row.value is not None for row in table.rows if not row.is_control):
        return Markup("No metric has a value.")
    if len(table.models) < 2:
        return Markup("")
    best = []
    for record in table.metrics:
        rows = [row for row in table.rows if (row.metric, row.label) == (record.name, None)]
        best.append([model for model, place in places(rows, record.better).items() if place == 1])
    ranked = [models for models in best if models]
    if not ranked:
        return Markup("The models cannot be ranked.")
    counts = {model: sum(model in models for models in ranked) for model in table.models}
    order = sorted((model for model in table.models if counts[model]), key=lambda model: -counts[model])
    where = "the only metric that ranks" if len(ranked) == 1 else f"each of {len(ranked)} metrics"
    equals = sum(number == len(ranked) for number in counts.values())
    if equals > 1:
        who = _listed([_name(model) for model in order[:equals]]) if equals <= MOST_NAMED else f"{equals} models"
        return Markup("{} share the best value on {}.").format(who, where)
    if counts[order[0]] == len(ranked):
        shared = Markup(", shared with others on some") if len(order) > 1 else Markup("")
        return Markup("{} has the best value on {}{}.").format(_name(order[0]), where, shared)
    by_count: dict[int, list[Markup]] = {}
    for model in order[:MOST_NAMED]:
        by_count.setdefault(counts[model], []).append(_name(model))
    parts: list[Markup] = []
    for count, names in by_count.items():
        verb = "" if parts else (" has the best value" if len(names) == 1 else " have the best value")
        share = f"{count} of {len(ranked)} metrics" if not parts else str(count)
        parts.append(Markup("{}{} on {}{}").format(_listed(names), verb, share, " each" if len(names) > 1 else ""))
    if len(order) > MOST_NAMED:
        parts.append(Markup("{} others on no more").format(len(order) - MOST_NAMED))
    return Markup("; ").join(parts) + Markup(".")


def _controls(table: Table) -> Markup:
    metrics = dict.fromkeys(row.metric for row in table.rows if row.is_control and row.value is not None)
    if not metrics:
        return Markup("No control was scored, so nothing shows how easily these numbers are reached.")
    failed = {
        model: [metric for metric in metrics if (row := table.find(model, metric)) is not None and row.unbeaten]
        for model in table.models
    }
    failing = {model: names for model, names in failed.items() if names}
    if not failing:
        each = _name(table.models[0]) if len(table.models) == 1 else Markup("Every model")
        return Markup("{} is ahead of every attainable control on every metric.").format(each)
    if len(failing) > MOST_NAMED:
        return Markup("{} of {} models are no better than an attainable control on at least one metric (†).").format(
            len(failing), len(table.models)
        )
    by_metrics: dict[tuple[str, ...], list[Markup]] = {}
    for model, names in failing.items():
        by_metrics.setdefault(tuple(names), []).append(_name(model))
    parts = [
        Markup("{} on {}").format(_listed(models), _metrics(names, len(metrics)))
        for names, models in by_metrics.items()
    ]
    if len(table.models) == 1:
        (names,) = failing.values()
        share = _metrics(names, len(metrics))
        return Markup("{} is no better than an attainable control on {}.").format(_name(table.models[0]), share)
    return Markup("No better than an attainable control: {}.").format(Markup("; ").join(parts))


def _level(row: Row) -> tuple[str, ...]:
    return tuple(name for name in row.unbeaten if name not in row.outdone)


def footnotes(table: Table) -> list[str]:
    """Return what a reader must know beside the numbers, one sentence each."""
    inputs = table.inputs
    groups = counted(inputs.groups, "group") if inputs.groups is not None else "groups not known"
    notes = [
        f"{counted(inputs.tiles, 'tile')}, {groups}; protocol {table.protocol.name}. "
        "Value ± SD over tiles; [95 % interval]."
    ]
    if any(row.is_control for row in table.rows):
        notes.append(f"Controls on {counted(table.controls.tiles, 'tile')} (seed {table.controls.seed}).")
    overall = [row for row in table.rows if row.label is None]
    for mark, words, names in (
        (OUTDONE, "shown to be worse than a control that anyone could have", lambda row: row.outdone),
        (MARK, "no better than a control that anyone could have", lambda row: _level(row)),
        ("", "Ahead of such a control, but not told apart from it by these patients", lambda row: row.untold),
    ):
        found = [
            f"{row.model} on {row.metric} ({', '.join(map(model_title, names(row)))})" for row in overall if names(row)
        ]
        if found:
            notes.append(f"{mark} {words}: {'; '.join(found)}.".lstrip())
    infinite = [f"{row.infinite} of {row.model}" for row in table.rows if row.infinite and row.label is None]
    if infinite:
        notes.append(
            f"Tiles identical to the real ones, without a finite PSNR and not in its mean: {'; '.join(infinite)}."
        )
    gaps: dict[str, dict[str, None]] = {}
    for row in table.rows:
        if row.reason and row.label is None and not row.is_control:
            gaps.setdefault(f"{row.status}: {row.reason}", {})[row.metric] = None
    return [
        *notes,
        *(f"{', '.join(metrics)} {reason.rstrip('.')}." for reason, metrics in gaps.items()),
        *table.warnings,
    ]
