"""What ``vstain-bench train`` was asked for."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vstain_bench.base.config import RunConfig
from vstain_bench.errors import UsageError


class TrainConfig(BaseModel):
    """Everything that ``vstain-bench train`` was asked for. Fields under "speed" cannot change a weight."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: str
    tiles: RunConfig = Field(description="Tiles to train on; its seed, device, threads and plug-ins hold for all")
    recipe_file: Path | None = None
    assignments: tuple[str, ...] = ()
    encoder_weights: str | None = None
    epochs: int | None = Field(None, ge=1)
    match_steps: bool = False
    val_manifest: Path | None = None
    val_split: str | None = None
    val_real: Path | None = None
    val_source: Path | None = None
    val_share: float | None = Field(None, gt=0, lt=1)
    protocol: str = "training"
    metrics: str | None = None
    select: str = "lpips"
    validate_every: int = Field(1, ge=1)
    precision: Literal["fp32", "bf16"] = "fp32"
    accumulate: int = Field(1, ge=1, description="Parts in which a device takes its share of a batch")
    ema: float = Field(0.0, ge=0, lt=1)
    channels_last: bool | None = Field(None, description="None: on a GPU, where it is faster")
    compile: bool = False
    save_every: int = Field(500, ge=1, description="speed")
    log_every: int = Field(50, ge=1, description="speed")
    cache_mb: int = Field(2048, ge=0, description="speed")
    samples: int = Field(4, ge=0, description="speed")


DEFAULT_SHARE = 0.1
"""Share of the tiles that is held out for validation where nothing else was asked for."""


def make_train_config(**values: object) -> TrainConfig:
    """Return the configuration of these options.

    Raises:
        UsageError: A value is none of those that its option takes.
    """
    try:
        return TrainConfig.model_validate(values)
    except ValidationError as fault:
        first = fault.errors()[0]
        option = str(first["loc"][0]).replace("_", "-")
        raise UsageError(
            where=f"--{option} {first.get('input')}", found="not possible", expected=_lowered(first["msg"])
        ) from fault


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]
