"""The run folder: one place for everything a run leaves behind; each file is absent or complete."""

from pathlib import Path
from typing import TYPE_CHECKING

from vstain_bench.base.files import read_json
from vstain_bench.base.jobs import JobFolder
from vstain_bench.errors import UsageError
from vstain_bench.results.table import Table, read_table

if TYPE_CHECKING:
    import pandas as pd


class RunFolder(JobFolder):
    """Names and access of the files of one run.

    ``run.json`` (who, when, where: the only volatile file), ``config.toml`` (resolved; runs again), ``results.json``
    (the table), ``tiles.parquet`` (one row per tile and metric), ``pairs.csv``, ``skipped.csv``, ``report.html``,
    ``journal.sqlite``; ``slides.csv`` where background or stain vectors were estimated per slide. A shard has
    ``shard.json`` and no results; ``merge`` makes them.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.results = path / "results.json"
        self.config = path / "config.toml"
        self.tiles = path / "tiles.parquet"
        self.pairs = path / "pairs.csv"
        self.skipped = path / "skipped.csv"
        self.slides = path / "slides.csv"
        self.report = path / "report.html"
        self.journal = path / "journal.sqlite"
        self.shard = path / "shard.json"

    def require(self) -> None:
        """Refuse a folder that holds no finished run."""
        if self.results.is_file():
            return
        if self.shard.is_file():
            raise UsageError(
                where=str(self.path),
                found="a shard, a part of a run",
                next_step="Make the run of all its shards: vstain-bench merge SHARD... --out RUN",
            )
        unfinished = self.journal.is_file()
        raise UsageError(
            where=str(self.path),
            found="the run is not finished" if unfinished else "no results.json",
            expected="a folder written by 'vstain-bench run'",
            next_step="Give the same run command again: it continues." if unfinished else "",
        )

    def read_table(self) -> Table:
        """Return the table."""
        self.require()
        return read_table(self.results.read_text(encoding="utf-8"), str(self.results))

    def read_facts(self) -> dict[str, object]:
        """Return the volatile facts of run.json, or an empty dict."""
        return read_json(self.run, "run.json as 'vstain-bench run' writes it") if self.run.is_file() else {}

    def read_tiles(self) -> "pd.DataFrame":
        """Return one row per model, tile and metric, with group, label, signature and value."""
        import pandas as pd

        self.require()
        return pd.read_parquet(self.tiles)
