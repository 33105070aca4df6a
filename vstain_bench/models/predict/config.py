"""Everything that ``vstain-bench predict`` was asked for."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

Window = Literal["auto", "whole"] | PositiveInt


class PredictConfig(BaseModel):
    """One prediction. Fields under "speed" change a value by rounding at most."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    adapter: str
    weights: str | None = Field(None, description="A file, a folder of 'train', or authors:NAME")
    settings: tuple[str, ...] = Field((), description="key=value for the adapter")
    mode: str = "eval"
    source: Path | None = None
    dataset: str | None = None
    root: Path | None = None
    split: str | None = None
    manifest: Path | None = None
    layout: str | None = None
    decode: str = ""
    limit: int | None = Field(None, ge=1)
    any_stain: bool = Field(False, description="Take tiles that do not look like H&E")
    on_error: Literal["fail", "skip"] = "fail"
    window: Window = Field("auto", description="Side of overlapping windows in px, whole, or auto")
    overlap: Annotated[int, Field(ge=0)] | None = None
    jpeg_quality: int | None = Field(None, ge=1, le=100)
    dtype: Literal["fp32", "bf16"] = "fp32"
    seed: int = 0
    device: str = "auto"
    threads: int | None = Field(None, ge=1)
    batch_size: int | None = Field(None, ge=1, description="speed")
    workers: int = Field(2, ge=1, description="speed")
    plugin: tuple[Path, ...] = ()
    weights_dir: Path | None = None
