"""Everything that ``vstain-bench compare`` was asked for."""

from typing import Literal

from vstain_bench.base.config import Config, Names, option


class CompareConfig(Config):
    """One comparison."""

    reference: str | None = option(None, "Model that the others are compared with.", shown="the first of the first run")
    primary: Names = option((), "Metrics that decide, with commas: Holm.", shown="the protocol's, or all")
    metrics: Names = option((), "Metrics to compare, with commas.", shown="all shared")
    test: Literal["sign-flip", "wilcoxon"] = option("sign-flip", "Test of patients.")
    seed: int | None = option(None, "Of resampling.", shown="the run's")
