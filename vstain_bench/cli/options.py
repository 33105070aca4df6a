"""The options of a verb: those that several have, and those that are the fields of its configuration."""

import inspect
from collections.abc import Callable, Collection
from functools import wraps
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from vstain_bench.base.config import Config, MetricsConfig, SourceConfig, make_config, option_name, split_names
from vstain_bench.base.registry import load_plugins

Values = dict[str, object]
Plugin = Annotated[
    list[Path] | None, typer.Option(help="Python file or package that registers things.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")]
_File = Annotated[Path | None, typer.Option(help="TOML file, e.g. an earlier run's config.toml.", show_default=False)]


def configured(
    model: type[Config],
    *,
    file: bool = False,
    only: Collection[str] = (),
    before: Callable[[Values], Values] = lambda given: given,
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Return what gives a verb the fields of a configuration as options, in place of its parameter ``settings``.

    Args:
        model: The configuration; the verb is called with one.
        file: Whether ``--config FILE`` stands behind the options.
        only: Fields that are options of this verb; all where none is named. A file may hold the others.
        before: What changes the options given before they are checked.
    """
    fields = {name: field for name, field in model.model_fields.items() if name in (only or model.model_fields)}

    def decorate(verb: Callable[..., int]) -> Callable[..., int]:
        @wraps(verb)
        def called(**options: Any) -> int:
            given = {name: options.pop(name) for name in fields}
            stored = options.pop("config", None) if file else None
            settings = make_config(before(given), stored, model=model)
            _refuse_unknown_names(settings)
            return verb(settings=settings, **options)

        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(verb).parameters.values():
            if parameter.name != "settings":
                parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
                continue
            parameters += [_parameter(model, name, field) for name, field in fields.items()]
            if file:
                parameters.append(_keyword("config", _File, None))
        called.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
        called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return called

    return decorate


def _refuse_unknown_names(config: Config) -> None:
    """Refuse what names nothing before any heavy library is loaded: a slip of the pen is answered at once."""
    from vstain_bench.images.policy import DecodePolicy
    from vstain_bench.measure.protocols import read_file
    from vstain_bench.tiles.layouts import LAYOUTS

    if isinstance(config, SourceConfig):
        load_plugins(config.plugin)
        DecodePolicy.parse(config.decode)
        for layout in filter(None, (config.dataset, config.layout)):
            _ = LAYOUTS[layout]
    if isinstance(config, MetricsConfig) and config.metrics is None:
        read_file(config.protocol)


def _keyword(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _parameter(model: type[Config], name: str, field: FieldInfo) -> inspect.Parameter:
    """Return a field as typer takes it; its default stays with the configuration, which a file may change."""
    said = field.json_schema_extra
    assert isinstance(said, dict)
    with_commas = any(getattr(each, "func", None) is split_names for each in field.metadata)
    kind, metavar = str if with_commas else _typer_type(field.annotation), str(said["metavar"])
    plain = isinstance(field.default, str | int | float) and not isinstance(field.default, bool)
    shown: Any = said["shown"] or (str(field.default) if plain and field.default != "" else False)
    if metavar:
        info: Any = typer.Argument(metavar=metavar, help=field.description, show_default=shown)
    else:
        info = typer.Option(
            *(() if kind is bool and field.default is None else (option_name(model, name),)),  # with its --no-...
            help=field.description,
            show_default=shown,
            min=next((limit.ge for limit in field.metadata if hasattr(limit, "ge")), None),
            max=next((limit.le for limit in field.metadata if hasattr(limit, "le")), None),
        )
    if field.is_required():
        return _keyword(name, Annotated[kind, info], inspect.Parameter.empty)
    return _keyword(name, Annotated[kind | None, info], None)


def _typer_type(annotation: Any) -> Any:
    """Return the type that the command line reads: several values as a list, what has several forms as text."""
    if get_origin(annotation) in (Union, UnionType):
        (annotation, *others) = [each for each in get_args(annotation) if each is not type(None)]
        if others:
            return str
    origin = get_origin(annotation)
    if origin is tuple:
        return list[get_args(annotation)[0]]  # type: ignore[misc]  # a type known at run time
    return annotation if origin is Literal or origin is None else list[str]
