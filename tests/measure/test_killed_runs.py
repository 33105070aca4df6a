"""Runs that are killed: nothing that was acknowledged is lost, and the same command ends with the same bytes."""

import os
import random
import shutil
import signal
import sqlite3
import time
from pathlib import Path

import torch

from vstain_bench.base.config import RunConfig, make_config
from vstain_bench.measure.run import run
from vstain_bench.phantom import write_phantom
from vstain_bench.present.pages.run import render_run


def acknowledged(journal: Path) -> set[str]:
    if not journal.is_file():
        return set()
    connection = sqlite3.connect(journal)
    try:
        return {row[0] for row in connection.execute("SELECT id FROM tile")}
    except sqlite3.OperationalError:
        return set()  # killed before the tables were made
    finally:
        connection.close()


def start(config: RunConfig, out: Path) -> int:
    """Run in a forked process; it can be killed like any other and starts without importing anew."""
    process = os.fork()
    if process:
        return process
    try:
        torch.set_num_threads(1)
        run(config, out, report=render_run)
        os._exit(0)
    except BaseException:  # the parent sees the exit code
        os._exit(1)


def wait_for(process: int, journal: Path, tiles: int) -> None:
    """Wait until so many tiles are acknowledged, or the process has ended."""
    while len(acknowledged(journal)) < tiles:
        if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return
        time.sleep(0.002)


def test_fifty_kills_lose_nothing_and_change_no_byte(tmp_path: Path) -> None:
    """SIGKILL of a run of 200 tiles, until fifty have struck; every run ends with the same bytes.

    Every second kill strikes at any moment, the others shortly after a random tile: in the midst of scoring, however
    slow the machine is.
    """
    phantom = write_phantom(tmp_path / "tiles", groups=10, tiles_per_group=20, size=64, seed=1, models={})
    shutil.copytree(phantom.real, tmp_path / "model")
    for path in sorted((tmp_path / "model").iterdir())[::2]:
        path.rename(path.with_name("swap"))
        shutil.copy(phantom.source / path.name, path)
        (tmp_path / "model" / "swap").unlink()
    config = make_config(
        {
            "generated": {"model": tmp_path / "model"}, "real": phantom.real, "source": phantom.source,
            "groups": "regex:^(p..)_", "metrics": "ssim,mae,fd_random", "controls": 5, "workers": 1, "batch_size": 2,
        }
    )  # fmt: skip
    expected = run(config, tmp_path / "whole", report=render_run).folder
    moments, kills, runs = random.Random(0), 0, 0
    struck_at: list[int] = []
    while kills < 50:
        out, known, finished, at_the_end = tmp_path / f"killed{runs}", set[str](), False, 0
        while not finished:
            process = start(config, out)
            spared = kills >= 50 or at_the_end >= 3  # a slow machine would never get beyond its last file
            if not spared and kills % 2 and len(known) < 150:
                wait_for(process, out / "journal.sqlite", len(known) + moments.randint(1, 30))
                time.sleep(moments.uniform(0, 0.01))
            elif not spared:
                time.sleep(moments.uniform(0.02, 0.6))
            before = acknowledged(out / "journal.sqlite")
            assert known <= before, "an acknowledged tile was lost"
            if not spared:
                os.kill(process, signal.SIGKILL)
            _, status = os.waitpid(process, 0)
            if os.WIFSIGNALED(status):
                kills += 1
                struck_at.append(len(before))
                at_the_end += len(before) == 200
            finished = os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0
            assert os.WIFSIGNALED(status) or finished, "a resumed run failed"
            after = acknowledged(out / "journal.sqlite")
            assert before <= after, "an acknowledged tile was lost by the kill"
            known = after
        for file in (expected.results, expected.report):
            assert (out / file.name).read_bytes() == file.read_bytes()
        assert len(known) == 200
        runs += 1
    assert kills == 50
    assert sum(0 < tiles < 200 for tiles in struck_at) >= 15, "premise: many kills strike in the midst of scoring"
