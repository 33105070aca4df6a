"""How a metric is defined, named, parametrised and looked up."""

import inspect
import math
from collections.abc import Callable, Mapping

import numpy as np
import torch

from vstain_bench.base.names import nearest
from vstain_bench.base.registry import Registry
from vstain_bench.errors import Undefined, UsageError
from vstain_bench.types import Batch, Direction, Family, Metric, RowArray, Rows, Side, Values

Factory = Callable[..., Metric]
METRICS: Registry[Factory] = Registry("metric", __package__)
"""Every metric by name: a factory whose keyword arguments are its parameters."""


def build(name: str, params: Mapping[str, object] | None = None) -> Metric:
    """Return the metric ``name`` with the given parameters; unknown or mistyped ones are refused by name.

    A number given for a text, as in ``background=245``, is that text.
    """
    factory = METRICS[name]
    known = inspect.signature(factory).parameters
    given = dict(params or {})
    for key, value in given.items():
        if key not in known:
            raise UsageError(
                where=f"metric '{name}'",
                found=f"unknown parameter '{key}'",
                expected=f"one of {', '.join(known)}" if known else "no parameters",
                next_step=nearest(key, list(known)),
            )
        default = known[key].default
        if isinstance(default, str) and isinstance(value, int | float) and not isinstance(value, bool):
            given[key] = f"{value:g}"
            continue
        typed = default is inspect.Parameter.empty or isinstance(value, type(default))
        if not typed and not (isinstance(default, float) and isinstance(value, int)):
            raise UsageError(
                where=f"metric '{name}', parameter '{key}'",
                found=f"{value!r} ({type(value).__name__})",
                expected=f"a {type(default).__name__} such as {default!r}",
            )
    return factory(**given)


def mean_of_tiles(rows: RowArray) -> float:
    """Return the mean of the per-tile values in the first column, shape (n, 1).

    An infinite value is left out (the table counts it); a missing one (NaN) leaves the mean undefined, since a mean
    over fewer tiles than were asked for is another number.
    """
    missing = int(np.isnan(rows).sum())
    if missing:
        raise Undefined(f"{missing} of {len(rows)} tiles have no value")
    finite = rows[np.isfinite(rows)]
    if finite.size == 0:
        raise Undefined("no tile has a finite value")
    return math.fsum(finite.tolist()) / len(finite)


def first_column(rows: RowArray) -> Values:
    """Return per-tile values that are the rows themselves, shape (n,)."""
    return rows[:, 0]


def mean_metric(
    *,
    name: str,
    summary: str,
    observe: Callable[[Batch], Rows],
    better: Direction,
    family: Family,
    citation: str,
    compares: tuple[Side, ...] = ("generated", "real"),
    value_range: tuple[float, float] = (0.0, 1.0),
    perfect: float | None = None,
    unit: str = "",
    params: Mapping[str, object] | None = None,
    version: int = 1,
    needs: tuple[str, ...] = (),
    minimum_side: int = 1,
    observation: str = "",
) -> Metric:
    """Return a metric whose number is the mean over tiles of one value per tile.

    ``observe`` returns those values with shape (b, 1); NaN says that a tile has none.
    """
    return Metric(
        name=name,
        summary=summary,
        compares=compares,
        observe=observe,
        score=mean_of_tiles,
        values=first_column,
        better=better,
        family=family,
        value_range=value_range,
        perfect=perfect,
        citation=citation,
        unit=unit,
        params=params or {},
        version=version,
        needs=needs,
        minimum_side=minimum_side,
        observation=observation,
    )


def set_metric(
    *,
    name: str,
    summary: str,
    observe: Callable[[Batch], Rows],
    score: Callable[[RowArray], float],
    family: Family,
    citation: str,
    better: Direction = "lower",
    compares: tuple[Side, ...] = ("generated", "real"),
    value_range: tuple[float, float] = (0.0, math.inf),
    perfect: float | None = 0.0,
    unit: str = "",
    params: Mapping[str, object] | None = None,
    version: int = 1,
    needs: tuple[str, ...] = (),
    minimum_side: int = 1,
    minimum_tiles: int = 2,
    paired: bool = False,
    observation: str = "",
    leave_out: Callable[[RowArray, np.ndarray], Values] | None = None,
    standard_error: Callable[[RowArray], float] | None = None,
    describe: Callable[[RowArray], Mapping[Side, Mapping[str, float]]] | None = None,
) -> Metric:
    """Return a metric of whole sets of tiles: it has no value for a single tile."""
    return Metric(
        name=name,
        summary=summary,
        compares=compares,
        observe=observe,
        score=score,
        values=None,
        better=better,
        family=family,
        value_range=value_range,
        perfect=perfect,
        citation=citation,
        unit=unit,
        params=params or {},
        version=version,
        needs=needs,
        minimum_side=minimum_side,
        minimum_tiles=minimum_tiles,
        paired=paired,
        observation=observation,
        interval="jackknife",
        leave_out=leave_out,
        standard_error=standard_error,
        describe=describe,
    )


def by_side(
    rows: RowArray, quantities: Callable[[RowArray], Mapping[str, float]]
) -> Mapping[Side, Mapping[str, float]]:
    """Return quantities of the generated and of the real half of rows, shape (n, 2k)."""
    generated, real = np.split(rows, 2, axis=1)
    return {"generated": quantities(generated), "real": quantities(real)}


def tile_means(maps: torch.Tensor) -> Rows:
    """Return the mean of each tile's map in float64, shape (b, 1), from maps of shape (b, ...).

    Each tile is reduced on its own: a reduction over a whole batch may be split among threads in another way for
    another batch size, and then differs in the last bit.
    """
    return torch.stack([each.double().mean() for each in maps]).unsqueeze(1)
