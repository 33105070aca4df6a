"""The generator that is validated and kept: the trained one, or the running mean of its weights."""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn import Module
from torch.optim.swa_utils import get_ema_multi_avg_fn

from vstain_bench.base.files import replacing
from vstain_bench.models.contract import Recipe


class KeptGenerator:
    """A second generator, never trained itself; with a decay it holds an exponential moving average (EMA).

    θ' ← decay · θ' + (1 − decay) · θ after every step. Buffers (statistics of a norm) are those of the trained one.
    """

    def __init__(self, recipe: Recipe, trained: Module, decay: float, device: torch.device) -> None:
        self.generator = recipe.blank_generator().to(device).eval().requires_grad_(False)
        self.decay = decay
        self._average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]  # torch lacks it
        self._trained = trained
        self.generator.load_state_dict(trained.state_dict())

    def follow(self) -> None:
        """Take a step's weights into the mean."""
        if self.decay:
            self._average(list(self.generator.parameters()), [each.detach() for each in self._trained.parameters()], 1)

    def settle(self) -> Module:
        """Return the generator to be validated and kept."""
        if not self.decay:
            self.generator.load_state_dict(self._trained.state_dict())
        else:
            for own, other in zip(self.generator.buffers(), self._trained.buffers(), strict=True):
                own.copy_(other)
        return self.generator


def write_weights(path: Path, network: Module, facts: Mapping[str, object]) -> None:
    """Write a network's state dict as safetensors, whole or not at all; its header holds facts as JSON.

    They are one entry (``training``), since the library writes several in an order that differs from call to call.
    """
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in network.state_dict().items()}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={"training": json.dumps(facts)})
