"""Everything that ``vstain-bench stress`` was asked for."""

from typing import Literal

from pydantic import Field

from vstain_bench.base.config import InputConfig, ModelFolders, Names, RunConfig, option

PerturbedSide = Literal["generated", "real", "both", "source"]


class StressConfig(RunConfig):
    """One sweep; the config.toml of a run says the same of tiles, models and metrics."""

    generated: ModelFolders = option(
        {}, "Finished runs, or folders of generated tiles: their models are displaced, too.",
        metavar="[RUN | GENERATED]...",
    )  # fmt: skip
    models: bool = Field(False, description="Whether the models of a manifest are displaced, too; folders always are")
    seed: int = option(0, "Of partners and intervals.")
    protocol: str = option("stress", "Named list of metrics.")
    perturbations: Names = option((), "Names from 'list perturbations', with commas.", shown="all")
    perturb: PerturbedSide = option("generated", "The side: generated, real, both (alike) or source.")
    seeds: int = option(1, "Most seeds of each perturbation.", ge=1)
    processes: int | None = option(None, "Processes that observe tiles.", shown="one per core, if worth it", ge=1)


OPTIONS = (
    *InputConfig.model_fields, "metrics", "protocol", "seed", "weights_dir", "offline", "perturbations", "perturb",
    "seeds", "processes",
)  # fmt: skip
"""What a sweep can be told on the command line; the rest of a run's configuration means nothing to it."""
