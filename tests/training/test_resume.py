"""A training may be killed anywhere: the same call ends with the same bytes as one that was never stopped."""

import json
import multiprocessing
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.training.runs import child, config, files, run, weights
from vstain_bench.errors import MachineError, UsageError
from vstain_bench.models.training import state
from vstain_bench.models.training.folder import TrainingFolder
from vstain_bench.models.training.listener import Stepped, TrainingListener
from vstain_bench.phantom import PhantomSet

KILLS = 30
VALUES: dict[str, Any] = {"epochs": 4, "save_every": 1, "ema": 0.9, "samples": 1, "assignments": ("norm=true",)}
"""Sixteen steps; the norm has statistics, dropout draws numbers, and the mean of weights is kept."""


@pytest.fixture(scope="module")
def uninterrupted(phantom: PhantomSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("training") / "whole"
    run(config(phantom.manifest, **VALUES), out)
    return out


def test_thirty_kills_change_no_byte(uninterrupted: Path, phantom: PhantomSet, tmp_path: Path) -> None:
    """Ten after a random step, ten amid the write of a file, ten amid a validation."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.training.runs", "vstain_adapters", "torch._dynamo"])
    settings, out = config(phantom.manifest, **VALUES), tmp_path / "killed"
    drawn, killed, reached = random.Random(4), 0, []
    kinds = ["step", "write", "validation"] * (KILLS // 3)
    drawn.shuffle(kinds)
    for kind in kinds:
        position = _saved(out)
        if position >= 14:  # too near the end for the kills that are left
            (out / "state.pt").unlink()
            position = 0
        number = position + drawn.randint(1, 2) if kind == "step" else drawn.randint(1, 4)
        process = context.Process(target=child, args=(settings, out, kind, number))
        process.start()
        process.join(60)
        killed += process.exitcode == -signal.SIGKILL
        reached.append(_saved(out))
    assert killed == KILLS, "premise: each was killed before it was done"
    assert len(set(reached)) > 5, "premise: at different places"
    run(settings, out)
    assert files(out) == files(uninterrupted)
    assert _steps(out) == _steps(uninterrupted)
    assert not [path for path in out.iterdir() if path.name.startswith((".state", ".best", ".last"))]


def _saved(out: Path) -> int:
    import torch

    path = out / "state.pt"
    return int(torch.load(path, weights_only=True)["steps"]) if path.is_file() else 0


def _steps(out: Path) -> list[Any]:
    """The records of the log without their times; a step occurs once."""
    records = [json.loads(line) for line in (out / "metrics.jsonl").read_text("utf-8").splitlines()]
    return [{key: value for key, value in record.items() if key != "images/s"} for record in records]


class Stop(BaseException):
    pass


@pytest.mark.parametrize("values", [{}, {"save_every": 3}, {"save_every": 3, "ema": 0.5, "accumulate": 2}])
@pytest.mark.parametrize("step", [1, 4, 7])
def test_a_stop_between_two_states_is_made_good(
    phantom: PhantomSet, tmp_path: Path, values: dict[str, Any], step: int
) -> None:
    settings = config(phantom.manifest, epochs=2, **values)

    def stepped(now: Stepped) -> None:
        if now.steps == step:
            raise Stop

    with pytest.raises(Stop):
        run(settings, tmp_path / "stopped", TrainingListener(stepped=stepped))
    run(settings, tmp_path / "stopped")
    run(settings, tmp_path / "whole")
    assert files(tmp_path / "stopped") == files(tmp_path / "whole")


def test_the_test_would_notice(phantom: PhantomSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the optimisers not kept, the weights would differ."""

    def forgetful(path: Path, trained: state.Trained, engine: Any) -> Any:
        fresh = state.Trained(trained.networks, NoOptimisers(), trained.mean)  # type: ignore[arg-type]  # only what the state asks of optimisers
        return load_state(path, fresh, engine)

    class Idle:
        def load_state_dict(self, values: object) -> None: ...

    class NoOptimisers:
        generator, discriminator = Idle(), Idle()

    load_state = state.load_state
    settings = config(phantom.manifest, epochs=2, save_every=2)
    monkeypatch.setattr("vstain_bench.models.training.job.load_state", forgetful)

    def stepped(now: Stepped) -> None:
        if now.steps == 3:
            raise Stop

    with pytest.raises(Stop):
        run(settings, tmp_path / "stopped", TrainingListener(stepped=stepped))
    run(settings, tmp_path / "stopped")
    run(settings, tmp_path / "whole")
    mine, theirs = weights(tmp_path / "stopped"), weights(tmp_path / "whole")
    assert any(not mine[name].equal(theirs[name]) for name in mine)


def test_a_finished_training_is_left_as_it_is(uninterrupted: Path, phantom: PhantomSet) -> None:
    before, told = files(uninterrupted), []
    outcome = run(config(phantom.manifest, **VALUES), uninterrupted, TrainingListener(say=told.append))
    assert "The training is finished already." in told
    assert files(uninterrupted) == before
    assert outcome.chosen.epoch > 0


def test_another_training_does_not_enter_the_folder(uninterrupted: Path, phantom: PhantomSet) -> None:
    for values, words in (
        ({"assignments": ("norm=true", "lr=1e-4")}, "settings.lr: 0.002 there, 0.0001 now"),
        ({"seed": 5}, "seed: 0 there, 5 now"),
        ({"select": "psnr"}, "select"),
        ({"limit": 9}, "data.train.tiles"),
    ):
        with pytest.raises(UsageError, match="the folder holds another training") as told:
            run(config(phantom.manifest, **{**VALUES, **values}), uninterrupted)
        assert words in str(told.value)


def test_a_damaged_state_is_named(phantom: PhantomSet, tmp_path: Path) -> None:
    settings, folder = config(phantom.manifest, epochs=1), TrainingFolder(tmp_path / "out")
    run(settings, folder.path)
    whole = files(folder.path)
    folder.state.write_bytes(folder.state.read_bytes()[:1000])
    with pytest.raises(MachineError, match=r"state.pt: it cannot be read.*Delete it to start this training over"):
        run(settings, folder.path)
    folder.state.unlink()
    run(settings, folder.path)
    assert files(folder.path) == whole


def test_a_state_of_another_discriminator_is_refused(phantom: PhantomSet, tmp_path: Path) -> None:
    """As one is that was saved when CSSP2P's discriminator still kept its filters, or had another gain."""
    import torch

    settings, folder = config(phantom.manifest, epochs=1), TrainingFolder(tmp_path / "out")
    run(settings, folder.path)
    content = torch.load(folder.state, weights_only=True)
    content["networks"]["discriminator"]["enc.2.filt"] = torch.ones(4, 1, 3, 3)
    torch.save(content, folder.state)
    words = (
        r"its discriminator is that of another network.*1 unexpected \(enc.2.filt\).*Delete it to start this training"
    )
    with pytest.raises(MachineError, match=words):
        run(settings, folder.path)
