"""What makes a killed run resumable: one SQLite file, one transaction per batch.

A tile is acknowledged when its transaction has been committed; then the rows of every metric and model are there, and
they are never computed again. Rows are kept as the exact bytes that ``observe`` returned, so a resumed run ends with
the same bytes as an uninterrupted one.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vstain_bench.arrays import RowArray
from vstain_bench.base.jobs import JobFolder
from vstain_bench.errors import MachineError

FORMAT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tile (id TEXT PRIMARY KEY, files TEXT NOT NULL, skipped TEXT);
CREATE TABLE IF NOT EXISTS row (
    model TEXT NOT NULL, observation TEXT NOT NULL, tile TEXT NOT NULL, dtype TEXT NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (model, observation, tile)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gap (
    model TEXT NOT NULL, observation TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (model, observation)
);
"""
_COLUMNS = {
    "tile": "id, files, skipped",
    "row": "model, observation, tile, dtype, data",
    "gap": "model, observation, reason",
}


@dataclass(frozen=True)
class Entry:
    """The rows of one model and observation for some tiles, (len(tiles), k), and why values are missing, if any are."""

    model: str
    observation: str
    tiles: tuple[str, ...]
    data: RowArray
    gap: str = ""


class Journal:
    """The rows observed so far; use it as a context manager. ``read_only`` leaves the file and its folder untouched."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        try:
            if read_only:
                self._connection = _open_to_read(path)
                self._connection.execute("SELECT 1 FROM row LIMIT 1")
                return
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=5)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(_TABLES)
        except sqlite3.DatabaseError as fault:
            raise MachineError(
                where=str(path),
                found=f"the journal cannot be opened ({fault})",
                expected="the journal of an earlier run" if read_only else "the journal of an earlier run, or no file",
                next_step=""
                if read_only
                else "Move the file away to start over; nothing else of the run folder is lost.",
            ) from fault

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    def claim(self, settings: Mapping[str, object]) -> None:
        """Record what this job is, or refuse to mix it with another whose rows are here already."""
        wanted = {"format": FORMAT, **settings}
        kept = self.settings()
        if not kept:
            self._connection.execute(
                "INSERT INTO meta VALUES ('settings', ?)", (json.dumps(wanted, sort_keys=True, ensure_ascii=False),)
            )
            return
        JobFolder(self.path.parent).require_same(kept, wanted)

    def settings(self) -> dict[str, object]:
        """Return what the run was claimed with; empty before it was."""
        found = self._connection.execute("SELECT value FROM meta WHERE key = 'settings'").fetchone()
        return dict(json.loads(found[0])) if found else {}

    def absorb(self, other: "Journal") -> None:
        """Take over every tile and row of another journal; what is here already stays."""
        with self._transaction():
            for table, columns in _COLUMNS.items():
                places = ", ".join("?" * len(columns.split(", ")))
                self._connection.executemany(
                    f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({places})",
                    other._connection.execute(f"SELECT {columns} FROM {table}"),
                )

    def done(self) -> dict[str, dict[str, dict[str, object]]]:
        """Return the files of every acknowledged tile: by tile id and owner, their size, time and sha256."""
        return {
            tile: json.loads(files)
            for tile, files in self._connection.execute("SELECT id, files FROM tile ORDER BY id")
        }

    def skipped(self) -> dict[str, str]:
        """Return the reason of every tile that was left out under ``--on-error skip``."""
        return dict(self._connection.execute("SELECT id, skipped FROM tile WHERE skipped IS NOT NULL ORDER BY id"))

    def acknowledge(self, files: Mapping[str, Mapping[str, object]], entries: Iterable[Entry]) -> None:
        """Commit the rows of a batch: all of it, or on any fault nothing."""
        with self._transaction():
            self._connection.executemany(
                "INSERT INTO tile VALUES (?, ?, NULL)",
                [(tile, json.dumps(owners, sort_keys=True)) for tile, owners in files.items()],
            )
            for entry in entries:
                data = np.ascontiguousarray(entry.data)
                if entry.gap:
                    self._connection.execute(
                        "INSERT OR IGNORE INTO gap VALUES (?, ?, ?)", (entry.model, entry.observation, entry.gap)
                    )
                self._connection.executemany(
                    "INSERT INTO row VALUES (?, ?, ?, ?, ?)",
                    [
                        (entry.model, entry.observation, tile, data.dtype.str, row.tobytes())
                        for tile, row in zip(entry.tiles, data, strict=True)
                    ],
                )

    def skip(self, tile: str, reason: str) -> None:
        """Commit that a tile was left out, and why."""
        with self._transaction():
            self._connection.execute("INSERT INTO tile VALUES (?, '{}', ?)", (tile, reason))

    def rows(self, model: str, observation: str) -> tuple[tuple[str, ...], RowArray]:
        """Return tile ids in their order and the rows of one model and observation, shape (n, k)."""
        found = self._connection.execute(
            "SELECT tile, dtype, data FROM row WHERE model = ? AND observation = ? ORDER BY tile", (model, observation)
        ).fetchall()
        if not found:
            return (), np.empty((0, 1))
        width, kind = max((len(data), dtype) for _, dtype, data in found)
        empty = np.full(width // np.dtype(kind).itemsize, np.nan, dtype=kind).tobytes()
        # A tile on which nothing could be observed has a single NaN where the others have features.
        parts = [data if (len(data), dtype) == (width, kind) else empty for _, dtype, data in found]
        return tuple(row[0] for row in found), np.frombuffer(b"".join(parts), dtype=kind).reshape(len(found), -1)

    def gap(self, model: str, observation: str) -> str:
        """Return why values of one model and observation are missing, or an empty string."""
        found = self._connection.execute(
            "SELECT reason FROM gap WHERE model = ? AND observation = ?", (model, observation)
        ).fetchone()
        return str(found[0]) if found else ""

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._connection, self.path)


class _Transaction:
    """BEGIN IMMEDIATE ... COMMIT, rolled back on any exception; a full disk is named."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: object) -> None:
        try:
            self._connection.execute("COMMIT" if kind is None else "ROLLBACK")
        except sqlite3.OperationalError as failure:
            fault = fault or failure
        if isinstance(fault, sqlite3.OperationalError):
            raise MachineError(
                where=str(self._path),
                found=f"the journal cannot be written ({fault})",
                expected="free space and write permission",
                next_step="Make room and give the same command again: it continues where it stopped.",
            ) from fault


def _open_to_read(path: Path) -> sqlite3.Connection:
    """Open a journal that nothing is written to, in a folder that may not be writable."""
    if not path.is_file():
        raise sqlite3.OperationalError("no such file")
    rest = path.with_name(f"{path.name}-wal")
    kept = rest.is_file() and rest.stat().st_size > 0  # left by a killed run; a closed journal has folded it in
    mode = "mode=ro" if kept else "mode=ro&immutable=1"
    return sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True, isolation_level=None, timeout=5)
