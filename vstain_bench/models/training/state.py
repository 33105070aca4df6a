"""Everything that a training needs to go on as if it had never stopped.

Random numbers are not in it: they follow from seed, epoch and step (``sampling.py``, ``step.py``).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from vstain_bench.base.files import replacing
from vstain_bench.errors import MachineError
from vstain_bench.models.contract import Optimisers
from vstain_bench.models.recipe_adapters import compare
from vstain_bench.models.training.engine import Engine
from vstain_bench.models.training.history import Epoch

FORMAT = 1


@dataclass
class Position:
    """How far a training has come; it moves with every step.

    Attributes:
        epoch: The epoch under way, from 1.
        step: Steps done in it.
        steps: Steps done in all.
        history: The epochs that are over.
        losses: Sum of each part of the losses over the epoch under way, on this process.
        usual: The size of the loss at the beginning, against which an explosion is judged; None until it is known.
        logged: Bytes of metrics.jsonl that belong to it.
    """

    epoch: int = 1
    step: int = 0
    steps: int = 0
    history: list[Epoch] = field(default_factory=list)
    losses: dict[str, Tensor] = field(default_factory=dict)
    usual: float | None = None
    logged: int = 0


@dataclass(frozen=True)
class Trained:
    """The parts whose values a state holds: networks by name, their optimisers, the mean of weights if there is one."""

    networks: Mapping[str, Module]
    optimisers: Optimisers
    mean: Module | None


def save_state(path: Path, trained: Trained, position: Position, engine: Engine) -> None:
    """Write the state; every process must call it, since each has statistics and sums of its own."""
    own = {
        "buffers": {
            name: {key: buffer.cpu() for key, buffer in network.named_buffers()}
            for name, network in trained.networks.items()
        },
        "losses": {name: value.cpu() for name, value in position.losses.items()},
    }
    ranks = engine.gather(own)
    if not engine.main:
        return
    content = {
        "format": FORMAT,
        "epoch": position.epoch,
        "step": position.step,
        "steps": position.steps,
        "history": json.dumps([epoch.record() for epoch in position.history]),
        "usual": position.usual,
        "logged": position.logged,
        "threads": torch.get_num_threads(),
        "networks": {name: network.state_dict() for name, network in trained.networks.items()},
        "optimisers": [each.state_dict() for each in (trained.optimisers.generator, trained.optimisers.discriminator)],
        "mean": trained.mean.state_dict() if trained.mean else None,
        "ranks": ranks,
    }
    with replacing(path) as temporary:
        torch.save(content, temporary)


def load_state(path: Path, trained: Trained, engine: Engine) -> tuple[Position, int]:
    """Fill networks and optimisers from a state; return its position and the threads that it was computed with.

    Raises:
        MachineError: The file is damaged, of another version, or of other networks.
    """
    content = _read(path, engine.device)
    for name, network in trained.networks.items():
        misfit = compare(network, content["networks"][name])
        if misfit.size:
            raise _unfit(path, f"its {name} is that of another network, or of another version: {misfit}")
        network.load_state_dict(content["networks"][name])
        buffers = dict(network.named_buffers())
        for key, buffer in content["ranks"][engine.rank]["buffers"][name].items():
            buffers[key].copy_(buffer)
    sides = (trained.optimisers.generator, trained.optimisers.discriminator)
    for optimiser, values in zip(sides, content["optimisers"], strict=True):
        optimiser.load_state_dict(values)
    if trained.mean is not None:
        trained.mean.load_state_dict(content["mean"])
    return (
        Position(
            epoch=content["epoch"],
            step=content["step"],
            steps=content["steps"],
            history=[Epoch(**record) for record in json.loads(content["history"])],
            losses=dict(content["ranks"][engine.rank]["losses"]),
            usual=content["usual"],
            logged=content["logged"],
        ),
        int(content["threads"]),
    )


def _read(path: Path, device: torch.device) -> dict[str, Any]:
    try:
        content = torch.load(path, map_location=device, weights_only=True)
    except Exception as fault:  # the parsers of damaged bytes raise nearly anything
        reason = str(fault).partition("\n")[0][:200]
        raise _unfit(path, f"it cannot be read ({type(fault).__name__}: {reason})") from fault
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise _unfit(path, "it is no state of a training, or of another version")
    return content


def _unfit(path: Path, found: str) -> MachineError:
    return MachineError(
        where=str(path),
        found=found,
        expected="the state that this training has saved",
        next_step="Delete it to start this training over; its other files are written anew.",
    )


def all_finite(networks: Sequence[Module]) -> bool:
    """Return whether every parameter is a finite number."""
    with torch.no_grad():
        return bool(torch.stack([each.isfinite().all() for net in networks for each in net.parameters()]).all())
