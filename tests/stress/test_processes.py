"""A sweep in several processes: the same bytes as in one, none left behind, faults told as they were."""

import pickle
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from vstain_bench.base.config import make_config
from vstain_bench.errors import CheckFailed, DecodeError, InputError, MachineError, UsageError, VstainError
from vstain_bench.images.reader import DecodePolicy
from vstain_bench.judge.stress import processes
from vstain_bench.judge.stress.config import StressConfig
from vstain_bench.judge.stress.job import run_stress
from vstain_bench.judge.stress.processes import MOST_PROCESSES, WORTH_IT, Sweeping, choose_processes, observe_apart
from vstain_bench.judge.stress.sweep import make_conditions
from vstain_bench.measure.observe import Observed, observe_here
from vstain_bench.phantom import PhantomSet, write_phantom
from vstain_bench.tiles.batches import Failed, TileFiles
from vstain_bench.tiles.inputs import read_inputs
from vstain_bench.words import ImageFile

NAMES = ("translation", "dab_loss", "deleted_nests")
METRICS = "ssim,dab_w1,mae"


@pytest.fixture(scope="module")
def tissue(tmp_path_factory: pytest.TempPathFactory) -> PhantomSet:
    return write_phantom(tmp_path_factory.mktemp("tissue"), groups=3, tiles_per_group=2, size=96, seed=5, models={})


def config_of(tissue: PhantomSet) -> StressConfig:
    values = {"manifest": tissue.manifest, "metrics": METRICS, "workers": 0, "perturbations": NAMES, "processes": 1}
    return make_config(values, model=StressConfig)


@pytest.fixture(scope="module")
def whole(tissue: PhantomSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep in this process."""
    out = tmp_path_factory.mktemp("whole") / "out"
    run_stress(config_of(tissue), out)
    return out


def same(one: Path, other: Path) -> bool:
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in ("stress.json", "answers.parquet"))


def acknowledged(journal: Path) -> int:
    try:
        with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT COUNT(*) FROM tile").fetchone()[0])
    except sqlite3.Error:
        return 0


def test_a_killed_sweep_of_two_processes_leaves_none_behind_and_continues(
    tissue: PhantomSet, whole: Path, tmp_path: Path
) -> None:
    """SIGKILL after the first tile: its rows stay, the processes end by themselves, the rest gives the same bytes."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "vstain_bench", "stress", "-q", "--manifest", str(tissue.manifest)]
    command += ["--metrics", METRICS, "--perturbations", ",".join(NAMES), "--processes", "2", "--workers", "0"]
    deadline = time.monotonic() + 120
    with subprocess.Popen([*command, "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as sweep:
        children: set[psutil.Process] = set()
        while acknowledged(out / "journal.sqlite") < 1:
            children |= set(psutil.Process(sweep.pid).children())
            assert sweep.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        sweep.kill()
    assert len(children) >= 2, "premise: there were processes"
    _, alive = psutil.wait_procs(list(children), timeout=60)
    assert not alive, "a process outlived the sweep"
    assert acknowledged(out / "journal.sqlite") >= 1
    run_stress(config_of(tissue), out)
    assert same(out, whole)


def test_two_processes_observe_what_one_does_and_a_bad_tile_is_told(tissue: PhantomSet, tmp_path: Path) -> None:
    config = config_of(tissue)
    inputs = read_inputs(config, models=False)
    sweeping = Sweeping(
        config=config,
        tiles=tuple(inputs.audit.tiles),
        sizes=dict(inputs.audit.sizes),
        metrics=tuple(METRICS.split(",")),
        conditions=make_conditions(["dab_loss"], 1),
        side="generated",
        models=(),
        policy=inputs.policy,
    )
    requests = [TileFiles(tile.id, {"real": tile.real}, sweeping.sizes[tile.id]) for tile in sweeping.tiles[:3]]
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    requests.append(TileFiles("bad", {"real": ImageFile(broken)}, (96, 96)))
    here = observe_here(
        sweeping.plan(), requests, policy=DecodePolicy(), device=torch.device("cpu"), batch_size=1, workers=0
    )
    ours, theirs = (
        {found.id if isinstance(found, Failed) else found.ids[0]: found for found in each}
        for each in (observe_apart(sweeping, requests, 2), here)
    )
    assert ours.keys() == theirs.keys()
    assert len(ours) == 4
    for tile, one in ours.items():
        other = theirs[tile]
        if isinstance(one, Observed):
            assert isinstance(other, Observed)
            assert one.digests == other.digests
            assert [entry.data.tobytes() for entry in one.entries] == [entry.data.tobytes() for entry in other.entries]
        else:
            assert isinstance(other, Failed)
            assert tile == "bad"
            assert str(one.fault) == str(other.fault)
            assert "broken.png" in str(one.fault)


FAULTS = [
    UsageError(where="here", found="this"),
    InputError(where="here", found="this", expected="that", next_step="Do so."),
    DecodeError(where="here", found="a list:\n  one\n", next_step="Do so."),
    MachineError(where="here", found="this"),
    CheckFailed(where="here", found="this"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_a_fault_reaches_the_parent_as_it_was(fault: VstainError) -> None:
    again = pickle.loads(pickle.dumps(fault))
    assert type(again) is type(fault)
    assert (str(again), again.exit_code, vars(again)) == (str(fault), fault.exit_code, vars(fault))


class _Dead:
    """A process that ended."""

    def __init__(self, exitcode: int) -> None:
        self.exitcode = exitcode

    def join(self) -> None:
        pass


class _Closed:
    """A connection whose other end is gone."""

    def recv(self) -> object:
        raise EOFError


def test_a_process_that_was_killed_is_told_apart_from_one_that_failed() -> None:
    request = TileFiles("t1", {}, (1, 1))
    with pytest.raises(MachineError, match=r"tile 't1'.*stopped by SIGKILL.*--processes 1"):
        processes._receive(_Closed(), _Dead(-signal.SIGKILL), request)  # type: ignore[arg-type]  # all it asks of them
    with pytest.raises(RuntimeError, match="observing tile 't1' failed"):
        processes._receive(_Closed(), _Dead(1), request)  # type: ignore[arg-type]  # all it asks of them


def test_processes_are_started_where_they_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_cores", lambda: 64)
    assert choose_processes(None, 3, 10) == 1, "starting them takes longer than the work"
    assert choose_processes(None, 50, WORTH_IT) == MOST_PROCESSES
    assert choose_processes(None, 1, WORTH_IT) == 1
    assert choose_processes(3, 50, 1) == 3, "as asked"
    assert choose_processes(3, 2, 1) == 2, "no more than tiles"
    assert choose_processes(3, 0, 1) == 1, "nothing is left to do"
