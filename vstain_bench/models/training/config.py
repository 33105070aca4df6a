"""Everything that ``vstain-bench train`` was asked for."""

from pathlib import Path
from typing import Literal

from vstain_bench.base.config import DeviceConfig, MetricsConfig, TilesConfig, option

DEFAULT_SHARE = 0.1
"""Share of the tiles that is held out for validation where nothing else was asked for."""


class TrainConfig(DeviceConfig, MetricsConfig, TilesConfig):
    """One training."""

    recipe: str = option(..., "A recipe, see 'list recipes'.", metavar="RECIPE")
    split: str | None = option(None, "Split to train on.", shown="train, if any")
    val_split: str | None = option(None, "Split to validate on.")
    val_manifest: Path | None = option(None, "CSV of tiles to validate on.")
    val_real: Path | None = option(None, "Folder of real IHC to validate on.")
    val_source: Path | None = option(None, "Folder of its H&E.")
    val_share: float | None = option(
        None, "Share held out, whole patients, where none of these is given.", shown=f"{DEFAULT_SHARE}", gt=0, lt=1
    )
    recipe_file: Path | None = option(None, "TOML file of settings, e.g. recipe.toml.", name="--recipe")
    assignments: tuple[str, ...] = option((), "One setting, e.g. lr=1e-4; repeatable.", name="--set")
    encoder_weights: str | None = option(None, "imagenet, none (from scratch) or a file.", shown="the recipe's")
    epochs: int | None = option(None, "Epochs in all.", shown="the recipe's", ge=1)
    match_steps: bool = option(False, "As many epochs as make the original's steps on these pairs.")
    select: str = option("lpips", "Metric that chooses the checkpoint, 'latest', or 'authors': as the recipe's did.")
    metrics: str | None = option(None, "Further metrics by name.")
    protocol: str = option("training", "Named list of metrics.")
    validate_every: int = option(1, "Epochs between validations.", ge=1)
    precision: Literal["fp32", "bf16"] = option("fp32", "fp32 or bf16.")
    accumulate: int = option(1, "Parts in which a device takes its batch.", ge=1)
    ema: float = option(0.0, "Decay of a running mean of weights; 0: none.", ge=0, lt=1)
    channels_last: bool | None = option(None, "Memory layout.", shown="on a GPU")
    compile: bool = option(False, "Compile the networks (torch.compile).")
    save_every: int = option(500, "Steps between states for resuming.", ge=1)
    log_every: int = option(50, "Steps between lines of metrics.jsonl.", ge=1)
    cache_mb: int = option(2048, "Memory for decoded tiles, per process.", ge=0)
    samples: int = option(4, "Rows of each epoch's sample sheet; 0: none.", ge=0)
