"""The laws that a metric keeps, for its author's tests: ours and anyone's are held to the same ones.

::

    @pytest.mark.parametrize("law", LAWS)
    def test_saturation_error(law):
        law(Case("saturation_error"))

A law takes a ``Case`` and raises ``BrokenLaw`` with what was found; one that has nothing to say of a metric raises
``unittest.SkipTest``, which pytest shows as skipped. Tiles are synthetic (``phantom``), nothing is read or written.
"""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from inspect import Parameter, signature
from pathlib import Path
from typing import NoReturn, get_args
from unittest import SkipTest

import numpy as np
import torch

from vstain_bench.arrays import RowArray
from vstain_bench.errors import UsageError
from vstain_bench.measure.journal import Entry, Journal
from vstain_bench.measure.shards import Shard
from vstain_bench.metrics import METRICS, build, record_of, restore
from vstain_bench.phantom import Defects, phantom_tile, render_ihc
from vstain_bench.types import Batch, Images, Metric, OfSet, Side, View
from vstain_bench.words import Direction

SIDE, LARGE_SIDE = 64, 176
"""Pixels of a tile, and of one for a metric that needs more."""
SCORES = ("0", "1+", "2+", "3+")
LABELS = ("0", "0", "3+", "3+")
"""Of the tiles, which are stained as 0, 1+, 2+ and 3+: in order, and two of each."""
ALL = (0, 1, 2, 3)
MPP = 1.0
MODEL = "model"

Sides = Mapping[Side, Images]


class BrokenLaw(AssertionError):
    """A metric does not do what every metric promises."""


@dataclass(frozen=True)
class Case:
    """A metric on four synthetic tiles of 1 µm/px: H&E, real IHC, and a faithful stain.

    Attributes:
        name: As it is registered.
        params: Where four small tiles need other values than the defaults.
        other: Another value of a parameter, where none is found: a default is doubled, halved, stepped or, for a text,
            replaced by a word that the refusal of a wrong one proposes.
        spoilt: What is worse than a faithful stain: noise, or white (for what looks for stain that is missing).
    """

    name: str
    params: Mapping[str, object] = field(default_factory=dict)
    other: Mapping[str, object] = field(default_factory=dict)
    spoilt: str = "noise"

    @property
    def metric(self) -> Metric:
        """The metric with the case's parameters."""
        return build(self.name, self.params)

    @property
    def sides(self) -> Sides:
        """The four tiles, of the side that the metric needs."""
        least = self.metric.minimum_side
        return sample(SIDE if least <= SIDE else max(LARGE_SIDE, least))

    def spoil(self, sides: Sides) -> Sides:
        """Return sides whose generated one is noise, or white."""
        shape = sides["generated"].shape
        white = self.spoilt == "white"
        noise = torch.ones(shape) if white else torch.rand(shape, generator=torch.Generator().manual_seed(0))
        return {**sides, "generated": noise}

    def broken(self, found: str) -> NoReturn:
        """Raise the ``BrokenLaw`` of this metric."""
        raise BrokenLaw(f"metric '{self.name}': {found}")


@cache
def sample(side: int) -> Sides:
    """Return four tiles of a side in pixels; do not change them."""
    tiles = [phantom_tile(seed=seed, label=label, size=side) for seed, label in enumerate(SCORES)]
    stained = [render_ihc(tile.tissue, Defects(dab_gain=0.9), exposure="faithful").image for tile in tiles]
    return {
        "source": _images([tile.source for tile in tiles]),
        "real": _images([tile.real for tile in tiles]),
        "generated": _images(stained),
    }


def _images(pictures: Sequence[np.ndarray]) -> Images:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


def tiles_of(metric: Metric, sides: Sides, chosen: Sequence[int]) -> Batch:
    """Return a batch of the chosen tiles with no side but those that the metric says it compares."""
    ids = tuple(f"tile{place}" for place in chosen)
    labels = tuple(LABELS[place] for place in chosen)
    mpp = (MPP,) * len(ids)
    return Batch(
        {side: View(ids, side, sides[side][list(chosen)].clone(), mpp, labels=labels) for side in metric.compares}
    )


def observe(metric: Metric, sides: Sides, batches: Sequence[Sequence[int]] = (ALL,)) -> RowArray:
    """Return the rows of the tiles of some batches, one after the other."""
    return np.concatenate([metric.observe(tiles_of(metric, sides, chosen)).cpu().numpy() for chosen in batches])


_OBSERVED: dict[tuple[str, str, int], RowArray] = {}


def rows(metric: Metric, sides: Sides, variant: str = "faithful") -> RowArray:
    """Return the rows of all four tiles, observed once for all metrics that share an observation."""
    key = (metric.rows, variant, next(iter(sides.values())).shape[-1])
    if key not in _OBSERVED:
        _OBSERVED[key] = observe(metric, sides)
    return _OBSERVED[key].copy()


def rows_stand_alone(case: Case) -> None:
    """A tile's row depends neither on its batch nor on the order of tiles."""
    metric, sides = case.metric, case.sides
    together, apart = rows(metric, sides), observe(metric, sides, [(3,), (2, 0), (1,)])
    if not np.array_equal(apart, together[[3, 2, 0, 1]], equal_nan=True):
        case.broken("rows depend on the batch; reduce tile by tile (metrics.definition.tile_means), not over a batch")


def parts_make_the_whole(case: Case) -> None:
    """Shards that are merged hold the bytes of one run and give its number; a tile is not counted twice."""
    metric, sides = case.metric, case.sides
    whole = rows(metric, sides)
    with Journal(Path(":memory:")) as merged:
        for index in (1, 2):
            held = [place for place in reversed(ALL) if Shard(number=2, index=index).holds(f"tile{place}")]
            with Journal(Path(":memory:")) as part:
                _acknowledge(part, metric, held, observe(metric, sides, [held]))
                merged.absorb(part)
        found = merged.rows(MODEL, metric.rows)[1]
        if found.tobytes() != whole.tobytes():
            case.broken("two shards hold other rows than one run")
        if metric.score(found) != metric.score(whole):
            case.broken("equal rows give another number: the score has a memory")
        try:
            _acknowledge(merged, metric, [2], whole[2:3])
        except sqlite3.IntegrityError:
            return
        case.broken("the same tile is counted twice")


def _acknowledge(journal: Journal, metric: Metric, chosen: Sequence[int], found: RowArray) -> None:
    ids = tuple(f"tile{place}" for place in chosen)
    journal.acknowledge({tile: {} for tile in ids}, [Entry(MODEL, metric.rows, ids, found)])


def order_does_not_matter(case: Case) -> None:
    """The number does not depend on the order of rows."""
    metric = case.metric
    found = rows(metric, case.sides)
    one, other = metric.score(found), metric.score(found[::-1].copy())
    if not _near(one, other, relative=1e-9, absolute=1e-12):
        case.broken(f"{one} in the order of tiles, {other} in the reverse")


def identical_sides_are_perfect(case: Case) -> None:
    """Equal sides give the value that the metric calls perfect."""
    metric = case.metric
    if metric.perfect is None:
        raise SkipTest("identical sides have no finite or no fixed value under this metric")
    same = {side: case.sides["real"] for side in metric.compares}
    found = metric.score(rows(metric, same, "same"))
    if not _near(found, metric.perfect, absolute=2e-6):
        case.broken(f"identical sides give {found}, and perfect says {metric.perfect}")


def spoilt_is_worse(case: Case) -> None:
    """A spoilt side is worse than a faithful stain, and both numbers are within the range."""
    metric, sides = case.metric, case.sides
    good = metric.score(rows(metric, sides))
    bad = metric.score(rows(metric, case.spoil(sides), case.spoilt))
    worse = {
        "higher": lambda: good > bad,
        "lower": lambda: good < bad,
        "target": lambda: metric.perfect is not None and abs(good - metric.perfect) < abs(bad - metric.perfect),
    }
    if not worse[metric.better]():
        case.broken(f"a faithful stain has {good}, {case.spoilt} has {bad}, and better is '{metric.better}'")
    low, high = metric.value_range
    for score in (good, bad):
        if not low <= score <= high:
            case.broken(f"{score} is outside of value_range {metric.value_range}")


def nothing_else_changes(case: Case) -> None:
    """Observing changes neither the images nor the state of a random generator."""
    metric, sides = case.metric, case.sides
    batch = tiles_of(metric, sides, ALL)
    torch_state, numpy_state = torch.get_rng_state(), _numpy_state()
    metric.score(metric.observe(batch).cpu().numpy())
    for side in metric.compares:
        if not torch.equal(batch.side(side), sides[side]):
            case.broken(f"observing changed the images of '{side}'")
    if not torch.equal(torch.get_rng_state(), torch_state):
        case.broken("observing drew from torch's global random state; take a seeded generator")
    if _numpy_state() != numpy_state:
        case.broken("observing drew from numpy's global random state; take a seeded generator")


def _numpy_state() -> bytes:
    kept = np.random.get_state(legacy=False)["state"]  # noqa: NPY002 - the global state is what is guarded
    return bytes(kept["key"].tobytes()) + str(kept["pos"]).encode()  # the key changes with every 624th number only


def leaving_out_is_scoring_the_rest(case: Case) -> None:
    """``leave_out`` gives, for each block of tiles, the number of all others."""
    metric = case.metric
    kind = metric.kind
    if not isinstance(kind, OfSet) or kind.leave_out is None:
        raise SkipTest("the table scores each remainder anew")
    found, blocks = rows(metric, case.sides), np.array([0, 1, 0, 2])
    expected = [metric.score(found[blocks != block]) for block in range(3)]
    without = kind.leave_out(found, blocks)
    if not np.allclose(without, expected, rtol=1e-6, atol=1e-9):
        case.broken(f"leave_out gives {np.asarray(without).tolist()}, scoring the rest {expected}")


def every_parameter_is_in_the_signature(case: Case) -> None:
    """Another value of any parameter, and another version, is another signature; the same values give the same."""
    metric = case.metric
    for name, value in _others(case):
        if build(case.name, {**case.params, name: value}).signature == metric.signature:
            case.broken(f"'{name}' is not in the signature: {value!r} gives the same")
    if replace(metric, version=metric.version + 1).signature == metric.signature:
        case.broken("the version is not in the signature")
    if build(case.name, case.params).signature != metric.signature:
        case.broken("equal parameters give another signature")
    if not metric.signature.startswith(f"{metric.name}|cmp:{'-'.join(metric.compares)}|"):
        case.broken(f"the signature {metric.signature} does not begin with the name and what is compared")


def its_record_gives_it_back(case: Case) -> None:
    """What a table says of the metric, as JSON, is enough to build it again."""
    metric = case.metric
    record = record_of(metric)
    try:
        again = restore(record.definition, json.loads(json.dumps(record.params)), record.name)
    except UsageError as fault:
        case.broken(f"its record cannot be read back: {fault}")
    if (again.signature, again.rows) != (metric.signature, metric.rows) or record_of(again) != record:
        case.broken(f"its record gives {again.signature}, not {metric.signature}")


def _others(case: Case) -> Iterator[tuple[str, object]]:
    """Yield another value of every parameter."""
    for parameter in signature(METRICS[case.name]).parameters.values():
        tried = [case.other[parameter.name]] if parameter.name in case.other else _candidates(case, parameter)
        taken = case.params.get(parameter.name, parameter.default)
        value = next((value for value in tried if value != taken and _taken(case, parameter, value)), None)
        if value is None:
            case.broken(
                f"no other value of '{parameter.name}' was found: give one as Case(..., other={{...}}), or let the "
                "refusal of a wrong word propose those that would do"
            )
        yield parameter.name, value


def _candidates(case: Case, parameter: Parameter) -> list[object]:
    default = parameter.default
    if isinstance(default, bool):
        return [not default]
    if isinstance(default, int):
        return [default + 1, default + 2, 2 * default, default - 1, default // 2]
    if isinstance(default, float):
        return [2 * default, default / 2, default + 0.001, default + 1]
    fault = _refusal(case, parameter)
    return list(re.split(r"[\s,;'\"]+", fault.expected)) if fault else []


def _refusal(case: Case, parameter: Parameter) -> UsageError | None:
    """Return how a parameter refuses a word that means nothing."""
    try:
        build(case.name, {**case.params, parameter.name: "no such word"})
    except UsageError as fault:
        return fault
    return None


def _taken(case: Case, parameter: Parameter, value: object) -> bool:
    try:
        build(case.name, {**case.params, parameter.name: value})
    except UsageError:
        return False
    return True


def a_wrong_word_is_refused(case: Case) -> None:
    """A parameter that is a text refuses what it does not know, and says what it knows."""
    texts = [each for each in signature(METRICS[case.name]).parameters.values() if isinstance(each.default, str)]
    if not texts:
        raise SkipTest("it has no parameter that is a text")
    for parameter in texts:
        fault = _refusal(case, parameter)
        if fault is None or not fault.expected:
            case.broken(f"'{parameter.name}' takes a word that means nothing, or does not say what it expects")


def it_says_what_it_is(case: Case) -> None:
    """A summary, a source, a docstring, keyword parameters with defaults, and a perfect value."""
    metric = case.metric
    for what, text in (
        ("summary", metric.summary),
        ("citation", metric.citation),
        ("docstring", (METRICS[case.name].__doc__ or "").strip()),
    ):
        if not text:
            case.broken(f"it has no {what}")
    for parameter in signature(METRICS[case.name]).parameters.values():
        if parameter.kind is not Parameter.KEYWORD_ONLY or parameter.default is Parameter.empty:
            case.broken(f"'{parameter.name}' is no keyword with a default")
    low, high = metric.value_range
    if metric.perfect is not None and not low <= metric.perfect <= high:
        case.broken(f"perfect {metric.perfect} is outside of value_range {metric.value_range}")
    if metric.better not in get_args(Direction):
        case.broken(f"better is '{metric.better}', expected one of {', '.join(get_args(Direction))}")


def _near(found: float, expected: float, *, relative: float = 0.0, absolute: float) -> bool:
    return abs(found - expected) <= max(absolute, relative * abs(expected))


LAWS: tuple[Callable[[Case], None], ...] = (
    rows_stand_alone,
    parts_make_the_whole,
    order_does_not_matter,
    identical_sides_are_perfect,
    spoilt_is_worse,
    nothing_else_changes,
    leaving_out_is_scoring_the_rest,
    every_parameter_is_in_the_signature,
    its_record_gives_it_back,
    a_wrong_word_is_refused,
    it_says_what_it_is,
)
"""Every law, in the order in which a failure is easiest to understand."""
