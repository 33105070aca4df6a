"""The job behind ``vstain-bench compare``: prove that runs compare, then contrast every model with the reference."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from vstain_bench.base.listener import Progress
from vstain_bench.base.names import nearest
from vstain_bench.errors import UsageError
from vstain_bench.judge.compare.config import CompareConfig
from vstain_bench.judge.compare.correct import correct
from vstain_bench.judge.compare.material import Asked, Entry, contrast_metric
from vstain_bench.judge.evidence import Evidence, name_runs, title_models
from vstain_bench.results.comparable import Comparability, Obstacle, compare_runs, refuse_unequal
from vstain_bench.results.comparison import ComparedRun, Comparison, Contrast
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import Row

REFUSING = ("signature", "n", "controls")
"""Obstacles of a single metric that refuse the comparison; others leave the metric out with its reason."""


def compare(paths: Sequence[Path], request: CompareConfig, progress: Progress | None = None) -> Comparison:
    """Return the contrasts of all models with the reference, paired by tile and aggregated by group.

    Args:
        paths: Run folders; one with several models is enough.
        request: What is asked for.
        progress: Called with phase, done and total.

    Raises:
        InputError: the runs do not compare; every differing parameter, tile or number is named.
        UsageError: there are fewer than two models, or a name is unknown.
    """
    runs = {name: Evidence(RunFolder(path)) for name, path in name_runs(list(paths)).items()}
    entries = _entries(runs)
    reference = _choose_reference(entries, request.reference)
    found = _require_comparable(runs, request)
    metrics, gaps = _choose_metrics(runs, found, request)
    primary = _choose_primary(runs, metrics, gaps, request)
    ordered = [*primary, *(metric for metric in metrics if metric not in primary)]
    first = next(iter(runs.values())).table
    seed = first.controls.seed if request.seed is None else request.seed
    contrasts: list[Contrast] = []
    models = [entry for entry in entries if entry is not reference]
    for number, metric in enumerate(ordered):
        if progress:
            progress("comparing metrics", number, len(ordered))
        asked = Asked(metric=metric, primary=metric in primary, test=request.test, seed=seed)
        made = list(contrast_metric(models, reference, asked))
        reasons = {each.reason for each in made if each.label is None}
        if None not in reasons and len(reasons) == 1:
            gaps[metric] = str(reasons.pop())
        else:
            contrasts += made
    if progress:
        progress("comparing metrics", len(ordered), len(ordered))
    compared = tuple(metric for metric in ordered if metric not in gaps)
    if not compared:
        raise _nothing_to_compare(runs, gaps)
    return Comparison(
        runs=tuple(
            ComparedRun(
                name=name,
                models=tuple(entry.title for entry in entries if entry.run == name),
                protocol=run.table.protocol.name,
            )
            for name, run in runs.items()
        ),
        reference=reference.title,
        models=tuple(entry.title for entry in models),
        metrics=compared,
        primary=tuple(metric for metric in primary if metric in compared),
        labels=first.inputs.labels,
        tiles=first.inputs.tiles,
        groups=first.inputs.groups,
        digest=first.inputs.digest,
        seed=seed,
        gaps=gaps,
        contrasts=correct(contrasts),
    )


def _entries(runs: Mapping[str, Evidence]) -> list[Entry]:
    """Return all models; one whose name occurs in several runs is told with its run.

    Raises:
        UsageError: there are fewer than two.
    """
    titles = title_models({name: run.table.models for name, run in runs.items()})
    if len(titles) < 2:
        raise UsageError(
            where="compare",
            found=f"{len(titles)} model in {', '.join(runs) or 'no run'}",
            expected="at least two models, in one run or in several",
        )
    return [Entry(titles[name, model], name, model, run) for name, run in runs.items() for model in run.table.models]


def _choose_reference(entries: Sequence[Entry], name: str | None) -> Entry:
    if name is None:
        return entries[0]
    found = [entry for entry in entries if name in (entry.title, entry.model)]
    if len(found) != 1:
        titles = [entry.title for entry in entries]
        raise UsageError(
            where=f"--reference {name}",
            found="several models of that name" if found else "no such model",
            expected=f"one of {', '.join(titles)}",
            next_step="" if found else nearest(name, titles),
        )
    return found[0]


def _require_comparable(runs: Mapping[str, Evidence], request: CompareConfig) -> Comparability:
    """Return which metrics compare, after refusing runs of other tiles and metrics of other definitions."""
    tables = {name: run.table for name, run in runs.items()}
    known = list(dict.fromkeys(name for table in tables.values() for name in table.metric_names()))
    for option, names in (("--metrics", request.metrics), ("--primary", request.primary)):
        for name in names:
            if name not in known:
                raise UsageError(
                    where=f"{option} {name}", found="no run has this metric", expected=f"some of {', '.join(known)}",
                    next_step=nearest(name, known),
                )  # fmt: skip
    found = compare_runs(tables, request.metrics or None)
    refuse_unequal((*found.inputs, *_tag_obstacles(runs)), "compare", "Score the same tiles in every run.")
    refused = [each for each in found.obstacles if each.kind in REFUSING]
    sound = [name for name, each in found.metrics.items() if not any(one.kind != "infinite" for one in each)]
    refuse_unequal(refused, "compare", f"What they share: --metrics {','.join(sound)}" if sound else "")
    return found


def _tag_obstacles(runs: Mapping[str, Evidence]) -> Iterator[Obstacle]:
    """Yield one obstacle for each run whose groups or labels are not those of the first, naming a tile."""
    (first, own), *others = runs.items()
    for other, run in others:
        for tile, tag in own.tags.items():
            theirs = run.tags.get(tile)
            if theirs is None or theirs == tag:
                continue
            kind, one, two = ("group", tag.group, theirs.group) if tag.group != theirs.group else (
                "label", tag.label, theirs.label
            )  # fmt: skip
            text = f"tile '{tile}' has {kind} {one or 'none'} in {first} and {two or 'none'} in {other}"
            yield Obstacle("groups" if kind == "group" else "labels", None, text)
            break


def _choose_metrics(
    runs: Mapping[str, Evidence], found: Comparability, request: CompareConfig
) -> tuple[list[str], dict[str, str]]:
    """Return the metrics that can be compared, and why others cannot."""
    metrics, gaps = [], {}
    for name, obstacles in found.metrics.items():
        hard = [each for each in obstacles if each.kind != "infinite"]
        if not hard:
            metrics.append(name)
            continue
        values = {f"{row.status}: {row.reason}" for run in runs.values() for row in _rows(run, name)}
        same = len(values) == 1 and all(each.kind == "status" for each in hard)
        gaps[name] = values.pop() if same else "; ".join(each.text.removeprefix(f"{name}: ") for each in hard)
    if not metrics:
        raise _nothing_to_compare(runs, gaps)
    return metrics, gaps


def _nothing_to_compare(runs: Mapping[str, Evidence], gaps: Mapping[str, str]) -> UsageError:
    told = "\n".join(f"  {name}: {reason}" for name, reason in gaps.items())
    return UsageError(where="compare", found=f"no metric can be compared in {', '.join(runs)}:\n{told}\n")


def _rows(run: Evidence, metric: str) -> list[Row]:
    found = [run.table.find(model, metric) for model in run.table.models]
    return [row for row in found if row is not None]


def _choose_primary(
    runs: Mapping[str, Evidence], metrics: Sequence[str], gaps: Mapping[str, str], request: CompareConfig
) -> list[str]:
    """Return the primary metrics: those named, those of the first run's protocol, or all."""
    for name in request.primary:
        if name not in metrics:
            raise UsageError(
                where=f"--primary {name}", found=gaps.get(name, "it is not among --metrics"),
                expected=f"some of {', '.join(metrics)}",
            )  # fmt: skip
    named = request.primary or next(iter(runs.values())).table.protocol.primary
    chosen = [name for name in named if name in metrics]
    return chosen or list(metrics)
