"""Configuration: read from TOML and options, written beside what it made, able to make it again.

``RunConfig`` is that of a run. Anything else that is a frozen dataclass, such as a recipe, is changed by name with
``read_settings`` (a TOML file) and ``parse_assignments`` (``--set key=value``), each value checked against its field.
"""

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypeVar, get_type_hints

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from vstain_bench.base.registry import nearest
from vstain_bench.errors import UsageError


class RunConfig(BaseModel):
    """Everything that ``vstain-bench run`` was asked for. Fields under "speed" cannot change a number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    generated: dict[str, Path] = Field(default_factory=dict, description="One folder per model")
    real: Path | None = None
    source: Path | None = None
    dataset: str | None = None
    root: Path | None = None
    split: str | None = None
    manifest: Path | None = None
    layout: str | None = None
    protocol: str = "default"
    metrics: str | None = Field(None, description="Metrics named one by one; overrides the protocol")
    encoder: tuple[str, ...] = Field((), description="Encoders whose Fréchet and kernel distance are added")
    background: str | None = Field(None, description="I0 of the stain metrics: tile, slide or a number of 1 to 255")
    vectors: str | None = Field(None, description="Stain vectors of the stain metrics")
    groups: str = "layout"
    labels: str = "layout"
    mpp: float | None = Field(None, gt=0)
    decode: str = Field("", description="Decoding options, e.g. 'alpha=white,gray=replicate'")
    on_error: Literal["fail", "skip"] = "fail"
    limit: int | None = Field(None, ge=1)
    shard: str | None = Field(None, description="The part of the tiles to score, 'i/n'; 'merge' joins the parts")
    controls: int = Field(50, ge=0, description="Tiles on which control rows are computed; 0 leaves them out")
    seed: int = 0
    plugin: tuple[Path, ...] = ()
    device: str = "auto"
    threads: int | None = Field(None, ge=1, description="Threads of one network; results are fixed per number")
    batch_size: int | None = Field(None, ge=1, description="speed; 1 on a CPU, 8 on a GPU when not given")
    workers: int = Field(2, ge=0, description="speed")
    weights_dir: Path | None = Field(None, description="speed")
    offline: bool = Field(False, description="speed")

    def to_toml(self) -> str:
        """Return the configuration as TOML; unset fields are left out."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


def make_config(values: dict[str, object], file: Path | None = None) -> RunConfig:
    """Return the configuration from a TOML file (if any) overridden by the options that were given.

    Raises:
        UsageError: a key or value is not one of the configuration's, with the nearest known key.
    """
    base: dict[str, object] = {}
    if file is not None:
        try:
            base = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
            raise UsageError(where=f"--config {file}", found=f"it cannot be read: {fault}", expected="TOML") from fault
    merged = base | {key: value for key, value in values.items() if value is not None}
    return validated(RunConfig, merged, f"--config {file}" if file else "configuration")


M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], values: Mapping[str, object], where: str) -> M:
    """Return a configuration of these values.

    Raises:
        UsageError: A key is not one of the configuration's (with the nearest that is), or a value is not of its type.
    """
    try:
        return model.model_validate(values)
    except ValidationError as fault:
        first = fault.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            where=f"{where}, key '{key}'",
            found=f"{first.get('input')!r}: {first['msg']}",
            next_step=nearest(key, list(model.model_fields)) if first["type"] == "extra_forbidden" else "",
        ) from fault


class Settings(Protocol):
    """Any dataclass instance."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


S = TypeVar("S", bound=Settings)


def change(settings: S, values: Mapping[str, object], *, where: str) -> S:
    """Return the settings with some fields replaced, each checked against the field's type and limits.

    A list counts as a tuple and a whole number as a fraction; ``"none"`` is None where the field may be that.

    Raises:
        UsageError: A key is no field (with the nearest that is), or a value is not of its type.
    """
    hints = get_type_hints(type(settings), include_extras=True)
    names = [field.name for field in dataclasses.fields(settings)]
    checked = {}
    for key, value in values.items():
        if key not in names:
            raise UsageError(
                where=f"{where}, key '{key}'",
                found="no such setting",
                expected=f"one of {', '.join(names)}",
                next_step=nearest(key, names),
            )
        checked[key] = _checked(hints[key], value, f"{where}, key '{key}'")
    return dataclasses.replace(settings, **checked)


def _checked(hint: Any, value: object, where: str) -> object:
    adapter: TypeAdapter[object] = TypeAdapter(hint)
    candidate = tuple(value) if isinstance(value, list) else value
    try:
        return adapter.validate_python(candidate, strict=True)
    except ValidationError as fault:
        if isinstance(value, str) and value.lower() == "none" and type(None) in getattr(hint, "__args__", ()):
            return None
        message = fault.errors()[0]["msg"]
        raise UsageError(where=where, found=repr(value), expected=message[0].lower() + message[1:]) from fault


def read_settings(settings: S, file: Path) -> S:
    """Return the settings with the fields that a TOML file names replaced."""
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise UsageError(where=f"settings file {file}", found=f"it cannot be read: {fault}", expected="TOML") from fault
    return change(settings, values, where=f"settings file {file}")


def parse_assignments(assignments: Sequence[str]) -> dict[str, object]:
    """Return the values of ``key=value`` texts: numbers, booleans and arrays as TOML writes them, else the text."""
    values: dict[str, object] = {}
    for assignment in assignments:
        key, equals, text = (part.strip() for part in assignment.partition("="))
        if not key or not equals or not text:
            raise UsageError(where=f"--set '{assignment}'", found="no assignment", expected="key=value, e.g. lr=1e-4")
        try:
            values[key] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            values[key] = text
    return values


def settings_to_toml(settings: Settings) -> str:
    """Return the settings as TOML that ``read_settings`` takes; None is written as "none"."""
    values = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return tomli_w.dumps({key: "none" if value is None else value for key, value in values.items()})
