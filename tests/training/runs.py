"""What the tests of training share: a configuration of the toy, tensors of a folder, and a training in a child."""

import contextlib
import os
import signal
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from vstain_bench.models.training.config import TrainConfig
from vstain_bench.models.training.folder import TrainingFolder
from vstain_bench.models.training.job import FinishedTraining, train
from vstain_bench.models.training.listener import Stepped, TrainingListener

TOY = Path(__file__).with_name("toy.py")


def config(manifest: Path | None, **values: Any) -> TrainConfig:
    """The toy on the tiles of a manifest."""
    quick = {"select": "mae", "metrics": "mae", "log_every": 2, "samples": 0, "device": "cpu", "workers": 1}
    return TrainConfig(**{"recipe": "toy", "manifest": manifest, "plugin": (TOY,), **quick, **values})


def weights(out: Path, file: str = "last.safetensors") -> dict[str, Tensor]:
    return load_file(out / file)


def run(settings: TrainConfig, out: Path, listener: TrainingListener | None = None) -> FinishedTraining:
    return train(settings, out, listener)


def child(settings: TrainConfig, out: Path, kind: str, number: int) -> None:
    """Train in a process of its own, killed without warning after a step, amid a write, or amid a validation.

    ``number`` is the step, the call that brings a half-written file or its folder to the disk, or the validated tile.
    """
    import torch

    from vstain_bench.base import files as publish

    torch.set_num_threads(1)
    counted = {"write": 0, "validation": 0}
    bring_to_disk = publish._sync

    def count(what: str) -> None:
        counted[what] += 1
        if kind == what and counted[what] == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def sync(path: Path) -> None:
        count("write")
        bring_to_disk(path)

    def phase(name: str, done: int, of: int) -> None:
        if name.startswith("validating") and done:
            count("validation")

    def stepped(now: Stepped) -> None:
        if kind == "step" and now.steps == number:
            os.kill(os.getpid(), signal.SIGKILL)

    publish._sync = sync
    with Path(os.devnull).open("w") as silent, contextlib.redirect_stderr(silent):
        train(settings, out, TrainingListener(progress=phase, stepped=stepped))


def files(out: Path) -> dict[str, bytes]:
    """The files of a training that hold no time."""
    folder = TrainingFolder(out)
    kept = (folder.best, folder.last, folder.card, folder.recipe)
    return {file.name: file.read_bytes() for file in kept}
