"""Whether numbers of different runs may stand side by side, and if not, exactly why.

Two numbers compare when the metric's signature is equal, when both were computed from the same tiles (contents by
digest, number, labels, number of groups), and when both exist. These functions read tables alone; runs are called by
the names that the caller gives them, in the caller's order, and every later run is compared with the first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from vstain_bench.errors import InputError
from vstain_bench.results.table import Controls, Inputs, MetricRecord, Row, Table

Kind = Literal[
    "partial", "tiles", "n", "labels", "groups", "resolution", "metric", "signature", "status", "infinite", "controls"
]
_WORDS = {"cmp": "the sides compared", "v": "the version"}
_ABSENT = "absent"


@dataclass(frozen=True)
class Obstacle:
    """One reason why numbers do not compare.

    Attributes:
        kind: ``partial`` a run of ``--limit``; ``tiles`` other image contents; ``n`` another number of tiles;
            ``labels``, ``groups``, ``resolution`` the same tiles described otherwise; ``metric`` missing in a run;
            ``signature`` another definition; ``status`` no value; ``infinite`` another
            number of tiles without a finite value, hence means over other tiles; ``controls`` another subset of tiles.
        metric: The metric it concerns, or None when it concerns every metric.
        text: The sentence, such as ``ssim: sigma is 1.5 in A and 2.0 in B``.
    """

    kind: Kind
    metric: str | None
    text: str


@dataclass(frozen=True)
class Comparability:
    """What stands in the way of comparing runs: on every metric, and on single ones."""

    inputs: tuple[Obstacle, ...]
    metrics: Mapping[str, tuple[Obstacle, ...]]

    @property
    def shared(self) -> tuple[str, ...]:
        """The metrics that compare, in the order of the first run; none when the inputs differ."""
        return () if self.inputs else tuple(name for name, found in self.metrics.items() if not found)

    @property
    def obstacles(self) -> tuple[Obstacle, ...]:
        """All obstacles: those of the inputs first."""
        return (*self.inputs, *(each for found in self.metrics.values() for each in found))


def _parts(record: MetricRecord) -> dict[str, str]:
    """Return everything that can change a metric's number as text, by name."""
    params = {key: str(value) for key, value in record.params.items()}
    return {"cmp": "-".join(record.compares), **params, "v": str(record.version)}


def signature_obstacles(records: Mapping[str, MetricRecord]) -> tuple[Obstacle, ...]:
    """Return every parameter of a metric in which a run differs from the first.

    Args:
        records: What the metric is in each run, by the run's name.
    """
    (first, own), *others = records.items()
    metric, found = own.name, []
    for other, record in others:
        if record.signature == own.signature:
            continue
        mine, theirs = _parts(own), _parts(record)
        differing = [key for key in dict.fromkeys((*mine, *theirs)) if mine.get(key) != theirs.get(key)]
        for key in differing:
            name, one, two = _WORDS.get(key, key), mine.get(key, _ABSENT), theirs.get(key, _ABSENT)
            verb = "are" if key == "cmp" else "is"
            found.append(
                Obstacle("signature", metric, f"{metric}: {name} {verb} {one} in {first} and {two} in {other}")
            )
        if not differing:
            text = f"{metric}: its definition is '{own.signature}' in {first} and '{record.signature}' in {other}"
            found.append(Obstacle("signature", metric, text))
    return tuple(found)


def input_obstacles(inputs: Mapping[str, Inputs]) -> tuple[Obstacle, ...]:
    """Return what differs in the tiles of runs.

    Args:
        inputs: ``Table.inputs`` of each run, by the run's name.
    """
    (first, own), *others = inputs.items()
    found = [
        Obstacle("partial", None, f"only the first tiles were scored in {name} (--limit): that is no result")
        for name, each in inputs.items()
        if each.partial
    ]
    for other, theirs in others:
        found += _between(first, own, other, theirs)
    return tuple(found)


def _between(first: str, own: Inputs, other: str, theirs: Inputs) -> Iterable[Obstacle]:
    if own.tiles != theirs.tiles:
        left_out = [
            f"{each.skipped} left out in {name}" for name, each in ((first, own), (other, theirs)) if each.skipped
        ]
        told = f" ({', '.join(left_out)})" if left_out else ""
        yield Obstacle("n", None, f"{own.tiles} tiles in {first} and {theirs.tiles} in {other}{told}")
    elif own.digest != theirs.digest:
        yield Obstacle("tiles", None, _other_tiles(first, own, other, theirs))
    for name in dict.fromkeys((*own.labels, *theirs.labels)):
        one, two = own.labels.get(name, 0), theirs.labels.get(name, 0)
        if one != two:
            text = f"label '{name}' has {one} tiles in {first} and {two} in {other}"
            yield Obstacle("labels", None, text)
    if own.groups != theirs.groups:
        known, told = ("not known" if each.groups is None else str(each.groups) for each in (own, theirs))
        yield Obstacle("groups", None, f"the number of groups is {known} in {first} and {told} in {other}")
    if own.mpp and theirs.mpp and own.mpp != theirs.mpp:
        text = f"the pixel size is {_micrometres(own)} in {first} and {_micrometres(theirs)} in {other}"
        yield Obstacle("resolution", None, text)


def _other_tiles(first: str, own: Inputs, other: str, theirs: Inputs) -> str:
    if own.has_source != theirs.has_source:
        having, lacking = (first, other) if own.has_source else (other, first)
        return (
            f"{having} was scored with the H&E and {lacking} without it, so nothing proves that their tiles are equal: "
            f"score {lacking} with the H&E as well"
        )
    return (
        f"both have {own.tiles} tiles, but not the same ones: the digest of real and source tiles is "
        f"{own.digest[:12]} in {first} and {theirs.digest[:12]} in {other}"
    )


def _micrometres(inputs: Inputs) -> str:
    return f"{', '.join(f'{mpp:g}' for mpp in inputs.mpp)} µm/px"


def row_obstacles(rows: Mapping[str, Row]) -> tuple[Obstacle, ...]:
    """Return what differs between rows of one metric and label: number of tiles, missing values.

    The tiles themselves and the definition are the tables' matter: ``input_obstacles``, ``signature_obstacles``.

    Args:
        rows: One row of each run (or of each model), by the name it is told by.
    """
    found = []
    for name, row in rows.items():
        if row.value is None:
            text = f"{row.metric}: no value in {name} ({row.status}: {row.reason})"
            found.append(Obstacle("status", row.metric, text))
    valued = {name: row for name, row in rows.items() if row.value is not None}
    for other, row in list(valued.items())[1:]:
        first, own = next(iter(valued.items()))
        one, two = own.tiles + own.infinite, row.tiles + row.infinite
        if one != two:
            found.append(Obstacle("n", own.metric, f"{own.metric}: {one} tiles in {first} and {two} in {other}"))
        elif row.infinite != own.infinite:
            text = (
                f"{own.metric}: {own.infinite} tiles without a finite value in {first} and {row.infinite} in {other}, "
                "so the means are over other tiles"
            )
            found.append(Obstacle("infinite", own.metric, text))
    return tuple(found)


def control_obstacles(controls: Mapping[str, Controls]) -> tuple[Obstacle, ...]:
    """Return what differs in the subsets on which the controls of runs were scored."""
    (first, own), *others = controls.items()
    return tuple(
        Obstacle(
            "controls",
            None,
            f"controls were scored on {own.tiles} tiles (seed {own.seed}) in {first} and on {theirs.tiles} (seed "
            f"{theirs.seed}) in {other}",
        )
        for other, theirs in others
        if (own.tiles, own.seed) != (theirs.tiles, theirs.seed)
    )


def compare_runs(tables: Mapping[str, Table], metrics: Sequence[str] | None = None) -> Comparability:
    """Return what stands in the way of comparing the models of runs, over all tiles.

    Args:
        tables: The table of each run, by the run's name; one run compares with itself, model by model.
        metrics: The metrics that matter; by default all that occur in any run.
    """
    names = metrics or dict.fromkeys(name for table in tables.values() for name in table.metric_names())
    inputs = input_obstacles({name: table.inputs for name, table in tables.items()})
    return Comparability(inputs, {metric: _metric_obstacles(tables, metric) for metric in names})


def _metric_obstacles(tables: Mapping[str, Table], metric: str) -> tuple[Obstacle, ...]:
    rows: dict[str, Row] = {}
    missing = []
    for name, table in tables.items():
        own = [row for model in table.models if (row := table.find(model, metric)) is not None]
        if not own:
            missing.append(Obstacle("metric", metric, f"{metric}: it was not scored in {name}"))
        rows |= {name if len(own) == 1 else f"{row.model} of {name}": row for row in own}
    if missing:
        return tuple(missing)
    return (
        *signature_obstacles({name: table.metric(metric) for name, table in tables.items()}),
        *row_obstacles(rows),
    )


def comparable_sets(tables: Mapping[str, Table], metric: str) -> tuple[tuple[str, ...], ...]:
    """Return the names of runs in sets within which a metric compares; a run without it is in none.

    What a single model lacks (a value, or a finite one on some tile) does not part runs.
    """
    having = {name: table for name, table in tables.items() if any(row.metric == metric for row in table.rows)}
    sets: list[list[str]] = []
    for name in having:
        for members in sets:
            if all(_apart(having, metric, member, name) == () for member in members):
                members.append(name)
                break
        else:
            sets.append([name])
    return tuple(tuple(members) for members in sets)


def _apart(tables: Mapping[str, Table], metric: str, first: str, second: str) -> tuple[Obstacle, ...]:
    found = compare_runs({name: tables[name] for name in (first, second)}, [metric])
    return tuple(each for each in found.obstacles if each.kind not in ("status", "infinite"))


def refuse_unequal(obstacles: Sequence[Obstacle], where: str, next_step: str = "") -> None:
    """Refuse runs that do not compare, naming every obstacle.

    Raises:
        InputError: there is one.
    """
    if obstacles:
        lines = "\n".join(f"  {each.text}" for each in obstacles)
        raise InputError(where=where, found=f"these runs do not compare:\n{lines}\n", next_step=next_step)
