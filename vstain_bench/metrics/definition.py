"""How a metric is defined, named, parametrised and looked up."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps

import numpy as np
import torch

from vstain_bench.base.names import nearest
from vstain_bench.base.registry import Registry
from vstain_bench.errors import UsageError
from vstain_bench.types import Metric, RowArray, Rows, Side

Factory = Callable[..., Metric]


class MetricRegistry(Registry[Factory]):
    """Every metric by name: a factory whose keyword arguments are its parameters."""

    def register(self, name: str, *, carried: tuple[str, ...] = ()) -> Callable[[Factory], Factory]:
        """Return a decorator that registers a factory and fills name and parameters of what it makes.

        The name and every argument stand in the signature by construction, whatever the factory says.

        Args:
            name: Exact name of the metric.
            carried: Arguments that another parameter stands for: an encoder's text, told by its signature.
        """
        enter = super().register(name)

        def add(factory: Factory) -> Factory:
            arguments = inspect.signature(factory).parameters

            @wraps(factory)
            def made(**given: object) -> Metric:
                metric = factory(**given)
                params = dict(metric.params)
                params |= {
                    key: given.get(key, argument.default) for key, argument in arguments.items() if key not in carried
                }
                unfilled = [key for key, value in params.items() if value is ...]
                if unfilled:
                    raise TypeError(
                        f"metric '{name}' keeps a place for '{unfilled[0]}', which is none of its arguments"
                    )
                return replace(metric, name=name, params=params)

            return enter(made)

        return add


METRICS = MetricRegistry("metric", __package__)
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
