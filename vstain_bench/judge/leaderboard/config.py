"""Everything that ``vstain-bench leaderboard`` was asked for."""

from pathlib import Path

from vstain_bench.base.config import Config, Names, option


class LeaderboardConfig(Config):
    """One leaderboard. Runs that differ in metrics that are not shown are ranked together."""

    published: tuple[str, ...] = option((), "her2match, bci, mist, or a TOML file; repeatable. Never ranked.")
    trust: Path | None = option(None, "Folder of 'stress': its figures stand beside each metric.")
    metrics: Names = option((), "Metrics to show and to rank on, with commas.", shown="all")
    title: str = option("Leaderboard", "Of the page.")
    seed: int | None = option(None, "Of resampling.", shown="the run's")
