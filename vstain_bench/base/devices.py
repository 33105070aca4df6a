"""Where networks compute."""

import torch

from vstain_bench.errors import MachineError, UsageError

BATCH_SIZES = {"cpu": 1, "cuda": 8}
"""Tiles at a time: a CPU gains nothing from more, and large buffers cost it page faults."""


def choose_device(name: str) -> torch.device:
    """Return the device for ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; one that is absent is refused."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as fault:
        raise UsageError(
            where=f"--device {name}", found="no such device", expected="auto, cpu, cuda or cuda:N"
        ) from fault
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        raise MachineError(
            where=f"--device {name}",
            found=f"{torch.cuda.device_count()} CUDA devices on this machine",
            next_step="Pass --device cpu.",
        )
    return device


def device_name(device: torch.device) -> str:
    """Return what a device is called by its maker."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
