"""Weights from a file into a network: nothing is executed, no key is missing, none is left over in silence."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

import torch

from vstain_bench.errors import MachineError

Tensors = Mapping[str, torch.Tensor]


def read_content(path: Path, stream: BinaryIO | None = None) -> object:
    """Return what a ``.safetensors`` or torch file holds, on the CPU: tensors, numbers and texts, never code.

    With ``stream``, that is read instead, and ``path`` only says where it comes from.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return cast(object, torch.load(stream or path, map_location="cpu", weights_only=True))
    except Exception as fault:  # the parsers of damaged bytes raise nearly anything
        reason = str(fault).partition("\n")[0][:200]
        raise unfit(path, f"it cannot be read as weights ({type(fault).__name__}: {reason})") from fault


def read_checkpoint(path: Path) -> Tensors:
    """Return the named tensors of a ``.safetensors`` or torch file, on the CPU.

    Torch files are unpickled with ``weights_only``: a file that contains code is refused, not run.
    """
    content = read_content(path)
    if not isinstance(content, Mapping) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise unfit(path, "it holds something else than named tensors")
    return content


def fill(network: torch.nn.Module, tensors: Tensors, path: Path, device: torch.device) -> torch.nn.Module:
    """Load tensors into a network, every key and shape exactly; return it on the device, ready for inference.

    The network may be on the meta device: its parameters are then replaced, not copied into.
    """
    try:
        network.load_state_dict(tensors, strict=True, assign=True)
    except RuntimeError as fault:
        lines = [line.strip() for line in str(fault).splitlines()[1:]]
        raise unfit(path, f"its keys or shapes do not fit {type(network).__name__}: {' '.join(lines)[:600]}") from None
    return network.requires_grad_(False).eval().to(device)


def lay_out_channels_last(network: torch.nn.Module) -> torch.nn.Module:
    """Store convolution weights with the channels last in memory, which is faster on CPUs and GPUs alike."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]  # torch lacks it


def read_torchscript(path: Path, device: torch.device, *, where: str, next_step: str = "") -> torch.jit.ScriptModule:
    """Return the module of a TorchScript file, in evaluation mode.

    Args:
        path: The file.
        device: Where it computes.
        where: What an error names.
        next_step: What an error adds to how such a file is made.

    Raises:
        MachineError: The file is no TorchScript module.
    """
    with warnings.catch_warnings():
        # torch discourages TorchScript for new programs; as a format of exchange it has no successor with its contract
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            module: torch.jit.ScriptModule = torch.jit.load(str(path), map_location=device)  # type: ignore[no-untyped-call]  # torch
        except (RuntimeError, ValueError) as fault:
            raise MachineError(
                where=where,
                found=f"the file is no TorchScript module ({str(fault).partition(chr(10))[0][:200]})",
                expected="a file written by torch.jit.save (a state dict or a pickled model is something else)",
                next_step=f"Export with torch.jit.trace(model.eval(), example).save(FILE). {next_step}".rstrip(),
            ) from fault
    module.eval()
    return module


def unfit(path: Path, found: str) -> MachineError:
    """Return the error for a weights file that is not what its network needs."""
    return MachineError(
        where=f"weights file {path}",
        found=found,
        expected="a torch or safetensors file with named tensors only, as its publisher released it",
        next_step="Delete it and fetch it again, or check that it belongs to this network.",
    )
