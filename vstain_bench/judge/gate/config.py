"""Everything that ``vstain-bench gate`` was asked for."""

from pathlib import Path

from vstain_bench.base.config import Config, option


class GateConfig(Config):
    """A run, what it is measured against, and by how much it may differ."""

    run: Path = option(..., "Run folder, or its results.json.", metavar="RUN")
    baseline: Path = option(..., "Accepted numbers: a file of --accept, a results.json or a run.")
    tolerances: Path | None = option(None, "TOML, e.g. fid = '2%', psnr = '0.05', ssim = 'ci'.", shown="numeric noise")
    name: str | None = option(None, "Distinguishes this gate in comments and reports.", shown="the run's")
