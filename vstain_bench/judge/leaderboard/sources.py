"""What a leaderboard is made of: finished runs, or tables that were submitted without the tiles behind them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vstain_bench.errors import UsageError
from vstain_bench.judge.evidence import Evidence, name_runs
from vstain_bench.results.comparable import Obstacle, input_obstacles, signature_obstacles
from vstain_bench.results.folder import RunFolder
from vstain_bench.results.table import Table, read_table


@dataclass(frozen=True)
class Source:
    """One run.

    Attributes:
        name: What it is called: the shortest end of its path that tells it from the others.
        table: Its table.
        folder: Where its files lie, or None for a table alone.
        evidence: The values behind its table, or None where they are not at hand: its models are shown, not ranked.
    """

    name: str
    table: Table
    folder: RunFolder | None
    evidence: Evidence | None


def read_sources(paths: Sequence[Path]) -> list[Source]:
    """Return the runs of folders, or of results files alone, in the order given.

    Raises:
        UsageError: one is neither, or is given twice.
    """
    folders = [path.parent if path.name == "results.json" else path for path in paths]
    return [_read(name, path) for name, path in name_runs(folders).items()]


def _read(name: str, path: Path) -> Source:
    if path.is_file():
        return Source(name, read_table(_text(path), str(path)), None, None)
    if not path.is_dir():
        raise UsageError(
            where=f"RUN '{path}'",
            found="no such folder or file",
            expected="a folder written by 'vstain-bench run', or its results.json",
        )
    folder = RunFolder(path)
    complete = folder.results.is_file() and folder.tiles.is_file() and folder.pairs.is_file()
    evidence = Evidence(folder) if complete else None
    return Source(name, evidence.table if evidence else folder.read_table(), folder, evidence)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise UsageError(
            where=f"RUN '{path}'", found=f"it cannot be read ({type(fault).__name__})", expected="a results.json"
        ) from fault


def obstacles_between(one: Source, other: Source) -> tuple[Obstacle, ...]:
    """Return why two runs may not be ranked together: other tiles, or another definition of a metric that both have."""
    mine, theirs = ({record.name: record for record in each.table.metrics} for each in (one, other))
    found = list(input_obstacles({one.name: one.table.inputs, other.name: other.table.inputs}))
    for metric, record in mine.items():
        if metric in theirs:
            found += signature_obstacles({one.name: record, other.name: theirs[metric]})
    return tuple(found)


def part(sources: Iterable[Source]) -> list[list[Source]]:
    """Return runs in sets that compare as wholes: equal tiles, and every metric that two share defined alike."""
    sets: list[list[Source]] = []
    for source in sources:
        for members in sets:
            if not any(obstacles_between(member, source) for member in members):
                members.append(source)
                break
        else:
            sets.append([source])
    return sets
