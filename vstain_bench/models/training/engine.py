"""Where a training runs: one device or several, by accelerate; precision, memory layout, compilation."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.parallel import DistributedDataParallel

from vstain_bench.base.devices import choose_device
from vstain_bench.base.extras import extra
from vstain_bench.errors import MachineError, UsageError
from vstain_bench.models.contract import Models, Recipe
from vstain_bench.models.training.config import TrainConfig
from vstain_bench.networks.tensor_files import lay_out_channels_last

with extra("train", "train"):
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from accelerate.utils import DistributedDataParallelKwargs, gather_object


@dataclass(frozen=True)
class Engine:
    """One process of a training among ``processes``; ``rank`` 0 writes and talks."""

    accelerator: Accelerator
    device: torch.device
    rank: int
    processes: int

    @property
    def main(self) -> bool:
        """Whether this process writes and talks."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until every process is here."""
        self.accelerator.wait_for_everyone()

    def backward(self, loss: Tensor) -> None:
        """Take a gradient."""
        self.accelerator.backward(loss)

    def gather(self, own: object) -> list[Any]:
        """Return what every process has, by rank."""
        return list(gather_object([own])) if self.processes > 1 else [own]

    def mean(self, numbers: Tensor) -> Tensor:
        """Return the mean over all processes."""
        if self.processes == 1:
            return numbers
        reduced: Tensor = self.accelerator.reduce(numbers, reduction="mean")
        return reduced

    def average_statistics(self, networks: Sequence[Module]) -> None:
        """Give every process the mean of the running statistics (batch norm's), which each has of its own tiles."""
        if self.processes == 1:
            return
        for network in networks:
            for buffer in network.buffers():
                if buffer.is_floating_point():
                    buffer.copy_(self.mean(buffer.clone()))

    def wrap(self, models: Models, *, compiled: bool, idle: Sequence[str] = ()) -> Models:
        """Return the networks as they are trained: in mixed precision, compiled and in parallel as was asked for.

        Parameters of the generator that are ``idle`` are frozen: the others' processes would wait for their gradients.

        The generator alone is compiled: a discriminator runs twice before its gradient is taken, and compiled code does
        not keep the vectors of its spectral norm of the first time.
        """
        if idle:
            for name, parameter in models.generator.named_parameters():
                parameter.requires_grad_(name not in idle)
        if compiled:
            require_compilable(models.generator)
            models.generator.compile()

        def prepared(network: Module) -> Module:
            with warnings.catch_warnings():
                # torch 2.13 has a new name for it, which accelerate does not pass on
                warnings.filterwarnings("ignore", message=".*broadcast_buffers.*", category=FutureWarning)
                wrapped: Module = self.accelerator.prepare_model(network)
            return wrapped

        return replace(
            models,
            generator=prepared(models.generator),
            discriminator=prepared(models.discriminator),
            projector=prepared(models.projector) if models.projector else None,
        )

    def end(self) -> None:
        """Leave the group of processes."""
        self.accelerator.end_training()


def start_engine(config: TrainConfig) -> Engine:
    """Return this process's part: alone, or among those that ``torchrun`` or ``accelerate launch`` started.

    Raises:
        UsageError: A device is named though each process has its own.
        MachineError: The device is absent, or cannot compute in bfloat16.
    """
    name = config.device
    device = choose_device(name)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    AcceleratorState._reset_state(reset_partial_state=True)  # what an earlier training of this process has left
    if device.type == "cuda":
        if device.index is not None:
            torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True
        if config.precision == "bf16" and not torch.cuda.is_bf16_supported():
            raise MachineError(
                where="--precision bf16", found="this GPU lacks bfloat16", next_step="Pass --precision fp32."
            )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="OMP_NUM_THREADS", category=UserWarning)
        accelerator = Accelerator(
            cpu=device.type == "cpu",
            mixed_precision="no" if config.precision == "fp32" else config.precision,
            kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
        )
    if accelerator.num_processes > 1 and device.index is not None:
        raise UsageError(
            where=f"--device {name}",
            found=f"{accelerator.num_processes} processes, each with a device of its own",
            next_step="Pass --device cuda, or CUDA_VISIBLE_DEVICES.",
        )
    return Engine(accelerator, accelerator.device, accelerator.process_index, accelerator.num_processes)


def require_compilable(generator: Module) -> None:
    """Refuse a generator that runs several times a step with spectral norm: compiled code mixes up its vectors."""
    if any(name.endswith(("weight_u", "._u")) for name, _ in generator.named_buffers()):
        raise UsageError(
            where="--compile",
            found="the generator of this recipe has spectral norm and runs several times a step",
            expected="a generator that can be compiled",
            next_step="Leave --compile out.",
        )


def idle_parameters(recipe: Recipe) -> list[str]:
    """Return the names of parameters that a generator holds (for the keys of published weights) and never uses."""
    generator = recipe.blank_generator()
    side = recipe.minimum_side
    torch.autograd.backward(recipe.generate(generator, torch.zeros(2, 3, side, side)).mean())
    return [name for name, parameter in generator.named_parameters() if parameter.grad is None]


def lay_out(models: Models, *, channels_last: bool) -> Models:
    """Return the networks with the channels last in memory where that is wanted; the values stay."""
    if channels_last:
        for network in networks_of(models).values():
            lay_out_channels_last(network)
    return models


def networks_of(models: Models) -> Mapping[str, Module]:
    """Return every network by its name, without what wraps it."""
    named = {"generator": models.generator, "discriminator": models.discriminator, "projector": models.projector}
    return {
        name: network.module if isinstance(network, DistributedDataParallel) else network
        for name, network in named.items()
        if network is not None
    }
