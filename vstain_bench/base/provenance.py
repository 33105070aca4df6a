"""Where a result comes from: versions, machine, weights. Volatile facts for run.json, never for results.json."""

import importlib.metadata
import os
import platform
import sys
import time

PACKAGES = (
    "torch", "torchvision", "torch-fidelity", "lpips", "timm", "numpy", "scipy", "pandas", "pyarrow", "pillow",
    "tifffile", "imagecodecs", "vstain-bench",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Return the installed version of Python and of every package that can move a number."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def machine() -> dict[str, object]:
    """Return what the run runs on."""
    return {
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "host": platform.node(),
    }


def command() -> list[str]:
    """Return the command line."""
    return ["vstain-bench", *sys.argv[1:]]


def session(started: float) -> dict[str, object]:
    """Return the facts of a job that began at ``started`` and is over now: command, times, versions, machine."""
    return {
        "command": command(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "seconds": round(time.time() - started, 2),
        "versions": versions(),
        "machine": machine(),
    }
