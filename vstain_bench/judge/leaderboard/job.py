"""The job behind ``vstain-bench leaderboard``: runs by protocol, in sections that compare, ranked within them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vstain_bench.base.listener import Progress
from vstain_bench.base.names import nearest
from vstain_bench.errors import UsageError
from vstain_bench.judge.evidence import title_models
from vstain_bench.judge.leaderboard.board import Board, ControlRows, Entrant, Head, Leaderboard, Section
from vstain_bench.judge.leaderboard.config import LeaderboardConfig
from vstain_bench.judge.leaderboard.places import Contender, rank
from vstain_bench.judge.leaderboard.published import read_published
from vstain_bench.judge.leaderboard.sources import Source, obstacles_between, part, read_sources
from vstain_bench.judge.leaderboard.trust import read_trust
from vstain_bench.results.comparable import Obstacle, refuse_unequal
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import MetricRecord, Row


@dataclass(frozen=True)
class Made:
    """A leaderboard, and the run folder of each run that has one: where a model's tiles and card lie."""

    leaderboard: Leaderboard
    folders: Mapping[str, RunFolder] = field(default_factory=dict)


def make_leaderboard(paths: Sequence[Path], request: LeaderboardConfig, progress: Progress | None = None) -> Made:
    """Return the leaderboard of runs and published tables.

    Args:
        paths: Run folders, or results files alone; none where only published tables are shown.
        request: What is asked for.
        progress: Called with phase, done and total.

    Raises:
        UsageError: there is nothing to show, or a name is unknown.
        InputError: a run is a trial over its first tiles (``--limit``).
    """
    if not paths and not request.published:
        raise UsageError(
            where="leaderboard",
            found="neither a run nor published tables",
            expected="RUN... or --published her2match",
        )
    published = tuple(read_published(name) for name in dict.fromkeys(request.published))
    trust = read_trust(request.trust) if request.trust is not None else None
    given = read_sources(paths)
    _require_whole(given)
    _require_known(given, request.metrics)
    sources = [_chosen(source, request.metrics) for source in given]
    boards = []
    for protocol in dict.fromkeys(source.table.protocol.name for source in sources):
        own = [source for source in sources if source.table.protocol.name == protocol]
        boards.append(Board(protocol=protocol, sections=tuple(_sections(own, sources, request, progress))))
    return Made(
        Leaderboard(title=request.title, boards=tuple(boards), published=published, trust=trust),
        {source.name: source.folder for source in sources if source.folder is not None},
    )


def _chosen(source: Source, metrics: Sequence[str]) -> Source:
    """Return the run with the metrics asked for alone."""
    if not metrics:
        return source
    table = source.table
    kept = {
        "metrics": tuple(record for record in table.metrics if record.name in metrics),
        "rows": tuple(row for row in table.rows if row.metric in metrics),
    }
    return Source(source.name, table.model_copy(update=kept), source.folder, source.evidence)


def _require_whole(sources: Iterable[Source]) -> None:
    partial = [
        Obstacle("partial", None, f"only the first tiles were scored in {source.name} (--limit): that is no result")
        for source in sources
        if source.table.inputs.partial
    ]
    refuse_unequal(partial, "leaderboard", "Give the run command again without --limit.")


def _require_known(sources: Sequence[Source], metrics: Sequence[str]) -> None:
    known = list(dict.fromkeys(name for source in sources for name in source.table.metric_names()))
    for name in metrics:
        if name not in known:
            raise UsageError(
                where=f"--metrics {name}", found="no run has this metric", expected="metrics that a run has",
                next_step=nearest(name, known),
            )  # fmt: skip


def _sections(
    own: Sequence[Source], everyone: Sequence[Source], request: LeaderboardConfig, progress: Progress | None
) -> Iterable[Section]:
    """Yield the sections of one protocol: the larger ones first."""
    sets = sorted(part(own), key=lambda members: -sum(len(member.table.models) for member in members))
    titles = title_models({source.name: source.table.models for source in everyone})
    for number, members in enumerate(sets):
        apart = [obstacle.text for earlier in sets[:number] for obstacle in _why(earlier, members)]
        yield _section(members, titles, tuple(dict.fromkeys(apart)), request, progress)


def _why(earlier: Sequence[Source], members: Sequence[Source]) -> tuple[Obstacle, ...]:
    """Return the first reasons that are found between runs of two sections."""
    between = (obstacles_between(one, other) for one in earlier for other in members)
    return next((found for found in between if found), ())


def _section(
    members: Sequence[Source],
    titles: Mapping[tuple[str, str], str],
    apart: tuple[str, ...],
    request: LeaderboardConfig,
    progress: Progress | None,
) -> Section:
    first, metrics, entrants = members[0].table, _metrics(members), _entrants(members, titles)
    seed = first.controls.seed if request.seed is None else request.seed
    by_name = {source.name: source for source in members}
    heads, places = [], {entrant.title: dict(entrant.places) for entrant in entrants}
    for number, record in enumerate(metrics, start=1):
        contenders = [
            Contender(entrant.title, by_name[entrant.run], found)
            for entrant in entrants
            if (found := entrant.find(record.name)) is not None
        ]
        ranking = rank(contenders, seed)
        for title, place in ranking.places.items():
            places[title][record.name] = place
        heads.append(
            Head(
                metric=record.name, signature=record.signature, unit=record.unit, better=record.better,
                perfect=record.perfect, summary=record.summary, citation=record.citation,
                unranked=ranking.unranked, notes=ranking.notes,
            )
        )  # fmt: skip
        if progress:
            progress(f"ranking on {first.protocol.name}", number, len(metrics))
    leading = _leading(members, heads, entrants)
    placed = [entrant.model_copy(update={"places": places[entrant.title]}) for entrant in entrants]
    return Section(
        runs=tuple(by_name),
        inputs=first.inputs,
        leading=leading.metric if leading else "",
        warnings=tuple(dict.fromkeys(warning for source in members for warning in source.table.warnings)),
        heads=tuple(heads),
        entrants=tuple(sorted(placed, key=lambda entrant: _order(entrant, leading))),
        controls=tuple(_controls(members)),
        apart=apart,
    )


def _entrants(members: Sequence[Source], titles: Mapping[tuple[str, str], str]) -> list[Entrant]:
    """Return all models of a section."""
    return [
        Entrant(
            title=titles[source.name, model],
            run=source.name,
            model=model,
            rows=tuple(row for row in source.table.rows if row.model == model),
        )
        for source in members
        for model in source.table.models
    ]


def _metrics(members: Sequence[Source]) -> list[MetricRecord]:
    """Return each metric: in the order of the first run, then what others have beside.

    A record that says less, of an earlier schema, gives way to one of an equal signature that says more.
    """
    first: dict[str, MetricRecord] = {}
    for source in members:
        for record in source.table.metrics:
            if first.setdefault(record.name, record).summary is None:
                first[record.name] = record
    return list(first.values())


def _leading(members: Sequence[Source], heads: Sequence[Head], entrants: Sequence[Entrant]) -> Head | None:
    """Return the metric that orders the rows: a primary one that ranks, else the first that does, else one with values.

    None where not even numbers can be ordered.
    """
    primary = members[0].table.protocol.primary
    ordered = sorted(heads, key=lambda head: (bool(head.unranked), head.metric not in primary))
    for head in ordered:
        valued = any((row := entrant.find(head.metric)) is not None and row.value is not None for entrant in entrants)
        if not head.unranked or (valued and head.better != "target"):
            return head
    return None


def _order(entrant: Entrant, leading: Head | None) -> tuple[float, float, float]:
    """Return place, rank and value; models without one stand last."""
    place = entrant.places.get(leading.metric) if leading else None
    row = entrant.find(leading.metric) if leading else None
    value = math.inf
    if leading and row is not None and row.value is not None:
        value = -row.value if leading.better == "higher" else row.value
    return (place.place, place.rank, value) if place is not None else (math.inf, math.inf, value)


def _controls(members: Sequence[Source]) -> Iterable[ControlRows]:
    """Yield the control rows of each subset of tiles on which they were scored, each control once."""
    subsets: dict[tuple[int, int], list[Source]] = {}
    for source in members:
        subsets.setdefault((source.table.controls.tiles, source.table.controls.seed), []).append(source)
    for sources in subsets.values():
        rows: dict[tuple[str, str, str | None], Row] = {}
        for source in sources:
            for row in source.table.rows:
                if row.is_control:
                    rows.setdefault((row.model, row.metric, row.label), row)
        names = dict.fromkeys(row.model for row in rows.values())
        entrants = tuple(
            Entrant(
                title=name, run=sources[0].name, model=name,
                rows=tuple(row for row in rows.values() if row.model == name),
            )
            for name in names
        )  # fmt: skip
        if entrants:
            yield ControlRows(controls=sources[0].table.controls, entrants=entrants)
