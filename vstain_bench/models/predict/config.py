"""Everything that ``vstain-bench predict`` was asked for."""

from pathlib import Path
from typing import Literal

from pydantic import PositiveInt

from vstain_bench.base.config import DeviceConfig, SourceConfig, option

Window = Literal["auto", "whole"] | PositiveInt


class PredictConfig(DeviceConfig, SourceConfig):
    """One prediction."""

    adapter: str = option(..., "A name from 'list adapters'.", metavar="ADAPTER")
    weights: str | None = option(None, "A file, a folder of 'train', or authors:NAME.")
    manifest: Path | None = option(None, "CSV with tile and source.")
    layout: str | None = option(None, "parallel, or side-by-side: H&E is the left half.", shown="parallel")
    workers: int = option(2, "Threads that decode ahead, and that write.", ge=1)
    seed: int = option(0, "Of a mode that draws random numbers.")
    mode: str = option("eval", "eval, or released: as the authors' test script.")
    window: Window = option("auto", "Side of overlapping windows in px, whole, or auto: whole up to 2048 px.")
    overlap: int | None = option(None, "Of windows, in px.", shown="64", ge=0)
    jpeg_quality: int | None = option(
        None, "Write JPEG of that quality; 75 as CSSP2P's authors.", shown="PNG", ge=1, le=100
    )
    settings: tuple[str, ...] = option((), "key=value of the network.", name="--set")
    any_stain: bool = option(False, "Take tiles that do not look like H&E.")
    dtype: Literal["fp32", "bf16"] = option("fp32", "fp32, or bf16.")
    batch_size: int | None = option(None, "Tiles at a time.", shown="1, 8 on a GPU", ge=1)
