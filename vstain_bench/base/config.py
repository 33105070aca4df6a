"""Configuration: read from TOML and options, written beside what it made, able to make it again.

Every field that ``option`` makes is an option of the verbs whose configuration has it: ``cli/options.py`` reads name,
type, help, limits and default off the field. Anything else that is a frozen dataclass, such as a recipe, is changed by
name with ``read_settings`` (a TOML file) and ``parse_assignments`` (``--set key=value``), each value checked against
its field.
"""

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Protocol, TypeVar, get_type_hints, overload

import tomli_w
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from vstain_bench.base.names import nearest, require_known
from vstain_bench.errors import UsageError


def option(
    default: Any,
    help: str,
    *,
    shown: str = "",
    name: str = "",
    metavar: str = "",
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
) -> Any:
    """Return a field that is an option on the command line, too; ``...`` for one that must be given.

    Args:
        default: Its value where it is not given.
        help: What ``--help`` says of it.
        shown: The default in words, where the value does not say it.
        name: The option, where it is not the field's name.
        metavar: Makes it an argument, of this name.
        ge: The smallest value.
        gt: What it must exceed.
        le: The largest value.
        lt: What it must stay below.
    """
    said: dict[str, Any] = {"shown": shown, "option": name, "metavar": metavar}
    return Field(default, description=help, json_schema_extra=said, ge=ge, gt=gt, le=le, lt=lt)


def parse_models(given: object) -> object:
    """Return folders by model name from ``DIR`` or ``name=DIR`` arguments; a name is used once."""
    if not isinstance(given, list | tuple):
        return given
    models: dict[str, Path] = {}
    for argument in map(str, given):
        model, path = _split_argument(argument)
        if model in models or model.startswith("control:") or not model:
            raise UsageError(
                where=f"GENERATED '{argument}'",
                found=f"the model name '{model}' is taken" if model else "an empty model name",
                expected="a name of its own for every folder, as name=DIR",
            )
        models[model] = path
    return models


def _split_argument(argument: str) -> tuple[str, Path]:
    """Return name and folder; both may contain ``=``, so the first split at one that leaves a folder counts."""
    if Path(argument).exists() or "=" not in argument:
        return Path(argument).resolve().name, Path(argument)
    places = [place for place, letter in enumerate(argument) if letter == "="]
    place = next((place for place in places if Path(argument[place + 1 :]).exists()), places[0])
    return argument[:place], Path(argument[place + 1 :])


def split_names(given: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of a list with commas, or of a list."""
    names = given.split(",") if isinstance(given, str) else given or ()
    return tuple(name.strip() for name in names if name.strip())


ModelFolders = Annotated[dict[str, Path], BeforeValidator(parse_models)]
Names = Annotated[tuple[str, ...], BeforeValidator(split_names)]
"""Written with commas on the command line."""


class Config(BaseModel):
    """What a verb was asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_toml(self) -> str:
        """Return the configuration as TOML; unset fields are left out."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


class SourceConfig(Config):
    """Which H&E tiles, and how their files are read."""

    source: Path | None = option(None, "Folder of H&E tiles.")
    dataset: str | None = option(None, "her2match, bci or mist, with --root.")
    root: Path | None = option(None, "Folder of the data set.")
    split: str | None = option(None, "Its split.")
    manifest: Path | None = option(None, "CSV: tile,source,real,generated,group,label,mpp.")
    layout: str | None = option(None, "parallel, pix2pix or side-by-side.", shown="recognised")
    decode: str = option("", "How to read files that are not 8-bit RGB, e.g. alpha=white,gray=replicate.")
    on_error: Literal["fail", "skip"] = option("fail", "fail, or skip (listed, exit 4).")
    limit: int | None = option(None, "Only the first N tiles: a trial, no result.", ge=1)
    workers: int = option(2, "Threads that decode ahead.", ge=0)
    plugin: tuple[Path, ...] = option((), "Python file or package that registers things.")


class TilesConfig(SourceConfig):
    """Which tiles, with their real IHC, and of whom."""

    real: Path | None = option(None, "Folder of real IHC tiles.")
    groups: str = option("layout", "Patients: layout, none, regex:PATTERN or a CSV file.")
    labels: str = option("layout", "Labels: layout, none, regex:PATTERN or a CSV file.")
    mpp: float | None = option(None, "Micrometres per pixel.", gt=0)


class InputConfig(TilesConfig):
    """Tiles and what models made of them."""

    generated: ModelFolders = option({}, "Folders of generated tiles, DIR or name=DIR.", metavar="GENERATED...")


class DeviceConfig(Config):
    """Where networks compute, and the seed of what is drawn."""

    seed: int = option(0, "Of everything random.")
    device: str = option("auto", "auto, cpu, cuda, cuda:N.")
    threads: int | None = option(None, "Threads of a network.", shown="all", ge=1)
    weights_dir: Path | None = option(None, "Folder of weight files.")


class MetricsConfig(Config):
    """Which metrics."""

    metrics: str | None = option(None, "Metrics by name, e.g. 'ssim,kid_subsets(size=100)'.")
    protocol: str = option("default", "Named list of metrics.")
    offline: bool = option(False, "Never fetch weights.")


class RunConfig(DeviceConfig, MetricsConfig, InputConfig):
    """Everything that ``vstain-bench run`` was asked for."""

    seed: int = option(0, "Of controls and intervals.")
    encoder: tuple[str, ...] = option((), "Add a Fréchet and kernel distance over this encoder.")
    background: str | None = option(None, "I0 of stain metrics: tile, slide, or e.g. 243/241/238.", shown="tile")
    vectors: str | None = option(None, "Stain vectors: h-dab, hed, macenko, macenko-slide.", shown="h-dab")
    controls: int = option(50, "Tiles for control rows; 0: none.", ge=0)
    shard: str | None = option(None, "Only part i/n of the tiles; 'merge' joins the parts.")
    batch_size: int | None = option(None, "Tiles at a time.", shown="1, 8 on a GPU", ge=1)


M = TypeVar("M", bound=Config)


def read_toml(file: Path, where: str) -> dict[str, Any]:
    """Return the content of a TOML file, or say why it cannot be read."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise UsageError(where=where, found=f"it cannot be read: {fault}", expected="TOML") from fault


@overload
def make_config(values: Mapping[str, object], file: Path | None = None) -> RunConfig: ...
@overload
def make_config(values: Mapping[str, object], file: Path | None = None, *, model: type[M]) -> M: ...
def make_config(values: Mapping[str, object], file: Path | None = None, *, model: type[Config] = RunConfig) -> Config:
    """Return the configuration of the options that were given, over those of a TOML file (if any).

    Raises:
        UsageError: A key is not one of the configuration's (with the nearest that is), or a value is not of its type.
    """
    given = {key: value for key, value in values.items() if value is not None}
    stored = read_toml(file, f"--config {file}") if file is not None else {}
    try:
        return model.model_validate(stored | given)
    except ValidationError as fault:
        first = fault.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        name = str(first["loc"][0])
        message = first["msg"][:1].lower() + first["msg"][1:]
        raise UsageError(
            where=option_name(model, name) if name in given or not file else f"--config {file}, key '{key}'",
            found=repr(first.get("input")),
            expected="" if first["type"] == "extra_forbidden" else message,
            next_step=nearest(key, list(model.model_fields)) if first["type"] == "extra_forbidden" else "",
        ) from fault


def option_name(model: type[Config], field: str) -> str:
    """Return what a field is called on the command line."""
    said = model.model_fields[field].json_schema_extra if field in model.model_fields else None
    named = said.get("metavar") or said.get("option") if isinstance(said, dict) else None
    return str(named or f"--{field.replace('_', '-')}")


class Settings(Protocol):
    """Any dataclass instance."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


S = TypeVar("S", bound=Settings)


def change(settings: S, values: Mapping[str, object], *, where: str) -> S:
    """Return the settings with some fields replaced, each checked against the field's type and limits.

    A list counts as a tuple, as do values separated by commas and a single value; a whole number counts as a fraction;
    ``"none"`` is None where the field may be that.

    Raises:
        UsageError: A key is no field (with the nearest that is), or a value is not of its type.
    """
    hints = get_type_hints(type(settings), include_extras=True)
    names = [field.name for field in dataclasses.fields(settings)]
    checked = {}
    for key, value in values.items():
        require_known(key, names, where=f"{where}, key '{key}'", found="no such setting")
        try:
            checked[key] = _checked(hints[key], value)
        except ValidationError as fault:
            message, now = fault.errors()[0]["msg"], getattr(settings, key)
            listed = ",".join(str(part) for part in now) if isinstance(now, tuple) else ""
            raise UsageError(
                where=f"{where}, key '{key}'",
                found=repr(value),
                expected=message[0].lower() + message[1:],
                next_step=f"Separate values by commas, e.g. {key}={listed}." if listed else "",
            ) from fault
    return dataclasses.replace(settings, **checked)


def _checked(hint: Any, value: object) -> object:
    adapter: TypeAdapter[object] = TypeAdapter(hint)
    try:
        return adapter.validate_python(tuple(value) if isinstance(value, list) else value, strict=True)
    except ValidationError as fault:
        if isinstance(value, str) and value.lower() == "none" and type(None) in getattr(hint, "__args__", ()):
            return None
        if fault.errors()[0]["type"] != "tuple_type":
            raise
    parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else [value]
    return adapter.validate_python(tuple(_toml(part) if isinstance(part, str) else part for part in parts), strict=True)


def read_settings(settings: S, file: Path) -> S:
    """Return the settings with the fields that a TOML file names replaced."""
    where = f"settings file {file}"
    return change(settings, read_toml(file, where), where=where)


def parse_assignments(assignments: Sequence[str]) -> dict[str, object]:
    """Return the values of ``key=value`` texts: numbers, booleans and arrays as TOML writes them, else the text."""
    values: dict[str, object] = {}
    for assignment in assignments:
        key, equals, text = (part.strip() for part in assignment.partition("="))
        if not key or not equals or not text:
            raise UsageError(where=f"--set '{assignment}'", found="no assignment", expected="key=value, e.g. lr=1e-4")
        values[key] = _toml(text)
    return values


def _toml(text: str) -> object:
    """Return the value that TOML reads in a text, else the text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def settings_to_toml(settings: Settings) -> str:
    """Return the settings as TOML that ``read_settings`` takes; None is written as "none"."""
    values = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return tomli_w.dumps({key: "none" if value is None else value for key, value in values.items()})
