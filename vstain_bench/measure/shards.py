"""Parts of one run: which tiles a shard scores, and what it leaves for the merge.

A tile belongs to the shard that a hash of its id names, whatever the other tiles are. Every shard reads the whole
listing all the same, since the controls' subset and partners are chosen among all tiles.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from vstain_bench.base.files import publish_text, read_json, to_json
from vstain_bench.base.randomness import seed_of
from vstain_bench.errors import InputError, UsageError
from vstain_bench.measure.journal import Journal
from vstain_bench.measure.observe import Plan
from vstain_bench.measure.selection import Gap, Selection
from vstain_bench.results.folder import RunFolder

_FORM = re.compile(r"(\d{1,6})/(\d{1,6})")


@dataclass(frozen=True, order=True)
class Shard:
    """Part ``index`` of ``number``, counted from 1."""

    number: int
    index: int

    def __str__(self) -> str:
        return f"{self.index}/{self.number}"

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Return the shard of ``i/n``.

        Raises:
            UsageError: it is no such part.
        """
        match = _FORM.fullmatch(text.strip())
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise UsageError(where=f"--shard {text}", found="not a part", expected="i/n with 1 <= i <= n, such as 2/8")
        return cls(number=int(match[2]), index=int(match[1]))

    def holds(self, tile: str) -> bool:
        """Return whether a tile is scored here."""
        return seed_of("shard", tile) % self.number == self.index - 1

    def part(self, plan: Plan) -> Plan:
        """Return the plan of this shard: its tiles, the subset and companions of the whole run."""
        return replace(plan, tiles=tuple(tile for tile in plan.tiles if self.holds(tile.id)))


@dataclass(frozen=True)
class Part:
    """A finished shard: its folder, its settings, its gaps by metric, and the sha256 of its weights."""

    folder: RunFolder
    shard: Shard
    settings: dict[str, object]
    gaps: dict[str, Gap]
    weights: dict[str, str]


def write_part(folder: RunFolder, shard: Shard, tiles: int, selection: Selection) -> str:
    """Write shard.json, which says that the shard is finished, and return its content."""
    content = {
        "shard": str(shard),
        "tiles": tiles,
        "gaps": {name: {"status": gap.status, "reason": gap.reason} for name, gap in selection.gaps.items()},
        "weights": dict(sorted(selection.weights.items())),
    }
    text = to_json(content)
    publish_text(folder.shard, text)
    return text


def read_part(path: Path) -> Part:
    """Return the finished shard of a folder.

    Raises:
        UsageError: there is none, it is a whole run, or it is not finished.
    """
    folder = RunFolder(path)
    if not folder.shard.is_file():
        if folder.results.is_file():
            found, next_step = "a whole run, not a shard", ""
        elif folder.journal.is_file():
            found, next_step = "the shard is not finished", "Give its run command again: it continues."
        else:
            found, next_step = "no shard.json", ""
        raise UsageError(
            where=str(path), found=found, expected="a folder written by 'vstain-bench run --shard i/n'",
            next_step=next_step,
        )  # fmt: skip
    try:
        content = read_json(folder.shard, "the record of a shard")
        shard = Shard.parse(content["shard"])
        gaps = {
            name: Gap(gap["status"], gap["reason"], InputError(where=f"metric '{name}'", found=gap["reason"]))
            for name, gap in content["gaps"].items()
        }
        weights = dict(content["weights"])
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise UsageError(
            where=str(folder.shard), found=f"not the record of a shard ({type(fault).__name__}: {fault})"
        ) from fault
    with Journal(folder.journal, read_only=True) as journal:
        settings = journal.settings()
    return Part(folder, shard, settings, gaps, weights)
