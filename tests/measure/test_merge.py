"""Shards and their merge: the bytes of a single run for any split, and refusals that name what is wrong."""

import os
import re
import shutil
import sqlite3
import sys
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from vstain_bench.base.config import RunConfig, make_config
from vstain_bench.cli.main import call
from vstain_bench.errors import InputError, UsageError
from vstain_bench.measure.merge import merge as merge_shards
from vstain_bench.measure.merge import without_shard
from vstain_bench.measure.run import default_out, preview, run_shard
from vstain_bench.measure.run import run as score
from vstain_bench.measure.shards import Shard
from vstain_bench.phantom import PhantomSet
from vstain_bench.present.pages.run import render_run
from vstain_bench.results.folder import RunFolder

METRICS = "ssim,css,psnr,psnr_pooled,fd_random,kd_random"
run = partial(score, report=render_run)
merge = partial(merge_shards, report=render_run)
SAME = ("results.json", "report.html", "pairs.csv", "skipped.csv", "config.toml", "tiles.parquet")


def config_of(phantom: PhantomSet, **changes: object) -> RunConfig:
    values = {
        "generated": dict(phantom.models), "manifest": phantom.manifest, "metrics": METRICS,
        "controls": 6, "workers": 0,
    }  # fmt: skip
    return make_config({**values, **changes})


def make_shards(config: RunConfig, folder: Path, number: int) -> list[Path]:
    paths = [folder / f"part{index}" for index in range(1, number + 1)]
    for index, path in enumerate(paths, 1):
        run_shard(config.model_copy(update={"shard": f"{index}/{number}"}), path)
    return paths


@pytest.fixture(scope="module")
def whole(phantom: PhantomSet, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return run(config_of(phantom), tmp_path_factory.mktemp("merge") / "whole").folder


@pytest.fixture(scope="module")
def shards(phantom: PhantomSet, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_shards(config_of(phantom), tmp_path_factory.mktemp("shards"), 3)


def same_bytes(one: RunFolder, other: RunFolder) -> None:
    for name in SAME:
        assert (one.path / name).read_bytes() == (other.path / name).read_bytes(), name


@pytest.mark.parametrize("number", [1, 2, 3, 20])  # 20 shards of 12 tiles: some are empty
def test_any_split_gives_the_bytes_of_one_run(
    whole: RunFolder, phantom: PhantomSet, tmp_path: Path, number: int
) -> None:
    parts = make_shards(config_of(phantom), tmp_path, number)
    merged = merge(parts[::-1], tmp_path / "merged")
    same_bytes(merged.folder, whole)
    assert merged.folder.read_facts()["shards"]


def test_every_tile_is_in_one_shard_whatever_the_others_are(phantom: PhantomSet) -> None:
    names = [spec.tile for spec in phantom.tiles]
    held = [[tile for tile in names if Shard(5, index).holds(tile)] for index in range(1, 6)]
    assert sorted(tile for shard in held for tile in shard) == sorted(names)
    many = [f"tile{number}" for number in range(5000)]
    sizes = [sum(Shard(5, index).holds(tile) for tile in many) for index in range(1, 6)]
    assert min(sizes) > 900, "shards are about equal"


def test_merging_again_changes_nothing_and_the_merged_run_is_a_run(
    whole: RunFolder, shards: list[Path], phantom: PhantomSet, tmp_path: Path
) -> None:
    merge(shards, tmp_path / "merged")
    same_bytes(merge(shards, tmp_path / "merged").folder, whole)
    same_bytes(run(config_of(phantom), tmp_path / "merged").folder, whole)


def test_a_shard_that_was_killed_continues(whole: RunFolder, phantom: PhantomSet, tmp_path: Path) -> None:
    parts = make_shards(config_of(phantom), tmp_path, 2)
    victim = RunFolder(parts[0])
    victim.shard.unlink()
    with sqlite3.connect(victim.journal) as connection:  # as if the last tiles had never been committed
        lost = [row[0] for row in connection.execute("SELECT id FROM tile ORDER BY id DESC LIMIT 2")]
        for tile in lost:
            connection.execute("DELETE FROM tile WHERE id = ?", (tile,))
            connection.execute("DELETE FROM row WHERE tile = ?", (tile,))
    connection.close()
    with pytest.raises(UsageError, match=r"part1: the shard is not finished.*it continues"):
        merge(parts, tmp_path / "merged")
    run_shard(config_of(phantom, shard="1/2"), parts[0])
    same_bytes(merge(parts, tmp_path / "merged").folder, whole)


def test_a_shard_whose_journal_lost_tiles_is_named(shards: list[Path], tmp_path: Path) -> None:
    parts = [Path(shutil.copytree(path, tmp_path / path.name)) for path in shards]
    with sqlite3.connect(RunFolder(parts[1]).journal) as connection:
        tile = connection.execute("SELECT id FROM tile ORDER BY id LIMIT 1").fetchone()[0]
        connection.execute("DELETE FROM tile WHERE id = ?", (tile,))
    connection.close()
    with pytest.raises(UsageError, match=rf"part2: shard 2/3 lacks 1 of its tiles \(first: '{re.escape(tile)}'\)"):
        merge(parts, tmp_path / "merged")


def test_tiles_left_out_by_a_shard_are_left_out_of_the_run(phantom_copy: PhantomSet, tmp_path: Path) -> None:
    victim = sorted(phantom_copy.models["faithful"].iterdir())[5]
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 0xFF
    victim.write_bytes(data)
    sorted(phantom_copy.models["shifted"].iterdir())[0].unlink()
    config = config_of(phantom_copy, on_error="skip")
    one = run(config, tmp_path / "one")
    merged = merge(make_shards(config, tmp_path, 3), tmp_path / "merged")
    assert merged.skipped == one.skipped == 2
    same_bytes(merged.folder, one.folder)


def test_metrics_that_could_not_be_computed_keep_their_reason(phantom: PhantomSet, tmp_path: Path) -> None:
    config = config_of(phantom, metrics=None, controls=2)
    one = run(config, tmp_path / "one")
    assert any(row.status == "unavailable" for row in one.table.rows), "premise: no weights here"
    same_bytes(merge(make_shards(config, tmp_path, 2), tmp_path / "merged").folder, one.folder)


def test_the_journals_of_shards_are_only_read(shards: list[Path], tmp_path: Path) -> None:
    parts = [Path(shutil.copytree(path, tmp_path / path.name)) for path in shards]
    before = {path: path.read_bytes() for part in parts for path in sorted(part.iterdir())}
    for part in parts:
        part.chmod(0o555)
    try:
        merge(parts, tmp_path / "merged")
        after = {path: path.read_bytes() for part in parts for path in sorted(part.iterdir())}
    finally:
        for part in parts:
            part.chmod(0o755)
    assert after == before


REFUSED = [
    ([0, 2], r"shard 2/3 missing \(given: 1/3 in .*part1, 3/3 in .*part3\).*3 shards, each once"),
    ([0], r"shards 2/3, 3/3 missing"),
    ([0, 1, 1, 2], r"shard 2/3 is given twice .*2/3 in .*part2 and .*part2"),
    ([], "no shard"),
]


@pytest.mark.parametrize(("chosen", "words"), REFUSED, ids=str)
def test_missing_and_repeated_shards_are_named(
    shards: list[Path], tmp_path: Path, chosen: list[int], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        merge([shards[place] for place in chosen], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


OTHER_RUNS = [
    ({"seed": 1}, r"(?s)shards 1/3 and 2/3 are parts of different runs.*seed: 0 in .*part1, 1 in .*other"),
    ({"metrics": "ssim(sigma=2.0)"}, r"(?s)metrics: .*sigma:1.5.* in .*part1, .*sigma:2.0"),
    ({"controls": 2}, r"controls: 6 in .*part1, 2 in "),
    ({"on_error": "skip"}, "on_error"),
    ({"shard": "2/4"}, r"shards of different splits \(1/3 in .*2/4 in .*other"),
]


@pytest.mark.parametrize(("changes", "words"), OTHER_RUNS, ids=str)
def test_shards_of_different_runs_are_refused_with_the_difference(
    shards: list[Path], phantom: PhantomSet, tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    other = tmp_path / "other"
    run_shard(config_of(phantom, **{"shard": "2/3", **changes}), other)
    with pytest.raises(UsageError, match=words):
        merge([shards[0], other, shards[2]], tmp_path / "merged")


def test_what_is_no_shard_is_said(whole: RunFolder, shards: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a whole run, not a shard"):
        merge([whole.path, *shards], tmp_path / "merged")
    with pytest.raises(UsageError, match=r"no shard\.json"):
        merge([tmp_path / "nothing", *shards], tmp_path / "merged")
    with pytest.raises(UsageError, match=r"it holds shard 1/3"):
        merge(shards, shards[0])
    with pytest.raises(UsageError, match=r"(?s)a shard, a part of a run.*vstain-bench merge"):
        RunFolder(shards[0]).read_table()
    broken = Path(shutil.copytree(shards[0], tmp_path / "broken"))
    (broken / "shard.json").write_text('{"shard": 7}', "utf-8")
    with pytest.raises(UsageError, match="not the record of a shard"):
        merge([broken, *shards[1:]], tmp_path / "merged")


def test_tiles_that_changed_since_are_refused(phantom_copy: PhantomSet, tmp_path: Path) -> None:
    parts = make_shards(config_of(phantom_copy), tmp_path, 2)
    victim = sorted(phantom_copy.real.iterdir())[2]
    facts = victim.stat()
    os.utime(victim, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
    with pytest.raises(InputError, match=rf"{re.escape(victim.name)}.*changed since"):
        merge(parts, tmp_path / "merged")
    lines = phantom_copy.manifest.read_text("utf-8").splitlines()
    for path in phantom_copy.folder.rglob(f"{lines[-1].partition(',')[0]}.png"):
        path.unlink()
    phantom_copy.manifest.write_text("\n".join(lines[:-1]) + "\n", "utf-8")
    with pytest.raises(InputError, match=r"the inputs are now 11 tiles.*expected those that the shards scored: 12"):
        merge(parts, tmp_path / "other")


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "-1/2", "1/0", "1/2/3", ""])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="i/n with 1 <= i <= n"):
        Shard.parse(text)


def test_a_shard_is_never_taken_for_a_run(phantom: PhantomSet, tmp_path: Path) -> None:
    config = config_of(phantom, metrics="ssim", shard="1/2")
    with pytest.raises(UsageError, match="a shard makes no table"):
        run(config, tmp_path)
    assert str(default_out(config)).endswith(".shard-1-of-2")
    assert preview(config).shard.startswith("1/2, ")
    run_shard(config, tmp_path / "part")
    with pytest.raises(UsageError, match=r'shard: "1/2" there, "2/2" now'):
        run_shard(config_of(phantom, metrics="ssim", shard="2/2"), tmp_path / "part")
    with pytest.raises(UsageError, match=r'shard: "1/2" there, null now'):
        run(config_of(phantom, metrics="ssim"), tmp_path / "part")


def test_the_commands_give_the_same_report(
    phantom: PhantomSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report shows the command line; a merged run shows the one that would have made it alone."""
    base = ["run", f"faithful={phantom.models['faithful']}", "--manifest", str(phantom.manifest), "--metrics", "ssim"]

    def give(arguments: list[str]) -> int:
        monkeypatch.setattr(sys, "argv", ["vstain-bench", *arguments])
        return call(arguments)

    assert give([*base, "--out", str(tmp_path / "one")]) == 0
    assert give([*base, "--shard", "1/2", "--out", str(tmp_path / "a")]) == 0
    assert give([*base, "--out", str(tmp_path / "b"), "--shard=2/2", "--json"]) == 0
    told = capsys.readouterr()
    assert '"shard": "2/2"' in told.out
    assert "vstain-bench merge SHARD" in told.err
    # options that change nothing are part of a command, too
    assert give([*base, "--out", str(tmp_path / "c"), "--shard", "2/2"]) == 0
    merged = str(tmp_path / "merged")
    assert give(["merge", str(tmp_path / "a"), str(tmp_path / "c"), "--out", merged, "--json"]) == 0
    assert capsys.readouterr().out == (tmp_path / "one" / "results.json").read_text("utf-8")
    same_bytes(RunFolder(Path(merged)), RunFolder(tmp_path / "one"))
    assert give(["merge", str(tmp_path / "a"), "--out", merged]) == 2
    assert "shard 2/2 missing" in capsys.readouterr().err


def test_a_command_line_loses_its_shard_alone() -> None:
    given = ["vstain-bench", "run", "a", "--shard", "1/2", "--seed", "1", "--shard=1/2"]
    assert without_shard(given) == ["vstain-bench", "run", "a", "--seed", "1"]


def test_tiles_of_the_merged_run_are_those_of_one(whole: RunFolder, shards: list[Path], tmp_path: Path) -> None:
    merged = merge(shards, tmp_path / "merged").folder
    pd.testing.assert_frame_equal(merged.read_tiles(), whole.read_tiles())
