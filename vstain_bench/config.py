"""The resolved configuration of a run: read from TOML and options, written to the run folder, able to run again."""

import tomllib
from pathlib import Path
from typing import Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vstain_bench.errors import UsageError
from vstain_bench.registry import nearest


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
    try:
        return RunConfig.model_validate(merged)
    except ValidationError as fault:
        first = fault.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            where=f"{f'--config {file}' if file else 'configuration'}, key '{key}'",
            found=f"{first.get('input')!r}: {first['msg']}",
            next_step=nearest(key, list(RunConfig.model_fields)) if first["type"] == "extra_forbidden" else "",
        ) from fault
