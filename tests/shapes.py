"""Annotations of arrays are checked while the tests run, by jaxtyping and beartype; other types are mypy's."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_args

import jaxtyping
from beartype import beartype

Checked = TypeVar("Checked", bound=Callable[..., Any])
_jaxtyped = jaxtyping.jaxtyped


def check_shapes() -> None:
    """Check every function and dataclass of both packages that speaks of arrays; call it before they are imported.

    jaxtyping's import hook decorates all functions; to leave the others as they are halves what the tests take.
    """

    def where_there_are_arrays(*, typechecker: Callable[[Checked], Checked]) -> Callable[[Checked], Checked]:
        return lambda item: (
            _jaxtyped(item, typechecker=typechecker)
            if any(map(_speaks_of_arrays, inspect.get_annotations(item).values()))
            else item
        )

    jaxtyping.jaxtyped = where_there_are_arrays  # type: ignore[assignment]  # the hook calls it in this way alone
    jaxtyping.install_import_hook(["vstain_bench", "vstain_adapters"], "tests.shapes.check_arrays")


def check_arrays(function: Checked) -> Checked:
    """Check the annotations that speak of arrays, and no others: beartype would refuse protocols."""
    hints = function.__annotations__
    for name in [name for name, hint in hints.items() if not _speaks_of_arrays(hint)]:
        del hints[name]
    return beartype(function) if hints else function


def _speaks_of_arrays(hint: object) -> bool:
    if isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return any(_speaks_of_arrays(part) for part in get_args(hint))
