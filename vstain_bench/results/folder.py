"""The run folder: one place for everything a run leaves behind; each file is absent or complete."""

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from vstain_bench.errors import MachineError, UsageError
from vstain_bench.publish import publish_text
from vstain_bench.results.table import Table, read_table

if TYPE_CHECKING:
    import pandas as pd


class RunFolder:
    """Names and access of the files of one run.

    ``run.json`` (who, when, where: the only volatile file), ``config.toml`` (resolved; runs again), ``results.json``
    (the table), ``tiles.parquet`` (one row per tile and metric), ``pairs.csv``, ``skipped.csv``, ``report.html``,
    ``journal.sqlite``; ``slides.csv`` where background or stain vectors were estimated per slide. A shard has
    ``shard.json`` and no results; ``merge`` makes them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.results = path / "results.json"
        self.config = path / "config.toml"
        self.run = path / "run.json"
        self.tiles = path / "tiles.parquet"
        self.pairs = path / "pairs.csv"
        self.skipped = path / "skipped.csv"
        self.slides = path / "slides.csv"
        self.report = path / "report.html"
        self.journal = path / "journal.sqlite"
        self.shard = path / "shard.json"

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Create the folder, prove that it can be written, and hold it alone; told at once when another run does."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            probe = self.path / ".probe"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as fault:
            raise MachineError(
                where=f"--out {self.path}",
                found=f"the run folder cannot be written ({fault.strerror})",
                expected="a folder with write permission and free space",
            ) from fault
        lock, owner = FileLock(self.path / ".lock"), self.path / ".owner.json"
        try:
            lock.acquire(timeout=0.2)
        except Timeout as fault:
            told = owner.read_text(encoding="utf-8") if owner.is_file() else "unknown"
            raise MachineError(
                where=f"--out {self.path}",
                found=f"another run is using the folder ({told.strip()})",
                next_step="Wait for it, or choose another --out.",
            ) from fault
        try:
            since = time.strftime("%Y-%m-%dT%H:%M:%S%z")
            owner.write_text(
                json.dumps({"pid": os.getpid(), "host": platform.node(), "since": since}), encoding="utf-8"
            )
            yield
        finally:
            owner.unlink(missing_ok=True)
            lock.release()
            self._leave_nothing_behind()

    def _leave_nothing_behind(self) -> None:
        """Remove the folder again when the run was refused before it wrote anything."""
        if {entry.name for entry in self.path.iterdir()} <= {".lock"}:
            with suppress(OSError):
                (self.path / ".lock").unlink(missing_ok=True)
                self.path.rmdir()

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
        if not self.run.is_file():
            return {}
        facts: dict[str, object] = json.loads(self.run.read_text(encoding="utf-8"))
        return facts

    def read_tiles(self) -> "pd.DataFrame":
        """Return one row per model, tile and metric, with group, label, signature, condition and value."""
        import pandas as pd

        self.require()
        return pd.read_parquet(self.tiles)

    def write_facts(self, facts: dict[str, object]) -> None:
        """Write run.json."""
        publish_text(self.run, json.dumps(facts, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
