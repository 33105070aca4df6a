"""Shards become one run: their journals joined, then the table made as after a single pass.

Scores, intervals and controls come from the rows of all tiles in the order of their ids, so that which machine observed
which tile changes no byte. The inputs are read once more (headers only): their listing must be that of the shards, no
file may have changed, and the report shows pictures of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vstain_bench.base.config import RunConfig, make_config
from vstain_bench.base.files import publish_text
from vstain_bench.base.jobs import differences
from vstain_bench.base.listener import SILENT, Listener
from vstain_bench.base.provenance import command
from vstain_bench.base.registry import load_plugins
from vstain_bench.errors import InputError, UsageError
from vstain_bench.measure.journal import Journal
from vstain_bench.measure.observe import Plan, require_unchanged
from vstain_bench.measure.protocol import resolve_protocol
from vstain_bench.measure.run import (
    FinishedRun,
    Job,
    Report,
    finish,
    listing_of,
    plan_of,
    publish_inputs,
    survey_slides,
)
from vstain_bench.measure.selection import Selection
from vstain_bench.measure.shards import Part, read_part
from vstain_bench.networks.weights import WeightsStore, use_store
from vstain_bench.results.folder import RunFolder
from vstain_bench.tiles.inputs import read_inputs, require_complete

MOST_NAMED = 5


def merge(
    shards: Sequence[Path],
    out: Path,
    listener: Listener = SILENT,
    *,
    report: Report | None = None,
) -> FinishedRun:
    """Join the shards of one run into a run folder; the same call continues a merge that was stopped.

    Args:
        shards: Folders written by ``run --shard i/n``, every part once, in any order.
        out: The run folder.
        listener: Hears how far the job is.
        report: Makes report.html; the run has none without it.

    Raises:
        UsageError: a folder is no finished shard, one is missing or given twice, or they are parts of different runs.
        InputError: the inputs are not those that the shards scored.
        MachineError: the folder cannot be used.
    """
    parts = require_whole([read_part(path) for path in shards], out)
    config = _whole_config(parts[0])
    load_plugins(config.plugin)
    folder = RunFolder(out)
    with use_store(WeightsStore(config.weights_dir, offline=True)), folder.claimed():
        job = _settle(config, folder, parts[0], listener)
        with Journal(folder.journal) as journal:
            journal.claim({key: value for key, value in parts[0].settings.items() if key != "shard"})
            for number, part in enumerate(parts):
                listener.progress("joining shards", number, len(parts))
                with Journal(part.folder.journal, read_only=True) as other:
                    journal.absorb(other)
            listener.progress("joining shards", len(parts), len(parts))
            _require_every_tile(job.plan, journal, parts)
            publish_text(folder.config, config.to_toml())
            publish_inputs(job)
            return finish(job, journal, _facts(parts, listener), listener, report)


def require_whole(parts: Sequence[Part], out: Path) -> list[Part]:
    """Return the shards in their order once every part of one run is there exactly once.

    Raises:
        UsageError: one is missing or given twice, they are parts of different runs, or one lies at ``out``.
    """
    if not parts:
        raise UsageError(where="merge", found="no shard", expected="the folder of every shard of a run")
    for part in parts:
        if part.folder.path.resolve() == out.resolve():
            raise UsageError(
                where=f"--out {out}", found=f"it holds shard {part.shard}", expected="a folder of its own for the run"
            )
    ordered = sorted(parts, key=lambda part: part.shard)
    number = ordered[0].shard.number
    by_shard: dict[str, list[str]] = {}
    for part in ordered:
        by_shard.setdefault(str(part.shard), []).append(str(part.folder.path))
    given = ", ".join(f"{shard} in {' and '.join(folders)}" for shard, folders in by_shard.items())
    others = [shard for shard in by_shard if not shard.endswith(f"/{number}")]
    twice = [shard for shard, folders in by_shard.items() if len(folders) > 1]
    missing = [f"{index}/{number}" for index in range(1, number + 1) if f"{index}/{number}" not in by_shard]
    if others:
        found, expected = f"shards of different splits ({given})", "all shards of one run with one n"
    elif twice:
        found, expected = f"shard {', '.join(twice)} is given twice ({given})", "every shard once"
    elif missing:
        named = ", ".join(missing[:MOST_NAMED]) + (
            f" and {len(missing) - MOST_NAMED} more" * (len(missing) > MOST_NAMED)
        )
        found = f"shard{'s' * (len(missing) > 1)} {named} missing (given: {given})"
        expected = f"{number} shards, each once"
    else:
        _require_one_run(ordered)
        return ordered
    raise UsageError(where="merge", found=found, expected=expected)


def _require_one_run(parts: Sequence[Part]) -> None:
    def comparable(part: Part) -> Mapping[str, object]:
        gaps = {name: f"{gap.status}: {gap.reason}" for name, gap in part.gaps.items()}
        return {key: value for key, value in part.settings.items() if key != "shard"} | {"gaps": gaps}

    first = parts[0]
    for other in parts[1:]:
        lines = differences(comparable(first), comparable(other), f"in {first.folder.path}", f"in {other.folder.path}")
        if lines:
            raise UsageError(
                where="merge",
                found=f"shards {first.shard} and {other.shard} are parts of different runs:\n"
                + "\n".join(lines)
                + "\n",
                next_step="Give shards that were run with the same options and --threads on the same kind of device.",
            )


def _whole_config(part: Part) -> RunConfig:
    return make_config({}, part.folder.config).model_copy(update={"shard": None})


def _settle(config: RunConfig, folder: RunFolder, part: Part, listener: Listener) -> Job:
    """Return the job of the whole run, with the metrics that the shards could compute whatever is at hand here."""
    inputs = read_inputs(config, progress=listener.phase("checking files"))
    require_complete(inputs, config.on_error)
    found = listing_of(inputs)
    if found != part.settings.get("tiles"):
        raise InputError(
            where="merge",
            found=f"the inputs are now {found}",
            expected=f"those that the shards scored: {part.settings.get('tiles')}",
            next_step="Restore the tiles, or run the shards anew.",
        )
    protocol = resolve_protocol(config)
    selection = Selection(protocol.metrics, part.gaps, part.weights)
    selection, slides = survey_slides(config, inputs, selection, listener)
    return Job(config, folder, inputs, protocol, selection, plan_of(config, inputs, selection, slides))


def _require_every_tile(plan: Plan, journal: Journal, parts: Sequence[Part]) -> None:
    done = require_unchanged(plan, journal)
    for part in parts:
        lacking = [tile.id for tile in plan.tiles if part.shard.holds(tile.id) and tile.id not in done]
        if lacking:
            raise UsageError(
                where=str(part.folder.path),
                found=f"shard {part.shard} lacks {len(lacking)} of its tiles (first: '{lacking[0]}')",
                next_step="Give its run command again: it continues.",
            )


def _facts(parts: Sequence[Part], listener: Listener) -> dict[str, object]:
    """Return the volatile facts of the run: those of the first shard, with what each took."""
    facts = [part.folder.read_facts() for part in parts]
    versions = {str(each.get("versions")) for each in facts}
    if len(versions) > 1:
        listener.say(
            "The shards were computed with different versions of packages: the last digits may differ from one run's."
        )
    seconds = [value for each in facts if isinstance(value := each.get("seconds"), int | float)]
    arguments = facts[0].get("command")
    return {
        **facts[0],
        "command": without_shard(map(str, arguments)) if isinstance(arguments, list) else None,
        "started": min(str(each.get("started", "")) for each in facts),
        "seconds": round(sum(seconds), 2),
        "shards": facts,
        "merged": command(),
    }


def without_shard(arguments: Iterable[str]) -> list[str]:
    """Return a command line without ``--shard`` and its value: the one that makes the whole run."""
    kept: list[str] = []
    skip = False
    for argument in arguments:
        if skip or argument.startswith("--shard="):
            skip = False
        elif argument == "--shard":
            skip = True
        else:
            kept.append(argument)
    return kept
